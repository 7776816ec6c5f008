"""Runs a program and measures wall time, and the memory of the program and its children."""

import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 2.0
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measurements of a program.

    Attributes:
        seconds: Wall time.
        peak_bytes: Most memory of the whole process tree at a sample, shared pages counted once
            (proportional set size).
        output: What it printed.
    """

    seconds: float
    peak_bytes: int
    output: str


def run(command: list[str]) -> Measurement:
    """Run a program to its end, and measure it.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(SAMPLE_SECONDS):
            peak = max(peak, _tree_bytes(process.pid))

    sampler = threading.Thread(target=sample)
    sampler.start()
    output, _ = process.communicate()
    done.set()
    sampler.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    return Measurement(time.monotonic() - began, peak, output)


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
