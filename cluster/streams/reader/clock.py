"""Conversion from the monotonic clock to UTC.

Frames are stamped with the monotonic clock, which never jumps; windows are aligned to UTC, which
may. The offset between the two is measured often, and adopted only when it has changed
substantially, so that small corrections of the system clock do not reorder frames.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

MIN_JUMP_SECONDS = 0.25


class UtcClock:
    """Converts monotonic times to UTC.

    Args:
        wall: Returns the seconds since 1970.
        monotonic: Returns the seconds of the monotonic clock.
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
        """How often the system clock was set."""

    def to_utc(self, monotonic_seconds: float) -> datetime:
        """Convert a time of the monotonic clock to UTC."""
        return datetime.fromtimestamp(monotonic_seconds + self._offset, UTC)

    def now(self) -> datetime:
        """Return UTC now; adopts a system clock that was set."""
        offset = self._wall() - self._monotonic()
        if abs(offset - self._offset) > MIN_JUMP_SECONDS:
            self._offset = offset
            self.jumps += 1
        return self.to_utc(self._monotonic())
