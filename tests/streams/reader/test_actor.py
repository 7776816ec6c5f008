"""A reader of a real camera: reports, face chips under leases, and when it exits."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from cluster.streams.capture.capture_thread import CaptureThread
from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.reader import actor
from cluster.streams.reader.actor import StreamReader
from cluster.streams.reader.report import Ack, Report
from cluster.streams.source.config import CameraConfig
from cluster.vision.faces.base import FaceChip, FaceQuality
from cluster.vision.people import BgrImage, People
from tests.ports import free_port
from tests.streams.cameras import clip, config_for

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 30.0


class EmptyPose:
    """A pose model that finds nobody."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        assert input_size == 80
        return [People.empty() for _ in frames]


class FakeSink:
    """Acknowledges all reports, and records which cameras they include."""

    def __init__(self) -> None:
        self.cameras: list[set[str]] = []

    async def report(self, report: Report) -> Ack:
        self.cameras.append({camera.health.camera_id for camera in report.cameras})
        return Ack(report.windows[-1].number if report.windows else 0)


class FakeRegisters:
    """Records the tickets and times of the chips that it receives."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, datetime]] = []

    async def submit_chips(self, ticket: str, captured_at: datetime, chips: list[FaceChip]) -> None:
        assert len(chips) == 1
        self.seen.append((ticket, captured_at))

    def tickets(self) -> set[str]:
        return {ticket for ticket, _ in self.seen}


class OneFaceCutter:
    """Cuts one face out of every frame."""

    def chips(self, frame: BgrImage, people: People) -> list[FaceChip]:
        assert len(people) == 0
        return [FaceChip(frame[:8, :8], FaceQuality(8, 1, 0, 1, 100), 0, (0, 0, 8, 8))]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CameraConfig:
    monkeypatch.setattr(
        actor, "ensure_node_spills_to_memory", lambda: None
    )  # Ray does not run here
    return config_for(str(clip(tmp_path / "room.mp4", rate=20)))


@asynccontextmanager
async def reading(
    *configs: CameraConfig, sink: FakeSink | None = None
) -> AsyncIterator[tuple[StreamReader, FakeRegisters]]:
    registers = FakeRegisters()
    reader = StreamReader(
        "reader-1",
        pose=EmptyPose(),
        sink=sink or FakeSink(),
        registers=registers,
        cutter=cast("Any", OneFaceCutter),
        late_seconds=1.0,
    )
    await reader.assign(list(configs))
    try:
        yield reader, registers
    finally:
        await reader.stop()


def in_future(seconds: float = 5.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def chips_within(registers: FakeRegisters, seconds: float) -> list[str]:
    """The tickets of the chips that arrive within a time."""
    registers.seen.clear()
    await asyncio.sleep(seconds)
    return [ticket for ticket, _ in registers.seen]


def test_of_a_camera_without_numbers_a_report_tells_about_once_a_second(
    config: CameraConfig,
) -> None:
    address = SecretStr(f"rtsp://127.0.0.1:{free_port()}")
    unreachable = replace(config, camera_id="cam2", address=address)

    async def scenario() -> None:
        sink = FakeSink()
        async with reading(config, unreachable, sink=sink):
            await until(lambda: sum("cam1" in cameras for cameras in sink.cameras) > 2)
            sink.cameras.clear()
            await asyncio.sleep(4.0)
            alive, dead = (sum(c in cameras for cameras in sink.cameras) for c in ("cam1", "cam2"))
        assert 2 <= dead <= 4
        assert alive >= 2 * dead

    asyncio.run(scenario())


def test_chips_are_sent_to_every_open_register_of_the_room(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reading(config) as (reader, registers):
            await reader.cut_faces("cam1", "first", in_future(8))
            await reader.cut_faces("cam1", "second", in_future(8))
            await until(lambda: registers.tickets() == {"first", "second"})
            await reader.cut_faces("cam1", "second", None)
            assert "second" not in await chips_within(registers, 0.5)
            await until(lambda: registers.tickets() == {"first"})

    asyncio.run(scenario())


def test_chips_end_when_the_lease_expires(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reading(config) as (reader, registers):
            ends = in_future(2)
            await reader.cut_faces("cam1", "ticket", ends)
            await until(lambda: bool(registers.seen))
            await until(lambda: datetime.now(UTC) > ends)
            await asyncio.sleep(0.1)  # chips in flight arrive
            assert await chips_within(registers, 1.0) == []
            assert all(captured_at <= ends for _, captured_at in registers.seen)
            assert not reader._cameras["cam1"].source._context.full_size.is_requested

    asyncio.run(scenario())


def test_an_expired_lease_cuts_nothing(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reading(config) as (reader, registers):
            await reader.cut_faces("cam1", "ticket", in_future(-0.1))
            assert not reader._cameras["cam1"].source._context.full_size.is_requested
            assert await chips_within(registers, 1.0) == []

    asyncio.run(scenario())


def test_a_renewal_of_an_ended_ticket_cuts_nothing(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reading(config) as (reader, registers):
            sent = in_future()
            await reader.cut_faces("cam1", "ticket", sent)
            await until(lambda: bool(registers.seen))
            await reader.cut_faces("cam1", "ticket", None)
            await reader.cut_faces("cam1", "ticket", sent)
            await asyncio.sleep(0.1)  # chips in flight arrive
            assert await chips_within(registers, 1.0) == []

    asyncio.run(scenario())


def test_a_camera_that_is_assigned_again_has_no_lease(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reading(config) as (reader, registers):
            await reader.cut_faces("cam1", "ticket", in_future(8))
            await until(lambda: bool(registers.seen))
            await reader.assign([])
            await reader.assign([config])
            assert await chips_within(registers, 1.0) == []

    asyncio.run(scenario())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_whose_watchdog_crashed_exits(
    config: CameraConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    exit_codes: list[int] = []

    def crash(_self: Watchdog) -> None:
        raise MemoryError

    async def scenario() -> None:
        monkeypatch.setattr(os, "_exit", exit_codes.append)
        monkeypatch.setattr(Watchdog, "_run", crash)
        async with reading(config):
            await until(lambda: 1 in exit_codes)

    asyncio.run(scenario())


def test_a_camera_that_failed_to_start_is_started_when_it_is_assigned_again(
    config: CameraConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_self: CaptureThread) -> None:
        raise RuntimeError("can't start new thread")

    async def scenario() -> None:
        async with reading(config) as (reader, _):
            other = replace(config, camera_id="cam2")
            with monkeypatch.context() as patch:
                patch.setattr(CaptureThread, "start", no_thread)
                with pytest.raises(RuntimeError):
                    await reader.assign([config, other])
            assert set(await reader.ping()) == {"cam1"}
            await reader.assign([config, other])
            assert set(await reader.ping()) == {"cam1", "cam2"}

    asyncio.run(scenario())
