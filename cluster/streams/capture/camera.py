"""A camera that is read on a thread of this process.

    CameraConfig ─> CameraSource ─┬─> LiveFrame, to `deliver`
                                └─> CameraHealth, to whoever asks

PyAV lets go of the interpreter while it waits and decodes, so that one process reads many cameras,
a thread each. A thread that hangs where nothing can end it is left behind, and another takes over.
"""

import logging
import threading
import time
from collections.abc import Callable
from random import Random

from cluster.streams.capture.capture_thread import (
    CaptureContext,
    CapturePhase,
    CaptureThread,
    FullSizeMode,
)
from cluster.streams.capture.stats import StreamStats
from cluster.streams.reader.config import CameraConfig, CameraHealth, LiveFrame
from cluster.streams.source.backoff import ExponentialBackoff
from cluster.streams.source.state import StreamReason, StreamState, StreamStatus

logger = logging.getLogger(__name__)

MIN_MARGIN_SECONDS = 0.5
MARGIN_SHARE = 0.2
"""Share of a limit by which it may be passed before the watchdog acts: FFmpeg's own come first."""

MAX_ABANDONED_THREADS = 2
"""No further thread is started for a camera for which so many hang."""

STOP_GRACE_SECONDS = 0.25
"""A thread that is told to end gets so long before its sockets are shut."""

_abandoned: list[CaptureThread] = []
_abandoned_lock = threading.Lock()


def count_abandoned_threads() -> int:
    """Threads of this process that hang in FFmpeg and could not be ended."""
    with _abandoned_lock:
        _abandoned[:] = [reading for reading in _abandoned if reading.is_alive()]
        return len(_abandoned)


def _abandon(reading: CaptureThread) -> None:
    with _abandoned_lock:
        _abandoned.append(reading)


class CameraSource:
    """Reads one camera until it is stopped.

    Args:
        config: How.
        deliver: Takes each picture; called in the camera's thread, which waits for it.
        random: Draws the pauses between attempts.

    Raises:
        SettingsError: An address of the configuration cannot be understood.
    """

    def __init__(
        self,
        config: CameraConfig,
        deliver: Callable[[LiveFrame], None],
        *,
        random: Random | None = None,
    ) -> None:
        self.config = config
        self._shared = CaptureContext(
            config=config,
            deliver=deliver,
            status=StreamStatus(),
            measures=StreamStats(config.frozen_seconds),
            pauses=ExponentialBackoff(config.longest_pause_seconds, random or Random()),  # noqa: S311 (no secret)
            full_size=FullSizeMode(config),
        )
        self._lock = threading.Lock()
        self._is_stopped = False
        self._reading = CaptureThread(self._shared)
        self._hanging: list[CaptureThread] = []
        self._attempts_before = 0

    def start(self) -> None:
        """Begin to read."""
        self._reading.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop for good; nothing is delivered any more.

        Args:
            timeout: Seconds to wait for the thread.

        Returns:
            Whether the thread has ended; one that has not is left behind.
        """
        with self._lock:
            self._is_stopped = True
            reading = self._reading
        reading.end()
        until = time.monotonic() + timeout
        if reading.ident is not None:
            reading.join(min(STOP_GRACE_SECONDS, timeout))
            if reading.is_alive():
                reading.cut()
                reading.join(max(0.0, until - time.monotonic()))
        if reading.is_alive():
            _abandon(reading)
        self._shared.status.move(StreamState.STOPPED, StreamReason.RELEASED)
        return not reading.is_alive()

    def want_full(self, wanted: bool) -> None:
        """Ask for full-size pictures besides, or for no more of them."""
        self._shared.full_size.is_wanted = wanted

    def health(self) -> CameraHealth:
        """How it does."""
        status = self._shared.status.status
        return CameraHealth(
            camera_id=self.config.camera_id,
            state=status.state,
            reason=status.reason,
            since=status.since,
            detail=status.detail,
            reconnects=max(0, self._attempts_before + self._reading.attempts - 1),
            metrics=self._shared.measures.metrics(time.monotonic()),
        )

    def watch(self, now: float) -> None:
        """Look from outside whether the thread hangs, and end what does.

        Args:
            now: Seconds of the monotonic clock.
        """
        with self._lock:
            if self._is_stopped or self._reading.ident is None:
                return
            if not self._reading.is_alive():
                self._replace(
                    StreamReason.CONNECTION_LOST, "its thread ended by a mistake in Homeroom."
                )
                return
            phase, since = self._reading.phase
            limit = self._limit(phase)
            if limit is None:
                return
            if phase is CapturePhase.READING and now - since > limit / 2:
                self._stall()
            margin = max(MIN_MARGIN_SECONDS, MARGIN_SHARE * limit)
            if now - since > limit + 2 * margin:
                self._leave_behind(phase)
            elif now - since > limit + margin:
                self._reading.cut()

    def _stall(self) -> None:
        detail = "nothing has come for a while."
        status = self._shared.status
        if status.move(
            StreamState.STALLED, StreamReason.NO_PICTURE, detail, only_from=StreamState.LIVE
        ):
            logger.info("camera %s is stalled: %s", self.config.camera_id, detail)

    def _limit(self, phase: CapturePhase) -> float | None:
        """Seconds that a phase may take; None where the thread is not inside FFmpeg."""
        if phase is CapturePhase.READING:
            return self.config.stall_seconds
        return (
            self.config.open_seconds
            if phase in {CapturePhase.OPENING, CapturePhase.CLOSING}
            else None
        )

    def _leave_behind(self, phase: CapturePhase) -> None:
        """Let another thread take over from one that hangs."""
        self._hanging = [reading for reading in self._hanging if reading.is_alive()]
        if len(self._hanging) >= MAX_ABANDONED_THREADS:
            return
        hanging = self._reading
        reason = (
            StreamReason.OPEN_TIMED_OUT
            if phase is CapturePhase.OPENING
            else StreamReason.NO_PICTURE
        )
        self._replace(reason, "it hangs and could not be ended; another attempt is made.")
        self._hanging.append(hanging)
        _abandon(hanging)

    def _replace(self, reason: StreamReason, detail: str) -> None:
        logger.error("camera %s: %s", self.config.camera_id, detail)
        self._reading.end()
        status = self._shared.status
        was_live = status.status.state in {StreamState.LIVE, StreamState.STALLED}
        status.move(StreamState.RECONNECTING if was_live else StreamState.FAILED, reason, detail)
        successor = CaptureThread(self._shared, takes_over=True)
        successor.start()  # where the machine has no thread left, the next look tries again
        self._attempts_before += self._reading.attempts
        self._reading = successor
