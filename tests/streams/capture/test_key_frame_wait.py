"""Key frames that are far apart are awaited as long as the stream's own rhythm asks for it.

The clocks of these tests are fake: forty seconds of a stream pass in a moment.
"""

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
from pydantic import SecretStr

from cluster.streams.capture import capture_thread
from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.key_frame_wait import KeyFrameWait
from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.decode import packet_pacing
from cluster.streams.decode.container import VideoPacket
from cluster.streams.source.address import parse_address
from cluster.streams.source.config import CameraConfig
from cluster.streams.source.connection import Connection
from cluster.streams.source.errors import StreamFailure
from cluster.streams.source.state import StreamReason, StreamState
from tests.conftest import write_video
from tests.rtsp import RtspServer
from tests.streams.cameras import PLAIN, clip, config_for, reading

STALL_SECONDS = 10.0
RATE = 5
GROUP_SECONDS = 40


def wait_after(*keys: float, frame_at: float | None = None) -> KeyFrameWait:
    """A wait of a connection that was opened at 0, with key frames at these times."""
    wait = KeyFrameWait(0.0, STALL_SECONDS)
    for at in keys:
        wait.record_packet(at, is_key=True)
    if frame_at is not None:
        wait.record_frame(frame_at)
    return wait


@pytest.mark.parametrize(
    ("keys", "limit"),
    [
        pytest.param([], 300, id="none yet"),
        pytest.param([0], 300, id="one, which may have been sent for the new client"),
        pytest.param([0, 7], 300, id="two, of which the first may have been"),
        pytest.param([0, 7, 47], 80, id="an interval of 40 s"),
        pytest.param([0, 7, 47, 49], 80, id="the longest interval counts"),
        pytest.param([0, 2, 4, 6], 30, id="short intervals: three stalls"),
        pytest.param([0, 200, 400], 300, id="never more than the bound"),
    ],
)
def test_the_limit_follows_the_longest_interval(keys: list[float], limit: float) -> None:
    last = keys[-1] if keys else 0.0
    wait = wait_after(*keys, frame_at=last if keys else None)
    assert wait.limit_seconds == limit
    wait.record_packet(last + limit, is_key=False)
    assert not wait.is_exceeded(last + limit)
    assert wait.is_exceeded(last + limit + 0.1)
    assert wait.needs_key_frame


def test_key_frames_that_give_no_frame_are_a_stream_that_cannot_be_decoded() -> None:
    for keys in ([100.0], [100.0, 102.0, 104.0]):
        wait = wait_after(*keys)
        assert not wait.needs_key_frame
        assert not wait.is_exceeded(130.0)
        assert wait.is_exceeded(130.1)
        assert not wait.is_noticeable(130.0, only_key_frames=False)


@pytest.mark.parametrize(
    ("keys", "only_key_frames", "usual"),
    [
        pytest.param([], False, 3, id="before the first frame"),
        pytest.param([], True, 3, id="likewise where only key frames are decoded"),
        pytest.param([0, 7, 47], False, 10, id="a live stream that cannot be decoded"),
        pytest.param([0], True, 10, id="the first wait for a second key frame"),
        pytest.param([0, 7, 47], True, 60, id="one and a half intervals"),
        pytest.param([0, 2, 4], True, 10, id="short intervals"),
    ],
)
def test_a_wait_is_reported_when_it_is_unusual(
    keys: list[float], only_key_frames: bool, usual: float
) -> None:
    last = keys[-1] if keys else 0.0
    wait = wait_after(*keys, frame_at=last if keys else None)
    assert not wait.is_noticeable(last + usual, only_key_frames=only_key_frames)
    assert wait.is_noticeable(last + usual + 0.1, only_key_frames=only_key_frames)


class ReplayedConnection(Connection):
    """Yields a file's packets at the pace of a fake clock, without waiting."""

    first = 0
    advance: Callable[[], None]

    def packets(self, stop_requested: threading.Event) -> Generator[VideoPacket]:
        for index, packet in enumerate(self._demux()):
            if index >= self.first and not stop_requested.is_set():
                self.advance()
                yield packet


class Replay:
    """Plays files to a camera's thread by a fake clock, and records what becomes of the camera."""

    def __init__(self, config: CameraConfig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.frame_times: list[float] = []
        self.history: list[tuple[float, StreamState, StreamReason]] = []
        """(time, state, reason) of each change."""
        self.source = CameraSource(config, lambda _frame: self.frame_times.append(self.now))
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(capture_thread, "time", clock)
        monkeypatch.setattr(packet_pacing, "MAX_SLEEP_SECONDS", 0.0)

    def play(self, file: Path, *, first: int, step_seconds: float = 1 / RATE) -> StreamFailure:
        """Play a file from a packet on; returns why reading ended."""

        def advance() -> None:
            self._record()
            self.now += step_seconds

        with av.open(file) as container:
            address = parse_address(SecretStr("rtsp://cam.example/1"))
            connection = ReplayedConnection(container, container.streams.video[0], address)
            connection.first, connection.advance = first, advance
            failure = self.source._thread._read(connection, is_full=False)
        assert failure is not None
        self._record()
        return failure

    def _record(self) -> None:
        health = self.source.health()
        if not self.history or self.history[-1][1:] != (health.state, health.reason):
            self.history.append((round(self.now, 3), health.state, health.reason))


@pytest.fixture
def far_apart(tmp_path: Path) -> Path:
    """Key frames at 0, 40, 80, 120 and 160 seconds, and 20 seconds more."""
    options = {**PLAIN, "g": str(GROUP_SECONDS * RATE)}
    seconds = 4.5 * GROUP_SECONDS
    return write_video(tmp_path / "v.mp4", seconds=seconds, rate=RATE, options=options)


STARTING = (0.0, StreamState.STARTING, StreamReason.ASSIGNED)


def test_a_stream_joined_between_far_key_frames_becomes_live_at_the_next(
    far_apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joined one second after a key frame: the next one comes 39 seconds later."""
    replay = Replay(config_for("rtsp://cam.example/1", rate=5.0), monkeypatch)
    failure = replay.play(far_apart, first=RATE)
    assert failure.reason is StreamReason.ENDED
    assert replay.history == [
        STARTING,
        (pytest.approx(3.0, abs=0.3), StreamState.STALLED, StreamReason.NO_KEY_FRAME),
        (pytest.approx(39.0, abs=0.3), StreamState.LIVE, StreamReason.PICTURES_ARRIVE),
    ]
    assert replay.frame_times[0] == pytest.approx(39.0, abs=0.3)
    assert len(replay.frame_times) > 3 * GROUP_SECONDS


def test_what_is_awaited_is_said(far_apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_for("rtsp://cam.example/1")
    replay = Replay(config, monkeypatch)
    details = []
    monkeypatch.setattr(replay, "_record", lambda: details.append(replay.source.health().detail))
    replay.play(far_apart, first=RATE)
    assert set(details) == {
        "",
        (
            "cam.example:554 sends video; its next key frame, before which nothing can be "
            "decoded, is awaited for up to 300 seconds."
        ),
    }


def test_far_key_frames_are_all_delivered_where_nothing_else_is_decoded(
    far_apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rhythm is not known before the third one; from then on, the waits are usual."""
    config = config_for("rtsp://cam.example/1", rate=1.0, decode="key_frames")
    replay = Replay(config, monkeypatch)
    failure = replay.play(far_apart, first=0)
    assert failure.reason is StreamReason.ENDED
    assert replay.frame_times == pytest.approx([0.2, 40.2, 80.2, 120.2, 160.2], abs=0.01)
    changes = [(round(at), state) for at, state, _ in replay.history]
    assert changes == [
        (0, StreamState.STARTING),
        (0, StreamState.LIVE),
        (5, StreamState.STALLED),
        (40, StreamState.LIVE),
        (45, StreamState.STALLED),
        (80, StreamState.LIVE),
    ]


def test_a_stream_that_never_sends_a_key_frame_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_video(tmp_path / "v.mp4", seconds=65, rate=10, options={**PLAIN, "g": "5000"})
    replay = Replay(config_for("rtsp://cam.example/1"), monkeypatch)
    failure = replay.play(file, first=1, step_seconds=0.5)
    assert replay.now == pytest.approx(300.5)
    assert failure == StreamFailure(
        StreamReason.NO_KEY_FRAME,
        "cam.example:554 has sent video without a key frame for 300 seconds.",
    )
    assert replay.frame_times == []
    assert replay.history[-1][1:] == (StreamState.STALLED, StreamReason.NO_KEY_FRAME)


@pytest.mark.slow
@pytest.mark.parametrize("announces_parameters", [True, False])
def test_a_real_connection_is_kept_until_its_key_frame_comes(
    rtsp: RtspServer, announces_parameters: bool
) -> None:
    """Longer than three times `stall_seconds`, with and without the parameters in the SDP.

    Without them, it is probed for all of `open_seconds`, after an answer that came slowly.
    """
    rtsp.answer_slowly(0.0 if announces_parameters else 1.5)
    rtsp.hide_key_frames(True, announces_parameters=announces_parameters)
    address = rtsp.serve(clip(rtsp.folder / "room.mp4"))
    with reading(address, open_seconds=2.5, stall_seconds=1.0) as camera:
        watchdog = Watchdog(lambda: [camera.source])
        watchdog.start()
        health = camera.wait_until(StreamState.STALLED, StreamReason.NO_KEY_FRAME)
        assert "its next key frame" in health.detail
        time.sleep(1.0)
        assert camera.frames == []
        rtsp.hide_key_frames(False)
        camera.wait_for(2)
        health = camera.wait_until(StreamState.LIVE, StreamReason.PICTURES_ARRIVE)
        watchdog.stop()
    assert (health.reconnects, health.detail) == (0, "")
