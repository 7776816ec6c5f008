"""The network on a CPU, called by several threads at once."""

import subprocess
import sys
from pathlib import Path

import platformdirs

from cluster.settings import WeightsSettings
from cluster.vision.pose.export import export_to_openvino
from cluster.vision.pose.weights import find_pose_weights

SIDE = 640
PROCESSES = 3
"""Without the call in the constructor four of five hung."""

CALL_AT_ONCE = """
import sys
from pathlib import Path
import numpy as np
from cluster.vision.pose.openvino_backend import OpenVinoNetwork
network = OpenVinoNetwork(Path(sys.argv[1]), threads=2)
sys.setswitchinterval(1e-5)  # threads change places in the midst of everything
network(np.zeros((4, int(sys.argv[2]), int(sys.argv[2]), 3), np.uint8))
"""


def test_the_first_pictures_of_a_process_may_come_all_at_once() -> None:
    cache = Path(platformdirs.user_cache_dir("homeroom"))
    model = export_to_openvino(find_pose_weights(WeightsSettings(), cache), SIDE, SIDE, cache)
    for _ in range(PROCESSES):
        command = [sys.executable, "-c", CALL_AT_ONCE, str(model), str(SIDE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
