"""What was true in a window of footage that was made, to compare with what was counted.

Only rendered footage has such windows: of real people nobody knows the truth of each frame.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from cluster.activity.desk_work import DESK_WORK, PARTS
from cluster.vision.activity import Activity


@dataclass(frozen=True)
class TrueWindow:
    """The truth of a window.

    Attributes:
        starts_seconds: Start of the window, in seconds of the footage.
        people_mean: Mean number of people who can be seen.
        shares: Person-frames of each activity over all person-frames, 0 to 1.
        hand_raises: Hands that went up in it.
    """

    starts_seconds: float
    people_mean: float
    shares: Mapping[Activity, float]
    hand_raises: int

    def share(self, name: str) -> float:
        """Return the share of an activity, or of desk work."""
        parts = PARTS if name == DESK_WORK else (Activity(name),)
        return sum(self.shares.get(part, 0.0) for part in parts)

    def window_start(self, footage_start: datetime) -> datetime:
        """Return the window's start on the clock."""
        return footage_start + timedelta(seconds=self.starts_seconds)


_WINDOWS: TypeAdapter[tuple[TrueWindow, ...]] = TypeAdapter(tuple[TrueWindow, ...])


def read_true_windows(path: Path) -> tuple[TrueWindow, ...]:
    """Read windows from a JSON file.

    Raises:
        ValueError: It does not hold windows.
    """
    return _WINDOWS.validate_json(path.read_bytes())


def write_true_windows(windows: tuple[TrueWindow, ...], path: Path) -> None:
    """Write windows to a JSON file."""
    path.write_bytes(_WINDOWS.dump_json(windows, indent=1) + b"\n")
