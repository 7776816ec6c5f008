"""Small-group suppression of windows (R3).

    WindowCounts (in this process) -> suppress_window -> ActivityWindow (may leave it)

`ActivityWindow` is the only form in which shares leave a process, and it cannot be constructed
with a share that must be suppressed: its constructor checks what `suppress_window` decided.

- With fewer than `k` people, by the published mean or in a frame, there is no share. Frames with
  fewer than `k` people add nothing to any share, so a share never describes a smaller group.
- All shares and the count of raised hands are suppressed together; a single suppressed one could
  be computed from the others.
- Shares are rounded to whole per cents, and top- and bottom-coded: 5% means "5% or less", 95%
  means "95% or more".
- The count of raised hands is never above 95% of the people, for the same reason.

A window that was made under other settings is reduced again wherever it is published:
`restrict_window` applies the rule as it is now.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal

from cluster.activity.windows import WINDOW_SECONDS, WindowCounts, share_of
from cluster.settings import MIN_K
from cluster.vision.activity import Activity

MIN_SHARE: Final = 0.05
MAX_SHARE: Final = 0.95

PUBLISHED_ACTIVITIES: Final = (
    Activity.HAND_RAISED,
    Activity.READING,
    Activity.WRITING,
    Activity.HEAD_DOWN,
    Activity.STANDING,
    Activity.UNCLEAR,
)
"""Those with a column; `sitting` is the rest."""

Source = Literal["live", "archive"]


@dataclass(frozen=True, slots=True)
class ActivityWindow:
    """A window's counts after suppression. Shares are `None` where they are suppressed.

    Raises:
        ValueError: It contains what R3 suppresses.
    """

    window_start: datetime
    frames: int
    people_max: int
    people_mean: float
    suppressed: bool
    hand_raised_share: float | None
    reading_share: float | None
    writing_share: float | None
    head_down_share: float | None
    standing_share: float | None
    unclear_share: float | None
    hand_raises: int | None
    window_seconds: int = WINDOW_SECONDS

    def __post_init__(self) -> None:
        """Reject what must not be published."""
        shares = [getattr(self, f"{activity}_share") for activity in PUBLISHED_ACTIVITIES]
        values = [*shares, self.hand_raises]
        if self.suppressed:
            if any(value is not None for value in values):
                raise ValueError("a suppressed window has nothing but a headcount")
            return
        if any(value is None for value in values):
            raise ValueError("shares are published together or not at all")
        if min(self.people_max, self.people_mean) < MIN_K:
            raise ValueError(f"fewer than {MIN_K} people")
        if any(not MIN_SHARE <= share <= MAX_SHARE for share in shares):
            raise ValueError("a share outside 5% to 95%")
        if any(share != round(share, 2) for share in shares):
            raise ValueError("a share finer than a per cent")
        if not 0 <= (self.hand_raises or 0) <= max_published_hands(self.people_max):
            raise ValueError("more raised hands than 95% of the people, or a negative count")


def is_withheld_field(name: str) -> bool:
    """Whether a field or column of windows is null where a window is suppressed."""
    return name.endswith("_share") or name == "hand_raises"


WITHHELD_FIELDS: Final = tuple(
    field.name for field in fields(ActivityWindow) if is_withheld_field(field.name)
)
"""What a suppressed window has no value for."""


def suppress_window(counts: WindowCounts, *, k: int, headcount_only: bool) -> ActivityWindow:
    """Reduce a window to what may be published of it.

    Args:
        counts: What was counted.
        k: Fewest people of whom more than a headcount is published; at least 5.
        headcount_only: Publish only a headcount, whatever its size (a vehicle).

    Raises:
        ValueError: `k` is below 5.
    """
    if k < MIN_K:
        raise ValueError(f"k is {k}, and must be at least {MIN_K}")
    people_mean = round(counts.people_mean, 1)
    large_enough = [frame for frame in counts.frames if frame.people >= k]
    suppressed = headcount_only or people_mean < k or counts.people_mean < k or not large_enough

    def share(activity: Activity) -> float | None:
        return None if suppressed else coded_share(share_of(large_enough, activity))

    raises = sum(frame.hand_raises for frame in large_enough)
    return ActivityWindow(
        window_start=counts.window_start,
        frames=len(counts.frames),
        people_max=counts.people_max,
        people_mean=people_mean,
        suppressed=suppressed,
        hand_raised_share=share(Activity.HAND_RAISED),
        reading_share=share(Activity.READING),
        writing_share=share(Activity.WRITING),
        head_down_share=share(Activity.HEAD_DOWN),
        standing_share=share(Activity.STANDING),
        unclear_share=share(Activity.UNCLEAR),
        hand_raises=None if suppressed else min(raises, max_published_hands(counts.people_max)),
    )


def withhold_shares(window: ActivityWindow) -> ActivityWindow:
    """Return a window's headcount, and nothing else of it."""
    nothing: dict[str, Any] = dict.fromkeys(WITHHELD_FIELDS)
    return replace(window, suppressed=True, **nothing)


def restrict_window(window: ActivityWindow, *, k: int, headcount_only: bool) -> ActivityWindow:
    """Apply the rule of now to a window that may have been made under an earlier one.

    Args:
        window: The window.
        k: See `suppress_window`.
        headcount_only: See `suppress_window`.
    """
    if headcount_only or window.people_mean < k:
        return window if window.suppressed else withhold_shares(window)
    return window


def max_published_hands(people_max: int) -> int:
    """Return the highest count of raised hands that is published for a number of people."""
    return int(MAX_SHARE * people_max)


def coded_share(share: float) -> float:
    """Return a share as it is published: whole per cents, 0.05 for ≤5%, 0.95 for ≥95%."""
    return min(MAX_SHARE, max(MIN_SHARE, round(share, 2)))


def format_share(share: float | None) -> str:
    """Format a published share: `37%`, `≤5%`, `≥95%`, or a dash where it is suppressed."""
    if share is None:
        return "–"
    if share <= MIN_SHARE:
        return "≤5%"
    if share >= MAX_SHARE:
        return "≥95%"
    return f"{share:.0%}"
