"""A camera on its thread, against real servers, well-behaved and misbehaving."""

import socket
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from cluster.errors import SettingsError
from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.source.state import StreamReason, StreamState
from tests.ports import free_port
from tests.rtsp import RtspServer, raw_server
from tests.streams.cameras import PLAIN, CameraProbe, clip, config_for, reading, until

pytestmark = pytest.mark.slow


def hang(_connection: socket.socket) -> None:
    """Accept, and send nothing."""


def hang_after_play(connection: socket.socket) -> None:
    """Answer each request up to PLAY, and send no video."""
    sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track1\r\n"
    headers = {
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n",
    }
    while request := connection.recv(4096).decode():
        method = request.split(" ", 1)[0]
        [number] = [line for line in request.split("\r\n") if line.lower().startswith("cseq")]
        body = sdp if method == "DESCRIBE" else ""
        answer = f"RTSP/1.0 200 OK\r\n{number}\r\n{headers.get(method, '')}\r\n{body}"
        connection.sendall(answer.encode())


def send_garbage(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"\x00\xff\x17 not a stream \r\n" * 1000)
    connection.shutdown(socket.SHUT_RDWR)


def answer_with(status: str, connection: socket.socket) -> None:
    while request := connection.recv(4096).decode():
        [number] = [line for line in request.split("\r\n") if line.lower().startswith("cseq")]
        connection.sendall(f"RTSP/1.0 {status}\r\n{number}\r\n\r\n".encode())


def test_an_rtsp_camera_delivers_downscaled_frames_at_the_rate(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, rate=5.0) as camera:
        frames = camera.wait_for(8)
        health = camera.wait_until(StreamState.LIVE, StreamReason.PICTURES_ARRIVE)
    assert {frame.pixels.shape for frame in frames} == {(48, 80, 3)}
    assert {frame.camera_id for frame in frames} == {"cam1"}
    assert {frame.full is None for frame in frames} == {True}
    assert (health.metrics.width, health.metrics.height, health.metrics.codec) == (160, 96, "h264")
    assert health.metrics.declared_rate == pytest.approx(100, abs=5)
    assert health.reconnects == 0
    taken = [frame.taken_at for frame in frames]
    assert taken == sorted(set(taken))
    assert taken[-1] - taken[1] == pytest.approx(6 / 5, abs=0.5)


def test_with_key_frames_only_each_is_delivered_in_time(rtsp: RtspServer) -> None:
    """The thread sleeps between them, and loses no packet of the second."""
    address = rtsp.serve(clip(rtsp.folder / "room.mp4", options={**PLAIN, "g": "100"}))
    with reading(address, rate=1.0, decode="key_frames") as camera:
        camera.wait_for(3)
        deliveries = []
        for _ in range(6):
            frame = camera.wait_for(1)[-1]
            deliveries.append((frame.taken_at, time.monotonic() - frame.taken_at))
        health = camera.health
    steps = [after - before for (before, _), (after, _) in pairwise(deliveries)]
    assert median(steps) == pytest.approx(1.0, abs=0.3)  # a busy machine may delay one
    assert median(late for _, late in deliveries) < 0.5
    assert health.metrics.delivered_rate == pytest.approx(100, rel=0.3)
    assert health.metrics.frames_decoded == health.metrics.frames_read


def test_masks_are_blackened_in_the_downscaled_and_in_the_full_size_frame(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    with reading(address, masks=(left,)) as camera:
        camera.source.request_full_size(True)
        until(lambda: bool(camera.frames) and camera.frames[-1].full is not None)
        frame = camera.frames[-1]
    assert frame.full is not None
    for pixels in (frame.pixels, frame.full):
        half = pixels.shape[1] // 2
        assert pixels[:, : half - 1].max() == 0
        assert pixels[:, half + 2 :].min() > 0


def test_full_size_frames_come_from_the_full_address_while_they_are_requested(
    rtsp: RtspServer,
) -> None:
    small = rtsp.serve(clip(rtsp.folder / "small.mp4"))
    large = rtsp.serve(clip(rtsp.folder / "large.mp4", size=(320, 192)))
    with reading(small, full_address=large) as camera:
        camera.wait_for(2)
        assert camera.health.metrics.width == 160
        camera.source.request_full_size(True)
        until(lambda: camera.frames[-1].full is not None)
        full = camera.frames[-1].full
        assert full is not None
        assert full.shape == (192, 320, 3)
        assert camera.frames[-1].pixels.shape == (48, 80, 3)
        camera.source.request_full_size(False)
        until(lambda: camera.health.metrics.width == 160)
        assert camera.wait_for(2)[-1].full is None
        assert camera.health.reconnects == 2


def test_a_shared_address_is_not_opened_again_for_full_size_frames(
    rtsp: RtspServer,
) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4"))) as camera:
        camera.wait_for(1)
        camera.source.request_full_size(True)
        until(lambda: camera.frames[-1].full is not None)
        camera.source.request_full_size(False)
        until(lambda: camera.frames[-1].full is None)
        assert camera.health.reconnects == 0
        assert rtsp.described == 1


def test_the_sub_stream_is_read_where_the_full_address_cannot_be_opened(rtsp: RtspServer) -> None:
    small = rtsp.serve(clip(rtsp.folder / "small.mp4"))
    unreachable = f"rtsp://127.0.0.1:{free_port()}/large"
    with reading(small, full_address=unreachable, longest_pause_seconds=2.0) as camera:
        camera.wait_for(1)
        camera.source.request_full_size(True)
        camera.wait_until(StreamState.FAILED, StreamReason.REFUSED)
        camera.wait_until(StreamState.LIVE)
        assert camera.wait_for(2)[-1].pixels.shape == (48, 80, 3)


def test_it_reconnects_when_the_camera_drops_the_connection(rtsp: RtspServer) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4"))) as camera:
        camera.wait_for(2)
        rtsp.drop()
        until(lambda: camera.health.reconnects >= 1)
        camera.wait_for(2)
        assert camera.wait_until(StreamState.LIVE).detail == ""


def test_it_reconnects_when_the_camera_ends_its_stream(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"), plays=1)
    with reading(address, longest_pause_seconds=1.0) as camera:
        health = camera.wait_until(StreamState.RECONNECTING, StreamReason.ENDED)
        assert "has ended the stream" in health.detail
        until(lambda: camera.health.reconnects >= 1)
        camera.wait_until(StreamState.LIVE)


def test_it_reconnects_when_the_camera_hangs_in_the_stream(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, stall_seconds=1.0, longest_pause_seconds=0.2) as camera:
        camera.wait_for(2)
        rtsp.be_silent(True)
        camera.wait_until(StreamState.RECONNECTING, StreamReason.NO_PICTURE)
        rtsp.be_silent(False)
        camera.wait_for(2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(hang, StreamReason.OPEN_TIMED_OUT, id="hangs at once"),
        pytest.param(hang_after_play, StreamReason.NO_PICTURE, id="hangs after PLAY"),
        pytest.param(send_garbage, StreamReason.NOT_A_VIDEO, id="sends garbage"),
        pytest.param(
            partial(answer_with, "401 Unauthorized"), StreamReason.WRONG_CREDENTIALS, id="401"
        ),
        pytest.param(
            partial(answer_with, "403 Forbidden"), StreamReason.WRONG_CREDENTIALS, id="403"
        ),
        pytest.param(partial(answer_with, "404 Not Found"), StreamReason.NOT_FOUND, id="404"),
        pytest.param(
            partial(answer_with, "500 Internal Server Error"), StreamReason.REFUSED, id="500"
        ),
    ],
)
def test_a_camera_that_cannot_be_opened_has_a_reason_and_is_tried_again(
    answer: object, reason: StreamReason
) -> None:
    assert callable(answer)
    with (
        raw_server(answer) as port,
        reading(f"rtsp://127.0.0.1:{port}/x", open_seconds=1.0, stall_seconds=1.0) as camera,
    ):
        health = camera.wait_until(StreamState.FAILED, reason)
        assert f"127.0.0.1:{port}" in health.detail
        until(lambda: camera.health.reconnects >= 2)
        assert camera.health.state is StreamState.FAILED
        assert camera.frames == []


def test_a_camera_that_is_switched_on_later_is_read(
    tmp_path: Path,
) -> None:
    port = free_port()
    with reading(f"rtsp://127.0.0.1:{port}/room.mp4?play_count=0") as camera:
        camera.wait_until(StreamState.FAILED, StreamReason.REFUSED)
        clip(tmp_path / "room.mp4")
        server = RtspServer(tmp_path, port)
        server.start()
        try:
            camera.wait_until(StreamState.LIVE)
        finally:
            camera.source.stop()
            server.stop()


def test_a_wrong_password_is_reported(rtsp: RtspServer) -> None:
    file = clip(rtsp.folder / "room.mp4")
    rtsp.require_credentials("viewer:odd@:/ one")
    right = "viewer:odd%40%3A%2F%20one@"
    with reading(rtsp.serve(file, user_info=right)) as camera:
        camera.wait_until(StreamState.LIVE)
    with reading(rtsp.serve(file, user_info="viewer:other@")) as camera:
        camera.wait_until(StreamState.FAILED, StreamReason.WRONG_CREDENTIALS)


def test_an_unknown_host_is_reported() -> None:
    with reading("rtsp://camera.invalid/x") as camera:
        health = camera.wait_until(StreamState.FAILED, StreamReason.NOT_FOUND)
    assert "camera.invalid" in health.detail


def test_the_frame_size_may_change_within_a_stream(rtsp: RtspServer) -> None:
    """The server plays another file at the same address; only the stream itself tells."""
    options = {**PLAIN, "x264-params": "repeat-headers=1"}
    file = clip(rtsp.folder / "room.mp4", size=(320, 192), options=options)
    other = clip(rtsp.folder / "other.mp4", size=(160, 120), options=options)
    with reading(rtsp.serve(file)) as camera:
        camera.wait_for(2)
        assert camera.frames[-1].pixels.shape == (48, 80, 3)
        other.replace(file)
        until(lambda: camera.frames[-1].pixels.shape == (60, 80, 3))
        assert (camera.health.metrics.width, camera.health.metrics.height) == (160, 120)
        assert camera.health.reconnects == 0
        assert camera.wait_for(3)[-1].pixels.mean() > 50


def test_a_frozen_picture_is_reported_and_a_moving_one_is_not(
    rtsp: RtspServer,
) -> None:
    still = np.random.default_rng(3).integers(0, 255, (96, 160, 3)).astype(np.uint8)
    address = rtsp.serve(clip(rtsp.folder / "still.mp4", frames=iter([still] * 200)))
    with reading(address, frozen_seconds=1.0) as camera:
        until(lambda: camera.health.metrics.frozen)
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), frozen_seconds=1.0) as camera:
        camera.wait_for(25)
        assert not camera.health.metrics.frozen


def test_a_camera_that_cannot_be_read_does_not_delay_the_others(rtsp: RtspServer) -> None:
    good = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with (
        raw_server(hang) as port,
        reading(f"rtsp://127.0.0.1:{port}/x", open_seconds=2.0),
        reading(good) as camera,
    ):
        frames = camera.wait_for(20)
    between = np.diff([frame.taken_at for frame in frames])
    assert between.max() < 2.0


def test_stopping_takes_no_longer_than_its_timeout_even_where_an_open_hangs() -> None:
    with raw_server(hang) as port:
        camera = CameraProbe(config_for(f"rtsp://127.0.0.1:{port}/x", open_seconds=60.0))
        camera.source.start()
        time.sleep(0.3)
        assert camera.source.stop(timeout=20.0)
        assert camera.health.state is StreamState.STOPPED
        assert camera.source.stop()


def test_nothing_is_delivered_after_stopping(rtsp: RtspServer) -> None:
    camera = CameraProbe(config_for(rtsp.serve(clip(rtsp.folder / "room.mp4"))))
    camera.source.start()
    camera.wait_for(2)
    assert camera.source.stop()
    assert camera.wait_until(StreamState.STOPPED).reason is StreamReason.RELEASED
    count = len(camera.frames)
    time.sleep(0.5)
    assert len(camera.frames) == count


def test_a_camera_that_was_never_started_can_be_stopped() -> None:
    assert CameraProbe(config_for("rtsp://127.0.0.1/x")).source.stop()


def test_a_configuration_with_an_unsupported_address_is_rejected() -> None:
    with pytest.raises(SettingsError, match="begin with ftp: are not supported"):
        CameraProbe(config_for("ftp://viewer:hunter2@127.0.0.1/x"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_fails_by_a_bug_is_replaced(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    delivered: list[LiveFrame] = []

    def fail_once(frame: LiveFrame) -> None:
        delivered.append(frame)
        if len(delivered) == 1:
            raise ZeroDivisionError

    source = CameraSource(config_for(address), fail_once)
    source.start()
    until(lambda: len(delivered) == 1)

    def replaced() -> bool:
        source.check_thread(time.monotonic())
        return len(delivered) > 2

    until(replaced)
    assert source.health().state is StreamState.LIVE
    assert source.stop()
