"""Made-up measurements of cameras."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cluster.calibration.store import HeadcountPair, SizeMeasurement

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MODEL = "net@0123456789ab"


def measurement(minutes: float = 0.0, **changes: Any) -> SizeMeasurement:
    """A measurement some minutes after noon."""
    values: dict[str, Any] = {
        "model": MODEL,
        "limit": 960,
        "frame_width": 1920,
        "frame_height": 1080,
        "origin": "archive",
        "input_size": 640,
        "head_pixels": 12.5,
        "frames": 16,
        "people": 300,
        "measured_at": NOON + timedelta(minutes=minutes),
    }
    return SizeMeasurement(**{**values, **changes})


def headcount(true: int, found: float, **changes: Any) -> HeadcountPair:
    """A count by eye beside what was found."""
    values: dict[str, Any] = {"model": MODEL, "input_size": 960, "counted_at": NOON}
    return HeadcountPair(true=true, found=found, **{**values, **changes})
