"""UTC of a moment on the monotonic clock.

Frames are stamped by the monotonic clock, which never jumps; windows lie on UTC, which may. The
difference is looked at often, and taken over only when it has moved for good, so that small
corrections of the system's clock do not shake the order of frames.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

MIN_JUMP_SECONDS = 0.25


class UtcClock:
    """Tells UTC of monotonic moments.

    Args:
        wall: Seconds since 1970.
        monotonic: Seconds of the monotonic clock.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self.jumps = 0
        """How often the system's clock was set."""

    def utc(self, moment: float) -> datetime:
        """UTC of a moment of the monotonic clock."""
        return datetime.fromtimestamp(moment + self._offset, UTC)

    def now(self) -> datetime:
        """UTC now; looks whether the system's clock was set."""
        offset = self._wall() - self._monotonic()
        if abs(offset - self._offset) > MIN_JUMP_SECONDS:
            self._offset = offset
            self.jumps += 1
        return self.utc(self._monotonic())
