"""Which pictures of a stream are wanted, decided as their packets arrive.

    packets   K . . . . . P . . . . . P . . . . . . K . . . .      (period = 6 packets)
    wanted    ^           ^           ^           > ^
                                        a key frame near by serves the moment

The analysis rate lays a grid of moments over the monotonic clock. A moment is served by the first
packet that arrives at it, or by a key frame up to half a period before it: that costs one picture
of decoding, where the last pictures of a group would cost the whole group. Each time the grid
moves a little towards the key frames, so that it stays on them although the camera's clock and
ours run apart; the rate exceeds the wanted one by a tenth at the most.
"""

from typing import Literal

TOLERANCE = 0.05
"""Share of the period by which a packet may come too early for its moment."""

NEAR = 0.5
"""Share of the period before a moment in which a key frame serves it."""

PULL = 0.1
"""Share of the period by which a key frame pulls the grid at the most."""


class PictureChooser:
    """Says of each packet whether its picture is wanted.

    Args:
        rate: Wanted pictures a second.
        decode: `key_frames`: nothing else is ever wanted.
    """

    def __init__(self, rate: float, decode: Literal["all", "key_frames"]) -> None:
        self.decode = decode
        self._period = 1.0 / rate
        self._due: float | None = None

    def wants(self, now: float, *, is_key: bool) -> bool:
        """Whether the picture of a packet is wanted; counts it as given if so.

        Args:
            now: When the packet arrived, in seconds of the monotonic clock.
            is_key: Whether it is a key frame.
        """
        if self.decode == "key_frames" and not is_key:
            return False
        if self._due is None:
            self._due = now + self._period
            return True
        early = self._due - now
        if early > self._period * (NEAR if is_key else TOLERANCE):
            return False
        pull = min(early, PULL * self._period) if is_key and early > 0 else 0.0
        self._due += self._period - pull
        if self._due <= now:  # nothing came for a while: the moments that were missed are gone
            self._due = now + self._period
        return True

    def lost(self) -> None:
        """The picture that was wanted last could not be decoded: take the next one."""
        self._due = None
