"""Windows of footage that was analysed before its timetable was imported: they name no lesson.

A window keeps the lesson that was known when its footage was analysed, and the next run skips what
is done. So somebody has to be told.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from cluster.errors import WarehouseError

QUERY = """
SELECT count(*), min(window_start)::DATE::VARCHAR, max(window_start)::DATE::VARCHAR
FROM activity_windows AS w
WHERE w.lesson_id IS NULL AND w.source = 'archive' AND EXISTS (
    SELECT 1 FROM lessons AS l
    WHERE l.room_id = w.room_id AND w.window_start >= l.starts_at AND w.window_start < l.ends_at
)
"""


@dataclass(frozen=True, slots=True)
class MissingLessons:
    """Windows without the lesson that the timetable has at their time.

    Attributes:
        windows: How many there are.
        first_day: The day of the first one, in UTC, like 2026-03-02.
        last_day: The day of the last one.
    """

    windows: int
    first_day: str
    last_day: str

    def __str__(self) -> str:
        days = " to ".join(dict.fromkeys((self.first_day, self.last_day)))
        return (
            f"{self.windows} windows of footage ({days}) name no lesson, although the timetable "
            "has one: it was imported after they were analysed. Remove the parts of these days "
            "from the lake, and analyse their footage again."
        )


def find_missing_lessons(path: Path) -> MissingLessons | None:
    """Return the windows of a published file without their lesson; None if there are none.

    Raises:
        WarehouseError: The file cannot be read.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            row = connection.execute(QUERY).fetchone()
    except duckdb.Error as error:
        raise WarehouseError(f"it cannot be read: {error}", where=str(path)) from error
    if row is None or not row[0]:
        return None
    return MissingLessons(*row)
