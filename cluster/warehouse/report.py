"""Reports: a plot of people and of each activity over time, from the published windows.

A report shows what is in the warehouse and no more. Windows whose shares are suppressed are
hatched, and the legend says so. The page is self-contained and loads nothing.
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import jinja2
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cluster.activity.desk_work import PARTS
from cluster.activity.suppression import (
    MIN_SHARE,
    PUBLISHED_ACTIVITIES,
    ActivityWindow,
    format_share,
)
from cluster.activity.truth import TrueWindow
from cluster.errors import WarehouseError
from cluster.settings import Settings
from cluster.warehouse.query import open_warehouse

FORMATS = frozenset({".html", ".png", ".svg"})
ACTIVITY_NAMES = {
    "hand_raised": "hand raised",
    "desk_work": "desk work",
    "reading": "reading",
    "writing": "writing",
    "head_down": "head down",
    "standing": "standing",
    "unclear": "unclear",
}
ACTIVITIES_OF_TRUTH = frozenset(ACTIVITY_NAMES) - {"unclear"}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("cluster.warehouse", ""), autoescape=True
)
_INK, _FAINT, _PEOPLE, _TRUTH = "#1f2933", "#9aa5b1", "#52606d", "#c81e1e"
_COLOURS = ("#d55e00", "#332288", "#0072b2", "#009e73", "#7b5ea7", "#b8860b", "#8a8f98")
"""Distinct for colour-blind readers too (after Okabe and Ito, 2008); each row has a label."""


@dataclass(frozen=True, slots=True)
class RoomReport:
    """The data of a report.

    Attributes:
        room_name: For people.
        school_name: For people.
        zone: Of the school.
        windows: The room's, in a period.
        truth: What is true, by the start of a window; of rendered footage alone.
    """

    room_name: str
    school_name: str
    zone: ZoneInfo
    windows: list[ActivityWindow]
    truth: Mapping[datetime, TrueWindow] = field(default_factory=dict)


def load_report(settings: Settings, room_id: str, start: datetime, end: datetime) -> RoomReport:
    """Return the published windows of a room in [start, end).

    Raises:
        WarehouseError: There is no such room, it has no window there, or an earlier version has
            published.
        NotPublished: There is no warehouse yet.
    """
    room = settings.rooms_by_id.get(room_id)
    if room is None:
        raise WarehouseError(f"there is no room {room_id!r} in the settings.")
    school = settings.schools_by_id[room.school]
    columns = [field.name for field in fields(ActivityWindow)]
    with open_warehouse(settings) as connection:
        try:
            rows = connection.sql(
                f"SELECT {', '.join(columns)} FROM activity_windows "  # noqa: S608 (field names)
                "WHERE room_id = ? AND window_start >= ? AND window_start < ? "
                "ORDER BY window_start, camera_id",
                params=[room_id, start, end],
            ).to_arrow_table()
        except duckdb.BinderException as error:
            raise WarehouseError(
                "the last publication is of an earlier version, which lacks columns.",
                hint="Run `homeroom publish`.",
            ) from error
    if not rows.num_rows:
        raise WarehouseError(
            f"there are no windows of room {room_id!r} between {start.isoformat()} and "
            f"{end.isoformat()}.",
            hint="Analyse its footage and publish, or name another time.",
        )
    windows = [ActivityWindow(**row) for row in rows.to_pylist()]
    return RoomReport(room.name, school.name, school.zone, windows)


def write_report(report: RoomReport, path: Path, *, k: int) -> None:
    """Write a report: a page, or the plot alone, by the suffix of the path.

    Args:
        report: The data.
        path: Ends in `.html`, `.png` or `.svg`.
        k: As in the settings, to explain what is suppressed.

    Raises:
        WarehouseError: The suffix is another, or the file cannot be written.
    """
    if path.suffix not in FORMATS:
        raise WarehouseError(
            f"a report is {', '.join(sorted(FORMATS))}, not {path.suffix or 'without a suffix'}.",
            where=str(path),
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".html":
            path.write_text(_page(report, k), encoding="utf-8")
        else:
            draw(report).savefig(path, format=path.suffix[1:], dpi=120)
    except OSError as error:
        raise WarehouseError(f"it cannot be written: {error}.", where=str(path)) from error


def draw(report: RoomReport) -> Figure:
    """Draw people on top, and a row for each activity below, on one time axis."""
    drawn = _drawn_activities(report)
    rows = len(drawn)
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    axes = figure.subplots(
        rows + 1, 1, sharex=True, gridspec_kw={"height_ratios": [2.4, *([1] * rows)]}
    )
    _draw_people(axes[0], report)
    for axis, (activity, colour) in zip(axes[1:], drawn.items(), strict=True):
        _draw_share(axis, report, activity, colour)
    locator = AutoDateLocator(tz=report.zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=report.zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(formatter)
    axes[-1].set_xlim(_days(report.windows[0])[0], _days(report.windows[-1])[1])
    for axis in axes:
        axis.tick_params(colors=_INK, labelsize=9)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axis.spines[side].set_color(_FAINT)
    return figure


def _drawn_activities(report: RoomReport) -> dict[str, str]:
    """Return the activities with their colours; parts of desk work where they are published."""
    colours = dict(zip(PUBLISHED_ACTIVITIES, _COLOURS, strict=True))
    if all(window.reading_share is None for window in report.windows):
        colours = {name: colour for name, colour in colours.items() if name not in PARTS}
    return colours


def _days(window: ActivityWindow) -> tuple[float, float]:
    """Return start and end of a window in matplotlib's days."""
    length = timedelta(seconds=window.window_seconds)
    edges = date2num([window.window_start, window.window_start + length])  # type: ignore[no-untyped-call]
    return float(edges[0]), float(edges[1])


def _draw_people(axis: Axes, report: RoomReport) -> None:
    for window in report.windows:
        start, end = _days(window)
        axis.bar(start, window.people_mean, end - start, align="edge", color="#cbd2d9")
        axis.hlines(window.people_max, start, end, color=_PEOPLE, linewidth=1.5)
        if window.people_low is not None and window.people_high is not None:
            axis.vlines((start + end) / 2, window.people_low, window.people_high, color=_FAINT)
        if window.window_start in report.truth:
            _draw_truth(axis, start, end, report.truth[window.window_start].people_mean)
    highest = [window.people_max for window in report.windows]
    highest += [math.ceil(true.people_mean) for true in report.truth.values()]
    bounds = [window.people_high for window in report.windows if window.people_high is not None]
    highest += bounds
    axis.set_ylim(0, max(1, *highest) * 1.15)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axis.set_title("People in the room", loc="left", fontsize=11, color=_INK, weight="bold")
    legend = "bar: mean, line: most in one frame"
    if bounds:
        legend += ", upright: 95% interval"
    if report.truth:
        legend += ", dotted red: the truth"
    axis.set_title(legend, loc="right", fontsize=9, color=_PEOPLE)


def _draw_share(axis: Axes, report: RoomReport, activity: str, colour: str) -> None:
    shares = []
    for window in report.windows:
        start, end = _days(window)
        share: float | None = getattr(window, f"{activity}_share")
        if window.window_start in report.truth and activity in ACTIVITIES_OF_TRUTH:
            _draw_truth(axis, start, end, report.truth[window.window_start].share(activity))
        if share is None:
            axis.bar(start, 1, end - start, align="edge", fc="none", ec="#d5dae0", hatch="//", lw=0)
            continue
        shares.append(share)
        faint = 0.35 if share <= MIN_SHARE else 1.0
        axis.bar(start, share, end - start, align="edge", color=colour, alpha=faint)
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    name = ACTIVITY_NAMES[activity]
    axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, color=_INK)
    axis.yaxis.set_label_coords(-0.055, 0.5)
    note = "" if shares else "withheld throughout"
    if shares and max(shares) <= MIN_SHARE:
        note = "≤5% throughout" if len(shares) == len(report.windows) else "≤5% where published"
    corner = axis.transAxes
    axis.text(0.995, 0.75, note, transform=corner, ha="right", va="center", color=_PEOPLE)


def _draw_truth(axis: Axes, start: float, end: float, value: float) -> None:
    axis.hlines(value, start, end, color=_TRUTH, linewidth=2, linestyle=(0, (1, 1)), zorder=3)


def _format_bounds(window: ActivityWindow) -> str:
    if window.people_low is None or window.people_high is None:
        return "–"
    return f"{window.people_low}–{window.people_high}"


def _page(report: RoomReport, k: int) -> str:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "homeroom"}):
        drawn = io.StringIO()
        draw(report).savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    starts = [window.window_start.astimezone(report.zone) for window in report.windows]
    end = starts[-1] + timedelta(seconds=report.windows[-1].window_seconds)
    shown = _drawn_activities(report)
    rows = [
        [
            f"{start:%H:%M:%S}",
            window.people_max,
            f"{window.people_mean:.1f}",
            _format_bounds(window),
            "–" if window.hand_raises is None else window.hand_raises,
            *(format_share(getattr(window, f"{name}_share")) for name in shown),
        ]
        for start, window in zip(starts, report.windows, strict=True)
    ]
    header = ["from", "most people", "mean", "95% interval", "hands raised"]
    return _TEMPLATES.get_template("report.html").render(
        room=report.room_name,
        school=report.school_name,
        date=f"{starts[0]:%d %B %Y}",
        begins=f"{starts[0]:%H:%M}",
        ends=f"{end:%H:%M}",
        zone=str(report.zone),
        k=k,
        plot=svg[svg.index("<svg") :],
        header=[*header, *(ACTIVITY_NAMES[name] for name in shown)],
        rows=rows,
    )
