"""Statistics of a camera's stream: its rate, and whether its picture is frozen.

Times are passed in, in seconds of the monotonic clock.
"""

import threading
from collections import deque

import numpy as np
import numpy.typing as npt

from cluster.streams.capture.health import StreamMetrics
from cluster.vision.people import BgrImage

RATE_WINDOW_SECONDS = 10.0
"""The delivered rate is that of the last ten seconds."""

RATE_OFF_FACTOR = 2.0
RATE_OFF_SECONDS = 20.0
"""A rate that is off by more than the factor for this long is reported."""

PLAUSIBLE_RATES = (0.5, 240.0)
"""A declared rate outside is ignored: streams without one often declare 90,000 or 1,000."""

MIN_DIFFERENCE_GREY_LEVELS = 0.1
REFERENCE_FRAMES = 16
PIXEL_STEP = 8


class StreamStats:
    """Measures one camera over all its connections; safe to use from any thread.

    Args:
        frozen_seconds: A picture that stays the same for this long is frozen.
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
        self._last_frame_at: float | None = None
        self._freeze_detector = FreezeDetector(frozen_seconds)

    def record_open(self, now: float, codec: str, declared_rate: float | None) -> None:
        """Record that a connection was opened: rates are measured from scratch."""
        with self._lock:
            self._arrivals.clear()
            self._opened_at, self._off_since = now, None
            self._codec = codec
            low, high = PLAUSIBLE_RATES
            is_plausible = declared_rate is not None and low <= declared_rate <= high
            self._declared = declared_rate if is_plausible else None

    def record_packet(self, now: float, decoded: int) -> None:
        """Record a packet, and the number of frames that were decoded since the last one."""
        with self._lock:
            self._arrivals.append(now)
            self._frames_decoded += decoded
            rate = self._rate(now)
            if self._declared is None or now - self._opened_at < RATE_WINDOW_SECONDS / 2:
                return
            if 1 / RATE_OFF_FACTOR <= rate / self._declared <= RATE_OFF_FACTOR:
                self._off_since = None
            elif self._off_since is None:
                self._off_since = now

    def record_frame(self, now: float, pixels: BgrImage, size: tuple[int, int]) -> None:
        """Record a frame that is delivered.

        Args:
            now: When it was taken.
            pixels: Downscaled: (height, width, 3) uint8.
            size: (width, height) of the full frame.
        """
        with self._lock:
            self._frames_read += 1
            self._last_frame_at = now
            self._size = size
            self._freeze_detector.update(now, pixels)

    def metrics(self, now: float) -> StreamMetrics:
        """Return all that is measured."""
        with self._lock:
            is_off = self._off_since is not None and now - self._off_since >= RATE_OFF_SECONDS
            return StreamMetrics(
                frames_read=self._frames_read,
                frames_decoded=self._frames_decoded,
                delivered_rate=self._rate(now),
                declared_rate=self._declared,
                width=self._size[0],
                height=self._size[1],
                codec=self._codec,
                frozen=self._freeze_detector.is_frozen,
                rate_is_off=is_off,
                last_frame_seconds=None
                if self._last_frame_at is None
                else now - self._last_frame_at,
            )

    def _rate(self, now: float) -> float:
        while self._arrivals and self._arrivals[0] <= now - RATE_WINDOW_SECONDS:
            self._arrivals.popleft()
        return len(self._arrivals) / min(RATE_WINDOW_SECONDS, max(1.0, now - self._opened_at))


class FreezeDetector:
    """Detects that a camera's picture has frozen.

    A camera that hangs sends the same picture repeatedly, and its encoder renders it in the same
    few ways, differently at key frames than between them. A working one has noise: sooner or later
    a picture differs from all recent ones. So a picture counts as new if its mean absolute
    difference to each of the last new ones is above `MIN_DIFFERENCE_GREY_LEVELS`, on a grid of
    single pixels, since averaging would remove the noise.

    Args:
        frozen_seconds: Without a new picture for this long, it is frozen.
    """

    def __init__(self, frozen_seconds: float) -> None:
        self.is_frozen = False
        self._frozen_seconds = frozen_seconds
        self._references: npt.NDArray[np.int16] | None = None
        self._changed_at = 0.0

    def update(self, now: float, pixels: BgrImage) -> None:
        """Compare a downscaled frame, (height, width, 3) uint8, with those before it."""
        sample = pixels[::PIXEL_STEP, ::PIXEL_STEP, 1].astype(np.int16).ravel()
        if self._references is None or self._references.shape[1] != sample.size:
            self._references, self._changed_at = sample[None], now
        else:
            # Blackened masks never change, and must not lower the mean difference.
            unmasked = max(1, np.count_nonzero(sample | self._references[-1]))
            if (
                np.abs(self._references - sample).sum(axis=1) / unmasked
            ).min() > MIN_DIFFERENCE_GREY_LEVELS:
                self._references = np.vstack([self._references[1 - REFERENCE_FRAMES :], sample])
                self._changed_at = now
        self.is_frozen = now - self._changed_at >= self._frozen_seconds
