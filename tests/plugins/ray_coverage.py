"""A plugin of coverage.py: saves what Ray's workers reach while they run.

coverage.py saves as a process ends, and Ray ends its workers by a kill. In Ray's own processes,
such as its dashboard, it stops: they run nothing of Homeroom, and would take twice as long.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from coverage import Coverage

WORKER: Final = "default_worker.py"
SAVE_SECONDS: Final = 2.0


def coverage_init(_registry: Any, _options: Any) -> None:
    """Start to save, in a worker of Ray; called as coverage.py starts in any process."""
    program = Path(sys.argv[0])
    if program.name == WORKER:
        threading.Thread(target=_keep_saving, name="coverage", daemon=True).start()
    elif "site-packages" in program.parts and "ray" in program.parts:
        threading.Thread(target=_stop, name="coverage", daemon=True).start()


def _stop() -> None:
    while (measured := Coverage.current()) is None:
        time.sleep(0.001)
    measured.stop()


def _keep_saving() -> None:
    while True:
        time.sleep(SAVE_SECONDS)
        measured = Coverage.current()
        if measured is not None:
            measured.save()
