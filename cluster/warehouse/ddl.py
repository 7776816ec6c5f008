"""SQL that creates the tables of windows: from the lake, by the rule of today (R3)."""

import glob
from pathlib import Path

from cluster.activity.desk_work import DESK_WORK, PARTS
from cluster.activity.suppression import (
    MAX_SHARE,
    MEAN_ERROR,
    PUBLISHED_ACTIVITIES,
    is_withheld_field,
)
from cluster.settings import MIN_K
from cluster.warehouse.schema import ACTIVITY_WINDOWS, PARTITION_COLUMNS

DESK_WORK_COLUMN = f"{DESK_WORK}_share"
_PARTS_SUM = " + ".join(f"{part}_share" for part in PARTS)
_SQL_TYPES = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date32[day]": "DATE",
    "timestamp[us, tz=UTC]": "TIMESTAMPTZ",
}


_COMPUTED = {
    DESK_WORK_COLUMN: f"CASE WHEN {DESK_WORK_COLUMN} IS NULL AND {_PARTS_SUM} IS NOT NULL "
    f"THEN least({MAX_SHARE}, round({_PARTS_SUM}, 2)) ELSE {DESK_WORK_COLUMN} END "
    f"AS {DESK_WORK_COLUMN}",
}
"""Columns that parts of earlier versions do not have, and that follow from others."""


def lake_windows_sql(lake_dir: Path) -> str:
    """Return SQL that reads the lake's parts once, into a table of the connection alone.

    It holds what R3 hides, so it never becomes part of a published file.

    Parts of earlier versions lack columns that were added since: these are NULL there, also where
    no part has them yet.
    """
    table = ACTIVITY_WINDOWS
    typed = ", ".join(
        f'NULL::{_SQL_TYPES[str(column.type)]} AS "{column.name}"' for column in table.columns
    )
    nothing = f"SELECT {typed} WHERE false"
    if not any((lake_dir / table.name).glob("*/*/*.parquet")):
        return f"CREATE TEMP TABLE lake_windows AS {nothing}"
    parts = quote_literal(f"{glob.escape(str(lake_dir / table.name))}/*/*/*.parquet")
    columns = ", ".join(_COMPUTED.get(column.name, f'"{column.name}"') for column in table.columns)
    types = ", ".join(
        f"'{column.name}': {_SQL_TYPES[str(column.type)]}"
        for column in table.columns
        if column.name in PARTITION_COLUMNS
    )
    return (
        f"CREATE TEMP TABLE lake_windows AS SELECT {columns} FROM (SELECT * FROM "  # noqa: S608
        f"read_parquet({parts}, "
        f"hive_partitioning = true, hive_types = {{{types}}}, union_by_name = true) "
        f"UNION ALL BY NAME {nothing})"
    )


MOST_PEOPLE_SQL = """
SELECT room_id, date, camera_id, source FROM (
  SELECT
    room_id, date, camera_id, source,
    round(sum(people_mean), 1) AS people_seen,
    bool_or(NOT suppressed AND people_mean >= $k) AS counts
  FROM lake_windows GROUP BY ALL
)
QUALIFY bool_or(counts) OVER (PARTITION BY room_id, date) AND 1 = row_number() OVER (
  PARTITION BY room_id, date ORDER BY people_seen DESC, camera_id, source DESC
)
"""
"""The camera that saw most people in a room on a day, as `choose_share_camera` chooses it."""


def _published_columns() -> str:
    """Return the columns of `activity_windows`, of which R3 hides some."""
    columns = []
    for column in ACTIVITY_WINDOWS.columns:
        if column.name == "suppressed":
            columns.append("NOT gives_shares AS suppressed")
        elif is_withheld_field(column.name):
            columns.append(f"CASE WHEN gives_shares THEN {column.name} END AS {column.name}")
        else:
            columns.append(column.name)
    return ", ".join(columns)


ACTIVITY_WINDOWS_SQL = f"""
CREATE TABLE activity_windows AS
SELECT {_published_columns()} FROM (
  SELECT w.*, coalesce(
    NOT w.suppressed
    AND w.people_mean >= $k
    AND w.camera_id = s.camera_id AND w.source = s.source
    AND r.kind IS DISTINCT FROM 'vehicle'
    -- A smaller k let frames into the shares that have too few people today. Where none can have
    -- had, whatever the others had, today's rule gives the same shares (`restrict_window`).
    AND (coalesce(u.k, {MIN_K}) >= $k
      OR w.people_max - w.frames * (w.people_max - w.people_mean + {MEAN_ERROR}) >= $k),
    false
  ) AS gives_shares
  FROM lake_windows w
  LEFT JOIN share_cameras s USING (room_id, date)
  LEFT JOIN rooms r ON r.room_id = w.room_id
  LEFT JOIN runs u ON u.run_id = w.run_id
)
"""  # noqa: S608 (names of the schema)
"""Copies the windows by the rule of today: a room and day has shares of one camera (R3)."""


def quote_literal(text: str) -> str:
    """Quote a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _lesson_means() -> str:
    """Return columns of means over windows, weighted by people: of published shares alone (R3)."""
    return ",\n  ".join(
        f"round(sum(w.{activity}_share * w.people_counted) "
        f"/ nullif(sum(w.people_counted) FILTER (w.{activity}_share IS NOT NULL), 0), 3) "
        f"AS {activity}_share"
        for activity in PUBLISHED_ACTIVITIES
    )


def _room_shares() -> str:
    """Return the shares of a room's window: only one of its cameras has any."""
    return ",\n    ".join(
        f"any_value({activity}_share) AS {activity}_share" for activity in PUBLISHED_ACTIVITIES
    )


LESSON_ACTIVITY_SQL = f"""
CREATE TABLE lesson_activity AS
WITH of_room AS (
  SELECT
    lesson_id, window_start,
    max(people_max) AS people_max,
    max(people_mean) AS people_mean,
    bool_and(suppressed) AS suppressed,
    any_value(hand_raises) AS hand_raises,
    any_value(people_mean) FILTER (NOT suppressed) AS people_counted,
    {_room_shares()}
  FROM activity_windows WHERE lesson_id IS NOT NULL GROUP BY lesson_id, room_id, window_start
)
SELECT
  l.lesson_id, l.room_id, l.class_id, l.starts_at, l.ends_at,
  count(w.window_start) AS windows,
  count(w.window_start) FILTER (w.suppressed) AS windows_suppressed,
  max(w.people_max) AS people_max,
  round(avg(w.people_mean), 1) AS people_mean,
  sum(w.hand_raises)::BIGINT AS hand_raises,
  {_lesson_means()}
FROM lessons l LEFT JOIN of_room w USING (lesson_id)
GROUP BY ALL
"""  # noqa: S608 (names of the schema)
"""Adds up rooms and not cameras: two cameras of a room are one window."""
