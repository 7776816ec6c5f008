"""Sleeping while no frame of a camera is wanted, so that its packets are read in batches.

    key frame ─> sleep ─> batch ─> sleep ─> batch ─> awake shortly before the next key frame

Each packet that is waited for wakes a thread, takes a lock and makes FFmpeg do many small reads;
packets that wait in the socket's buffer cost half as much. Where only key frames are wanted, this
loses nothing: the packets between them are dropped, and the thread is awake for the next key frame.
"""

import threading

MAX_SLEEP_SECONDS = 0.4
"""A socket's buffer holds this much of a stream. A key frame that comes sooner than expected is
read this late at most."""

MIN_SLEEP_SECONDS = 0.1
"""Shorter sleeps save nothing."""

BLOCKED_READ_SECONDS = 0.003
"""A read that took this long waited for its packet: the batch is read to its end."""


class PacketPacer:
    """Paces the reads of one connection.

    Args:
        stop_requested: Interrupts its sleep.
    """

    def __init__(self, stop_requested: threading.Event) -> None:
        self._stop_requested = stop_requested
        self._slept_since: float | None = None
        self._has_caught_up = True

    def arrival_time(self, requested_at: float, now: float) -> float:
        """Return when a packet arrived; for packets of a batch, the earliest possible time.

        Args:
            requested_at: When the read began, in seconds of the monotonic clock.
            now: When it returned the packet.
        """
        self._has_caught_up = now - requested_at >= BLOCKED_READ_SECONDS
        if self._has_caught_up:
            self._slept_since = None
        return now if self._slept_since is None else self._slept_since

    def sleep_until(self, time: float, now: float) -> None:
        """Sleep until a time before which no frame is wanted; not while packets are waiting.

        Args:
            time: In seconds of the monotonic clock.
            now: Likewise.
        """
        if not self._has_caught_up or time - now < MIN_SLEEP_SECONDS:
            return
        self._slept_since = now
        self._stop_requested.wait(min(MAX_SLEEP_SECONDS, time - now))
