"""Running a program and watching it: wall time, and the memory of it and all its children."""

import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 2.0
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Measured:
    """A program's run.

    Attributes:
        seconds: Wall time.
        peak_bytes: Most memory of the whole process tree at a sample, shared pages counted once
            (proportional set size).
        output: What it printed.
    """

    seconds: float
    peak_bytes: int
    output: str


def run(command: list[str]) -> Measured:
    """Run a program to its end.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(SAMPLE_SECONDS):
            peak = max(peak, _tree_bytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Measured(time.monotonic() - began, peak, output)


def _tree_bytes(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.NoSuchProcess:
        return total
    return total
