"""Lines of a room's last minutes, as points of an SVG.

    windows of ten seconds -> runs of neighbours -> "x,y x,y …" in a box of 600 by 100

A window that is withheld, or is missing, leaves a gap: a line drawn across would say what nobody
counted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.activity.suppression import ActivityWindow

WIDTH, HEIGHT = 600, 100
ACTIVITIES = ("hand_raised", "reading", "writing", "head_down", "standing", "unclear")
LEAST_TOP = 10
NEIGHBOURS = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    Attributes:
        minutes: Length of the x axis.
        top: People at the upper end of the y axis.
        people: Runs of points, each for `<polyline points=…>`.
        shares: By activity, runs of points; y is 0 to 100%.
        is_empty: There is nothing to draw.
    """

    minutes: int
    top: int
    people: tuple[str, ...]
    shares: dict[str, tuple[str, ...]]
    is_empty: bool


def chart_of(windows: Sequence[ActivityWindow], now: datetime, minutes: int) -> Chart:
    """Draw windows.

    Args:
        windows: Of one room, by start.
        now: The right end, UTC.
        minutes: From the left end to the right.
    """
    begins = now - timedelta(minutes=minutes)
    seen = [window for window in windows if window.window_start >= begins]
    most = max([LEAST_TOP, *(window.people_max for window in seen)])
    top = math.ceil(most / 5) * 5

    def x_of(window: ActivityWindow) -> float:
        middle = window.window_start + timedelta(seconds=window.window_seconds / 2)
        return WIDTH * min(1.0, (middle - begins) / (now - begins))

    def runs(value: Callable[[ActivityWindow], float | None]) -> tuple[str, ...]:
        found: list[list[str]] = []
        last: datetime | None = None
        for window in seen:
            share = value(window)
            if share is None:
                last = None
                continue
            if last is None or window.window_start - last > NEIGHBOURS:
                found.append([])
            found[-1].append(f"{x_of(window):.1f},{HEIGHT * (1 - min(1.0, share)):.1f}")
            last = window.window_start
        return tuple(" ".join(_seen(points)) for points in found)

    return Chart(
        minutes=minutes,
        top=top,
        people=runs(lambda window: window.people_mean / top),
        shares={
            name: runs(lambda window, name=name: getattr(window, f"{name}_share"))  # type: ignore[misc]
            for name in ACTIVITIES
        },
        is_empty=not seen,
    )


def _seen(points: list[str]) -> list[str]:
    """A line of one point is drawn as a dash, or nobody would see it."""
    if len(points) > 1:
        return points
    x, _, y = points[0].partition(",")
    return [points[0], f"{float(x) + 2:.1f},{y}"]
