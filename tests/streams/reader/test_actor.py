"""A reader on a real camera: what it sends of faces, to whom, and when it ends itself."""

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
from cluster.streams.job import CameraJob
from cluster.streams.reader import actor
from cluster.streams.reader.actor import StreamReader
from cluster.streams.reader.report import Ack, Report
from cluster.vision.faces.base import FaceChip, FaceQuality
from cluster.vision.people import BgrImage, People
from tests.streams.cameras import clip, free_port, plan_for

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 30.0


class Nobody:
    """A pose model that finds nobody."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        assert input_size == 80
        return [People.empty() for _ in frames]


class Told:
    """Takes all reports, and writes down which cameras they tell of."""

    def __init__(self) -> None:
        self.cameras: list[set[str]] = []

    async def report(self, report: Report) -> Ack:
        self.cameras.append({camera.health.camera_id for camera in report.cameras})
        return Ack(report.windows[-1].number if report.windows else 0)


class Registers:
    """Writes down under which tickets chips came, and of when."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, datetime]] = []

    async def see(self, ticket: str, moment: datetime, chips: list[FaceChip]) -> None:
        assert len(chips) == 1
        self.seen.append((ticket, moment))

    def tickets(self) -> set[str]:
        return {ticket for ticket, _ in self.seen}


class OneFace:
    """Cuts one face out of every picture."""

    def chips(self, frame: BgrImage, people: People) -> list[FaceChip]:
        assert len(people) == 0
        return [FaceChip(frame[:8, :8], FaceQuality(8, 1, 0, 1, 100), 0, (0, 0, 8, 8))]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CameraJob:
    monkeypatch.setattr(actor, "refuse_spilling_here", lambda: None)  # there is no Ray here
    plan = plan_for(str(clip(tmp_path / "room.mp4", rate=20)))
    return CameraJob(plan, "room-1", "hill", 80, 10, headcount_only=False, teacher_zone=None)


@asynccontextmanager
async def reading(
    *jobs: CameraJob, sink: Told | None = None
) -> AsyncIterator[tuple[StreamReader, Registers]]:
    registers = Registers()
    one = StreamReader(
        "reader-1",
        pose=Nobody(),
        sink=sink or Told(),
        registers=registers,
        cutter=cast("Any", OneFace),
        late_seconds=1.0,
    )
    await one.assign(list(jobs))
    try:
        yield one, registers
    finally:
        await one.stop()


def soon(seconds: float = 5.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)


async def chips_within(registers: Registers, seconds: float) -> list[str]:
    """The tickets of the chips that come in a while."""
    registers.seen.clear()
    await asyncio.sleep(seconds)
    return [ticket for ticket, _ in registers.seen]


def test_of_a_camera_without_numbers_a_report_tells_about_once_a_second(job: CameraJob) -> None:
    address = SecretStr(f"rtsp://127.0.0.1:{free_port()}")
    nothing = replace(job, plan=replace(job.plan, camera_id="cam2", address=address))

    async def lesson() -> None:
        told = Told()
        async with reading(job, nothing, sink=told):
            await until(lambda: sum("cam1" in cameras for cameras in told.cameras) > 2)
            told.cameras.clear()
            await asyncio.sleep(4.0)
            alive, dead = (sum(c in cameras for cameras in told.cameras) for c in ("cam1", "cam2"))
        assert 2 <= dead <= 4
        assert alive >= 2 * dead

    asyncio.run(lesson())


def test_chips_go_to_every_register_that_is_open_in_the_room(job: CameraJob) -> None:
    async def lesson() -> None:
        async with reading(job) as (one, registers):
            await one.cut_faces("cam1", "first", soon(8))
            await one.cut_faces("cam1", "second", soon(8))
            await until(lambda: registers.tickets() == {"first", "second"})
            await one.cut_faces("cam1", "second", None)
            assert "second" not in await chips_within(registers, 0.5)
            await until(lambda: registers.tickets() == {"first"})

    asyncio.run(lesson())


def test_chips_end_at_the_moment_that_the_lease_names(job: CameraJob) -> None:
    async def lesson() -> None:
        async with reading(job) as (one, registers):
            ends = soon(2)
            await one.cut_faces("cam1", "ticket", ends)
            await until(lambda: bool(registers.seen))
            await until(lambda: datetime.now(UTC) > ends)
            await asyncio.sleep(0.1)  # what was cut before it ended
            assert await chips_within(registers, 1.0) == []
            assert all(moment <= ends for _, moment in registers.seen)
            assert not one._cameras["cam1"].thread._shared.full_size.is_wanted

    asyncio.run(lesson())


def test_a_lease_that_arrives_after_the_register_closed_cuts_nothing(job: CameraJob) -> None:
    async def lesson() -> None:
        async with reading(job) as (one, registers):
            await one.cut_faces("cam1", "ticket", soon(-0.1))
            assert not one._cameras["cam1"].thread._shared.full_size.is_wanted
            assert await chips_within(registers, 1.0) == []

    asyncio.run(lesson())


def test_a_renewal_that_arrives_after_the_end_cuts_nothing(job: CameraJob) -> None:
    async def lesson() -> None:
        async with reading(job) as (one, registers):
            sent = soon()
            await one.cut_faces("cam1", "ticket", sent)
            await until(lambda: bool(registers.seen))
            await one.cut_faces("cam1", "ticket", None)
            await one.cut_faces("cam1", "ticket", sent)
            await asyncio.sleep(0.1)  # what was cut before it ended
            assert await chips_within(registers, 1.0) == []

    asyncio.run(lesson())


def test_a_camera_that_is_released_has_no_lease_when_it_comes_back(job: CameraJob) -> None:
    async def lesson() -> None:
        async with reading(job) as (one, registers):
            await one.cut_faces("cam1", "ticket", soon(8))
            await until(lambda: bool(registers.seen))
            await one.assign([])
            await one.assign([job])
            assert await chips_within(registers, 1.0) == []

    asyncio.run(lesson())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_whose_watchdog_has_died_ends_and_is_replaced(
    job: CameraJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def die(_self: Watchdog) -> None:
        raise MemoryError

    async def lesson() -> None:
        monkeypatch.setattr(os, "_exit", ended.append)
        monkeypatch.setattr(Watchdog, "_run", die)
        async with reading(job):
            await until(lambda: 1 in ended)

    asyncio.run(lesson())


def test_a_camera_that_could_not_be_started_is_started_when_it_is_assigned_again(
    job: CameraJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_self: CaptureThread) -> None:
        raise RuntimeError("can't start new thread")

    async def lesson() -> None:
        async with reading(job) as (one, _):
            other = replace(job, plan=replace(job.plan, camera_id="cam2"))
            with monkeypatch.context() as full:
                full.setattr(CaptureThread, "start", no_thread)
                with pytest.raises(RuntimeError):
                    await one.assign([job, other])
            assert set(await one.ping()) == {"cam1"}
            await one.assign([job, other])
            assert set(await one.ping()) == {"cam1", "cam2"}

    asyncio.run(lesson())
