"""A camera's credentials are in none of its logs, representations and frames."""

import base64
import dataclasses
import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from cluster.runtime.logging import RedactingFilter
from cluster.streams.source.state import StreamReason, StreamState
from tests.ports import free_port
from tests.rtsp import RtspServer, raw_server
from tests.streams.cameras import CameraProbe, clip, reading
from tests.streams.capture.test_camera import answer_with, send_garbage

CANARY = "canary-6f1d"
ENCODED = base64.b64encode(f"viewer:{CANARY}".encode()).decode()
CREDENTIALS = f"viewer:{CANARY}@"


class CapturedLogs(logging.Handler):
    """Records all log lines as they would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.addFilter(RedactingFilter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter("%(name)s %(threadName)s %(message)s").format(record))


@pytest.fixture
def captured_logs() -> Iterator[CapturedLogs]:
    """All logs at all levels, FFmpeg's too."""
    handler, root = CapturedLogs(), logging.getLogger()
    level, av_level = root.level, av.logging.get_level()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    av.logging.set_level(av.logging.TRACE)
    yield handler
    av.logging.set_level(av_level)
    root.setLevel(level)
    root.removeHandler(handler)


def representations_of(camera: CameraProbe) -> str:
    """What a program, a log or a debugger may show of a camera."""
    source = camera.source
    values = [
        source,
        source.config,
        source.health(),
        dataclasses.asdict(source.health()),
        vars(source),
        vars(source._thread),
        source._context,
        vars(source._context.status),
        camera.frames[-1:],
    ]
    return "\n".join(repr(value) + str(value) for value in values)


def assert_redacted(captured_logs: CapturedLogs, shown: str) -> None:
    for text in [*captured_logs.lines, shown]:
        assert CANARY not in text
        assert ENCODED not in text


def test_a_live_camera_shows_no_credentials(rtsp: RtspServer, captured_logs: CapturedLogs) -> None:
    rtsp.require_credentials(CREDENTIALS.rstrip("@"))
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"), user_info=CREDENTIALS)
    with reading(f"{address}&token={CANARY}") as camera:
        camera.wait_for(2)
        camera.source.request_full_size(True)
        shown = representations_of(camera)
        rtsp.drop()
        camera.wait_for(2)
        shown += representations_of(camera)
    shown += representations_of(camera)
    assert any("camera cam1 is live" in line for line in captured_logs.lines)
    assert any("libav" in line for line in captured_logs.lines)
    assert_redacted(captured_logs, shown)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (functools.partial(answer_with, "401 Unauthorized"), StreamReason.WRONG_CREDENTIALS),
        (functools.partial(answer_with, "404 Not Found"), StreamReason.NOT_FOUND),
        (functools.partial(answer_with, "500 Internal Server Error"), StreamReason.REFUSED),
        (send_garbage, StreamReason.NOT_A_VIDEO),
    ],
    ids=["401", "404", "500", "garbage"],
)
def test_a_failing_camera_shows_no_credentials(
    captured_logs: CapturedLogs, answer: object, reason: StreamReason
) -> None:
    assert callable(answer)
    with (
        raw_server(answer) as port,
        reading(f"rtsp://{CREDENTIALS}127.0.0.1:{port}/x?pwd={CANARY}") as camera,
    ):
        camera.wait_until(StreamState.FAILED, reason)
        shown = representations_of(camera)
    assert_redacted(captured_logs, shown)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_an_unreachable_camera_shows_no_credentials(
    captured_logs: CapturedLogs, scheme: str
) -> None:
    for host in (f"127.0.0.1:{free_port()}", "camera.invalid"):
        with reading(f"{scheme}://{CREDENTIALS}{host}/x?password={CANARY}") as camera:
            camera.wait_until(StreamState.FAILED)
            shown = representations_of(camera)
        assert_redacted(captured_logs, shown)


def test_a_file_name_like_an_address_shows_no_credentials(
    captured_logs: CapturedLogs, tmp_path: Path
) -> None:
    with reading(str(tmp_path / f"viewer:{CANARY}@cam.example")) as camera:
        camera.wait_until(StreamState.FAILED, StreamReason.NOT_FOUND)
        shown = representations_of(camera)
    assert_redacted(captured_logs, shown)
