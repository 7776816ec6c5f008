"""Sleeping while nothing is wanted of a camera, so that its packets come in bunches.

    key frame ─> doze ─> a bunch ─> doze ─> a bunch ─> a little sooner than the next key frame

Each packet that is waited for wakes a thread, a lock and FFmpeg's many small reads; those that
wait in the socket's buffer cost half as much. Where key frames alone are wanted, nothing is lost by
that: what comes between them is thrown away, and the next key frame is waited for awake.
"""

import threading

MAX_SLEEP_SECONDS = 0.4
"""So much of a stream fits into a socket's buffer, and so late a key frame is met that comes
sooner than the one before."""

MIN_SLEEP_SECONDS = 0.1
"""Less is not worth it."""

BLOCKED_READ_SECONDS = 0.003
"""A read that took so long waited for its packet: nothing is left of the bunch."""


class PacketPacer:
    """The sleep of one connection.

    Args:
        ended: Wakes it.
    """

    def __init__(self, ended: threading.Event) -> None:
        self._ended = ended
        self._since: float | None = None
        self._has_caught_up = True

    def arrived(self, asked: float, now: float) -> float:
        """When a packet arrived; of a bunch nothing but the earliest moment is known.

        Args:
            asked: When it was asked for, in seconds of the monotonic clock.
            now: When it was given.
        """
        self._has_caught_up = now - asked >= BLOCKED_READ_SECONDS
        if self._has_caught_up:
            self._since = None
        return now if self._since is None else self._since

    def until(self, moment: float, now: float) -> None:
        """Sleep towards a moment before which nothing is wanted; not while packets wait.

        Args:
            moment: In seconds of the monotonic clock.
            now: The same.
        """
        if not self._has_caught_up or moment - now < MIN_SLEEP_SECONDS:
            return
        self._since = now
        self._ended.wait(min(MAX_SLEEP_SECONDS, moment - now))
