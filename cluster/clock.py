"""The time, in UTC: read at entry points only, and passed on from there as a value or a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current time, in UTC."""


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
