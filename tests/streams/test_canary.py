"""A camera's credentials stay out of everything that can be seen of it."""

import base64
import dataclasses
import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from cluster.runtime.logging import RedactingFilter
from cluster.streams.source.state import Reason, StreamState
from tests.rtsp import RtspServer, raw_server
from tests.streams.cameras import Seen, clip, free_port, reading
from tests.streams.capture.test_camera import answer_with, send_garbage

CANARY = "canary-6f1d"
CODED = base64.b64encode(f"viewer:{CANARY}".encode()).decode()
CREDENTIALS = f"viewer:{CANARY}@"


class Everything(logging.Handler):
    """Keeps all that anybody logs, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.addFilter(RedactingFilter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter("%(name)s %(threadName)s %(message)s").format(record))


@pytest.fixture
def everything() -> Iterator[Everything]:
    """All logs down to the least important, FFmpeg's too."""
    handler, root = Everything(), logging.getLogger()
    level, av_level = root.level, av.logging.get_level()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    av.logging.set_level(av.logging.TRACE)
    yield handler
    av.logging.set_level(av_level)
    root.setLevel(level)
    root.removeHandler(handler)


def all_that_can_be_seen(camera: Seen) -> str:
    """Whatever a program, a log or a debugger may show of a camera."""
    thread = camera.thread
    shown = [
        thread,
        thread.plan,
        thread.health(),
        dataclasses.asdict(thread.health()),
        vars(thread),
        vars(thread._reading),
        thread._shared,
        vars(thread._shared.status),
        camera.frames[-1:],
    ]
    return "\n".join(repr(one) + str(one) for one in shown)


def assert_hidden(everything: Everything, seen: str) -> None:
    for text in [*everything.lines, seen]:
        assert CANARY not in text
        assert CODED not in text


def test_a_camera_that_is_live_shows_no_credential(
    rtsp: RtspServer, everything: Everything
) -> None:
    rtsp.ask_for(CREDENTIALS.rstrip("@"))
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"), user_info=CREDENTIALS)
    with reading(f"{address}&token={CANARY}") as camera:
        camera.wait_for(2)
        camera.thread.want_full(True)
        seen = all_that_can_be_seen(camera)
        rtsp.drop()
        camera.wait_for(2)
        seen += all_that_can_be_seen(camera)
    seen += all_that_can_be_seen(camera)
    assert any("camera cam1 is live" in line for line in everything.lines)
    assert any("libav" in line for line in everything.lines)
    assert_hidden(everything, seen)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (functools.partial(answer_with, "401 Unauthorized"), Reason.WRONG_CREDENTIALS),
        (functools.partial(answer_with, "404 Not Found"), Reason.NOT_FOUND),
        (functools.partial(answer_with, "500 Internal Server Error"), Reason.REFUSED),
        (send_garbage, Reason.NOT_A_VIDEO),
    ],
    ids=["401", "404", "500", "garbage"],
)
def test_a_camera_that_fails_shows_no_credential(
    everything: Everything, answer: object, reason: Reason
) -> None:
    assert callable(answer)
    with (
        raw_server(answer) as port,
        reading(f"rtsp://{CREDENTIALS}127.0.0.1:{port}/x?pwd={CANARY}") as camera,
    ):
        camera.wait_until(StreamState.FAILED, reason)
        seen = all_that_can_be_seen(camera)
    assert_hidden(everything, seen)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_a_camera_that_is_not_there_shows_no_credential(
    everything: Everything, scheme: str
) -> None:
    for host in (f"127.0.0.1:{free_port()}", "camera.invalid"):
        with reading(f"{scheme}://{CREDENTIALS}{host}/x?password={CANARY}") as camera:
            camera.wait_until(StreamState.FAILED)
            seen = all_that_can_be_seen(camera)
        assert_hidden(everything, seen)


def test_a_file_whose_name_looks_like_an_address_shows_no_credential(
    everything: Everything, tmp_path: Path
) -> None:
    with reading(str(tmp_path / f"viewer:{CANARY}@cam.example")) as camera:
        camera.wait_until(StreamState.FAILED, Reason.NOT_FOUND)
        seen = all_that_can_be_seen(camera)
    assert_hidden(everything, seen)
