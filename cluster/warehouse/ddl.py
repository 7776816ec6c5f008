"""SQL that creates the views of the warehouse."""

import glob
from pathlib import Path

from cluster.activity.desk_work import DESK_WORK, PARTS
from cluster.activity.suppression import MAX_SHARE, PUBLISHED_ACTIVITIES
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


def activity_windows_sql(lake_dir: Path) -> str:
    """Return SQL that creates the view of the lake's parts; an empty view if there are none.

    Parts of earlier versions lack columns that were added since: these are NULL there, also where
    no part has them yet.
    """
    table = ACTIVITY_WINDOWS
    typed = ", ".join(
        f'NULL::{_SQL_TYPES[str(column.type)]} AS "{column.name}"' for column in table.columns
    )
    nothing = f"SELECT {typed} WHERE false"
    if not any((lake_dir / table.name).glob("*/*/*.parquet")):
        return f"CREATE VIEW {table.name} AS {nothing}"
    parts = quote_literal(f"{glob.escape(str(lake_dir / table.name))}/*/*/*.parquet")
    columns = ", ".join(_COMPUTED.get(column.name, f'"{column.name}"') for column in table.columns)
    types = ", ".join(
        f"'{column.name}': {_SQL_TYPES[str(column.type)]}"
        for column in table.columns
        if column.name in PARTITION_COLUMNS
    )
    return (
        f"CREATE VIEW {table.name} AS SELECT {columns} FROM (SELECT * FROM read_parquet({parts}, "  # noqa: S608
        f"hive_partitioning = true, hive_types = {{{types}}}, union_by_name = true) "
        f"UNION ALL BY NAME {nothing})"
    )


def quote_literal(text: str) -> str:
    """Quote a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _lesson_means() -> str:
    """Return columns of means over windows, weighted by people: of published shares alone (R3)."""
    return ",\n  ".join(
        f"round(sum(w.{activity}_share * w.people_mean) "
        f"/ nullif(sum(w.people_mean) FILTER (w.{activity}_share IS NOT NULL), 0), 3) "
        f"AS {activity}_share"
        for activity in PUBLISHED_ACTIVITIES
    )


LESSON_ACTIVITY_SQL = f"""
CREATE VIEW lesson_activity AS
SELECT
  l.lesson_id, l.room_id, l.class_id, l.starts_at, l.ends_at,
  count(w.window_start) AS windows,
  count(w.window_start) FILTER (w.suppressed) AS windows_suppressed,
  max(w.people_max) AS people_max,
  round(avg(w.people_mean), 1) AS people_mean,
  sum(w.hand_raises)::BIGINT AS hand_raises,
  {_lesson_means()}
FROM lessons l LEFT JOIN activity_windows w USING (lesson_id)
GROUP BY ALL
"""  # noqa: S608 (names of the schema)
