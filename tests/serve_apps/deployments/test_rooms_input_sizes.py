"""A live camera is read at the largest size until it is measured, then at the size it needs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from ray import serve

from cluster.calibration.store import CalibrationStore
from cluster.settings import load_settings
from cluster.streams.reader import head_meter
from cluster.streams.reader.actor import StreamReader
from cluster.vision.people import People
from serve_apps.clients.types import FrameSet
from serve_apps.deployments.rooms import Rooms
from tests.conftest import write_settings
from tests.serve_apps.deployments.test_rooms import FakeApi, FakeRegisters
from tests.serve_apps.serving import bound, deployed, until
from tests.streams.cameras import clip
from tests.vision.bodies import crowd, person

pytestmark = pytest.mark.ray

APP = "sized"
FRAME_SIZE = (160, 96)
CLASS = crowd(*(person(unit=20.0, at=(20.0 + 20 * index, 40.0)) for index in range(5)))


class ImpatientReader(StreamReader):
    """Measures for one second with people."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        head_meter.MEASURED_SECONDS = 1.0  # type: ignore[misc]
        super().__init__(*arguments, **named)


@serve.deployment(name="PoseModel")
class ClassPoseModel:
    """Finds the same class in every frame, and records the sizes that it is asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def find(self, frames: FrameSet) -> list[People]:
        self.asked.append(frames.input_size)
        return [CLASS for _ in range(len(frames))]

    async def sizes(self) -> list[int]:
        """Return the sizes that were asked for."""
        return self.asked


@pytest.mark.usefixtures("serve_port")
def test_a_camera_is_measured_stored_and_restarted_with_its_size(tmp_path: Path) -> None:
    film = clip(tmp_path / "room.mp4", rate=20)
    path = write_settings(tmp_path, rate=5.0, more=f'address = "{film}"\n')
    settings = load_settings(path)
    rooms = bound(Rooms, str(path), ImpatientReader)
    app = bound(FakeApi, rooms, bound(ClassPoseModel), bound(FakeRegisters))

    async def scenario() -> None:
        pose = serve.get_deployment_handle("PoseModel", APP)

        async def is_read_at_its_size() -> bool:
            asked = await pose.sizes.remote()
            return bool(asked) and asked[-1] == 640

        await until(is_read_at_its_size, "the camera to be read at its size")
        assert (await pose.sizes.remote())[0] == settings.analysis.max_input_size
        await serve.get_deployment_handle("Rooms", APP).drain.remote()

    with deployed(app, APP):
        asyncio.run(scenario())
    (stored,) = CalibrationStore.of(settings).read("cam2").sizes
    assert (stored.input_size, stored.origin, stored.frame_size) == (640, "live", FRAME_SIZE)
    assert stored.frames == 5
    assert stored.people == 25
