"""The archive job, held up after its first parts: what a test does to it then is in time.

    python -m tests.jobs.held_job FOOTAGE

It writes as many parts as `HELD_AFTER` says, and then waits for a file `go` in the folder that
`HELD_IN` names.
"""

import os
import time
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cluster.warehouse.lake import Lake
from jobs.analyse_archive import app

AFTER, FOLDER = "HELD_AFTER", "HELD_IN"
GO = "go"


def main() -> None:
    after, go = int(os.environ[AFTER]), Path(os.environ[FOLDER]) / GO
    write_part, numbers = Lake.write_part, count()

    def write_once_released(lake: Lake, *arguments: Any) -> None:
        if next(numbers) >= after:
            while not go.exists():
                time.sleep(0.05)
        write_part(lake, *arguments)

    with patch.object(Lake, "write_part", write_once_released):
        app()


if __name__ == "__main__":
    main()
