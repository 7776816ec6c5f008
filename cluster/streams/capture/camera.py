"""A camera that is read on a thread of this process.

    CameraConfig ─> CameraSource ─┬─> LiveFrame, to `deliver`
                                  └─> CameraHealth, on request

PyAV releases the interpreter lock while it waits and decodes, so that one process reads many
cameras, each on its own thread. A thread that hangs and cannot be ended is abandoned and replaced.
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
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.health import CameraHealth
from cluster.streams.capture.stats import StreamStats
from cluster.streams.source.backoff import ExponentialBackoff
from cluster.streams.source.config import CameraConfig
from cluster.streams.source.state import StreamReason, StreamState, StreamStatus

logger = logging.getLogger(__name__)

MIN_MARGIN_SECONDS = 0.5
MARGIN_SHARE = 0.2
"""Share of a timeout that the watchdog adds before it acts, so that FFmpeg's own comes first."""

OPEN_STEPS = 2
"""PyAV grants `open_seconds` twice: to connect, and then to probe the stream. Probing takes all of
it where neither the stream's parameters nor a key frame come."""

MAX_ABANDONED_THREADS = 2
"""A camera with this many hanging threads gets no further one."""

STOP_GRACE_SECONDS = 0.25
"""A thread that is asked to stop has this long before its sockets are shut down."""

_abandoned: list[CaptureThread] = []
_abandoned_lock = threading.Lock()


def count_abandoned_threads() -> int:
    """Return how many threads of this process hang in FFmpeg and could not be ended."""
    with _abandoned_lock:
        _abandoned[:] = [thread for thread in _abandoned if thread.is_alive()]
        return len(_abandoned)


def _abandon(thread: CaptureThread) -> None:
    with _abandoned_lock:
        _abandoned.append(thread)


class CameraSource:
    """Reads one camera until it is stopped.

    Args:
        config: How it is read.
        deliver: Receives each frame; called in the camera's thread, which waits for it.
        random: Draws the pauses between attempts to connect.

    Raises:
        SettingsError: An address of the configuration cannot be parsed.
    """

    def __init__(
        self,
        config: CameraConfig,
        deliver: Callable[[LiveFrame], None],
        *,
        random: Random | None = None,
    ) -> None:
        self.config = config
        self._context = CaptureContext(
            config=config,
            deliver=deliver,
            status=StreamStatus(),
            stats=StreamStats(config.frozen_seconds),
            backoff=ExponentialBackoff(config.longest_pause_seconds, random or Random()),  # noqa: S311 (no secret)
            full_size=FullSizeMode(config),
        )
        self._lock = threading.Lock()
        self._is_stopped = False
        self._thread = CaptureThread(self._context)
        self._hanging: list[CaptureThread] = []
        self._earlier_attempts = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop for good; nothing is delivered after it returns.

        Args:
            timeout: Seconds to wait for the thread.

        Returns:
            Whether the thread has ended; one that has not is abandoned.
        """
        with self._lock:
            self._is_stopped = True
            thread = self._thread
        thread.request_stop()
        deadline = time.monotonic() + timeout
        if thread.ident is not None:
            thread.join(min(STOP_GRACE_SECONDS, timeout))
            if thread.is_alive():
                thread.shut_down_sockets()
                thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            _abandon(thread)
        self._context.status.transition(StreamState.STOPPED, StreamReason.RELEASED)
        return not thread.is_alive()

    def request_full_size(self, requested: bool) -> None:
        """Deliver full-size frames besides the downscaled ones, or stop doing so."""
        self._context.full_size.is_requested = requested

    def health(self) -> CameraHealth:
        """Return the state of the stream and what is measured of it."""
        status = self._context.status.current
        return CameraHealth(
            camera_id=self.config.camera_id,
            state=status.state,
            reason=status.reason,
            since=status.since,
            detail=status.detail,
            reconnects=max(0, self._earlier_attempts + self._thread.attempts - 1),
            metrics=self._context.stats.metrics(time.monotonic()),
        )

    def check_thread(self, now: float) -> None:
        """End the thread where it hangs, and replace it where it has ended by itself.

        Args:
            now: Seconds of the monotonic clock.

        Raises:
            RuntimeError: The process cannot start another thread; the next call tries again.
        """
        with self._lock:
            if self._is_stopped or self._thread.ident is None:
                return
            if not self._thread.is_alive():
                self._replace_thread(
                    StreamReason.CONNECTION_LOST, "its thread ended by a bug in Homeroom."
                )
                return
            phase, since = self._thread.phase
            timeout = self._phase_timeout_seconds(phase)
            if timeout is None:
                return
            if phase is CapturePhase.READING and now - since > timeout / 2:
                self._mark_stalled()
            margin = max(MIN_MARGIN_SECONDS, MARGIN_SHARE * timeout)
            if now - since > timeout + 2 * margin:
                self._abandon_thread(phase)
            elif now - since > timeout + margin:
                self._thread.shut_down_sockets()

    def _mark_stalled(self) -> None:
        detail = "nothing has arrived for a while."
        if self._context.status.transition(
            StreamState.STALLED, StreamReason.NO_PICTURE, detail, only_from=StreamState.LIVE
        ):
            logger.info("camera %s is stalled: %s", self.config.camera_id, detail)

    def _phase_timeout_seconds(self, phase: CapturePhase) -> float | None:
        """Return how long a phase may take; None where the thread is not inside FFmpeg."""
        if phase is CapturePhase.READING:
            return self.config.stall_seconds
        if phase is CapturePhase.OPENING:
            return OPEN_STEPS * self.config.open_seconds
        if phase is CapturePhase.CLOSING:
            return self.config.open_seconds
        return None

    def _abandon_thread(self, phase: CapturePhase) -> None:
        """Replace a thread that hangs, unless too many of this camera do."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= MAX_ABANDONED_THREADS:
            return
        hanging = self._thread
        is_opening = phase is CapturePhase.OPENING
        reason = StreamReason.OPEN_TIMED_OUT if is_opening else StreamReason.NO_PICTURE
        self._replace_thread(reason, "its thread hangs and could not be ended; it is replaced.")
        self._hanging.append(hanging)
        _abandon(hanging)

    def _replace_thread(self, reason: StreamReason, detail: str) -> None:
        logger.error("camera %s: %s", self.config.camera_id, detail)
        self._thread.request_stop()
        status = self._context.status
        was_live = status.current.state in {StreamState.LIVE, StreamState.STALLED}
        state = StreamState.RECONNECTING if was_live else StreamState.FAILED
        status.transition(state, reason, detail)
        replacement = CaptureThread(self._context, is_replacement=True)
        replacement.start()
        self._earlier_attempts += self._thread.attempts
        self._thread = replacement
