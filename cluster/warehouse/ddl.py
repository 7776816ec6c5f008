"""The SQL of the warehouse's views."""

import glob
from pathlib import Path

from cluster.activity.suppression import PUBLISHED_ACTIVITIES
from cluster.warehouse.schema import ACTIVITY_WINDOWS, PARTITION_COLUMNS

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


def activity_windows_sql(lake_dir: Path) -> str:
    """The view on the lake's parts; an empty one where there is no part yet."""
    table = ACTIVITY_WINDOWS
    if not any((lake_dir / table.name).glob("*/*/*.parquet")):
        columns = ", ".join(
            f'NULL::{_SQL_TYPES[str(column.type)]} AS "{column.name}"' for column in table.columns
        )
        return f"CREATE VIEW {table.name} AS SELECT {columns} WHERE false"
    parts = quoted(f"{glob.escape(str(lake_dir / table.name))}/*/*/*.parquet")
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    types = ", ".join(
        f"'{column.name}': {_SQL_TYPES[str(column.type)]}"
        for column in table.columns
        if column.name in PARTITION_COLUMNS
    )
    return (
        f"CREATE VIEW {table.name} AS SELECT {columns} FROM read_parquet({parts}, "  # noqa: S608
        f"hive_partitioning = true, hive_types = {{{types}}})"
    )


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _lesson_means() -> str:
    """Means over windows, weighted by people: of told shares, so they tell nothing more."""
    return ",\n  ".join(
        f"round(sum(w.{activity}_share * w.people_mean) "
        f"/ nullif(sum(w.people_mean) FILTER (NOT w.suppressed), 0), 3) AS {activity}_share"
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
"""  # noqa: S608 (names of our own)
