"""A few frames of a video file, spread evenly over its length."""

from collections.abc import Iterator, Sequence

from cluster.settings import Polygon
from cluster.streams.decode.file_sampler import FrameSampler, SampledFrame

_RATE = 1.0
_SEARCH_SECONDS = 3.0
"""A frame is looked for this long after its time."""


def spread_frames(
    address: str,
    count: int,
    *,
    duration_seconds: float,
    long_side: int,
    masks: Sequence[Polygon] = (),
) -> Iterator[SampledFrame]:
    """Yield up to `count` frames from the middles of as many equal parts of a file.

    A file of fewer seconds than `count` gives a frame a second, or one.

    Args:
        address: A path or an fsspec URL.
        count: How many frames.
        duration_seconds: Length of the file.
        long_side: See `FrameSampler`.
        masks: See `FrameSampler`.

    Raises:
        FootageUnreadable: The file cannot be opened or decoded.
        FootageUntimed: Timestamps are missing or jump back.
    """
    latest = -1.0
    parts = max(1, min(count, int(duration_seconds * _RATE)))
    for index in range(parts):
        start = (index + 0.5) * duration_seconds / parts
        sampler = FrameSampler(address, rate=_RATE, long_side=long_side, masks=masks)
        frames = sampler.frames(max(0.0, start - 1 / _RATE), start + _SEARCH_SECONDS)
        frame = next((one for one in frames if one.time_seconds > latest), None)
        if frame is not None:
            latest = frame.time_seconds
            yield frame
