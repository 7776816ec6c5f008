from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from cluster.errors import StreamError
from cluster.streams.capture.snapshot import take_snapshot
from tests.ports import free_port
from tests.streams.cameras import clip, config_for

pytestmark = pytest.mark.slow


def test_frames_of_a_camera_are_read_with_the_size_that_it_sends(tmp_path: Path) -> None:
    config = config_for(str(clip(tmp_path / "room.mp4", rate=20)))
    snapshot = take_snapshot(config, 5)
    assert [frame.shape for frame in snapshot.frames] == [(48, 80, 3)] * 5
    assert snapshot.frame_size == (160, 96)


def test_a_camera_that_cannot_be_reached_is_an_error_that_says_why() -> None:
    address = SecretStr(f"rtsp://user:secret@127.0.0.1:{free_port()}")
    config = replace(
        config_for(address.get_secret_value()), open_seconds=0.5, stall_seconds=0.5, rate=10.0
    )
    with pytest.raises(StreamError, match="cam1: no frame came within") as caught:
        take_snapshot(config, 3)
    assert "secret" not in str(caught.value)
