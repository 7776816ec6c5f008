"""What may be told of a window: design, section 2, rule 3.

    WindowCounts (in this process) -> published_window -> ActivityWindow (may leave it)

`ActivityWindow` is the only form in which activity leaves a process, and it cannot be made with
a share that the rule withholds: its constructor checks what `published_window` decided.

- Fewer than `k` people, by the mean that is told or in a frame: no share of it. Frames with
  fewer than `k` people add nothing to any share, so a share never describes a smaller group.
- All shares and the count of raised hands are withheld together; one alone that was withheld
  could be worked out from the rest.
- Shares are rounded to whole per cents, and held between 5% and 95%: at these two values they
  mean "5% or less" and "95% or more".
- The count of raised hands is never above 95% of the people, for the same reason.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cluster.activity.windows import WINDOW_SECONDS, WindowCounts, share_of
from cluster.vision.activity import Activity

SMALLEST_K: Final = 5
LOWEST_SHARE: Final = 0.05
HIGHEST_SHARE: Final = 0.95

TOLD_ACTIVITIES: Final = (
    Activity.HAND_RAISED,
    Activity.READING,
    Activity.WRITING,
    Activity.HEAD_DOWN,
    Activity.STANDING,
    Activity.UNCLEAR,
)
"""Those with a column; `sitting` is what is left."""

Source = Literal["live", "archive"]


@dataclass(frozen=True, slots=True)
class ActivityWindow:
    """A window as it may be told. Shares are `None` where they are withheld.

    Raises:
        ValueError: It tells what rule 3 withholds.
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
        """Refuse what must not be told."""
        shares = [getattr(self, f"{activity}_share") for activity in TOLD_ACTIVITIES]
        told = [*shares, self.hand_raises]
        if self.suppressed:
            if any(value is not None for value in told):
                raise ValueError("a suppressed window tells nothing but a headcount")
            return
        if any(value is None for value in told):
            raise ValueError("shares are told together or not at all")
        if min(self.people_max, self.people_mean) < SMALLEST_K:
            raise ValueError(f"fewer than {SMALLEST_K} people")
        if any(not LOWEST_SHARE <= share <= HIGHEST_SHARE for share in shares):
            raise ValueError("a share outside 5% to 95%")
        if any(share != round(share, 2) for share in shares):
            raise ValueError("a share finer than a per cent")
        if not 0 <= (self.hand_raises or 0) <= most_hands(self.people_max):
            raise ValueError("more raised hands than 95% of the people, or fewer than none")


def published_window(counts: WindowCounts, *, k: int, headcount_only: bool) -> ActivityWindow:
    """Reduce a window to what may be told of it.

    Args:
        counts: What was counted.
        k: Fewest people of whom anything but their number is told; at least 5.
        headcount_only: The room's kind allows nothing else (a vehicle).

    Raises:
        ValueError: `k` is below 5.
    """
    if k < SMALLEST_K:
        raise ValueError(f"k is {k}, and {SMALLEST_K} is the lowest")
    people_mean = round(counts.people_mean, 1)
    enough = [frame for frame in counts.frames if frame.people >= k]
    suppressed = headcount_only or people_mean < k or counts.people_mean < k or not enough

    def share(activity: Activity) -> float | None:
        return None if suppressed else coded_share(share_of(enough, activity))

    raises = sum(frame.hand_raises for frame in enough)
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
        hand_raises=None if suppressed else min(raises, most_hands(counts.people_max)),
    )


def most_hands(people_max: int) -> int:
    """The highest count of raised hands that is told of so many people."""
    return int(HIGHEST_SHARE * people_max)


def coded_share(share: float) -> float:
    """A share as it is told: whole per cents, 0.05 for 5% and less, 0.95 for 95% and more."""
    return min(HIGHEST_SHARE, max(LOWEST_SHARE, round(share, 2)))


def share_in_words(share: float | None) -> str:
    """A told share for people: `37%`, `≤5%`, `≥95%`, or a dash where it is withheld."""
    if share is None:
        return "–"
    if share <= LOWEST_SHARE:
        return "≤5%"
    if share >= HIGHEST_SHARE:
        return "≥95%"
    return f"{share:.0%}"
