"""Processes that make pictures end with the one that started them."""

import subprocess
import sys
from pathlib import Path

import psutil

POOL = """
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from bench.classroom.pictures import end_with_parent

if __name__ == "__main__":
    with ProcessPoolExecutor(2, get_context("spawn"), end_with_parent) as pool:
        running = [pool.submit(time.sleep, 600) for _ in range(2)]
        while not all(one.running() for one in running):
            time.sleep(0.05)
        print("ready", flush=True)
        time.sleep(600)
"""


def test_a_killed_generator_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
