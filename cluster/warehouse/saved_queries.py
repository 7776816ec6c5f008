"""Saved queries of the warehouse: a fixed set, each with typed parameters.

    name, parameters -> bind_parameters (checked once) -> fixed SQL, values bound -> QueryResult

Over HTTP, analysts have no free SQL. Parameters never become part of a statement, every result is
in a fixed order so that its pages fit together, and a query that takes too long is interrupted. The
queries read tables and views as they are published: what these suppress, no query reveals (R3).
Only headcounts are aggregated.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
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

MAX_ROWS: Final = 1000
MAX_OFFSET: Final = 1_000_000
TIMEOUT_SECONDS: Final = 30.0

ParameterValue = str | int | date | datetime | None


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A parameter of a saved query.

    Attributes:
        name: The parameter's name.
        kind: `id` (of a school, room or lesson), `date` (at the school, 2026-03-02) or `moment`
            (a time with its zone, 2026-03-02T09:00:00Z).
        description: What it does.
        required: Whether the query is rejected without it.
    """

    name: str
    kind: Literal["id", "date", "moment"]
    description: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query and its parameters.

    Attributes:
        name: The query's name.
        description: What a row of the result is.
        parameters: Its parameters.
        sql: Fixed; its parameters are bound. The order is total, so that pages fit together.
        max_days: Most days from `from` to `to`.
    """

    name: str
    description: str
    parameters: tuple[QueryParameter, ...]
    sql: str
    max_days: int = 366


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A saved query with checked, typed values for all of its parameters.

    `bind_parameters` creates it; absent optional parameters are None.
    """

    query: SavedQuery
    values: Mapping[str, ParameterValue]


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """A parameter that cannot be bound.

    Attributes:
        name: The parameter's name.
        value: As it was given; None where it is missing.
        reason: What is wrong, for people.
        expected: What a value must be, if this one is invalid.
    """

    name: str
    value: ParameterValue
    reason: str
    expected: str | None = None


class InvalidParameters(QueryRefused):
    """Parameters that a saved query does not take, each with its reason."""

    problems: tuple[ParameterProblem, ...] = ()

    @classmethod
    def of(cls, query: SavedQuery, problems: Iterable[ParameterProblem]) -> "InvalidParameters":
        """Create the error that names all problems."""
        found = tuple(problems)
        error = cls(
            f"{query.name}: {'; '.join(p.reason for p in found[:MAX_PROBLEMS_IN_MESSAGE])}.",
            hint=f"It takes: {', '.join(p.name for p in query.parameters) or 'no parameters'}.",
        )
        error.problems = found
        return error


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A page of a result.

    Attributes:
        columns: Names of the columns.
        rows: Their values, in the order of the columns; times are UTC.
        has_more: Whether there are rows after these.
        published: The publication that was read; pages of two publications need not fit together.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    has_more: bool
    published: str


MAX_PROBLEMS_IN_MESSAGE = 3
MAX_TEXT_IN_MESSAGE = 100

_SCHOOL = QueryParameter("school_id", "id", "The school.")
_ANY_SCHOOL = QueryParameter("school_id", "id", "One school; all unless given.", required=False)
_ANY_ROOM = QueryParameter("room_id", "id", "One room; all unless given.", required=False)
_FROM_DAY = QueryParameter("from", "date", "First day, at the school.")
_TO_DAY = QueryParameter("to", "date", "Last day, at the school.")

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
            QueryParameter("room_id", "id", "The room."),
            QueryParameter("from", "moment", "Windows that start then or later."),
            QueryParameter(
                "to", "moment", "Windows that start before; at most 31 days after `from`."
            ),
        ),
        # The lake is partitioned by local dates, which are at most a day off those in UTC.
        "SELECT * FROM activity_windows WHERE room_id = $room_id "
        "AND window_start >= $from::TIMESTAMPTZ AND window_start < $to::TIMESTAMPTZ "
        "AND date BETWEEN $from::TIMESTAMPTZ::DATE - 1 AND $to::TIMESTAMPTZ::DATE + 1 "
        "ORDER BY window_start, camera_id",
        max_days=31,
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
        (_SCHOOL, QueryParameter("date", "date", "The day, at the school.")),
        "WITH local AS (SELECT w.*, (window_start AT TIME ZONE s.timezone) AS clock "
        "FROM activity_windows w JOIN schools s USING (school_id) "
        "WHERE w.school_id = $school_id AND w.date = $date::DATE), "
        "seen AS (SELECT room_id, window_start, max(people_max) AS people_max, "
        "max(people_mean) AS people_mean, "
        # By UTC, not by the local clock, which shows one hour twice when summer time ends.
        "any_value(window_start - (clock - date_trunc('hour', clock))) AS hour_starts_at "
        "FROM local GROUP BY room_id, window_start) "
        "SELECT room_id, hour_starts_at, count(*) AS windows, max(people_max) AS people_max, "
        "round(avg(people_mean), 1) AS people_mean FROM seen "
        "GROUP BY room_id, hour_starts_at ORDER BY room_id, hour_starts_at",
    ),
    SavedQuery(
        "school_days",
        "A day of a school: how much of it was seen.",
        (_ANY_SCHOOL, _FROM_DAY, _TO_DAY),
        # Of rooms, as a lesson's: two cameras of a room are one window.
        "WITH seen AS (SELECT * FROM activity_windows "
        "WHERE date BETWEEN $from::DATE AND $to::DATE "
        "AND ($school_id::VARCHAR IS NULL OR school_id = $school_id)), "
        "of_room AS (SELECT school_id, date, room_id, window_start, "
        "bool_and(suppressed) AS suppressed, bool_or(source = 'live') AS live "
        "FROM seen GROUP BY school_id, date, room_id, window_start), "
        "of_cameras AS (SELECT school_id, date, count(DISTINCT camera_id) AS cameras FROM seen "
        "GROUP BY school_id, date) "
        "SELECT school_id, date, count(DISTINCT room_id) AS rooms, "
        "any_value(cameras) AS cameras, count(*) AS windows, "
        "count(*) FILTER (suppressed) AS windows_suppressed, "
        "count(*) FILTER (live) AS windows_live, "
        "min(window_start) AS first_window, max(window_start) AS last_window "
        "FROM of_room JOIN of_cameras USING (school_id, date) "
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

SAVED_QUERIES: Final[Mapping[str, SavedQuery]] = MappingProxyType({q.name: q for q in _ALL})
"""All of them, by name."""

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
_EXAMPLES = {
    "id": "a short name, like room-7",
    "date": "a day, like 2026-03-02",
    "moment": "a time with its zone, like 2026-03-02T09:00:00Z",
}


def find_saved_query(name: str) -> SavedQuery:
    """Return the query of a name.

    Raises:
        NotFound: There is none.
    """
    query = SAVED_QUERIES.get(name)
    if query is None:
        raise NotFound(
            f"there is no query {name[:MAX_TEXT_IN_MESSAGE]!r}.",
            hint=f"There are: {', '.join(SAVED_QUERIES)}.",
        )
    return query


def bind_parameters(query: SavedQuery, given: Iterable[tuple[str, ParameterValue]]) -> BoundQuery:
    """Check and convert the parameters of a query.

    Args:
        query: The query.
        given: Names and values, as texts or typed; None is the same as absent.

    Raises:
        InvalidParameters: Some are missing, unknown, repeated or invalid; it names all of them.
        QueryRefused: The time between `from` and `to` is negative or too long.
    """
    parameters = {parameter.name: parameter for parameter in query.parameters}
    values: dict[str, ParameterValue] = dict.fromkeys(parameters)
    problems: list[ParameterProblem] = []
    names = set()
    for name, value in given:
        if value is None:
            continue
        if name not in parameters:
            text = repr(name[:MAX_TEXT_IN_MESSAGE])
            problems.append(ParameterProblem(name, value, f"there is no parameter {text}"))
        elif name in names:
            problems.append(ParameterProblem(name, value, f"{name!r} is given twice"))
        else:
            try:
                values[name] = _convert(parameters[name], value)
            except ValueError:
                reason = _describe(parameters[name], value)
                expected = _EXAMPLES[parameters[name].kind]
                problems.append(ParameterProblem(name, value, reason, expected))
        names.add(name)
    problems += [
        ParameterProblem(p.name, None, f"{p.name!r} is required: {_EXAMPLES[p.kind]}")
        for p in query.parameters
        if p.required and p.name not in names
    ]
    if problems:
        raise InvalidParameters.of(query, problems)
    _check_span(values, query.max_days)
    return BoundQuery(query, values)


def run_saved_query(
    settings: Settings,
    bound: BoundQuery,
    *,
    limit: int = 100,
    offset: int = 0,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> QueryResult:
    """Run a saved query on the published warehouse; safe to call from several threads.

    Args:
        settings: They name the warehouse.
        bound: The query with its parameters.
        limit: Most rows, 1 to 1000.
        offset: Rows to skip, 0 to 1,000,000.
        timeout_seconds: A query that takes longer is interrupted.

    Raises:
        QueryRefused: The page is out of bounds, or the query took too long.
        NotPublished: There is no warehouse yet.
    """
    _check_bounds("limit", limit, 1, MAX_ROWS)
    _check_bounds("offset", offset, 0, MAX_OFFSET)
    query = bound.query
    values = {**bound.values, "page_limit": limit + 1, "page_offset": offset}
    sql = f"{query.sql} LIMIT $page_limit OFFSET $page_offset"
    with open_warehouse(settings) as connection, _timeout(connection, timeout_seconds):
        try:
            table = connection.sql(sql, params=values).to_arrow_table()
            [(path,)] = connection.execute(
                "SELECT path FROM duckdb_databases() WHERE database_name = 'district'"
            ).fetchall()
        except duckdb.InterruptException as error:
            raise QueryRefused(
                f"{query.name} took longer than {timeout_seconds:g} s and was interrupted.",
                hint="Ask for less: fewer days, or one room.",
            ) from error
        except duckdb.Error as error:
            raise QueryRefused(f"DuckDB rejected {query.name}: {error}") from error
    rows = tuple(zip(*(column.to_pylist() for column in table.columns), strict=True))
    version = str(path).rpartition("district-")[2].removesuffix(".duckdb")
    return QueryResult(tuple(table.column_names), rows[:limit], len(rows) > limit, version)


def _convert(parameter: QueryParameter, value: ParameterValue) -> ParameterValue:
    """Convert a value to the parameter's type.

    Raises:
        ValueError: It is not of that type, or a time has no zone.
    """
    if parameter.kind == "id":
        return _IDENTIFIER.validate_python(value)
    text = value.isoformat() if isinstance(value, date) else str(value)
    if parameter.kind == "date":
        return date.fromisoformat(text)
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError from error


def _describe(parameter: QueryParameter, value: ParameterValue) -> str:
    text = repr(str(value)[:MAX_TEXT_IN_MESSAGE])
    return f"{parameter.name!r} is {text}, not {_EXAMPLES[parameter.kind]}"


def _check_span(values: Mapping[str, ParameterValue], max_days: int) -> None:
    start, end = values.get("from"), values.get("to")
    if not isinstance(start, date) or not isinstance(end, date):
        return
    if end < start:
        raise QueryRefused("'to' is before 'from'.", hint="Swap them.")
    if end - start > timedelta(days=max_days):
        raise QueryRefused(
            f"'to' is more than {max_days} days after 'from'.", hint="Split the query."
        )


def _check_bounds(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise QueryRefused(f"{name!r} is {value}.", hint=f"Give {low} to {high}.")


@contextmanager
def _timeout(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt a query that still runs after some seconds."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it must not interrupt a closed connection
