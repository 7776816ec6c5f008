"""Line charts of a room's last minutes, as points of SVG polylines.

    windows of ten seconds -> runs without a gap -> "x,y x,y …" in a box of 600 by 100

A suppressed or missing window leaves a gap: a line drawn across it would show a value that was
never counted (R3).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.activity.suppression import PUBLISHED_ACTIVITIES, ActivityWindow

WIDTH, HEIGHT = 600, 100
MIN_Y_MAX = 10
MAX_SPACING = timedelta(seconds=15)
"""Between the starts of two windows that one line joins."""


@dataclass(frozen=True, slots=True)
class Chart:
    """The polylines of a chart.

    Attributes:
        minutes: Length of the x axis.
        y_max: People at the upper end of the y axis.
        people: Polylines, each for `<polyline points=…>`.
        shares: By activity, polylines; y is 0 to 100%.
        is_empty: There is nothing to draw.
    """

    minutes: int
    y_max: int
    people: tuple[str, ...]
    shares: dict[str, tuple[str, ...]]
    is_empty: bool


def draw_chart(windows: Sequence[ActivityWindow], now: datetime, minutes: int) -> Chart:
    """Draw the windows of a room.

    Args:
        windows: Sorted by start.
        now: The right end of the x axis, UTC.
        minutes: Length of the x axis.
    """
    start = now - timedelta(minutes=minutes)
    visible = [window for window in windows if window.window_start >= start]
    most_people = max([MIN_Y_MAX, *(window.people_max for window in visible)])
    y_max = math.ceil(most_people / 5) * 5

    def x_of(window: ActivityWindow) -> float:
        middle = window.window_start + timedelta(seconds=window.window_seconds / 2)
        return WIDTH * min(1.0, (middle - start) / (now - start))

    def polylines(value_of: Callable[[ActivityWindow], float | None]) -> tuple[str, ...]:
        runs: list[list[str]] = []
        previous: datetime | None = None
        for window in visible:
            value = value_of(window)
            if value is None:
                previous = None
                continue
            if previous is None or window.window_start - previous > MAX_SPACING:
                runs.append([])
            runs[-1].append(f"{x_of(window):.1f},{HEIGHT * (1 - min(1.0, value)):.1f}")
            previous = window.window_start
        return tuple(" ".join(_widen_single_point(points)) for points in runs)

    return Chart(
        minutes=minutes,
        y_max=y_max,
        people=polylines(lambda window: window.people_mean / y_max),
        shares={
            name: polylines(lambda window, name=name: getattr(window, f"{name}_share"))  # type: ignore[misc]
            for name in PUBLISHED_ACTIVITIES
        },
        is_empty=not visible,
    )


def _widen_single_point(points: list[str]) -> list[str]:
    """Make a dash of a single point, which would be invisible as a line."""
    if len(points) > 1:
        return points
    x, _, y = points[0].partition(",")
    return [points[0], f"{float(x) + 2:.1f},{y}"]
