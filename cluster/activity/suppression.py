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
- Reading and writing are parts of desk work, published both or neither
  (`cluster/activity/desk_work.py`). Where they are, desk work is the sum of the published parts: of
  their true sum, a part of 5% or less could be computed.
- `people_low` and `people_high` follow from the published `people_mean` and a factor of the camera:
  they hold nothing of the frames that the window does not already give.

A window that was made under other settings is reduced again wherever it is published:
`restrict_window` applies the rule as it is now.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal

from cluster.activity.desk_work import DESK_WORK, PARTS, PUBLISHES_PARTS
from cluster.activity.windows import WINDOW_SECONDS, WindowCounts, share_of
from cluster.settings import MIN_K
from cluster.vision.activity import Activity
from cluster.vision.headcounts import HeadcountFactor

MIN_SHARE: Final = 0.05
MAX_SHARE: Final = 0.95
MEAN_ERROR: Final = 0.05
"""By so much `people_mean` may be rounded."""

PUBLISHED_ACTIVITIES: Final[tuple[str, ...]] = (
    Activity.HAND_RAISED,
    DESK_WORK,
    *PARTS,
    Activity.HEAD_DOWN,
    Activity.STANDING,
    Activity.UNCLEAR,
)
"""Those with a column; `sitting` is the rest."""

Source = Literal["live", "archive"]


@dataclass(frozen=True, slots=True)
class ActivityWindow:
    """A window's counts after suppression. Shares are `None` where they are suppressed.

    Those of reading and writing are `None` too where these are not told apart well enough.

    The bounds are the 95% interval of the people that there are where `people_mean` are found; None
    where neither counts by eye nor the score tell it.

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
    people_low: int | None = None
    people_high: int | None = None
    desk_work_share: float | None = None

    def __post_init__(self) -> None:
        """Reject what must not be published."""
        self._check_bounds()
        published = {name: getattr(self, f"{name}_share") for name in PUBLISHED_ACTIVITIES}
        values = [*published.values(), self.hand_raises]
        if self.suppressed:
            if any(value is not None for value in values):
                raise ValueError("a suppressed window has nothing but a headcount")
            return
        if self.reading_share is None and self.writing_share is None:
            published = {
                name: published[name] for name in PUBLISHED_ACTIVITIES if name not in PARTS
            }
        shares = [*published.values()]
        if any(value is None for value in [*shares, self.hand_raises]):
            raise ValueError("shares are published together or not at all")
        if min(self.people_max, self.people_mean) < MIN_K:
            raise ValueError(f"fewer than {MIN_K} people")
        if any(not MIN_SHARE <= share <= MAX_SHARE for share in shares):
            raise ValueError("a share outside 5% to 95%")
        if any(share != round(share, 2) for share in shares):
            raise ValueError("a share finer than a per cent")
        if PARTS[0] in published and self.desk_work_share != sum_of_parts(
            self.reading_share, self.writing_share
        ):
            raise ValueError("a share of desk work that is not the sum of its parts")
        if not 0 <= (self.hand_raises or 0) <= max_published_hands(self.people_max):
            raise ValueError("more raised hands than 95% of the people, or a negative count")

    def _check_bounds(self) -> None:
        low, high = self.people_low, self.people_high
        if low is None or high is None:
            if low is not high:
                raise ValueError("bounds of people are given together or not at all")
        elif not 0 <= low <= self.people_mean <= high:
            raise ValueError(f"{self.people_mean} people with bounds from {low} to {high}")


def is_withheld_field(name: str) -> bool:
    """Whether a field or column of windows is null where a window is suppressed."""
    return name.endswith("_share") or name == "hand_raises"


WITHHELD_FIELDS: Final = tuple(
    field.name for field in fields(ActivityWindow) if is_withheld_field(field.name)
)
"""What a suppressed window has no value for."""


def suppress_window(
    counts: WindowCounts,
    *,
    k: int,
    headcount_only: bool,
    factor: HeadcountFactor | None = None,
    publishes_parts: bool = PUBLISHES_PARTS,
) -> ActivityWindow:
    """Reduce a window to what may be published of it.

    Args:
        counts: What was counted.
        k: Fewest people of whom more than a headcount is published; at least 5.
        headcount_only: Publish only a headcount, whatever its size (a vehicle).
        factor: Of the camera; None where its headcounts have no bounds.
        publishes_parts: Whether reading and writing are published beside desk work.

    Raises:
        ValueError: `k` is below 5.
    """
    if k < MIN_K:
        raise ValueError(f"k is {k}, and must be at least {MIN_K}")
    people_mean = round(counts.people_mean, 1)
    large_enough = [frame for frame in counts.frames if frame.people >= k]
    suppressed = headcount_only or people_mean < k or counts.people_mean < k or not large_enough

    def share(*activities: Activity) -> float | None:
        return None if suppressed else coded_share(share_of(large_enough, *activities))

    reading, writing = map(share, PARTS) if publishes_parts else (None, None)
    desk_work = sum_of_parts(reading, writing) if publishes_parts else share(*PARTS)
    people_low, people_high = (None, None) if factor is None else factor.bounds(people_mean)
    raises = sum(frame.hand_raises for frame in large_enough)
    return ActivityWindow(
        window_start=counts.window_start,
        frames=len(counts.frames),
        people_max=counts.people_max,
        people_mean=people_mean,
        suppressed=suppressed,
        hand_raised_share=share(Activity.HAND_RAISED),
        reading_share=reading,
        writing_share=writing,
        head_down_share=share(Activity.HEAD_DOWN),
        standing_share=share(Activity.STANDING),
        unclear_share=share(Activity.UNCLEAR),
        hand_raises=None if suppressed else min(raises, max_published_hands(counts.people_max)),
        people_low=people_low,
        people_high=people_high,
        desk_work_share=desk_work,
    )


def withhold_shares(window: ActivityWindow) -> ActivityWindow:
    """Return a window's headcount, and nothing else of it."""
    nothing: dict[str, Any] = dict.fromkeys(WITHHELD_FIELDS)
    return replace(window, suppressed=True, **nothing)


def restrict_window(
    window: ActivityWindow, *, k: int, headcount_only: bool, counted_k: int | None = None
) -> ActivityWindow:
    """Apply the rule of now to a window that may have been made under an earlier one.

    Args:
        window: The window.
        k: See `suppress_window`.
        headcount_only: See `suppress_window`.
        counted_k: The `k` that it was made with; None: it was no smaller.
    """
    is_small = window.people_mean < k or (
        counted_k is not None and counted_k < k and _fewest_in_a_frame(window) < k
    )
    if (headcount_only or is_small) and not window.suppressed:
        return withhold_shares(window)
    return window


def _fewest_in_a_frame(window: ActivityWindow) -> float:
    """Return how many people each frame of a window had at least, whatever the others had."""
    fewer = window.people_max - window.people_mean + MEAN_ERROR
    return window.people_max - window.frames * fewer


def max_published_hands(people_max: int) -> int:
    """Return the highest count of raised hands that is published for a number of people."""
    return int(MAX_SHARE * people_max)


def coded_share(share: float) -> float:
    """Return a share as it is published: whole per cents, 0.05 for ≤5%, 0.95 for ≥95%."""
    return min(MAX_SHARE, max(MIN_SHARE, round(share, 2)))


def sum_of_parts(reading: float | None, writing: float | None) -> float | None:
    """Return the share of desk work where its parts are published; None where they are not."""
    if reading is None or writing is None:
        return None
    return min(MAX_SHARE, round(reading + writing, 2))


def format_share(share: float | None) -> str:
    """Format a published share: `37%`, `≤5%`, `≥95%`, or a dash where it is suppressed."""
    if share is None:
        return "–"
    if share <= MIN_SHARE:
        return "≤5%"
    if share >= MAX_SHARE:
        return "≥95%"
    return f"{share:.0%}"
