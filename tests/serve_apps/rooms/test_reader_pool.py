"""Readers on a real Ray: one without a place holds nobody up, and each installation has its own."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from ray.util import list_named_actors

from cluster.settings import Settings
from cluster.streams.job import CameraJob
from cluster.streams.reader.report import Ack, Report
from cluster.vision.faces.base import FaceChip
from cluster.vision.people import BgrImage, People
from serve_apps.rooms import reader_pool
from serve_apps.rooms.installation import installation_id
from serve_apps.rooms.reader_pool import NAMESPACE, ReaderPool, Services
from tests.serve_apps.serving import until
from tests.streams.cameras import clip, plan_for

SOON = 8.0
FAR_TOO_MANY_CPUS = 1000.0

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("serve_port")]


class Nobody:
    """Stands for all that readers talk to."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        assert input_size > 0
        return [People.empty() for _ in frames]

    async def report(self, report: Report) -> Ack:
        return Ack(report.windows[-1].number if report.windows else 0)

    async def see(self, ticket: str, moment: object, chips: list[FaceChip]) -> None:
        raise AssertionError((ticket, moment, chips))


@asynccontextmanager
async def installed(name: str = "") -> AsyncIterator[ReaderPool]:
    """The readers of an installation; none is left of them."""
    nobody: Any = Nobody()
    made = ReaderPool(
        Services(nobody, nobody, nobody),
        installation=name or secrets.token_hex(4),
        version="1-0",
    )
    try:
        yield made
    finally:
        await made.end_all()


@pytest.fixture
def job(tmp_path: Path) -> CameraJob:
    plan = plan_for(str(clip(tmp_path / "room.mp4", rate=20)))
    return CameraJob(plan, "room-1", "hill", 80, 10, headcount_only=False, teacher_zone=None)


def another(job: CameraJob, camera_id: str) -> CameraJob:
    return replace(job, plan=replace(job.plan, camera_id=camera_id))


def named() -> set[str]:
    found = cast("list[dict[str, str]]", list_named_actors(all_namespaces=True))
    return {one["name"] for one in found if one["namespace"] == NAMESPACE}


async def cameras_of(made: ReaderPool) -> dict[str, list[str]]:
    return {name: sorted(reads) for name, reads in (await made.look()).items()}


async def begun(made: ReaderPool, *jobs: CameraJob) -> str:
    """A reader that runs and reads."""
    name = made.new_name()
    made.begin(name, Settings(), jobs)
    wanted = sorted(job.plan.camera_id for job in jobs)

    async def reads() -> bool:
        return (await cameras_of(made)).get(name) == wanted

    await until(reads, "a reader")
    return name


def test_a_reader_without_a_place_holds_nobody_up_and_is_given_up(
    job: CameraJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_pool, "START_SECONDS", 25.0)

    async def told() -> None:
        async with installed() as made:
            waits, began = made.new_name(), time.monotonic()
            with monkeypatch.context() as full:
                full.setattr(reader_pool, "CPUS_A_CAMERA", FAR_TOO_MANY_CPUS)
                made.begin(waits, Settings(), [job])
            assert {r: set(c) for r, c in made.starting().items()} == {waits: {"cam1"}}
            other = await begun(made, another(job, "cam2"))
            assert waits in made.starting()
            assert await cameras_of(made) == {other: ["cam2"]}
            assert time.monotonic() - began < 25.0

            async def given_up() -> bool:
                return waits not in made.starting() and waits not in named()

            await until(given_up, "it to be given up")
            assert await cameras_of(made) == {other: ["cam2"]}

    asyncio.run(told())


def test_a_camera_is_taken_from_begin_to_the_first_answer(job: CameraJob) -> None:
    async def told() -> None:
        async with installed() as made:
            made.begin(made.new_name(), Settings(), [job])
            ends = time.monotonic() + 60
            while made.starting():
                assert time.monotonic() < ends
                await asyncio.sleep(0)
                taken = [*made.starting().values(), *made._known.values()]
                assert [sorted(cameras) for cameras in taken] == [["cam1"]]

    asyncio.run(told())


def test_a_reader_that_is_being_started_is_ended_at_once(
    job: CameraJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told() -> None:
        async with installed() as made:
            name = made.new_name()
            with monkeypatch.context() as full:
                full.setattr(reader_pool, "CPUS_A_CAMERA", FAR_TOO_MANY_CPUS)
                made.begin(name, Settings(), [job])
            began = time.monotonic()
            await made.end(name)
            assert time.monotonic() - began < SOON
            assert made.starting() == {}
            assert await made.look() == {}

    asyncio.run(told())


def test_a_replica_that_comes_next_finds_its_readers_and_waits_once_for_one_without_a_place(
    job: CameraJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_pool, "CALL_SECONDS", 3.0)

    async def told() -> None:
        async with installed("school") as before, installed("school") as after:
            name = await begun(before, job)
            with monkeypatch.context() as full:
                full.setattr(reader_pool, "CPUS_A_CAMERA", FAR_TOO_MANY_CPUS)
                before.begin(before.new_name(), Settings(), [another(job, "cam2")])
            before.let_go()
            assert await cameras_of(after) == {name: ["cam1"]}
            began = time.monotonic()
            for _ in range(3):
                assert await cameras_of(after) == {name: ["cam1"]}
            assert time.monotonic() - began < reader_pool.CALL_SECONDS

    asyncio.run(told())


def test_each_installation_finds_and_ends_its_own_readers_alone(job: CameraJob) -> None:
    async def told() -> None:
        async with installed("hill") as hill, installed("dale") as dale:
            ours, theirs = await begun(hill, job), await begun(dale, another(job, "cam2"))
            assert await cameras_of(hill) == {ours: ["cam1"]}
            assert await cameras_of(dale) == {theirs: ["cam2"]}
            assert (hill.is_own(ours), hill.is_own(theirs)) == (True, False)
            await hill.end_all()
            assert await cameras_of(dale) == {theirs: ["cam2"]}
            assert named() == {theirs}

    asyncio.run(told())


def test_a_reader_of_another_version_is_ours_and_not_current() -> None:
    nobody: Any = Nobody()
    services = Services(nobody, nobody, nobody)
    old, new = (ReaderPool(services, installation="hill", version=v) for v in ("1-0", "1-1"))
    assert new.is_own(old.new_name())
    assert not new.is_current(old.new_name())
    assert new.is_current(new.new_name())


def test_an_installation_is_its_data_folder_and_its_application(tmp_path: Path) -> None:
    def named_by(folder: Path, app: str = "homeroom") -> str:
        return installation_id(Settings(data_dir=folder), app)

    assert named_by(tmp_path / "data") == named_by(tmp_path / "x" / ".." / "data")
    assert named_by(tmp_path / "data") != named_by(tmp_path / "other")
    assert named_by(tmp_path / "data") != named_by(tmp_path / "data", "second")
    assert str(tmp_path) not in named_by(tmp_path / "data")


def test_a_reader_that_answers_and_does_not_report_is_ended(
    job: CameraJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told() -> None:
        async with installed() as made:
            silent, speaking = await begun(made, job), await begun(made, another(job, "other"))
            monkeypatch.setattr(reader_pool, "SILENT_SECONDS", 0.5)
            ends = time.monotonic() + 2.0
            while time.monotonic() < ends:
                made.heard(speaking)
                made.kill_silent()
                await asyncio.sleep(0.1)
            assert set(await made.look()) == {speaking}
            assert silent not in named()

    asyncio.run(told())
