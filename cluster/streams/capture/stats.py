"""What is measured of a camera while it is read: its rate, and whether its picture stands still.

Times are given from outside, in seconds of the monotonic clock.
"""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.vision.people import BgrImage

RATE_SECONDS = 10.0
"""The delivered rate is that of the last ten seconds."""

OFF_FACTOR = 2.0
OFF_SECONDS = 20.0
"""A rate that is off by more than the factor for so long is reported."""

SANE_RATES = (0.5, 240.0)
"""A declared rate outside is made up: streams without one often say 90,000 or 1,000."""

SAME_GREY_LEVELS = 0.1
REMEMBERED = 16
STEP = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """The fields of `CameraHealth` of the same names."""

    frames_read: int
    frames_decoded: int
    delivered_rate: float
    declared_rate: float | None
    width: int
    height: int
    codec: str
    frozen: bool
    rate_is_off: bool
    last_frame_seconds: float | None


class StreamStats:
    """Measures one camera over all its connections; any thread may ask.

    Args:
        frozen_seconds: A picture that stays the same so long is frozen.
    """

    def __init__(self, frozen_seconds: float) -> None:
        self._lock = threading.Lock()
        self._arrivals: deque[float] = deque()
        self._opened_at = 0.0
        self._off_since: float | None = None
        self._declared: float | None = None
        self._codec = ""
        self._size = (0, 0)
        self._frames_read = 0
        self._frames_decoded = 0
        self._last_frame: float | None = None
        self._stillness = FreezeDetector(frozen_seconds)

    def opened(self, now: float, codec: str, declared_rate: float | None) -> None:
        """A connection was opened: rates are measured anew."""
        with self._lock:
            self._arrivals.clear()
            self._opened_at, self._off_since = now, None
            self._codec = codec
            low, high = SANE_RATES
            is_sane = declared_rate is not None and low <= declared_rate <= high
            self._declared = declared_rate if is_sane else None

    def arrived(self, now: float, decoded: int) -> None:
        """A packet came in, and so many pictures went through the decoder since the last."""
        with self._lock:
            self._arrivals.append(now)
            self._frames_decoded += decoded
            rate = self._rate(now)
            if self._declared is None or now - self._opened_at < RATE_SECONDS / 2:
                return
            if 1 / OFF_FACTOR <= rate / self._declared <= OFF_FACTOR:
                self._off_since = None
            elif self._off_since is None:
                self._off_since = now

    def pictured(self, now: float, pixels: BgrImage, size: tuple[int, int]) -> None:
        """A picture is given on.

        Args:
            now: When it was taken.
            pixels: Shrunken: (height, width, 3) uint8.
            size: (width, height) of the whole picture.
        """
        with self._lock:
            self._frames_read += 1
            self._last_frame = now
            self._size = size
            self._stillness.look(now, pixels)

    def measured(self, now: float) -> Measured:
        """All of it."""
        with self._lock:
            off = self._off_since is not None and now - self._off_since >= OFF_SECONDS
            return Measured(
                frames_read=self._frames_read,
                frames_decoded=self._frames_decoded,
                delivered_rate=self._rate(now),
                declared_rate=self._declared,
                width=self._size[0],
                height=self._size[1],
                codec=self._codec,
                frozen=self._stillness.is_frozen,
                rate_is_off=off,
                last_frame_seconds=None if self._last_frame is None else now - self._last_frame,
            )

    def _rate(self, now: float) -> float:
        while self._arrivals and self._arrivals[0] <= now - RATE_SECONDS:
            self._arrivals.popleft()
        return len(self._arrivals) / min(RATE_SECONDS, max(1.0, now - self._opened_at))


class FreezeDetector:
    """Notices that a camera's picture has frozen.

    A camera that hangs sends the same picture again and again, and its encoder renders it in the
    same few ways, differently at key frames than between them. A real one has noise: sooner or
    later comes a picture unlike all that were seen. So a picture counts as new if its mean
    absolute difference to each of the last new ones is above `SAME_GREY_LEVELS`, on a grid of
    single pixels, since averaging would take the noise away.

    Args:
        frozen_seconds: Without a new picture for so long, it is frozen.
    """

    def __init__(self, frozen_seconds: float) -> None:
        self.is_frozen = False
        self._frozen_seconds = frozen_seconds
        self._seen: npt.NDArray[np.int16] | None = None
        self._new_at = 0.0

    def look(self, now: float, pixels: BgrImage) -> None:
        """See a shrunken picture, (height, width, 3) uint8."""
        picture = pixels[::STEP, ::STEP, 1].astype(np.int16).ravel()
        if self._seen is None or self._seen.shape[1] != picture.size:
            self._seen, self._new_at = picture[None], now
        else:
            # Blackened masks are the same for ever: they must not thin the difference out.
            lit = max(1, np.count_nonzero(picture | self._seen[-1]))
            if (np.abs(self._seen - picture).sum(axis=1) / lit).min() > SAME_GREY_LEVELS:
                self._seen = np.vstack([self._seen[1 - REMEMBERED :], picture])
                self._new_at = now
        self.is_frozen = now - self._new_at >= self._frozen_seconds
