"""Readers are launched, given cameras and stopped until they read what the settings ask for."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cluster.settings import Settings
from cluster.streams.source.config import CameraConfig
from serve_apps.rooms import reconciler
from serve_apps.rooms.reconciler import ReaderReconciler
from tests.streams.cameras import config_for


def config(camera_id: str) -> CameraConfig:
    return replace(config_for("rtsp://127.0.0.1/1"), camera_id=camera_id)


def configs(*camera_ids: str) -> dict[str, CameraConfig]:
    return {camera_id: config(camera_id) for camera_id in camera_ids}


@dataclass
class FakePool:
    """A pool whose readers take up their cameras at once, two each."""

    running: dict[str, dict[str, CameraConfig]] = field(default_factory=dict)
    waiting: dict[str, Collection[str]] = field(default_factory=dict)
    launched: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    names: int = 0

    def evict_silent(self) -> None:
        """No reader is silent."""

    def starting(self) -> dict[str, Collection[str]]:
        return dict(self.waiting)

    def is_current(self, reader_id: str) -> bool:
        return not reader_id.startswith("old")

    def new_reader_id(self) -> str:
        self.names += 1
        return f"new-{self.names}"

    def max_cameras_per_reader(self, settings: Settings) -> int:  # noqa: ARG002
        return 2

    async def poll(self) -> dict[str, Mapping[str, CameraConfig]]:
        return dict(self.running)

    def launch(self, reader_id: str, settings: Settings, given: Sequence[CameraConfig]) -> None:  # noqa: ARG002
        self.launched.append(reader_id)
        self.running[reader_id] = {one.camera_id: one for one in given}

    async def assign(self, reader_id: str, given: Sequence[CameraConfig]) -> bool:
        self.running[reader_id] = {one.camera_id: one for one in given}
        return True

    async def stop(self, reader_id: str) -> None:
        self.stopped.append(reader_id)
        self.running.pop(reader_id, None)


def reconcile(pool: FakePool, wanted: dict[str, CameraConfig]) -> tuple[set[str], set[str]]:
    """Run one round, and return the unassigned cameras before it and the readers that ended."""

    async def scenario() -> tuple[set[str], set[str]]:
        readers: Any = pool
        one = ReaderReconciler(readers)
        one.assignments = await pool.poll()
        unassigned, _ = await one.observe(wanted)
        return unassigned, await one.apply(wanted, Settings())

    return asyncio.run(scenario())


def cameras(pool: FakePool) -> dict[str, set[str]]:
    return {reader_id: set(held) for reader_id, held in pool.running.items()}


def test_readers_are_launched_for_unassigned_cameras() -> None:
    pool = FakePool()
    assert reconcile(pool, configs("a", "b", "c")) == ({"a", "b", "c"}, set())
    assert cameras(pool) == {"new-1": {"a", "b"}, "new-2": {"c"}}


def test_nothing_changes_where_every_camera_is_read() -> None:
    pool = FakePool({"r1": configs("a", "b")})
    assert reconcile(pool, configs("a", "b")) == (set(), set())
    assert (pool.launched, pool.stopped) == ([], [])


def test_a_running_reader_gets_a_camera_that_was_added_or_changed() -> None:
    pool = FakePool({"r1": configs("a")})
    changed = {**configs("b"), "a": replace(config("a"), room_id="room-9")}
    reconcile(pool, changed)
    assert pool.running == {"r1": changed}


def test_a_reader_without_cameras_is_stopped() -> None:
    pool = FakePool({"r1": configs("a"), "r2": configs("b")})
    assert reconcile(pool, configs("a")) == (set(), {"r2"})
    assert pool.stopped == ["r2"]


def test_a_reader_of_an_older_version_is_stopped_after_the_handover() -> None:
    pool = FakePool({"old": configs("a")})
    assert reconcile(pool, configs("a")) == (set(), {"old"})
    assert cameras(pool) == {"new-1": {"a"}}


def test_a_reader_of_an_older_version_keeps_reading_while_its_successor_starts() -> None:
    pool = FakePool({"old": configs("a")}, waiting={"new-0": ["a"]})
    reconcile(pool, configs("a"))
    assert (pool.launched, pool.stopped) == ([], [])
    assert cameras(pool) == {"old": {"a"}}


def test_a_camera_without_a_reader_for_long_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    pool: Any = FakePool()
    one = ReaderReconciler(pool)
    assert asyncio.run(one.observe(["a"])) == ({"a"}, set())
    monkeypatch.setattr(reconciler, "PLACEMENT_TIMEOUT_SECONDS", 0.0)
    assert asyncio.run(one.observe(["a", "b"])) == ({"a", "b"}, {"a"})
    pool.running["r1"] = configs("a")
    assert asyncio.run(one.observe(["a"])) == (set(), set())
