"""What the live service and the jobs share.

Importing this package switches off, for this process and the ones it starts, every usage
report, self-update and self-install of the libraries below us. It stands here, and not in a
function, so that no entry point can forget it: the switches must be thrown before those
libraries are imported.
"""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_AUTOINSTALL"] = "false"

# OpenVINO's model conversion reports to an analytics service unless its telemetry package is
# missing; None makes the import fail, and OpenVINO falls back to its own silent stub.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

__version__ = "0.1.0"
"""The only place of the version; the package's build reads it too."""
