"""Load test of the control plane: a thousand simulated cameras on one machine.

    make bench          or          python -m bench.fleet --cameras 1000

The service is the real one except for two parts: cameras whose frames are made in memory, and a
pose model that sleeps as long as the real one was measured to take. It measures the time until
every camera is live and until the cameras of a killed reader are live again, and the CPU time of
the rooms deployment in between.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import ray
from ray import serve

from bench.archive import inference_alone
from bench.service import HEAD, ROOM
from cluster.clock import utc_now
from cluster.runtime.ray_local import MEBIBYTE, choose_store_bytes, start_local_ray
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.health import CameraHealth, StreamMetrics
from cluster.streams.reader import actor
from cluster.streams.source.config import CameraConfig
from cluster.streams.source.state import StreamReason, StreamState
from cluster.vision.people import People
from serve_apps.clients.types import FrameSet
from serve_apps.deployments.rooms import Rooms

APP = "fleet"
CAMERAS_PER_READER = 64
FRAME = (36, 64, 3)
DEADLINE_SECONDS = 300.0
STEADY_SECONDS = 20.0


class SimulatedCamera:
    """Replaces `CameraSource`."""

    def __init__(self, config: CameraConfig, deliver: Callable[[LiveFrame], None]) -> None:
        self.config = config
        self._deliver = deliver
        self._stopped = threading.Event()
        self._since = utc_now()
        self._frames = 0

    def start(self) -> None:
        """Start to deliver frames."""
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop delivering frames."""
        self._stopped.set()
        return timeout >= 0

    def request_full_size(self, requested: bool) -> None:
        """Do nothing: no faces are cut here."""

    def check_thread(self, now: float) -> None:
        """Do nothing: no thread hangs here."""

    def health(self) -> CameraHealth:
        """Return that it is live."""
        return CameraHealth(
            self.config.camera_id,
            StreamState.LIVE,
            StreamReason.PICTURES_ARRIVE,
            self._since,
            metrics=StreamMetrics(frames_read=self._frames),
        )

    def _run(self) -> None:
        pixels = np.zeros(FRAME, np.uint8)
        while not self._stopped.wait(1.0 / self.config.rate):
            self._frames += 1
            self._deliver(LiveFrame(self.config.camera_id, time.monotonic(), pixels))


class SimulatedReader(actor.StreamReader):
    """A reader of simulated cameras."""

    camera_source = cast("Any", SimulatedCamera)


@serve.deployment(name="PoseModel", max_ongoing_requests=64)
class SleepingPose:
    """Sleeps as long as the model takes for a number of frames, and finds nobody.

    Several calls sleep at the same time, like several replicas of the model.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def find(self, frames: FrameSet) -> list[People]:
        """Sleep, and return no people."""
        await asyncio.sleep(self._seconds * len(frames))
        return [People.empty() for _ in range(len(frames))]


@serve.deployment(name="Registers")
class NoRegisters:
    """A deployment without open registers."""


@serve.deployment(name="Api")
class Root:
    """The application's ingress."""

    def __init__(self, *_parts: object) -> None:
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=1000)
    options = parser.parse_args()
    seconds = inference_alone(1.0) / 2
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text = HEAD.format(port=8000, per_reader=CAMERAS_PER_READER)
        text += "[analysis]\nrate = 1.0\n"
        for number in range(options.cameras):
            text += ROOM.format(number=number, address="simulated.mp4", decode="all")
        (folder / "homeroom.toml").write_text(text)
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        start_local_ray(
            choose_store_bytes(512 * MEBIBYTE, 256 * MEBIBYTE),
            include_dashboard=False,
            log_to_driver=False,
        )
        try:
            _measure(folder, options.cameras, seconds)
        finally:
            serve.shutdown()
            ray.shutdown()


def _measure(folder: Path, cameras: int, seconds: float) -> None:
    started_at = time.monotonic()
    small = {"ray_actor_options": {"num_cpus": 0.05}}
    rooms = Rooms.options(**small).bind(str(folder / "homeroom.toml"), SimulatedReader)  # type: ignore[attr-defined]
    pose = SleepingPose.options(**small).bind(seconds)  # type: ignore[attr-defined]
    registers = NoRegisters.options(**small).bind()  # type: ignore[attr-defined]
    serve.run(Root.options(**small).bind(rooms, pose, registers), name=APP, route_prefix=None)  # type: ignore[attr-defined]
    handle = serve.get_deployment_handle("Rooms", APP)
    _until_live(handle, cameras)
    print(f"{cameras} cameras live {time.monotonic() - started_at:.0f} s after the start")
    process = _find_process("ServeReplica:fleet:Rooms")
    before = sum(process.cpu_times()[:2])
    time.sleep(STEADY_SECONDS)
    cores = (sum(process.cpu_times()[:2]) - before) / STEADY_SECONDS
    memory = process.memory_full_info().pss / MEBIBYTE
    print(f"rooms deployment: {cores:.2f} cores, {memory:.0f} MiB")
    victim = _find_process("SimulatedReader")
    affected = min(CAMERAS_PER_READER, cameras)
    os.kill(victim.pid, signal.SIGKILL)
    killed = time.monotonic()
    while _count_live(handle) == cameras:
        time.sleep(0.05)
    detected_seconds = time.monotonic() - killed
    _until_live(handle, cameras)
    print(
        f"a reader of {affected} cameras killed: detected after {detected_seconds:.1f} s, "
        f"all live again after {time.monotonic() - killed:.1f} s"
    )


def _count_live(handle: object) -> int:
    statuses = handle.cameras.remote().result(timeout_s=60)  # type: ignore[attr-defined]
    return sum(
        status.health.state is StreamState.LIVE and status.reader_id is not None
        for status in statuses
    )


def _until_live(handle: object, cameras: int) -> None:
    started_at = time.monotonic()
    while _count_live(handle) < cameras:
        if time.monotonic() - started_at > DEADLINE_SECONDS:
            sys.exit(f"only {_count_live(handle)} of {cameras} cameras became live")
        time.sleep(0.25)


def _find_process(name: str) -> psutil.Process:
    for process in psutil.Process().children(recursive=True):
        if process.cmdline() and f"ray::{name}" in process.cmdline()[0]:
            return process
    sys.exit(f"there is no process {name}")


if __name__ == "__main__":
    main()
