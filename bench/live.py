"""How many live cameras one machine holds, against the limit of the same cores, in one run.

    make bench          or          python -m bench.live

A camera is 1080p25 over RTSP (or its sub-stream of 640x360, or its key frames alone), analysed
twice a second. A number of cameras is held if the slowest camera's 95th percentile from picture to
number stays under a second and fewer than 1% of the pictures are late or dropped. The limit is
decoding alone plus OpenVINO inference alone, one after the other on the same cores, without Ray,
RTSP or HTTP. Since neighbours on the machine make its cores faster and slower, the limit is
measured before and after each trial, and a number of cameras has a few trials. The cameras' RTSP
server runs on the same cores; what it took is said.
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
from cluster.streams.decode.container import probe
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.vision.pose.estimator import available_cores

RATE = 2.0
LATENCY_SECONDS = 1.0
LATE_SHARE = 0.01
READ_SHARE = 0.95
"""Of the pictures that cameras were to give; with fewer, they were not all read."""

GOAL = 0.75
STEP = 0.06
"""Shares of the limit: where the search begins, and how far it goes at a time."""

TRIALS = 3
"""Of a number of cameras until one is held: it is if one of them holds. Further up, one trial."""

CAMERAS_A_READER = 16
SETTLE_SECONDS = 10.0
MEASURE_SECONDS = 35.0
"""Longer than the half minute over which latencies are told."""

LIVE_WITHIN_SECONDS = 90.0
API_SECONDS = 10.0
API_CLIENTS = 4
SSE_CLIENTS = 100


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read cameras."""

    name: str
    footage: Path
    decode: str
    rate: float


@dataclass(frozen=True, slots=True)
class Held:
    """What was measured with a number of cameras."""

    cameras: int
    limit: float
    latency: float
    late: float
    read: float
    server_cores: float
    cores: float
    reader_bytes: int

    @property
    def holds(self) -> bool:
        """Whether all was in time."""
        return self.latency < LATENCY_SECONDS and self.late < LATE_SHARE and self.read > READ_SHARE


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=400, help="Try no more cameras than these.")
    parser.add_argument("--ways", nargs="*", default=["whole", "sub-stream", "key frames"])
    options = parser.parse_args()
    large, small = camera_footage(), camera_footage(640, 360)
    ways = [
        Way("whole", large, "all", RATE),
        Way("sub-stream", small, "all", RATE),
        Way("key frames", large, "key_frames", 0.5),
    ]
    print(f"{available_cores()} cores\n")
    with tempfile.TemporaryDirectory() as scratch:
        for way in [way for way in ways if way.name in options.ways]:
            _measure(way, Path(scratch) / way.name.replace(" ", "-"), options.most)


def _measure(way: Way, folder: Path, most: int) -> None:
    folder.mkdir()
    leaders = SSE_CLIENTS // 5
    with (
        _rtsp() as (port, server),
        running(folder, per_reader=CAMERAS_A_READER, leaders=leaders) as service,
    ):
        address = f"rtsp://127.0.0.1:{port}/{way.footage.name}?play_count=0"
        best = _most_held(service, way, address, server, most)
        if best is None:
            return
        left = best.limit * (1 - best.server_cores / available_cores())
        print(
            f"  {way.name}: {best.cameras} cameras, {best.cameras / best.limit:.2f} of the limit "
            f"({best.cameras / left:.2f} of what the RTSP server leaves of it); "
            f"memory a camera {best.reader_bytes / best.cameras / MEBIBYTE:.0f} MiB, with its "
            "share of the reader",
            flush=True,
        )
        if way.name == "whole":
            _api(service, way, address, max(1, best.cameras // 2))


def _limit(way: Way) -> float:
    """Cameras that these cores could decode and infer if they did nothing else."""
    decode = _decoding_alone(way)
    inference = inference_alone(1.0, time.process_time) / RATE  # CPU seconds a picture
    limit = available_cores() / (decode + way.rate * inference)
    print(
        f"{way.name}: decoding {1000 * decode:.1f} CPU ms a camera's second, inference "
        f"{1000 * inference:.1f} a picture: limit {limit:.1f} cameras",
        flush=True,
    )
    return limit


def _most_held(
    service: Service, way: Way, address: str, server: psutil.Process, most: int
) -> Held | None:
    """Go up from three quarters of the limit, or down where these are too many."""
    limit = _limit(way)
    step = max(1, round(STEP * limit))
    first = cameras = max(1, min(most, math.ceil(GOAL * limit)))
    best: Held | None = None
    while 0 < cameras <= most:
        held: Held | None = None
        for _ in range(TRIALS if best is None else 1):
            held = _hold(service, way, address, cameras, server, limit)
            service.write_settings("", 0)
            after = _limit(way)
            held = replace(held, limit=(limit + after) / 2)
            limit = after
            _say(held)
            if held.holds:
                break
        if held is not None and held.holds:
            best = held
            if cameras < first:
                return best
            cameras += step
        elif best is not None:
            return best
        else:
            cameras -= step
    return best


def _say(held: Held) -> None:
    print(
        f"  {held.cameras} cameras ({held.cameras / held.limit:.2f} of the limit): "
        f"p95 {held.latency:.2f} s, {held.late:.1%} late, {held.read:.0%} read, "
        f"service {held.cores:.2f} cores, RTSP server {held.server_cores:.2f} cores"
        f"{'' if held.holds else '  — not held'}",
        flush=True,
    )


def _decoding_alone(way: Way) -> float:
    """CPU seconds for a second of a camera, all cores at work."""
    seconds = probe(str(way.footage)).duration_seconds
    rate = max(1.0, way.rate) if way.decode == "all" else way.rate

    def decode() -> None:
        for _ in FrameSampler(str(way.footage), rate=rate).frames():
            pass

    cores = available_cores()
    with ThreadPoolExecutor(cores) as pool:
        began = time.process_time()
        for work in [pool.submit(decode) for _ in range(2 * cores)]:
            work.result()
        took = time.process_time() - began
    return took / (2 * cores * seconds)


def _hold(
    service: Service,
    way: Way,
    address: str,
    cameras: int,
    server: psutil.Process,
    limit: float,
) -> Held:
    service.write_settings(address, cameras, way.decode)
    ends = time.monotonic() + LIVE_WITHIN_SECONDS
    while time.monotonic() < ends:
        found = service.cameras()
        if len(found) == cameras and all(camera["state"] == "live" for camera in found):
            break
        time.sleep(1.0)
    else:
        return Held(cameras, limit, float("inf"), 1.0, 0.0, 0.0, 0.0, 0)
    time.sleep(SETTLE_SECONDS)
    before, took, served = _counts(service), service.cpu_seconds(), _cpu(server)
    began = time.monotonic()
    time.sleep(MEASURE_SECONDS)
    after, seconds = _counts(service), time.monotonic() - began
    read, late = (b - a for a, b in zip(before, after, strict=True))
    latencies = [c["latency_p95_seconds"] or float("inf") for c in service.cameras()]
    return Held(
        cameras,
        limit,
        max(latencies),
        late / max(1, read),
        read / (cameras * way.rate * seconds),
        (_cpu(server) - served) / seconds,
        (service.cpu_seconds() - took) / seconds,
        service.memory_bytes("StreamReader"),
    )


def _counts(service: Service) -> tuple[int, int]:
    """Pictures that were read, and those of them that were late or dropped."""
    found = service.cameras()
    return (
        sum(camera["frames_read"] for camera in found),
        sum(camera["frames_late"] + camera["frames_dropped"] for camera in found),
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _api(service: Service, way: Way, address: str, cameras: int) -> None:
    """Answers a second for a room's numbers, alone and with many event streams open."""
    service.write_settings(address, cameras, way.decode)
    time.sleep(SETTLE_SECONDS)
    print(f"  HTTP, with {cameras} cameras read: {_asked(service)}")
    stop = threading.Event()
    streams = threading.Thread(target=asyncio.run, args=(_listen(service, stop),))
    streams.start()
    time.sleep(5)
    print(f"  HTTP, with {SSE_CLIENTS} event streams besides: {_asked(service)}")
    stop.set()
    streams.join()


def _asked(service: Service) -> str:
    ends = time.monotonic() + API_SECONDS

    def ask(token: str) -> list[float]:
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
        times = [t for took in pool.map(ask, service.leaders[:API_CLIENTS]) for t in took]
    p99 = statistics.quantiles(times, n=100)[98]
    return f"{len(times) / API_SECONDS:.0f} answers a second, p99 {1000 * p99:.0f} ms"


async def _listen(service: Service, stop: threading.Event) -> None:
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
def _rtsp() -> Iterator[tuple[int, psutil.Process]]:
    with socket.socket() as probe_:
        probe_.bind(("127.0.0.1", 0))
        port = int(probe_.getsockname()[1])
    command = [sys.executable, "-m", "bench.cameras", str(FOLDER), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        next(iter(server.stdout or ()))  # it says when it is ready
        try:
            yield port, psutil.Process(server.pid)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
