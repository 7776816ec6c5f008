"""What hangs is ended from outside, or left behind and counted."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.streams.capture.camera import MOST_LEFT_BEHIND, CameraSource, abandoned_threads
from cluster.streams.capture.capture_thread import CaptureThread
from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.source.state import Reason, StreamState
from tests.rtsp import RtspServer
from tests.streams.cameras import Seen, clip, plan_for, reading, until

pytestmark = pytest.mark.slow


def release(pipe: Path) -> None:
    """Let whoever waits for a writer of a pipe find that it has gone."""
    os.close(os.open(pipe, os.O_WRONLY))


def test_a_camera_that_falls_silent_is_stalled_and_live_again_when_it_goes_on(
    rtsp: RtspServer,
) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), stall_seconds=8.0) as camera:
        watchdog = Watchdog(lambda: [camera.thread])
        watchdog.start()
        camera.wait_for(2)
        rtsp.be_silent(True)
        camera.wait_until(StreamState.STALLED, Reason.NO_PICTURE)
        rtsp.be_silent(False)
        camera.wait_until(StreamState.LIVE)
        assert camera.health.reconnects == 0
        watchdog.stop()


def test_a_read_that_hangs_past_its_limit_is_cut_and_the_camera_opened_again(
    rtsp: RtspServer,
) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), stall_seconds=60.0) as camera:
        camera.wait_for(2)
        rtsp.be_silent(True)
        time.sleep(0.2)  # what is on its way arrives
        camera.thread.watch(time.monotonic() + 60.0 * 1.3)  # between one margin and two
        camera.wait_until(StreamState.RECONNECTING)
        rtsp.be_silent(False)
        camera.wait_until(StreamState.LIVE)
        assert camera.health.reconnects >= 1


def test_a_thread_that_no_limit_ends_is_left_behind_and_counted(tmp_path: Path) -> None:
    """Nothing ends the opening of a pipe that nobody writes to, as of a disk that is gone."""
    pipe = tmp_path / "room.mp4"
    os.mkfifo(pipe)
    camera = Seen(plan_for(str(pipe), open_seconds=0.2))
    watchdog = Watchdog(lambda: [camera.thread])
    before = watchdog.abandoned_threads()
    watchdog.start()
    camera.thread.start()
    camera.wait_until(StreamState.FAILED, Reason.OPEN_TIMED_OUT)
    until(lambda: watchdog.abandoned_threads() == before + MOST_LEFT_BEHIND)
    until(lambda: camera.health.reconnects >= MOST_LEFT_BEHIND)
    watchdog.stop()
    assert not camera.thread.stop(timeout=0.5)
    assert watchdog.abandoned_threads() == before + MOST_LEFT_BEHIND + 1
    assert camera.health.state is StreamState.STOPPED
    release(pipe)
    until(lambda: watchdog.abandoned_threads() == before)


def test_a_thread_that_was_left_behind_says_nothing_when_it_comes_back(tmp_path: Path) -> None:
    pipe = tmp_path / "room.mp4"
    os.mkfifo(pipe)
    camera = Seen(plan_for(str(pipe), open_seconds=0.2, longest_pause_seconds=60.0))
    camera.thread.start()
    until(lambda: camera.thread._reading.attempts == 1)
    hanging = camera.thread._reading
    camera.thread.watch(time.monotonic() + 10.0)
    assert camera.thread._reading is not hanging
    assert camera.health.detail.startswith("it hangs")
    release(pipe)
    hanging.join(30.0)
    assert not hanging.is_alive()
    assert camera.health.detail.startswith("it hangs")
    pipe.unlink()
    assert camera.thread.stop(20.0)


def test_a_watchdog_that_was_never_started_can_be_stopped() -> None:
    cameras: list[CameraSource] = []
    watchdog = Watchdog(lambda: cameras)
    assert not watchdog.has_died()
    watchdog.stop()
    assert not watchdog.has_died()


class Unwatchable(CameraSource):
    """A camera that cannot be looked after, as where the machine has no thread left."""

    looks = 0

    def watch(self, now: float) -> None:  # noqa: ARG002
        self.looks += 1
        raise RuntimeError("can't start new thread")


def test_a_camera_that_cannot_be_watched_is_told_once_and_the_others_are_watched(
    rtsp: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    plan = replace(plan_for("rtsp://127.0.0.1/x"), camera_id="broken")
    broken = Unwatchable(plan, lambda _frame: None)
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), stall_seconds=8.0) as camera:
        watchdog = Watchdog(lambda: [broken, camera.thread])
        watchdog.start()
        camera.wait_for(2)
        rtsp.be_silent(True)
        camera.wait_until(StreamState.STALLED, Reason.NO_PICTURE)
        rtsp.be_silent(False)
        assert broken.looks > 2
        assert not watchdog.has_died()
        watchdog.stop()
    said = [
        r for r in caplog.records if "cannot be watched" in r.message and r.levelname == "ERROR"
    ]
    assert len(said) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watchdog_that_died_says_so() -> None:
    def nothing() -> list[CameraSource]:
        raise MemoryError

    watchdog = Watchdog(nothing)
    watchdog.start()
    until(watchdog.has_died)
    watchdog.stop()


def test_a_camera_whose_thread_cannot_be_replaced_now_is_replaced_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "room.mp4"
    os.mkfifo(pipe)
    camera = Seen(plan_for(str(pipe), open_seconds=0.2))
    camera.thread.start()
    until(lambda: camera.thread._reading.attempts == 1)
    hanging, before = camera.thread._reading, abandoned_threads()

    def no_thread(_self: CaptureThread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(CaptureThread, "start", no_thread)
        with pytest.raises(RuntimeError):
            camera.thread.watch(time.monotonic() + 10.0)
    assert abandoned_threads() == before
    camera.thread.watch(time.monotonic() + 10.0)
    assert camera.thread._reading is not hanging
    assert camera.thread._reading.is_alive()
    assert abandoned_threads() == before + 1
    camera.thread.stop(timeout=0.5)
    release(pipe)
    until(lambda: abandoned_threads() == before)
