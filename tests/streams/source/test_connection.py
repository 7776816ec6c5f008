"""Cameras over HTTP, files and devices are opened, read at their pace, and closed."""

import base64
import functools
import http.server
import socket
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.source.state import StreamReason, StreamState
from tests.conftest import moving_picture, write_video
from tests.rtsp import RtspServer, raw_server
from tests.streams.cameras import PLAIN, clip, reading, until

pytestmark = pytest.mark.slow

BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, *_args: object) -> None:
        """Log nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """An HTTP server for the files of `tmp_path`."""
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def send_frames(connection: socket.socket, seconds: float = 60.0) -> None:
    """Send Motion JPEG, as cameras send it to browsers."""
    request = connection.recv(4096).decode()
    if f"Basic {base64.b64encode(b'viewer:p@ss').decode()}" not in request:
        challenge = b'WWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\n" + challenge)
        send_frames(connection)
        return
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
    connection.sendall(head)
    for index in range(round(seconds * 25)):
        frame = cv2.imencode(".jpg", moving_picture(index, 160, 96))[1].tobytes()
        connection.sendall(BOUNDARY % len(frame) + frame + b"\r\n")
        time.sleep(0.04)


def test_it_reads_mpeg_ts_over_http_and_reconnects_when_it_ends(web: str, tmp_path: Path) -> None:
    clip(tmp_path / "room.ts")
    with reading(f"{web}/room.ts", longest_pause_seconds=0.2) as camera:
        frames = camera.wait_for(3)
        camera.wait_until(StreamState.RECONNECTING, StreamReason.ENDED)
        until(lambda: camera.health.reconnects >= 2)
    assert frames[0].pixels.shape == (48, 80, 3)


def test_motion_jpeg_over_http_is_read_with_a_password() -> None:
    with (
        raw_server(send_frames) as port,
        reading(f"http://viewer:p%40ss@127.0.0.1:{port}/video") as camera,
    ):
        frames = camera.wait_for(8)
        health = camera.health
    assert frames[-1].pixels.shape == (48, 80, 3)
    assert (health.metrics.codec, health.state) == ("mjpeg", StreamState.LIVE)


@pytest.mark.parametrize(
    ("page", "reason"),
    [("missing.ts", StreamReason.NOT_FOUND), ("page.html", StreamReason.NOT_A_VIDEO)],
)
def test_what_is_no_video_over_http_is_reported(
    web: str, tmp_path: Path, page: str, reason: StreamReason
) -> None:
    (tmp_path / "page.html").write_text("<p>Sign in to your camera.</p>" * 100)
    with reading(f"{web}/{page}") as camera:
        camera.wait_until(StreamState.FAILED, reason)


def test_a_response_cannot_redirect_to_a_file(web: str, tmp_path: Path) -> None:
    secret = clip(tmp_path / "secret.ts")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    (tmp_path / "live.m3u8").write_text(playlist)
    with reading(f"{web}/live.m3u8") as camera:
        camera.wait_until(StreamState.FAILED)
        assert camera.frames == []


def test_a_file_is_played_in_real_time_and_looped(tmp_path: Path) -> None:
    file = clip(tmp_path / "room.mp4", seconds=1.0)
    started_at = time.monotonic()
    with reading(str(file), rate=5.0) as camera:
        frames = camera.wait_for(13)
        elapsed = time.monotonic() - started_at
        health = camera.health
    assert elapsed > 2.0
    assert health.reconnects == 0
    assert health.state is StreamState.LIVE
    taken = np.array([frame.taken_at for frame in frames])
    assert np.median(np.diff(taken)) == pytest.approx(0.2, abs=0.1)


LATE = [100.0 + index / 25 for index in range(20)]


@pytest.mark.parametrize(
    ("name", "options", "times"),
    [
        ("b-frames.mp4", {**PLAIN, "tune": "film", "bf": "3"}, None),
        ("late.ts", PLAIN, LATE),
        ("late.mkv", PLAIN, LATE),
    ],
)
def test_files_of_all_formats_are_looped(
    tmp_path: Path, name: str, options: dict[str, str], times: list[float] | None
) -> None:
    file = write_video(tmp_path / name, seconds=0.8, rate=25, options=options, times=times)
    with reading(str(file), rate=10.0) as camera:
        camera.wait_for(20)
        assert camera.health.reconnects == 0


def test_a_file_that_cannot_be_rewound_is_opened_again(tmp_path: Path) -> None:
    file = write_video(tmp_path / "raw.h264", seconds=0.8, rate=25, options=PLAIN)
    with reading(str(file), rate=10.0) as camera:
        camera.wait_for(20)
        assert camera.health.reconnects >= 1


def test_a_file_without_frames_is_not_looped(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with reading(str(tmp_path / "empty.mp4")) as camera:
        health = camera.wait_until(StreamState.FAILED, StreamReason.NOT_A_VIDEO)
    assert health.detail.startswith("empty.mp4 ")


@pytest.mark.parametrize("name", ["missing.mp4", "/dev/video99"])
def test_a_missing_file_or_device_is_not_found(tmp_path: Path, name: str) -> None:
    with reading(str(tmp_path / name)) as camera:
        health = camera.wait_until(StreamState.FAILED, StreamReason.NOT_FOUND)
    assert str(tmp_path) not in health.detail


def test_a_file_without_video_is_reported(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(bytes(16000))
    with reading(str(tmp_path / "a.wav")) as camera:
        health = camera.wait_until(StreamState.FAILED, StreamReason.NOT_A_VIDEO)
    assert health.detail == "a.wav sends no video."


def test_a_stopped_camera_leaves_no_descriptor_open(tmp_path: Path) -> None:
    file = clip(tmp_path / "room.mp4")
    before = psutil.Process().num_fds()
    with reading(str(file)) as camera:
        camera.wait_for(1)
        assert psutil.Process().num_fds() > before
    assert psutil.Process().num_fds() <= before


@pytest.mark.parametrize("stall_seconds", [0.5, 8.0])
def test_a_camera_may_answer_slowly_within_its_time_to_open(
    rtsp: RtspServer, stall_seconds: float
) -> None:
    """The answer takes longer than `stall_seconds`, which is the limit of an open stream."""
    rtsp.answer_slowly(1.2)
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, open_seconds=8.0, stall_seconds=stall_seconds) as camera:
        watchdog = Watchdog(lambda: [camera.source])
        watchdog.start()
        camera.wait_for(2)
        health = camera.wait_until(StreamState.LIVE)
        watchdog.stop()
    assert (health.reconnects, rtsp.described) == (0, 1)


def test_a_camera_that_answers_too_slowly_has_timed_out(rtsp: RtspServer) -> None:
    rtsp.answer_slowly(3.0)
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, open_seconds=1.0, stall_seconds=0.5) as camera:
        until(lambda: camera.health.state is not StreamState.STARTING)
        health = camera.health
    assert (health.state, health.reason) == (StreamState.FAILED, StreamReason.OPEN_TIMED_OUT)


def test_a_page_that_comes_slowly_is_waited_for() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        time.sleep(1.0)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    with (
        raw_server(answer) as port,
        reading(f"http://127.0.0.1:{port}/x", open_seconds=8.0, stall_seconds=0.5) as camera,
    ):
        until(lambda: camera.health.state is not StreamState.STARTING)
        assert camera.health.reason is StreamReason.NOT_FOUND
