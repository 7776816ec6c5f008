"""The reader pool on a real Ray: an unschedulable reader delays nobody, installations are apart."""

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
from cluster.streams.reader.report import Ack, Report
from cluster.streams.source.config import CameraConfig
from cluster.vision.faces.base import FaceChip
from cluster.vision.people import BgrImage, People
from serve_apps.rooms import reader_pool
from serve_apps.rooms.installation import installation_id
from serve_apps.rooms.reader_pool import NAMESPACE, ReaderClients, ReaderPool
from tests.serve_apps.serving import until
from tests.streams.cameras import clip, config_for

MAX_STOP_SECONDS = 8.0
TOO_MANY_CPUS = 1000.0

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("serve_port")]


class FakeServices:
    """Fakes all deployments that readers call."""

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        assert input_size > 0
        return [People.empty() for _ in frames]

    async def report(self, report: Report) -> Ack:
        return Ack(report.windows[-1].number if report.windows else 0)

    async def submit_chips(self, ticket: str, captured_at: object, chips: list[FaceChip]) -> None:
        raise AssertionError((ticket, captured_at, chips))


@asynccontextmanager
async def reader_pool_of(name: str = "") -> AsyncIterator[ReaderPool]:
    """The pool of an installation; its readers are stopped at the end."""
    fakes: Any = FakeServices()
    pool = ReaderPool(
        ReaderClients(fakes, fakes, fakes),
        installation=name or secrets.token_hex(4),
        version="1-0",
    )
    try:
        yield pool
    finally:
        await pool.stop_all()


@pytest.fixture
def config(tmp_path: Path) -> CameraConfig:
    return config_for(str(clip(tmp_path / "room.mp4", rate=20)))


def with_id(config: CameraConfig, camera_id: str) -> CameraConfig:
    return replace(config, camera_id=camera_id)


def actor_names() -> set[str]:
    found = cast("list[dict[str, str]]", list_named_actors(all_namespaces=True))
    return {one["name"] for one in found if one["namespace"] == NAMESPACE}


async def cameras_of(pool: ReaderPool) -> dict[str, list[str]]:
    return {name: sorted(reads) for name, reads in (await pool.poll()).items()}


async def running(pool: ReaderPool, *configs: CameraConfig) -> str:
    """Launch a reader, and wait until it reads its cameras."""
    name = pool.new_reader_id()
    pool.launch(name, Settings(), configs)
    wanted = sorted(config.camera_id for config in configs)

    async def reads() -> bool:
        return (await cameras_of(pool)).get(name) == wanted

    await until(reads, "a reader")
    return name


def test_an_unschedulable_reader_delays_nobody_and_is_given_up(
    config: CameraConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launch_unschedulable(pool: ReaderPool, camera_id: str) -> str:
        name = pool.new_reader_id()
        with monkeypatch.context() as patch:
            patch.setattr(reader_pool, "CPUS_PER_CAMERA", TOO_MANY_CPUS)
            pool.launch(name, Settings(), [with_id(config, camera_id)])
        return name

    async def scenario() -> None:
        async with reader_pool_of() as pool:
            started = time.monotonic()
            waiting = launch_unschedulable(pool, "cam1")
            assert {r: set(c) for r, c in pool.starting().items()} == {waiting: {"cam1"}}
            other = await running(pool, with_id(config, "cam2"))
            assert waiting in pool.starting()
            assert await cameras_of(pool) == {other: ["cam2"]}
            assert time.monotonic() - started < reader_pool.START_TIMEOUT_SECONDS

            monkeypatch.setattr(reader_pool, "START_TIMEOUT_SECONDS", 1.0)
            given_up = launch_unschedulable(pool, "cam3")
            assert given_up in pool.starting()

            async def is_given_up() -> bool:
                return given_up not in pool.starting() and given_up not in actor_names()

            await until(is_given_up, "the reader to be given up")
            assert waiting in pool.starting()
            assert await cameras_of(pool) == {other: ["cam2"]}

    asyncio.run(scenario())


def test_a_camera_counts_as_assigned_from_launch_to_the_first_poll(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reader_pool_of() as pool:
            pool.launch(pool.new_reader_id(), Settings(), [config])
            ends = time.monotonic() + 60
            while pool.starting():
                assert time.monotonic() < ends
                await asyncio.sleep(0)
                assigned = [*pool.starting().values(), *pool._assignments.values()]
                assert [sorted(cameras) for cameras in assigned] == [["cam1"]]

    asyncio.run(scenario())


def test_a_starting_reader_is_stopped_at_once(
    config: CameraConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with reader_pool_of() as pool:
            name = pool.new_reader_id()
            with monkeypatch.context() as patch:
                patch.setattr(reader_pool, "CPUS_PER_CAMERA", TOO_MANY_CPUS)
                pool.launch(name, Settings(), [config])
            started = time.monotonic()
            await pool.stop(name)
            assert time.monotonic() - started < MAX_STOP_SECONDS
            assert pool.starting() == {}
            assert await pool.poll() == {}

    asyncio.run(scenario())


def test_the_next_replica_finds_its_readers_and_an_unschedulable_one_delays_it_once(
    config: CameraConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_pool, "CALL_TIMEOUT_SECONDS", 3.0)

    async def scenario() -> None:
        async with reader_pool_of("school") as before, reader_pool_of("school") as after:
            name = await running(before, config)
            with monkeypatch.context() as patch:
                patch.setattr(reader_pool, "CPUS_PER_CAMERA", TOO_MANY_CPUS)
                before.launch(before.new_reader_id(), Settings(), [with_id(config, "cam2")])
            before.detach()
            assert await cameras_of(after) == {name: ["cam1"]}
            started = time.monotonic()
            for _ in range(3):
                assert await cameras_of(after) == {name: ["cam1"]}
            assert time.monotonic() - started < reader_pool.CALL_TIMEOUT_SECONDS

    asyncio.run(scenario())


def test_each_installation_finds_and_stops_its_own_readers_alone(config: CameraConfig) -> None:
    async def scenario() -> None:
        async with reader_pool_of("hill") as hill, reader_pool_of("dale") as dale:
            own, foreign = await running(hill, config), await running(dale, with_id(config, "cam2"))
            assert await cameras_of(hill) == {own: ["cam1"]}
            assert await cameras_of(dale) == {foreign: ["cam2"]}
            assert (hill.owns(own), hill.owns(foreign)) == (True, False)
            await hill.stop_all()
            assert await cameras_of(dale) == {foreign: ["cam2"]}
            assert actor_names() == {foreign}

    asyncio.run(scenario())


def test_a_reader_of_another_version_is_owned_and_not_current() -> None:
    fakes: Any = FakeServices()
    clients = ReaderClients(fakes, fakes, fakes)
    old, new = (ReaderPool(clients, installation="hill", version=v) for v in ("1-0", "1-1"))
    assert new.owns(old.new_reader_id())
    assert not new.is_current(old.new_reader_id())
    assert new.is_current(new.new_reader_id())


def test_an_installation_id_depends_on_the_data_folder_and_the_application(tmp_path: Path) -> None:
    def id_of(folder: Path, app: str = "homeroom") -> str:
        return installation_id(Settings(data_dir=folder), app)

    assert id_of(tmp_path / "data") == id_of(tmp_path / "x" / ".." / "data")
    assert id_of(tmp_path / "data") != id_of(tmp_path / "other")
    assert id_of(tmp_path / "data") != id_of(tmp_path / "data", "second")
    assert str(tmp_path) not in id_of(tmp_path / "data")


def test_a_reader_that_answers_and_does_not_report_is_evicted(
    config: CameraConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with reader_pool_of() as pool:
            silent, reporting = (
                await running(pool, config),
                await running(pool, with_id(config, "other")),
            )
            monkeypatch.setattr(reader_pool, "SILENCE_TIMEOUT_SECONDS", 0.5)
            ends = time.monotonic() + 2.0
            while time.monotonic() < ends:
                pool.record_report(reporting)
                pool.evict_silent()
                await asyncio.sleep(0.1)
            assert set(await pool.poll()) == {reporting}
            assert silent not in actor_names()

    asyncio.run(scenario())
