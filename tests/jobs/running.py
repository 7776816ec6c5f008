"""Starting the archive job as an operator does, and reading what it left.

`run_job` runs it in this process, on the Ray of the fixture `job_cluster` if it needs one;
`run_job_alone` and `started_held_job` in a process of its own, which starts its own Ray.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
from typer.testing import CliRunner

from jobs.analyse_archive import app
from tests.jobs.held_job import AFTER, FOLDER, GO

JOB = [sys.executable, "-m", "jobs.analyse_archive"]
HELD_JOB = [sys.executable, "-m", "tests.jobs.held_job"]
NO_CLUSTER = "127.0.0.1:1"
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Ran:
    """A job that ended."""

    status: int
    summary: dict[str, Any]
    messages: str

    @property
    def reasons(self) -> dict[str, str]:
        """File name to the reason why it could not be used."""
        return {Path(p["address"]).name: p["reason"] for p in self.summary["problems"]}


def run_job(settings: Path, *arguments: str, cluster: str | None = None) -> Ran:
    """Run the job to its end, in this process.

    Args:
        settings: The settings file.
        arguments: Of the job.
        cluster: Address of the Ray that it joins; without one, it must end before it needs Ray.
    """
    on_terminate = signal.getsignal(signal.SIGTERM)
    try:
        done = CliRunner().invoke(
            app,
            [*arguments, "--json", f"--settings={settings}"],
            catch_exceptions=False,
            env={"COLUMNS": "400", "RAY_ADDRESS": cluster or NO_CLUSTER},
        )
    finally:
        signal.signal(signal.SIGTERM, on_terminate)
    return Ran(done.exit_code, json.loads(done.stdout or "{}"), done.stderr)


def run_job_alone(settings: Path, *arguments: str) -> Ran:
    """Run the job to its end, in a process of its own with a Ray of its own."""
    done = subprocess.run(
        [*JOB, *arguments, "--json", f"--settings={settings}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        env={**os.environ, "COLUMNS": "400"},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, json.loads(done.stdout or "{}"), done.stderr)


@contextmanager
def started_held_job(
    settings: Path, *arguments: str, after: int
) -> Iterator[subprocess.Popen[str]]:
    """Start the job in a process group of its own; whatever is left of it ends with the block.

    After some parts it waits for `release`.
    """
    _held_in(settings).mkdir()
    with messages_of(settings).open("w") as messages:
        process = subprocess.Popen(
            [*HELD_JOB, *arguments, f"--settings={settings}"],
            stdout=messages,
            stderr=messages,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                "COLUMNS": "400",
                AFTER: str(after),
                FOLDER: str(_held_in(settings)),
            },
        )
    family = psutil.Process(process.pid)
    try:
        yield process
    finally:
        left = family.children(recursive=True) if family.is_running() else []
        for one in [family, *left]:
            if one.is_running():
                one.kill()
        process.wait()


def release(settings: Path) -> None:
    """Let a held job go on."""
    (_held_in(settings) / GO).touch()


def _held_in(settings: Path) -> Path:
    return settings.with_name("held")


def messages_of(settings: Path) -> Path:
    """Where a started job's messages go."""
    return settings.with_name("messages.txt")


def until_parts(lake: Path, count: int) -> None:
    """Wait until the lake holds some parts."""
    wait_for(lambda: len(parts(lake)) >= count, f"{count} parts in {lake}")


def wait_for(condition: Any, what: str) -> None:
    """Wait for a condition, with patience but not for ever."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)


def parts(lake: Path) -> list[Path]:
    """The parts that have their names."""
    return sorted((lake / "activity_windows").glob("*/*/*.parquet"))


def windows(lake: Path) -> list[dict[str, Any]]:
    """All windows, without the run that made them, in order."""
    rows = [row for part in parts(lake) for row in pq.read_table(part).to_pylist()]
    for row in rows:
        del row["run_id"]
    return sorted(rows, key=lambda row: (row["camera_id"], row["window_start"]))


def interrupt(process: subprocess.Popen[str]) -> None:
    """What Ctrl-C sends: an interrupt to the whole group."""
    os.killpg(process.pid, signal.SIGINT)
