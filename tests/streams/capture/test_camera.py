"""A camera on its thread, against real servers: well-behaved ones, and all the others."""

import socket
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cluster.errors import SettingsError
from cluster.streams.capture.camera import CameraSource
from cluster.streams.reader.config import LiveFrame
from cluster.streams.source.state import Reason, StreamState
from tests.rtsp import RtspServer, raw_server
from tests.streams.cameras import PLAIN, Seen, clip, free_port, plan_for, reading, until

pytestmark = pytest.mark.slow


def hang(_connection: socket.socket) -> None:
    """Accept, and say nothing."""


def hang_after_play(connection: socket.socket) -> None:
    """Answer each request up to PLAY, and send no picture."""
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


def test_an_rtsp_camera_gives_shrunken_pictures_at_its_rate(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, rate=5.0) as camera:
        frames = camera.wait_for(8)
        health = camera.wait_until(StreamState.LIVE, Reason.PICTURES_ARRIVE)
    assert {frame.pixels.shape for frame in frames} == {(48, 80, 3)}
    assert {frame.camera_id for frame in frames} == {"cam1"}
    assert {frame.full is None for frame in frames} == {True}
    assert (health.width, health.height, health.codec) == (160, 96, "h264")
    assert health.declared_rate == pytest.approx(100, abs=5)
    assert health.reconnects == 0
    taken = [frame.taken_at for frame in frames]
    assert taken == sorted(set(taken))
    assert taken[-1] - taken[1] == pytest.approx(6 / 5, abs=0.5)


def test_where_key_frames_alone_are_wanted_each_comes_in_its_time(rtsp: RtspServer) -> None:
    """Between them the thread sleeps; of a whole second's packets none is lost."""
    address = rtsp.serve(clip(rtsp.folder / "room.mp4", options={**PLAIN, "g": "100"}))
    with reading(address, rate=1.0, decode="key_frames") as camera:
        camera.wait_for(3)
        came = []
        for _ in range(4):
            frame = camera.wait_for(1)[-1]
            came.append((frame.taken_at, time.monotonic() - frame.taken_at))
        health = camera.health
    steps = [after - before for (before, _), (after, _) in pairwise(came)]
    assert steps == pytest.approx([1.0] * 3, abs=0.3)
    assert max(late for _, late in came) < 0.5
    assert health.delivered_rate == pytest.approx(100, rel=0.3)
    assert health.frames_decoded == health.frames_read


def test_masks_are_blackened_in_the_shrunken_and_in_the_full_picture(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    with reading(address, masks=(left,)) as camera:
        camera.thread.want_full(True)
        until(lambda: bool(camera.frames) and camera.frames[-1].full is not None)
        frame = camera.frames[-1]
    assert frame.full is not None
    for pixels in (frame.pixels, frame.full):
        half = pixels.shape[1] // 2
        assert pixels[:, : half - 1].max() == 0
        assert pixels[:, half + 2 :].min() > 0


def test_full_size_pictures_come_from_the_full_address_and_only_while_they_are_wanted(
    rtsp: RtspServer,
) -> None:
    small = rtsp.serve(clip(rtsp.folder / "small.mp4"))
    large = rtsp.serve(clip(rtsp.folder / "large.mp4", size=(320, 192)))
    with reading(small, full_address=large) as camera:
        camera.wait_for(2)
        assert camera.health.width == 160
        camera.thread.want_full(True)
        until(lambda: camera.frames[-1].full is not None)
        full = camera.frames[-1].full
        assert full is not None
        assert full.shape == (192, 320, 3)
        assert camera.frames[-1].pixels.shape == (48, 80, 3)
        camera.thread.want_full(False)
        until(lambda: camera.health.width == 160)
        assert camera.wait_for(2)[-1].full is None
        assert camera.health.reconnects == 2


def test_one_address_for_both_is_not_opened_anew_for_full_size_pictures(
    rtsp: RtspServer,
) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4"))) as camera:
        camera.wait_for(1)
        camera.thread.want_full(True)
        until(lambda: camera.frames[-1].full is not None)
        camera.thread.want_full(False)
        until(lambda: camera.frames[-1].full is None)
        assert camera.health.reconnects == 0
        assert rtsp.described == 1


def test_counting_goes_on_where_the_full_address_cannot_be_opened(rtsp: RtspServer) -> None:
    small = rtsp.serve(clip(rtsp.folder / "small.mp4"))
    nothing = f"rtsp://127.0.0.1:{free_port()}/large"
    with reading(small, full_address=nothing, longest_pause_seconds=2.0) as camera:
        camera.wait_for(1)
        camera.thread.want_full(True)
        camera.wait_until(StreamState.FAILED, Reason.REFUSED)
        camera.wait_until(StreamState.LIVE)
        assert camera.wait_for(2)[-1].pixels.shape == (48, 80, 3)


def test_a_camera_that_drops_the_connection_is_opened_again(rtsp: RtspServer) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4"))) as camera:
        camera.wait_for(2)
        rtsp.drop()
        until(lambda: camera.health.reconnects >= 1)
        camera.wait_for(2)
        assert camera.wait_until(StreamState.LIVE).detail == ""


def test_a_camera_that_ends_its_stream_is_opened_again(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"), plays=1)
    with reading(address, longest_pause_seconds=1.0) as camera:
        health = camera.wait_until(StreamState.RECONNECTING, Reason.ENDED)
        assert "has ended the stream" in health.detail
        until(lambda: camera.health.reconnects >= 1)
        camera.wait_until(StreamState.LIVE)


def test_a_camera_that_hangs_in_the_stream_is_opened_again_by_itself(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, stall_seconds=1.0, longest_pause_seconds=0.2) as camera:
        camera.wait_for(2)
        rtsp.be_silent(True)
        camera.wait_until(StreamState.RECONNECTING, Reason.NO_PICTURE)
        rtsp.be_silent(False)
        camera.wait_for(2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(hang, Reason.OPEN_TIMED_OUT, id="hangs at once"),
        pytest.param(hang_after_play, Reason.NO_PICTURE, id="hangs after PLAY"),
        pytest.param(send_garbage, Reason.NOT_A_VIDEO, id="sends garbage"),
        pytest.param(partial(answer_with, "401 Unauthorized"), Reason.WRONG_CREDENTIALS, id="401"),
        pytest.param(partial(answer_with, "403 Forbidden"), Reason.WRONG_CREDENTIALS, id="403"),
        pytest.param(partial(answer_with, "404 Not Found"), Reason.NOT_FOUND, id="404"),
        pytest.param(partial(answer_with, "500 Internal Server Error"), Reason.REFUSED, id="500"),
    ],
)
def test_a_camera_that_cannot_be_opened_says_why_and_is_tried_again(
    answer: object, reason: Reason
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


def test_a_camera_that_is_switched_off_is_refused_and_read_once_it_is_there(
    tmp_path: Path,
) -> None:
    port = free_port()
    with reading(f"rtsp://127.0.0.1:{port}/room.mp4?play_count=0") as camera:
        camera.wait_until(StreamState.FAILED, Reason.REFUSED)
        clip(tmp_path / "room.mp4")
        server = RtspServer(tmp_path, port)
        server.start()
        try:
            camera.wait_until(StreamState.LIVE)
        finally:
            camera.thread.stop()
            server.stop()


def test_the_right_password_opens_and_a_wrong_one_is_named(rtsp: RtspServer) -> None:
    file = clip(rtsp.folder / "room.mp4")
    rtsp.ask_for("viewer:odd@:/ one")
    right = "viewer:odd%40%3A%2F%20one@"
    with reading(rtsp.serve(file, user_info=right)) as camera:
        camera.wait_until(StreamState.LIVE)
    with reading(rtsp.serve(file, user_info="viewer:other@")) as camera:
        camera.wait_until(StreamState.FAILED, Reason.WRONG_CREDENTIALS)


def test_a_name_that_nobody_knows_is_said_so() -> None:
    with reading("rtsp://camera.invalid/x") as camera:
        health = camera.wait_until(StreamState.FAILED, Reason.NOT_FOUND)
    assert "camera.invalid" in health.detail


def test_a_camera_may_change_its_picture_size_on_the_way(rtsp: RtspServer) -> None:
    """The server plays what lies at the address now, and only the stream itself tells."""
    options = {**PLAIN, "x264-params": "repeat-headers=1"}
    file = clip(rtsp.folder / "room.mp4", size=(320, 192), options=options)
    other = clip(rtsp.folder / "other.mp4", size=(160, 120), options=options)
    with reading(rtsp.serve(file)) as camera:
        camera.wait_for(2)
        assert camera.frames[-1].pixels.shape == (48, 80, 3)
        other.replace(file)
        until(lambda: camera.frames[-1].pixels.shape == (60, 80, 3))
        assert (camera.health.width, camera.health.height) == (160, 120)
        assert camera.health.reconnects == 0
        assert camera.wait_for(3)[-1].pixels.mean() > 50


def test_a_picture_that_stands_still_is_reported_and_one_that_moves_is_not(
    rtsp: RtspServer,
) -> None:
    still = np.random.default_rng(3).integers(0, 255, (96, 160, 3)).astype(np.uint8)
    address = rtsp.serve(clip(rtsp.folder / "still.mp4", frames=iter([still] * 200)))
    with reading(address, frozen_seconds=1.0) as camera:
        until(lambda: camera.health.frozen)
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), frozen_seconds=1.0) as camera:
        camera.wait_for(25)
        assert not camera.health.frozen


def test_a_camera_that_cannot_be_read_costs_the_others_nothing(rtsp: RtspServer) -> None:
    good = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with (
        raw_server(hang) as port,
        reading(f"rtsp://127.0.0.1:{port}/x", open_seconds=2.0),
        reading(good) as camera,
    ):
        frames = camera.wait_for(20)
    between = np.diff([frame.taken_at for frame in frames])
    assert between.max() < 2.0


def test_stopping_takes_no_longer_than_asked_even_where_an_open_hangs() -> None:
    with raw_server(hang) as port:
        camera = Seen(plan_for(f"rtsp://127.0.0.1:{port}/x", open_seconds=60.0))
        camera.thread.start()
        time.sleep(0.3)
        assert camera.thread.stop(timeout=20.0)
        assert camera.health.state is StreamState.STOPPED
        assert camera.thread.stop()


def test_nothing_is_delivered_after_stopping(rtsp: RtspServer) -> None:
    camera = Seen(plan_for(rtsp.serve(clip(rtsp.folder / "room.mp4"))))
    camera.thread.start()
    camera.wait_for(2)
    assert camera.thread.stop()
    assert camera.wait_until(StreamState.STOPPED).reason is Reason.RELEASED
    count = len(camera.frames)
    time.sleep(0.5)
    assert len(camera.frames) == count


def test_a_camera_that_was_never_started_can_be_stopped() -> None:
    assert Seen(plan_for("rtsp://127.0.0.1/x")).thread.stop()


def test_a_plan_with_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="begin with ftp: are not read"):
        Seen(plan_for("ftp://viewer:hunter2@127.0.0.1/x"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_of_a_mistake_is_replaced(rtsp: RtspServer) -> None:
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    given: list[LiveFrame] = []

    def fail_once(frame: LiveFrame) -> None:
        given.append(frame)
        if len(given) == 1:
            raise ZeroDivisionError

    thread = CameraSource(plan_for(address), fail_once)
    thread.start()
    until(lambda: len(given) == 1)

    def replaced() -> bool:
        thread.watch(time.monotonic())
        return len(given) > 2

    until(replaced)
    assert thread.health().state is StreamState.LIVE
    assert thread.stop()
