"""A live camera that shows nothing is reported, gives no counts, and is remembered."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import serve

from cluster.calibration.drift import Drift
from cluster.calibration.view import ViewStore
from cluster.settings import load_settings
from cluster.streams.reader import view_meter
from cluster.streams.reader.actor import StreamReader
from serve_apps.clients.deployments import RoomsClient
from serve_apps.deployments.rooms import Rooms
from tests.conftest import write_settings, write_video
from tests.serve_apps.deployments.test_rooms import FakeApi, FakePoseModel, FakeRegisters
from tests.serve_apps.serving import bound, deployed, until

pytestmark = pytest.mark.ray

APP = "covered"
SIZE = (160, 96)


class ImpatientReader(StreamReader):
    """Looks five times a second, and waits for one second."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        view_meter.SAMPLE_SECONDS = 0.2  # type: ignore[misc]
        view_meter.PLAIN_SECONDS = 1.0  # type: ignore[misc]
        super().__init__(*arguments, **named)


@pytest.mark.usefixtures("serve_port")
def test_a_covered_camera_is_reported_and_gives_no_counts(tmp_path: Path) -> None:
    tape = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
    film = tmp_path / "taped.mp4"
    write_video(film, frames=(tape for _ in range(100)), rate=10, size=SIZE)
    path = write_settings(tmp_path, rate=5.0, more=f'address = "{film}"\n')
    settings = load_settings(path)
    room_id = settings.cameras_by_id["cam2"].room
    rooms = bound(Rooms, str(path), ImpatientReader)
    app = bound(FakeApi, rooms, bound(FakePoseModel), bound(FakeRegisters))

    async def scenario() -> None:
        client = RoomsClient(serve.get_deployment_handle("Rooms", APP))

        async def is_covered() -> bool:
            drifts = [one.drift.kind for one in await client.cameras()]
            return drifts == [Drift.COVERED]

        await until(is_covered, "the camera to be covered")
        (room,) = await client.snapshots([room_id])
        assert (room.state, room.reason, room.people) == ("down", "covered", None)
        (status,) = await client.cameras()
        since = status.drift.since
        assert since is not None
        await serve.get_deployment_handle("Rooms", APP).drain.remote()
        windows = await client.windows(room_id, 5)
        assert [one for one in windows if one.window.window_start >= since] == []

    with deployed(app, APP):
        asyncio.run(scenario())
    assert ViewStore.of(settings).read("cam2").drift.kind is Drift.COVERED
