"""A picture of a lesson: people, and each activity over time, from the published windows.

It shows what the warehouse tells and no more. Stretches whose shares are withheld are hatched,
and say so. The page holds everything it needs; nothing is loaded from anywhere.
"""

import io
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cluster.activity.suppression import (
    MIN_SHARE,
    PUBLISHED_ACTIVITIES,
    ActivityWindow,
    format_share,
)
from cluster.errors import WarehouseError
from cluster.settings import Settings
from cluster.warehouse.query import open_warehouse

FORMATS = frozenset({".html", ".png", ".svg"})
ACTIVITY_NAMES = {
    "hand_raised": "hand raised",
    "reading": "reading",
    "writing": "writing",
    "head_down": "head down",
    "standing": "standing",
    "unclear": "unclear",
}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("cluster.warehouse", ""), autoescape=True
)
_INK, _FAINT, _PEOPLE = "#1f2933", "#9aa5b1", "#52606d"
_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#7b5ea7", "#b8860b", "#8a8f98")
"""Apart for colour-blind eyes too (after Okabe and Ito, 2008); each row is named besides."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a report is about: a room, a stretch of time, and its windows."""

    room_name: str
    school_name: str
    zone: ZoneInfo
    windows: list[ActivityWindow]


def windows_of_room(settings: Settings, room_id: str, begins: datetime, ends: datetime) -> Lesson:
    """The published windows of a room in [begins, ends).

    Raises:
        WarehouseError: There is no such room, or it has no window there.
        NotPublished: There is no warehouse yet.
    """
    room = settings.rooms_by_id.get(room_id)
    if room is None:
        raise WarehouseError(f"there is no room {room_id!r} in the settings.")
    school = settings.schools_by_id[room.school]
    columns = [field.name for field in fields(ActivityWindow)]
    with open_warehouse(settings) as connection:
        rows = connection.sql(
            f"SELECT {', '.join(columns)} FROM activity_windows "  # noqa: S608 (names of our own)
            "WHERE room_id = ? AND window_start >= ? AND window_start < ? "
            "ORDER BY window_start, camera_id",
            params=[room_id, begins, ends],
        ).to_arrow_table()
    if not rows.num_rows:
        raise WarehouseError(
            f"there are no windows of room {room_id!r} between {begins.isoformat()} and "
            f"{ends.isoformat()}.",
            hint="Analyse its footage and publish, or name another time.",
        )
    windows = [ActivityWindow(**row) for row in rows.to_pylist()]
    return Lesson(room.name, school.name, school.zone, windows)


def write_report(lesson: Lesson, path: Path, *, k: int) -> None:
    """Write a report; the suffix says as what: a page, or the picture alone.

    Args:
        lesson: What it is about.
        path: Ends in `.html`, `.png` or `.svg`.
        k: As the settings have it, to explain what is hidden.

    Raises:
        WarehouseError: The suffix is none of these, or the file cannot be written.
    """
    if path.suffix not in FORMATS:
        raise WarehouseError(
            f"a report is {', '.join(sorted(FORMATS))}, not {path.suffix or 'without a suffix'}.",
            where=str(path),
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".html":
            path.write_text(_page(lesson, k), encoding="utf-8")
        else:
            draw(lesson).savefig(path, format=path.suffix[1:], dpi=120)
    except OSError as error:
        raise WarehouseError(f"it cannot be written: {error}.", where=str(path)) from error


def draw(lesson: Lesson) -> Figure:
    """Draw people on top, and a row for each activity below, on one axis of time."""
    rows = len(PUBLISHED_ACTIVITIES)
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    axes = figure.subplots(
        rows + 1, 1, sharex=True, gridspec_kw={"height_ratios": [2.4, *([1] * rows)]}
    )
    _draw_people(axes[0], lesson)
    for axis, activity, colour in zip(axes[1:], PUBLISHED_ACTIVITIES, _COLOURS, strict=True):
        _draw_share(axis, lesson, str(activity), colour)
    locator = AutoDateLocator(tz=lesson.zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=lesson.zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(formatter)
    axes[-1].set_xlim(_days(lesson.windows[0])[0], _days(lesson.windows[-1])[1])
    for axis in axes:
        axis.tick_params(colors=_INK, labelsize=9)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axis.spines[side].set_color(_FAINT)
    return figure


def _days(window: ActivityWindow) -> tuple[float, float]:
    """Start and end of a window on matplotlib's axis of days."""
    length = timedelta(seconds=window.window_seconds)
    edges = date2num([window.window_start, window.window_start + length])  # type: ignore[no-untyped-call]
    return float(edges[0]), float(edges[1])


def _draw_people(axis: Axes, lesson: Lesson) -> None:
    for window in lesson.windows:
        start, end = _days(window)
        axis.bar(start, window.people_mean, end - start, align="edge", color="#cbd2d9")
        axis.hlines(window.people_max, start, end, color=_PEOPLE, linewidth=1.5)
    most = max(window.people_max for window in lesson.windows)
    axis.set_ylim(0, max(1, most) * 1.15)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_title("People in the room", loc="left", fontsize=11, color=_INK, weight="bold")
    axis.set_title("bar: mean, line: most in one picture", loc="right", fontsize=9, color=_PEOPLE)


def _draw_share(axis: Axes, lesson: Lesson, activity: str, colour: str) -> None:
    told = []
    for window in lesson.windows:
        start, end = _days(window)
        share: float | None = getattr(window, f"{activity}_share")
        if share is None:
            axis.bar(start, 1, end - start, align="edge", fc="none", ec="#d5dae0", hatch="//", lw=0)
            continue
        told.append(share)
        faint = 0.35 if share <= MIN_SHARE else 1.0
        axis.bar(start, share, end - start, align="edge", color=colour, alpha=faint)
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    name = ACTIVITY_NAMES[activity]
    axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, color=_INK)
    axis.yaxis.set_label_coords(-0.055, 0.5)
    note = "" if told else "withheld throughout"
    if told and max(told) <= MIN_SHARE:
        note = "≤5% throughout" if len(told) == len(lesson.windows) else "≤5% where told"
    corner = axis.transAxes
    axis.text(0.995, 0.75, note, transform=corner, ha="right", va="center", color=_PEOPLE)


def _page(lesson: Lesson, k: int) -> str:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "homeroom"}):
        drawn = io.StringIO()
        draw(lesson).savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    starts = [window.window_start.astimezone(lesson.zone) for window in lesson.windows]
    ends = starts[-1] + timedelta(seconds=lesson.windows[-1].window_seconds)
    rows = [
        [
            f"{start:%H:%M:%S}",
            window.people_max,
            f"{window.people_mean:.1f}",
            "–" if window.hand_raises is None else window.hand_raises,
            *(format_share(getattr(window, f"{a}_share")) for a in PUBLISHED_ACTIVITIES),
        ]
        for start, window in zip(starts, lesson.windows, strict=True)
    ]
    header = ["from", "most people", "mean", "hands raised"]
    return _TEMPLATES.get_template("report.html").render(
        room=lesson.room_name,
        school=lesson.school_name,
        date=f"{starts[0]:%d %B %Y}",
        begins=f"{starts[0]:%H:%M}",
        ends=f"{ends:%H:%M}",
        zone=str(lesson.zone),
        k=k,
        plot=svg[svg.index("<svg") :],
        header=[*header, *ACTIVITY_NAMES.values()],
        rows=rows,
    )
