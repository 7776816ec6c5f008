"""A thread that hangs is ended from outside, or abandoned and counted."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.streams.capture.camera import (
    MAX_ABANDONED_THREADS,
    CameraSource,
    count_abandoned_threads,
)
from cluster.streams.capture.capture_thread import CaptureThread
from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.source.state import StreamReason, StreamState
from tests.rtsp import RtspServer
from tests.streams.cameras import CameraProbe, clip, config_for, reading, until

pytestmark = pytest.mark.slow


def release(pipe: Path) -> None:
    """Unblock a thread that waits for a writer of a pipe."""
    os.close(os.open(pipe, os.O_WRONLY))


def test_a_camera_that_falls_silent_is_stalled_until_it_sends_again(
    rtsp: RtspServer,
) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), stall_seconds=8.0) as camera:
        watchdog = Watchdog(lambda: [camera.source])
        watchdog.start()
        camera.wait_for(2)
        rtsp.be_silent(True)
        camera.wait_until(StreamState.STALLED, StreamReason.NO_PICTURE)
        rtsp.be_silent(False)
        camera.wait_until(StreamState.LIVE)
        assert camera.health.reconnects == 0
        watchdog.stop()


def test_it_reconnects_after_a_read_that_hangs_past_its_timeout(
    rtsp: RtspServer,
) -> None:
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), stall_seconds=60.0) as camera:
        camera.wait_for(2)
        rtsp.be_silent(True)
        time.sleep(0.2)  # packets in flight arrive
        camera.source.check_thread(time.monotonic() + 60.0 * 1.3)  # between one margin and two
        camera.wait_until(StreamState.RECONNECTING)
        rtsp.be_silent(False)
        camera.wait_until(StreamState.LIVE)
        assert camera.health.reconnects >= 1


def test_a_thread_that_cannot_be_ended_is_abandoned_and_counted(tmp_path: Path) -> None:
    """Opening a pipe without a writer blocks for ever, like a file of a lost network disk."""
    pipe = tmp_path / "room.mp4"
    os.mkfifo(pipe)
    camera = CameraProbe(config_for(str(pipe), open_seconds=0.2))
    watchdog = Watchdog(lambda: [camera.source])
    before = watchdog.count_abandoned_threads()
    watchdog.start()
    camera.source.start()
    camera.wait_until(StreamState.FAILED, StreamReason.OPEN_TIMED_OUT)
    until(lambda: watchdog.count_abandoned_threads() == before + MAX_ABANDONED_THREADS)
    until(lambda: camera.health.reconnects >= MAX_ABANDONED_THREADS)
    watchdog.stop()
    assert not camera.source.stop(timeout=0.5)
    assert watchdog.count_abandoned_threads() == before + MAX_ABANDONED_THREADS + 1
    assert camera.health.state is StreamState.STOPPED
    release(pipe)
    until(lambda: watchdog.count_abandoned_threads() == before)


def test_an_abandoned_thread_changes_nothing_when_it_returns(tmp_path: Path) -> None:
    pipe = tmp_path / "room.mp4"
    os.mkfifo(pipe)
    camera = CameraProbe(config_for(str(pipe), open_seconds=0.2, longest_pause_seconds=60.0))
    camera.source.start()
    until(lambda: camera.source._thread.attempts == 1)
    hanging = camera.source._thread
    camera.source.check_thread(time.monotonic() + 10.0)
    assert camera.source._thread is not hanging
    assert camera.health.detail.startswith("its thread hangs")
    release(pipe)
    hanging.join(30.0)
    assert not hanging.is_alive()
    assert camera.health.detail.startswith("its thread hangs")
    pipe.unlink()
    assert camera.source.stop(20.0)


def test_a_watchdog_that_was_never_started_can_be_stopped() -> None:
    cameras: list[CameraSource] = []
    watchdog = Watchdog(lambda: cameras)
    assert not watchdog.has_crashed()
    watchdog.stop()
    assert not watchdog.has_crashed()


class Unwatchable(CameraSource):
    """A camera whose check fails, as where the process cannot start another thread."""

    checks = 0

    def check_thread(self, now: float) -> None:  # noqa: ARG002
        self.checks += 1
        raise RuntimeError("can't start new thread")


def test_a_check_that_fails_is_logged_once_and_other_cameras_are_watched(
    rtsp: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(config_for("rtsp://127.0.0.1/x"), camera_id="broken")
    broken = Unwatchable(config, lambda _frame: None)
    with reading(rtsp.serve(clip(rtsp.folder / "room.mp4")), stall_seconds=8.0) as camera:
        watchdog = Watchdog(lambda: [broken, camera.source])
        watchdog.start()
        camera.wait_for(2)
        rtsp.be_silent(True)
        camera.wait_until(StreamState.STALLED, StreamReason.NO_PICTURE)
        rtsp.be_silent(False)
        assert broken.checks > 2
        assert not watchdog.has_crashed()
        watchdog.stop()
    logged = [
        r for r in caplog.records if "cannot be watched" in r.message and r.levelname == "ERROR"
    ]
    assert len(logged) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watchdog_that_crashed_is_detected() -> None:
    def fail() -> list[CameraSource]:
        raise MemoryError

    watchdog = Watchdog(fail)
    watchdog.start()
    until(watchdog.has_crashed)
    watchdog.stop()


def test_a_thread_that_cannot_be_replaced_now_is_replaced_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "room.mp4"
    os.mkfifo(pipe)
    camera = CameraProbe(config_for(str(pipe), open_seconds=0.2))
    camera.source.start()
    until(lambda: camera.source._thread.attempts == 1)
    hanging, before = camera.source._thread, count_abandoned_threads()

    def no_thread(_self: CaptureThread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(CaptureThread, "start", no_thread)
        with pytest.raises(RuntimeError):
            camera.source.check_thread(time.monotonic() + 10.0)
    assert count_abandoned_threads() == before
    camera.source.check_thread(time.monotonic() + 10.0)
    assert camera.source._thread is not hanging
    assert camera.source._thread.is_alive()
    assert count_abandoned_threads() == before + 1
    camera.source.stop(timeout=0.5)
    release(pipe)
    until(lambda: count_abandoned_threads() == before)
