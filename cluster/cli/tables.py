"""`homeroom publish`, `query` and `report`: from the lake to tables and reports."""

import sys
from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import typer
from rich.markup import escape
from rich.table import Table

from cluster.checkins.warehouse_rows import load_warehouse_rows
from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.clock import utc_now
from cluster.errors import SettingsError
from cluster.records.timetable.lessons import load_timetable
from cluster.settings import load_settings
from cluster.spreadsheet import escape_formulas
from cluster.warehouse.missing_lessons import find_missing_lessons
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query, warehouse_path


class OutputFormat(StrEnum):
    """The format of a query's result."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def publish_warehouse(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Build a new DuckDB file from the lake, the lessons and the counts of check-ins."""
    loaded, now = load_settings(settings), utc_now()
    lessons = load_timetable(loaded, now=now)
    for bad in lessons.bad_rows:
        say(f"Note: {bad}")
    counts = load_warehouse_rows(loaded)
    published = publish(loaded, lessons.timetable, now=now, checkin_counts=counts)
    missing = find_missing_lessons(published.path)
    if missing is not None:
        say(f"Note: {missing}")
    if as_json:
        answer_json({"path": str(published.path), "rows": published.rows})
    rows = ", ".join(f"{count} {name}" for name, count in published.rows.items())
    say(f"Published {warehouse_path(loaded)} ({published.path.name}): {rows}.")


def query(
    sql: Annotated[str, typer.Argument(help="A SELECT; `SHOW TABLES` lists the tables.")],
    form: Annotated[
        OutputFormat, typer.Option("--format", help="How to print it.")
    ] = OutputFormat.TABLE,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Query the published warehouse, read-only and in a sandbox."""
    result = run_query(load_settings(settings), sql)
    if as_json or form is OutputFormat.JSON:
        names = _unique_names(result.column_names)
        answer_json([dict(zip(names, row, strict=True)) for row in _rows(result)])
    elif form is OutputFormat.CSV:
        pa_csv.write_csv(_flatten(result), sys.stdout.buffer)
    else:
        print_table(result)


def print_table(result: pa.Table) -> None:
    """Print a result as a table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for field in result.schema:
        is_number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        justify: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(escape(field.name), justify=justify, no_wrap=True)
    for row in _rows(result):
        table.add_row(*("–" if value is None else escape(str(value)) for value in row))
    answers.print(table)
    answers.print(f"{result.num_rows} rows", style="dim")


def _rows(result: pa.Table) -> list[tuple[Any, ...]]:
    """Return the rows by column index: two columns may have the same name."""
    return list(zip(*(column.to_pylist() for column in result.columns), strict=True))


def _flatten(result: pa.Table) -> pa.Table:
    """Convert lists, structs and intervals to text, and leave no text that is a formula.

    CSV has no type for the former; ids of classes and lessons come from the school's system, and
    the file may be opened in a spreadsheet. Without the mark of one, since programs read it too.
    """
    columns = [
        pa.array(
            [None if value is None else escape_formulas(str(value)) for value in column.to_pylist()]
        )
        if _is_text_in_csv(column.type)
        else column
        for column in result.columns
    ]
    return pa.Table.from_arrays(columns, names=result.column_names)


def _is_text_in_csv(kind: pa.DataType) -> bool:
    types = pa.types
    is_text = types.is_string(kind) or types.is_large_string(kind)
    return bool(is_text or types.is_nested(kind) or types.is_interval(kind))


def _unique_names(names: list[str]) -> list[str]:
    """Make column names unique: a second one of a name gets a number."""
    return [
        name if names.index(name) == index else f"{name}_{names[:index].count(name) + 1}"
        for index, name in enumerate(names)
    ]


def report(
    room: Annotated[str, typer.Argument(help="The room's id.")],
    date: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The day, at the school.")],
    begins: Annotated[str, typer.Option("--from", help="Local time, like 09:00.")] = "00:00",
    ends: Annotated[str, typer.Option("--to", help="Local time, like 09:45.")] = "24:00",
    out: Annotated[Path, typer.Option(help="A .html, .png or .svg file.")] = Path("report.html"),
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a report of a room's day, or of a part of it."""
    # Not at the top: matplotlib takes half a second to import.
    from cluster.warehouse.report import load_report, write_report

    loaded = load_settings(settings)
    if room not in loaded.rooms_by_id:
        raise SettingsError(f"there is no room {room!r} in the settings.")
    zone = loaded.schools_by_id[loaded.rooms_by_id[room].school].zone
    midnight = date.replace(tzinfo=zone)
    data = load_report(loaded, room, _at(midnight, begins), _at(midnight, ends))
    write_report(data, out, k=loaded.privacy.k)
    if as_json:
        answer_json({"report": str(out), "windows": len(data.windows)})
    say(f"Wrote {out}: {len(data.windows)} windows of {data.room_name}.")


def _at(midnight: datetime, clock: str) -> datetime:
    if clock == "24:00":
        return midnight + timedelta(days=1)
    try:
        return datetime.combine(midnight.date(), time.fromisoformat(clock), midnight.tzinfo)
    except ValueError:
        raise SettingsError(f"{clock!r} is not a time of day, like 09:45.") from None
