"""Which pictures of a stream are wanted, decided as their packets arrive.

    packets   K . . . . . P . . . . . P . . . . . . K . . . .      (period = 6 packets)
    wanted    ^           ^           ^           > ^
                                        a key frame near by serves the moment

The analysis rate lays a grid of moments over the monotonic clock. A moment is served by the first
packet that arrives at it, or by a key frame less than half a period away: that costs one picture
of decoding, where the last pictures of a group would cost the whole group. A moment before the
key frame waits for it where the group before tells when it will come. Each key frame moves the
grid a little towards itself, so that it stays on them although the camera's clock and ours run
apart and packets come sooner or later; the rate differs from the wanted one by a tenth at the most.
"""

import math
from typing import Literal

EARLY_TOLERANCE = 0.05
"""Share of the period by which a packet may come too early for its moment."""

KEY_FRAME_REACH = 0.5
"""Share of the period between a moment and the key frame that serves it."""

MAX_GRID_SHIFT = 0.1
"""Share of the period by which a key frame moves the grid at the most."""

GRID_LEAD = 0.1
"""Share of the period by which the grid is held before the key frames: the last picture of a group
comes so much sooner, and what lies between is not decoded."""

KEY_FRAME_MARGIN = 0.1
"""Share of a group's time by which the next key frame may come sooner than the one before."""


class FrameSelector:
    """Says of each packet whether its picture is wanted.

    Args:
        rate: Wanted pictures a second.
        decode: `key_frames`: nothing else is ever wanted.
    """

    def __init__(self, rate: float, decode: Literal["all", "key_frames"]) -> None:
        self.decode = decode
        self._period = 1.0 / rate
        self._due: float | None = None
        self._key_at: float | None = None
        self._since_key = 0
        self._group: int | None = None
        self._group_seconds = 0.0

    def wants(self, now: float, *, is_key: bool) -> bool:
        """Whether the picture of a packet is wanted; counts it as given if so.

        Args:
            now: When the packet arrived, in seconds of the monotonic clock.
            is_key: Whether it is a key frame.
        """
        self._note(now, is_key=is_key)
        if self.decode == "key_frames" and not is_key:
            return False
        if self._due is None:
            self._due = now + self._period
            return True
        early = self._due - now
        if early > self._period * (KEY_FRAME_REACH if is_key else EARLY_TOLERANCE):
            return False
        if not is_key and self._next_key(now) - self._due <= self._period * KEY_FRAME_REACH:
            return False
        self._due += self._period
        if is_key:
            most = MAX_GRID_SHIFT * self._period
            self._due -= max(-most, min(most, early + GRID_LEAD * self._period))
        if self._due <= now:  # nothing came for a while: the moments that were missed are gone
            self._due = now + self._period
        return True

    def nothing_before(self) -> float:
        """Until when nothing can be wanted, in seconds of the monotonic clock.

        Where key frames alone are wanted, that is shortly before the next one, if its group takes
        as long as the one before; in all other cases a moment that is over.
        """
        if self.decode != "key_frames" or self._key_at is None:
            return -math.inf
        return self._key_at + (1 - KEY_FRAME_MARGIN) * self._group_seconds

    def lost(self) -> None:
        """The picture that was wanted last could not be decoded: take the next one."""
        self._due = None

    def _note(self, now: float, *, is_key: bool) -> None:
        if is_key:
            self._group = self._since_key or None
            self._group_seconds = 0.0 if self._key_at is None else now - self._key_at
            self._key_at, self._since_key = now, 0
        self._since_key += 1

    def _next_key(self, now: float) -> float:
        """When the next key frame will come, if this group is as long as the one before."""
        before = self._since_key - 1  # this packet is not counted
        if self._key_at is None or self._group is None or not 0 < before < self._group:
            return math.inf
        return self._key_at + (now - self._key_at) / before * self._group
