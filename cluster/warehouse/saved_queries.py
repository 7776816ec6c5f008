"""Questions that may be asked of the warehouse over HTTP: a fixed set, each with its parameters.

    name, parameters, page -> checked -> fixed SQL, all values bound -> Answer

Analysts have no free SQL there. Parameters never become part of a statement, every answer is in a
fixed order so that its pages fit together, and what takes too long is ended. The questions read
tables and views as they are published: what these withhold, no question gives back. Sums are made
of headcounts alone.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

import duckdb
from pydantic import TypeAdapter

from cluster.errors import NotFound, QueryRefused
from cluster.settings import Identifier, Settings
from cluster.warehouse.query import open_warehouse

MOST_ROWS: Final = 1000
FURTHEST_ROW: Final = 1_000_000
LONGEST_SECONDS: Final = 30.0

Value = str | int | date | datetime | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a question may be given.

    Attributes:
        name: As callers name it.
        kind: `id` (of a school, room or lesson), `date` (at the school, 2026-03-02) or `moment`
            (with its zone, 2026-03-02T09:00:00Z).
        description: What it does.
        required: Without it, the question is refused.
    """

    name: str
    kind: Literal["id", "date", "moment"]
    description: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A question, and all that may be said with it.

    Attributes:
        name: As callers name it.
        description: What a row of the answer is.
        parameters: What it may be given.
        sql: Fixed; its parameters are bound. Ordered so that no two rows may change places.
        longest_days: Most days from `from` to `to`.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str
    longest_days: int = 366


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of an answer.

    Attributes:
        columns: Their names.
        rows: Their values, in the order of the columns; times are UTC.
        more: There are rows behind these.
        published: Which publication answered; pages of two publications need not fit together.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool
    published: str


_SCHOOL = Parameter("school_id", "id", "The school.")
_ANY_SCHOOL = Parameter("school_id", "id", "One school; all unless given.", required=False)
_ANY_ROOM = Parameter("room_id", "id", "One room; all unless given.", required=False)
_FROM_DAY = Parameter("from", "date", "First day, at the school.")
_TO_DAY = Parameter("to", "date", "Last day, at the school.")

_ALL = (
    SavedQuery(
        "schools",
        "The schools.",
        (),
        "SELECT * FROM schools ORDER BY school_id",
    ),
    SavedQuery(
        "rooms",
        "The rooms of the schools.",
        (_ANY_SCHOOL,),
        "SELECT * FROM rooms WHERE $school_id::VARCHAR IS NULL OR school_id = $school_id "
        "ORDER BY school_id, room_id",
    ),
    SavedQuery(
        "room_windows",
        "Ten seconds of a room, as seen by one camera.",
        (
            Parameter("room_id", "id", "The room."),
            Parameter("from", "moment", "Windows that start then or later."),
            Parameter("to", "moment", "Windows that start before; at most 31 days after `from`."),
        ),
        # The lake is divided by local dates: these are never more than a day from UTC's.
        "SELECT * FROM activity_windows WHERE room_id = $room_id "
        "AND window_start >= $from::TIMESTAMPTZ AND window_start < $to::TIMESTAMPTZ "
        "AND date BETWEEN $from::TIMESTAMPTZ::DATE - 1 AND $to::TIMESTAMPTZ::DATE + 1 "
        "ORDER BY window_start, camera_id",
        longest_days=31,
    ),
    SavedQuery(
        "lesson_activity",
        "A lesson: its windows added up.",
        (_ANY_ROOM, _FROM_DAY, _TO_DAY),
        "SELECT l.* FROM lesson_activity l JOIN rooms USING (room_id) JOIN schools s "
        "USING (school_id) WHERE ($room_id::VARCHAR IS NULL OR l.room_id = $room_id) "
        "AND (l.starts_at AT TIME ZONE s.timezone)::DATE BETWEEN $from::DATE AND $to::DATE "
        "ORDER BY l.starts_at, l.lesson_id",
    ),
    SavedQuery(
        "room_occupancy_hourly",
        "People in a room in an hour of a school's day, by the camera that saw the most of them.",
        (_SCHOOL, Parameter("date", "date", "The day, at the school.")),
        "WITH told AS (SELECT w.*, (window_start AT TIME ZONE s.timezone) AS clock "
        "FROM activity_windows w JOIN schools s USING (school_id) "
        "WHERE w.school_id = $school_id AND w.date = $date::DATE), "
        "seen AS (SELECT room_id, window_start, max(people_max) AS people_max, "
        "max(people_mean) AS people_mean, "
        # By the moment, not by the clock, which shows one hour twice when summer ends.
        "any_value(window_start - (clock - date_trunc('hour', clock))) AS hour_starts_at "
        "FROM told GROUP BY room_id, window_start) "
        "SELECT room_id, hour_starts_at, count(*) AS windows, max(people_max) AS people_max, "
        "round(avg(people_mean), 1) AS people_mean FROM seen "
        "GROUP BY room_id, hour_starts_at ORDER BY room_id, hour_starts_at",
    ),
    SavedQuery(
        "school_days",
        "A day of a school: how much of it was seen.",
        (_ANY_SCHOOL, _FROM_DAY, _TO_DAY),
        "SELECT school_id, date, count(DISTINCT room_id) AS rooms, "
        "count(DISTINCT camera_id) AS cameras, count(*) AS windows, "
        "count(*) FILTER (suppressed) AS windows_suppressed, "
        "count(*) FILTER (source = 'live') AS windows_live, "
        "min(window_start) AS first_window, max(window_start) AS last_window "
        "FROM activity_windows WHERE date BETWEEN $from::DATE AND $to::DATE "
        "AND ($school_id::VARCHAR IS NULL OR school_id = $school_id) "
        "GROUP BY school_id, date ORDER BY date, school_id",
    ),
    SavedQuery(
        "checkin_feelings",
        "A feeling in a lesson's check-in, as students said it; lessons with too few answers have "
        "no row.",
        (_ANY_SCHOOL, _FROM_DAY, _TO_DAY),
        "SELECT * FROM checkin_counts WHERE answers_told IS NOT NULL "
        "AND date BETWEEN $from::DATE AND $to::DATE "
        "AND ($school_id::VARCHAR IS NULL OR school_id = $school_id) "
        "ORDER BY date, lesson_id, list_position(['surprised', 'sad', 'angry', 'happy', 'put_off', "
        "'afraid', 'neutral'], feeling)",
    ),
    SavedQuery(
        "runs",
        "A run of the archive job, or a day of the live service; the newest first.",
        (),
        "SELECT * FROM runs ORDER BY started_at DESC, run_id",
    ),
    SavedQuery(
        "models",
        "A model whose numbers are in the tables.",
        (),
        "SELECT * FROM models ORDER BY first_used_at, model",
    ),
)

QUESTIONS: Final[Mapping[str, SavedQuery]] = MappingProxyType({each.name: each for each in _ALL})
"""All of them, by name."""

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_FORMS = {
    "id": "a short name, like room-7",
    "date": "a day, like 2026-03-02",
    "moment": "a time with its zone, like 2026-03-02T09:00:00Z",
}


def run_saved_query(
    settings: Settings,
    name: str,
    parameters: Mapping[str, Value],
    *,
    limit: int = 100,
    offset: int = 0,
    longest_seconds: float = LONGEST_SECONDS,
) -> Answer:
    """Ask the published warehouse one of `QUESTIONS`; any number of threads may.

    Args:
        settings: They name the warehouse.
        name: Which question.
        parameters: By name; as texts, or typed. None is as good as absent.
        limit: Most rows, 1 to 1000.
        offset: Rows to leave out at the beginning, 0 to 1,000,000.
        longest_seconds: What takes longer is ended.

    Raises:
        NotFound: There is no such question.
        QueryRefused: A parameter is missing, unknown or out of bounds, or it took too long.
        NotPublished: There is no warehouse yet.
    """
    question = QUESTIONS.get(name)
    if question is None:
        raise NotFound(
            f"there is no question {name[:100]!r}.", hint=f"There are: {', '.join(QUESTIONS)}."
        )
    values = _checked(question, parameters)
    _within("limit", limit, 1, MOST_ROWS)
    _within("offset", offset, 0, FURTHEST_ROW)
    page = {"page_limit": limit + 1, "page_offset": offset}
    sql = f"{question.sql} LIMIT $page_limit OFFSET $page_offset"
    with open_warehouse(settings) as connection, _ended_after(connection, longest_seconds):
        try:
            found = connection.sql(sql, params={**values, **page}).to_arrow_table()
            [(path,)] = connection.execute(
                "SELECT path FROM duckdb_databases() WHERE database_name = 'district'"
            ).fetchall()
        except duckdb.InterruptException as error:
            raise QueryRefused(
                f"{question.name} took longer than {longest_seconds:g} s and was ended.",
                hint="Ask for less: fewer days, or one room.",
            ) from error
        except duckdb.Error as error:
            raise QueryRefused(f"DuckDB refused {question.name}: {error}") from error
    rows = tuple(zip(*(column.to_pylist() for column in found.columns), strict=True))
    version = str(path).rpartition("district-")[2].removesuffix(".duckdb")
    return Answer(tuple(found.column_names), rows[:limit], len(rows) > limit, version)


def _checked(question: SavedQuery, parameters: Mapping[str, Value]) -> dict[str, Value]:
    """All of a question's parameters, typed; those that are absent are None."""
    known = [parameter.name for parameter in question.parameters]
    given = {name: value for name, value in parameters.items() if value is not None}
    unknown = sorted(name[:50] for name in given.keys() - set(known))
    if unknown:
        raise QueryRefused(
            f"{question.name} has no parameter {', '.join(map(repr, unknown))}.",
            hint=f"It has: {', '.join(known) or 'none'}.",
        )
    values: dict[str, Value] = dict.fromkeys(known)
    for parameter in question.parameters:
        if parameter.name in given:
            values[parameter.name] = _typed(parameter, given[parameter.name])
        elif parameter.required:
            raise QueryRefused(
                f"{question.name} needs the parameter {parameter.name!r}.",
                hint=f"Give {_FORMS[parameter.kind]}.",
            )
    _check_span(values.get("from"), values.get("to"), question.longest_days)
    return values


def _typed(parameter: Parameter, value: Value) -> Value:
    try:
        if parameter.kind == "id":
            return _IDENTIFIER.validate_python(value)
        text = value.isoformat() if isinstance(value, date) else str(value)
        if parameter.kind == "date":
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # said below, as is a time without its zone
    raise QueryRefused(
        f"{parameter.name!r} is {str(value)[:100]!r}.", hint=f"Give {_FORMS[parameter.kind]}."
    )


def _check_span(begins: Value, ends: Value, longest_days: int) -> None:
    if not isinstance(begins, date) or not isinstance(ends, date):
        return
    span = ends - begins
    if span < timedelta(0):
        raise QueryRefused("'to' lies before 'from'.", hint="Exchange them.")
    if span > timedelta(days=longest_days):
        raise QueryRefused(
            f"'to' lies more than {longest_days} days after 'from'.", hint="Ask in pieces."
        )


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise QueryRefused(f"{name!r} is {value}.", hint=f"Give {least} to {most}.")


@contextmanager
def _ended_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what still runs after so many seconds."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it must not meet a closed connection
