"""The results as tables: of the terminal, of README.md, of docs/activity.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.classroom.truth import TrueActivity
from bench.scoring.activities import DESK_WORK, MISSED, NOBODY
from bench.scoring.headcounts import group_names
from bench.scoring.keypoints import JOINTS
from bench.scoring.ratios import Estimate
from bench.scoring.results import AccuracyResults, ConfigurationResult, SetResult
from bench.scoring.samples import SampleSet
from cluster.vision.activity import Activity

NOTHING: Final = "–"

_FOUND_AND_EXTRA: Final = ("people_found", "people_extra")
_EVENTS: Final = ("hand_events_found", "hand_events_false")
_PICTURE_HANDS: Final = ("hands_found", "hands_false")


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A table.

    Attributes:
        title: What it shows.
        header: A name for each column.
        rows: Cells, a name first.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def format_estimate(measured: Estimate | None) -> str:
    """Format a share with its interval: `93% (90 to 96)`; a dash where it was not measured."""
    if measured is None:
        return NOTHING
    value = f"{100 * measured.value:.0f}%"
    if measured.low is None or measured.high is None:
        return value
    return f"{value} ({100 * measured.low:.0f} to {100 * measured.high:.0f})"


def format_brief(measured: Estimate | None) -> str:
    """Format a share without its interval."""
    return NOTHING if measured is None else f"{100 * measured.value:.0f}%"


def summary_table(results: AccuracyResults) -> ResultTable:
    """Return the most important measures: a row for each set and configuration."""
    rows = []
    for sample_set in SampleSet:
        for configuration, result in _of_set(results, sample_set):
            hands = _EVENTS if _EVENTS[0] in result.measures else _PICTURE_HANDS
            rows.append(
                (
                    f"{sample_set} ({result.samples})",
                    configuration.name,
                    format_estimate(result.measures.get("headcount_error")),
                    _pair(result, _FOUND_AND_EXTRA, " + "),
                    _pair(result, hands, ", "),
                    format_estimate(result.measures.get("activity_right.desk_work_merged")),
                    format_brief(result.measures.get("activity_unclear")),
                )
            )
    header = (
        "pictures and clips",
        "configuration",
        "mean headcount error",
        "people found + extra",
        "raised hands found, false",
        "activities right",
        "unclear",
    )
    return ResultTable("How right the numbers are", header, tuple(rows))


def detail_tables(results: AccuracyResults) -> list[ResultTable]:
    """Return everything that was measured, a table for each kind of measure."""
    return [
        table
        for table in (
            _settings_table(results),
            _head_height_table(results, "input", "the network's input"),
            _head_height_table(results, "picture", "the picture"),
            _keypoint_table(results),
            _activity_table(results),
            _confusion_table(results),
            _false_table(results),
        )
        if table.rows
    ]


def render_markdown(table: ResultTable) -> str:
    """Return a table in Markdown."""
    lines = [table.header, tuple("---" for _ in table.header), *table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _of_set(
    results: AccuracyResults, sample_set: SampleSet
) -> list[tuple[ConfigurationResult, SetResult]]:
    return [
        (configuration, configuration.sets[str(sample_set)])
        for configuration in results.configurations
        if str(sample_set) in configuration.sets
    ]


def _pair(result: SetResult, names: tuple[str, str], between: str) -> str:
    """Return two measures in one cell, the first with its interval."""
    first, second = (result.measures.get(name) for name in names)
    if first is None and second is None:
        return NOTHING
    return f"{format_estimate(first)}{between}{format_brief(second)}"


def _settings_table(results: AccuracyResults) -> ResultTable:
    rows = tuple(
        (one.name, f"`{one.model}`", str(one.input_size), f"{one.confidence:g}")
        for one in results.configurations
    )
    return ResultTable("Configurations", ("name", "weights", "input size", "confidence"), rows)


def _rows_of(
    results: AccuracyResults,
    names: Sequence[str],
    cell: Callable[[Estimate | None], str] = format_brief,
) -> tuple[tuple[str, ...], ...]:
    """Return a row for each set and configuration that has one of some measures."""
    return tuple(
        (
            str(sample_set),
            configuration.name,
            *(cell(result.measures.get(name)) for name in names),
        )
        for sample_set in SampleSet
        for configuration, result in _of_set(results, sample_set)
        if any(name in result.measures for name in names)
    )


def _head_height_table(results: AccuracyResults, space: str, where: str) -> ResultTable:
    groups = group_names()
    rows = _rows_of(results, [f"people_found.{space}.{group}" for group in groups])
    header = ("pictures and clips", "configuration", *groups)
    return ResultTable(f"People found, by height of the head in pixels of {where}", header, rows)


def _keypoint_table(results: AccuracyResults) -> ResultTable:
    kinds = ("near", "usable")
    names = [f"keypoints_{kind}.{group}" for group in JOINTS for kind in kinds]
    rows = tuple(
        (
            *row[:2],
            *(f"{near}, {usable}" for near, usable in zip(row[2::2], row[3::2], strict=True)),
        )
        for row in _rows_of(results, names)
    )
    return ResultTable(
        "Seen keypoints within half a head's height, and those of them whose score counts",
        ("pictures and clips", "configuration", *JOINTS),
        rows,
    )


def _activity_table(results: AccuracyResults) -> ResultTable:
    activities = [*map(str, TrueActivity), DESK_WORK]
    names = [f"activity_{kind}.{one}" for one in activities for kind in ("precision", "recall")]
    rows = tuple(
        (*row[:2], *(f"{p}, {r}" for p, r in zip(row[2::2], row[3::2], strict=True)))
        for row in _rows_of(results, names)
    )
    header = ("pictures and clips", "configuration", *(f"`{one}`" for one in activities))
    return ResultTable("Activities: precision, recall", header, rows)


def _confusion_table(results: AccuracyResults) -> ResultTable:
    """Return what the product counts people as, for each true activity, in the first set."""
    columns = [*map(str, Activity), MISSED]
    product = results.configurations[0]
    for name in (SampleSet.RENDERED_CLIPS, SampleSet.RENDERED_PICTURE):
        confusion = product.sets[str(name)].confusion if str(name) in product.sets else {}
        if confusion:
            rows = tuple(
                (
                    f"`{true}`" if true != NOBODY else NOBODY,
                    *_shares_of_row(confusion[true], columns),
                )
                for true in [*map(str, TrueActivity), NOBODY]
                if true in confusion
            )
            header = ("true", *(f"`{one}`" if one != MISSED else MISSED for one in columns))
            return ResultTable(f"{product.name}, {name}: what people are counted as", header, rows)
    return ResultTable("", (), ())


def _shares_of_row(row: dict[str, float], columns: Sequence[str]) -> list[str]:
    total = sum(row.values())
    shares = [row.get(column, 0) / total if total else 0 for column in columns]
    return [f"{share:.0%}" if share else "" for share in shares]


def _false_table(results: AccuracyResults) -> ResultTable:
    names = ("headcount_error_of_windows", "standing_false", "frames_above_limit")
    header = (
        "pictures and clips",
        "configuration",
        "mean headcount error of windows",
        "people told as standing where nobody stands",
        "frames with more people than there can be",
    )
    return ResultTable(
        "Windows, and what cannot be", header, _rows_of(results, names, format_estimate)
    )
