"""How many live cameras one machine sustains, against the limit of the same cores, in one run.

    make bench          or          python -m bench.live

A camera is 1080p25 over RTSP (or its sub-stream of 640x360, or its key frames alone), analysed
twice a second. A number of cameras is sustained if the slowest camera's 95th percentile from frame
to count stays under a second and fewer than 1% of the frames are late or dropped. The limit is
decoding alone plus OpenVINO inference alone, one after the other on the same cores, without Ray,
RTSP or HTTP. Since other load on the machine changes the speed of its cores, the limit is measured
before and after each trial, and a number of cameras has several trials. The cameras' RTSP server
runs on the same cores; its share is printed.
"""

import argparse
import asyncio
import math
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil

from bench.archive import inference_alone
from bench.lesson import FOLDER, camera_footage
from bench.measure import MEBIBYTE
from bench.service import Service, running
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from cluster.vision.pose.estimator import available_cores

RATE = 2.0
MAX_LATENCY_SECONDS = 1.0
MAX_LATE_SHARE = 0.01
MIN_READ_SHARE = 0.95
"""Share of the expected frames; with fewer, not all cameras were read."""

START_SHARE = 0.75
STEP_SHARE = 0.06
"""Shares of the limit: where the search starts, and its step."""

TRIALS = 3
"""Trials of a number of cameras; one success suffices. After the first success, one trial each."""

CAMERAS_PER_READER = 16
SETTLE_SECONDS = 10.0
MEASURE_SECONDS = 35.0
"""Longer than the half minute over which latencies are reported."""

LIVE_WITHIN_SECONDS = 90.0
API_SECONDS = 10.0
API_CLIENTS = 4
SSE_CLIENTS = 100


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of reading cameras."""

    name: str
    footage: Path
    decode: str
    rate: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured with a number of cameras."""

    cameras: int
    limit: float
    latency_seconds: float
    late_share: float
    read_share: float
    server_cores: float
    cores: float
    reader_bytes: int

    @property
    def is_sustained(self) -> bool:
        """Whether frames were counted in time."""
        return (
            self.latency_seconds < MAX_LATENCY_SECONDS
            and self.late_share < MAX_LATE_SHARE
            and self.read_share > MIN_READ_SHARE
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=400, help="Try no more cameras than these.")
    parser.add_argument("--ways", nargs="*", default=["whole", "sub-stream", "key frames"])
    options = parser.parse_args()
    large, small = camera_footage(), camera_footage(640, 360)
    modes = [
        Mode("whole", large, "all", RATE),
        Mode("sub-stream", small, "all", RATE),
        Mode("key frames", large, "key_frames", 0.5),
    ]
    print(f"{available_cores()} cores\n")
    with tempfile.TemporaryDirectory() as scratch:
        for mode in [mode for mode in modes if mode.name in options.ways]:
            _measure(mode, Path(scratch) / mode.name.replace(" ", "-"), options.most)


def _measure(mode: Mode, folder: Path, most: int) -> None:
    folder.mkdir()
    leaders = SSE_CLIENTS // 5
    with (
        _rtsp_server() as (port, server),
        running(folder, per_reader=CAMERAS_PER_READER, leaders=leaders) as service,
    ):
        address = f"rtsp://127.0.0.1:{port}/{mode.footage.name}?play_count=0"
        best = _find_maximum(service, mode, address, server, most)
        if best is None:
            return
        left = best.limit * (1 - best.server_cores / available_cores())
        print(
            f"  {mode.name}: {best.cameras} cameras, {best.cameras / best.limit:.2f} of the limit "
            f"({best.cameras / left:.2f} of what the RTSP server leaves of it); "
            f"memory a camera {best.reader_bytes / best.cameras / MEBIBYTE:.0f} MiB, with its "
            "share of the reader",
            flush=True,
        )
        if mode.name == "whole":
            _measure_api(service, mode, address, max(1, best.cameras // 2))


def _measure_limit(mode: Mode) -> float:
    """Return how many cameras these cores could decode and infer if they did nothing else."""
    decoding = _measure_decoding(mode)
    inference = inference_alone(1.0, time.process_time) / RATE  # CPU seconds a frame
    limit = available_cores() / (decoding + mode.rate * inference)
    print(
        f"{mode.name}: decoding {1000 * decoding:.1f} CPU ms a camera's second, inference "
        f"{1000 * inference:.1f} a frame: limit {limit:.1f} cameras",
        flush=True,
    )
    return limit


def _find_maximum(
    service: Service, mode: Mode, address: str, server: psutil.Process, most: int
) -> Trial | None:
    """Search upwards from `START_SHARE` of the limit, or downwards where that fails."""
    limit = _measure_limit(mode)
    step = max(1, round(STEP_SHARE * limit))
    first = cameras = max(1, min(most, math.ceil(START_SHARE * limit)))
    best: Trial | None = None
    while 0 < cameras <= most:
        trial: Trial | None = None
        for _ in range(TRIALS if best is None else 1):
            trial = _run_trial(service, mode, address, cameras, server, limit)
            service.write_settings("", 0)
            after = _measure_limit(mode)
            trial = replace(trial, limit=(limit + after) / 2)
            limit = after
            _print_trial(trial)
            if trial.is_sustained:
                break
        if trial is not None and trial.is_sustained:
            best = trial
            if cameras < first:
                return best
            cameras += step
        elif best is not None:
            return best
        else:
            cameras -= step
    return best


def _print_trial(trial: Trial) -> None:
    print(
        f"  {trial.cameras} cameras ({trial.cameras / trial.limit:.2f} of the limit): "
        f"p95 {trial.latency_seconds:.2f} s, {trial.late_share:.1%} late, "
        f"{trial.read_share:.0%} read, service {trial.cores:.2f} cores, "
        f"RTSP server {trial.server_cores:.2f} cores"
        f"{'' if trial.is_sustained else '  — not sustained'}",
        flush=True,
    )


def _measure_decoding(mode: Mode) -> float:
    """Return the CPU seconds of decoding a second of a camera, with all cores busy."""
    seconds = probe(str(mode.footage)).duration_seconds
    rate = max(1.0, mode.rate) if mode.decode == "all" else mode.rate

    def decode() -> None:
        for _ in FrameSampler(str(mode.footage), rate=rate).frames():
            pass

    cores = available_cores()
    with ThreadPoolExecutor(cores) as pool:
        started_at = time.process_time()
        for work in [pool.submit(decode) for _ in range(2 * cores)]:
            work.result()
        took = time.process_time() - started_at
    return took / (2 * cores * seconds)


def _run_trial(
    service: Service,
    mode: Mode,
    address: str,
    cameras: int,
    server: psutil.Process,
    limit: float,
) -> Trial:
    service.write_settings(address, cameras, mode.decode)
    ends = time.monotonic() + LIVE_WITHIN_SECONDS
    while time.monotonic() < ends:
        found = service.cameras()
        if len(found) == cameras and all(camera["state"] == "live" for camera in found):
            break
        time.sleep(1.0)
    else:
        return Trial(cameras, limit, float("inf"), 1.0, 0.0, 0.0, 0.0, 0)
    time.sleep(SETTLE_SECONDS)
    before, took, served = _count_frames(service), service.cpu_seconds(), _cpu_seconds(server)
    began = time.monotonic()
    time.sleep(MEASURE_SECONDS)
    after, seconds = _count_frames(service), time.monotonic() - began
    read, late = (b - a for a, b in zip(before, after, strict=True))
    latencies = [c["latency_p95_seconds"] or float("inf") for c in service.cameras()]
    return Trial(
        cameras,
        limit,
        max(latencies),
        late / max(1, read),
        read / (cameras * mode.rate * seconds),
        (_cpu_seconds(server) - served) / seconds,
        (service.cpu_seconds() - took) / seconds,
        service.memory_bytes("StreamReader"),
    )


def _count_frames(service: Service) -> tuple[int, int]:
    """Return the number of frames read, and of those late or dropped."""
    found = service.cameras()
    return (
        sum(camera["frames_read"] for camera in found),
        sum(camera["frames_late"] + camera["frames_dropped"] for camera in found),
    )


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _measure_api(service: Service, mode: Mode, address: str, cameras: int) -> None:
    """Measure requests a second for a room's counts, without and with many event streams."""
    service.write_settings(address, cameras, mode.decode)
    time.sleep(SETTLE_SECONDS)
    print(f"  HTTP, with {cameras} cameras read: {_request_rate(service)}")
    stop = threading.Event()
    streams = threading.Thread(target=asyncio.run, args=(_read_events(service, stop),))
    streams.start()
    time.sleep(5)
    print(f"  HTTP, with {SSE_CLIENTS} event streams besides: {_request_rate(service)}")
    stop.set()
    streams.join()


def _request_rate(service: Service) -> str:
    ends = time.monotonic() + API_SECONDS

    def request(token: str) -> list[float]:
        took = []
        with httpx.Client(
            base_url=service.url, headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as client:
            while time.monotonic() < ends:
                began = time.monotonic()
                client.get("/api/rooms/room-0").raise_for_status()
                took.append(time.monotonic() - began)
        return took

    with ThreadPoolExecutor(API_CLIENTS) as pool:
        times = [t for took in pool.map(request, service.leaders[:API_CLIENTS]) for t in took]
    p99 = statistics.quantiles(times, n=100)[98]
    return f"{len(times) / API_SECONDS:.0f} requests a second, p99 {1000 * p99:.0f} ms"


async def _read_events(service: Service, stop: threading.Event) -> None:
    events = 0

    async def one(number: int) -> None:
        nonlocal events
        token = service.leaders[number % len(service.leaders)]
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("GET", f"{service.url}/api/rooms/events", headers=headers) as answer,
        ):
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                events += line.startswith("id:")
                if stop.is_set():
                    return

    began = time.monotonic()
    results = await asyncio.gather(*(one(n) for n in range(SSE_CLIENTS)), return_exceptions=True)
    failed = sum(isinstance(result, BaseException) for result in results)
    seconds = time.monotonic() - began
    print(f"  {SSE_CLIENTS - failed} event streams, {events / seconds:.0f} events a second in all")


@contextmanager
def _rtsp_server() -> Iterator[tuple[int, psutil.Process]]:
    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = int(free_socket.getsockname()[1])
    command = [sys.executable, "-m", "bench.cameras", str(FOLDER), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        next(iter(server.stdout or ()))  # printed when it is ready
        try:
            yield port, psutil.Process(server.pid)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
