"""Selection of the frames of a live stream to analyse, decided as their packets arrive.

    packets   K . . . . . P . . . . . P . . . . . . K . . . .      (period = 6 packets)
    selected  ^           ^           ^           > ^
                                        a nearby key frame serves the slot

The analysis rate lays a grid of slots over the monotonic clock. A slot is served by the first
packet that arrives at its time, or by a key frame less than half a period away: that costs one
decoded frame, where the last frames of a group would cost the whole group. A slot shortly before a
key frame waits for it, if the length of the previous group tells when it will come. Each key frame
shifts the grid a little towards itself, so that slots stay on key frames although the clocks of
camera and server drift apart and packets jitter; the resulting rate differs from the requested one
by a tenth at most.
"""

import math
from typing import Literal

EARLY_TOLERANCE = 0.05
"""Share of the period by which a packet may arrive before its slot."""

KEY_FRAME_REACH = 0.5
"""Largest share of the period between a slot and the key frame that serves it."""

MAX_GRID_SHIFT = 0.1
"""Largest share of the period by which a key frame shifts the grid."""

GRID_LEAD = 0.1
"""Share of the period by which the grid is kept ahead of the key frames: the last selected frame
of a group comes this much sooner, and what follows it is not decoded."""

KEY_FRAME_MARGIN = 0.1
"""Share of a group's duration by which the next key frame may come sooner than the last did."""


class FrameSelector:
    """Decides for each packet whether its frame is analysed.

    Args:
        rate: Frames a second to select.
        decode: `key_frames` selects no other frames.
    """

    def __init__(self, rate: float, decode: Literal["all", "key_frames"]) -> None:
        self.decode = decode
        self._period = 1.0 / rate
        self._due: float | None = None
        self._key_at: float | None = None
        self._packets_since_key = 0
        self._group_packets: int | None = None
        self._group_seconds = 0.0

    def select(self, now: float, *, is_key: bool) -> bool:
        """Return whether the frame of a packet is selected; its slot then counts as served.

        Args:
            now: When the packet arrived, in seconds of the monotonic clock.
            is_key: Whether it is a key frame.
        """
        self._record_packet(now, is_key=is_key)
        if self.decode == "key_frames" and not is_key:
            return False
        if self._due is None:
            self._due = now + self._period
            return True
        early = self._due - now
        if early > self._period * (KEY_FRAME_REACH if is_key else EARLY_TOLERANCE):
            return False
        if not is_key and self._next_key_at(now) - self._due <= self._period * KEY_FRAME_REACH:
            return False
        self._due += self._period
        if is_key:
            max_shift = MAX_GRID_SHIFT * self._period
            self._due -= max(-max_shift, min(max_shift, early + GRID_LEAD * self._period))
        if self._due <= now:  # after a gap in the stream, the slots within it are skipped
            self._due = now + self._period
        return True

    def idle_until(self) -> float:
        """Return until when no frame can be selected, in seconds of the monotonic clock.

        With `key_frames` that is shortly before the next key frame, if its group lasts as long as
        the previous one; otherwise a time in the past.
        """
        if self.decode != "key_frames" or self._key_at is None:
            return -math.inf
        return self._key_at + (1 - KEY_FRAME_MARGIN) * self._group_seconds

    def mark_lost(self) -> None:
        """Record that the last selected frame could not be decoded: select the next one."""
        self._due = None

    def _record_packet(self, now: float, *, is_key: bool) -> None:
        if is_key:
            self._group_packets = self._packets_since_key or None
            self._group_seconds = 0.0 if self._key_at is None else now - self._key_at
            self._key_at, self._packets_since_key = now, 0
        self._packets_since_key += 1

    def _next_key_at(self, now: float) -> float:
        """Return when the next key frame comes, if this group is as long as the previous one."""
        elapsed = self._packets_since_key - 1  # without this packet
        length = self._group_packets
        if self._key_at is None or length is None or not 0 < elapsed < length:
            return math.inf
        return self._key_at + (now - self._key_at) / elapsed * length
