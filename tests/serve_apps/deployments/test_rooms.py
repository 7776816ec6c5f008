"""The rooms deployment on a cluster without resources for all readers: the others work on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ray import serve

from cluster.errors import ServiceDown
from cluster.streams.reader.report import Report
from cluster.vision.people import People
from serve_apps.clients.deployments import RoomsClient
from serve_apps.clients.types import CameraStatus, FrameSet
from serve_apps.deployments.rooms import Rooms
from tests.plugins.shared_ray import RayWithServe
from tests.serve_apps.serving import bound, deployed, until
from tests.streams.cameras import clip

pytestmark = pytest.mark.ray

MAX_CAMERAS = 1
"""Cameras that the only node may read."""

MAX_RELOAD_SECONDS = 45.0
"""A loop that waited for the reader would take a minute."""

HEAD = """
data_dir = "data"
[live]
cameras_per_reader = 1
[[schools]]
id = "hill"
name = "Hill School"
timezone = "Europe/Oslo"
"""

ROOM = """
[[rooms]]
id = "room-{number}"
school = "hill"
name = "Room {number}"
"""

CAMERA = """
[[cameras]]
id = "cam-{number}"
room = "room-{number}"
address = "{address}"
"""


@serve.deployment(name="PoseModel")
class FakePoseModel:
    """Finds no people."""

    async def find(self, frames: FrameSet) -> list[People]:
        return [People.empty() for _ in range(len(frames))]


@serve.deployment(name="Registers")
class FakeRegisters:
    """Has no open register."""


@serve.deployment(name="Api")
class FakeApi:
    """The ingress that binds the other deployments."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts


def write(folder: Path, *, rooms: list[int], cameras: list[int]) -> Path:
    text = HEAD + "".join(ROOM.format(number=number) for number in rooms)
    for number in cameras:
        text += CAMERA.format(number=number, address=folder / "room.mp4")
    (folder / "new.toml").write_text(text)
    return (folder / "new.toml").replace(folder / "homeroom.toml")


@pytest.fixture
def small_cluster(ray_folder: Path) -> Iterator[None]:
    """A node that declares the resource `cameras`."""
    small = RayWithServe(ray_folder)
    small.start(resources={"cameras": MAX_CAMERAS})
    yield
    small.stop()


class RoomsProbe:
    """Queries the deployment as the API does."""

    def __init__(self) -> None:
        self.rooms = RoomsClient(serve.get_deployment_handle("Rooms", "small"))

    async def camera(self, camera_id: str) -> CameraStatus:
        found = [one for one in await self.rooms.cameras() if one.health.camera_id == camera_id]
        assert len(found) == 1
        return found[0]

    def has_health(self, camera_id: str, state: str, reason: str) -> Callable[[], Awaitable[bool]]:
        async def condition() -> bool:
            if camera_id not in {one.health.camera_id for one in await self.rooms.cameras()}:
                return False
            health = (await self.camera(camera_id)).health
            return (health.state, health.reason) == (state, reason)

        return condition

    def has_room(self, room_id: str) -> Callable[[], Awaitable[bool]]:
        async def condition() -> bool:
            return bool(await self.rooms.snapshots([room_id]))

        return condition


@pytest.mark.usefixtures("small_cluster")
def test_a_camera_waits_for_a_reader_and_everything_else_works_on(tmp_path: Path) -> None:
    clip(tmp_path / "room.mp4", rate=20)
    path = write(tmp_path, rooms=[1, 2], cameras=[1, 2])
    app = bound(FakeApi, bound(Rooms, str(path)), bound(FakePoseModel), bound(FakeRegisters))

    async def scenario() -> None:
        probe = RoomsProbe()
        await until(probe.has_health("cam-1", "live", "pictures_arrive"), "the first camera")
        started = time.monotonic()
        await until(probe.has_health("cam-2", "starting", "no_reader"), "the second camera to wait")
        assert "no node has had a place" in (await probe.camera("cam-2")).health.detail
        write(tmp_path, rooms=[1, 2, 3], cameras=[1, 2])
        await until(probe.has_room("room-3"), "the changed settings")
        assert time.monotonic() - started < MAX_RELOAD_SECONDS
        assert (await probe.camera("cam-1")).health.state == "live"
        write(tmp_path, rooms=[2], cameras=[2])
        await until(
            probe.has_health("cam-2", "live", "pictures_arrive"), "a reader for the second camera"
        )
        foreign = Report("reader-another-1-0-ab", "node-1", (), ())
        with pytest.raises(ServiceDown, match="another installation"):
            await probe.rooms.report(foreign)
        await probe.rooms._handle.drain.remote()

    with deployed(app, "small"):
        asyncio.run(scenario())
