"""Publishing: a new DuckDB file from the lake, checked, then swapped in whole.

    lake + settings + counts of check-ins -> district-<version>.duckdb -> checked
                                          -> district.duckdb (a symbolic link)

Analysts open the link read-only. One who has the old file open goes on with it; the next one to
open gets the new. A file that fails its check is removed, and the link stays where it was.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from cluster.district import Timetable
from cluster.errors import WarehouseError
from cluster.settings import Settings
from cluster.warehouse.ddl import LESSON_ACTIVITY_SQL, activity_windows_sql, quoted
from cluster.warehouse.schema import (
    ACTIVITY_WINDOWS,
    CHECKIN_COUNTS,
    LESSON_ACTIVITY,
    LESSONS,
    MODELS,
    ROOMS,
    RUNS,
    SCHOOLS,
    TABLES,
    Table,
)

LINK = "district.duckdb"
VERSIONS_KEPT = 3


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: the new file, and its number of rows by table."""

    path: Path
    rows: dict[str, int]


Rows = Sequence[dict[str, Any]]


def publish(
    settings: Settings, timetable: Timetable, *, now: datetime, checkin_counts: Rows = ()
) -> Published:
    """Build a warehouse from the lake, check it, and swap it in.

    Args:
        settings: They name the lake, the schools and the rooms.
        timetable: Lessons.
        now: UTC; becomes the version in the file's name.
        checkin_counts: Rows of that table, as the records allow them: nothing here opens these.

    Raises:
        WarehouseError: Another publication is running, a part of the lake cannot be read, a
            check fails, or the folder cannot be written. What was published before stands.
    """
    folder = settings.warehouse_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".publish.lock", timeout=0):
            for left in folder.glob("district-*.building*"):
                left.unlink()  # of a publication that was killed
            path = folder / f"district-{now:%Y%m%dT%H%M%S%fZ}.duckdb"
            rows = _build_checked(path, settings, timetable, checkin_counts)
            _swap(folder / LINK, path)
            _remove_old(folder, path)
            return Published(path, rows)
    except Timeout:
        raise WarehouseError("another publication is running.", where=str(folder)) from None
    except OSError as error:
        raise WarehouseError(
            f"the warehouse cannot be written: {error.strerror}. What was published before stands.",
            where=str(folder),
            hint="Make room, or check `data_dir` in the settings.",
        ) from error


def _build_checked(
    path: Path, settings: Settings, timetable: Timetable, checkin_counts: Rows
) -> dict[str, int]:
    building = path.with_suffix(".building")
    try:
        with duckdb.connect(str(building)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.begin()
            _fill(connection, settings, timetable)
            _create(connection, CHECKIN_COUNTS, checkin_counts)
            for table in TABLES:
                _comment(connection, table)
            connection.commit()
        with duckdb.connect(str(building), read_only=True) as connection:
            rows = _check(connection)
        building.rename(path)
    except duckdb.Error as error:
        damaged = _damaged_part(settings.lake_dir)
        raise WarehouseError(
            f"the warehouse cannot be built: {error} What was published before stands.",
            where=str(damaged or settings.lake_dir),
            hint="Remove this part, and analyse its footage again." if damaged else None,
        ) from error
    finally:
        building.unlink(missing_ok=True)
        building.with_name(f"{building.name}.wal").unlink(missing_ok=True)
    return rows


def _fill(connection: duckdb.DuckDBPyConnection, settings: Settings, timetable: Timetable) -> None:
    _create(
        connection,
        SCHOOLS,
        [{"school_id": s.id, "name": s.name, "timezone": s.timezone} for s in settings.schools],
    )
    _create(
        connection,
        ROOMS,
        [
            {"room_id": r.id, "school_id": r.school, "name": r.name, "kind": r.kind}
            for r in settings.rooms
        ],
    )
    _create(
        connection,
        LESSONS,
        [
            {
                "lesson_id": lesson.lesson_id,
                "room_id": lesson.room_id,
                "class_id": lesson.class_id,
                "starts_at": lesson.starts_at,
                "ends_at": lesson.ends_at,
            }
            for lesson in timetable.lessons
        ],
    )
    for table in (RUNS, MODELS):
        _create(connection, table, _rows_of_lake(settings.lake_dir / table.name))
    connection.execute(activity_windows_sql(settings.lake_dir))
    connection.execute(LESSON_ACTIVITY_SQL)


def _create(connection: duckdb.DuckDBPyConnection, table: Table, rows: Rows) -> None:
    incoming = pa.Table.from_pylist(list(rows), schema=table.arrow())
    connection.register("incoming", incoming)
    connection.execute(f'CREATE TABLE "{table.name}" AS SELECT * FROM incoming')  # noqa: S608
    connection.unregister("incoming")


def _rows_of_lake(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            rows += pq.read_table(path, partitioning=None).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise WarehouseError(f"it cannot be read: {error}.", where=str(path)) from error
    return rows


def _damaged_part(lake_dir: Path) -> Path | None:
    """The first part that cannot be read to its end."""
    for path in sorted((lake_dir / ACTIVITY_WINDOWS.name).glob("*/*/*.parquet")):
        try:
            pq.read_table(path, partitioning=None)
        except (pa.ArrowException, OSError):
            return path
    return None


def _comment(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    is_view = table in (ACTIVITY_WINDOWS, LESSON_ACTIVITY)
    kind = "VIEW" if is_view else "TABLE"
    connection.execute(f'COMMENT ON {kind} "{table.name}" IS {quoted(table.comment)}')
    for column in table.columns:
        place = f'"{table.name}"."{column.name}"'
        connection.execute(f"COMMENT ON COLUMN {place} IS {quoted(column.comment)}")


def _check(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Read every table once; see that no window is double and none tells what is withheld."""
    rows = {
        table.name: connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchall()[0][0]  # noqa: S608
        for table in TABLES
    }
    double = connection.execute(
        "SELECT camera_id, window_start::VARCHAR FROM activity_windows "
        "GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if double:
        raise WarehouseError(f"the window {double[1]} of camera {double[0]} stands twice.")
    told = " OR ".join(
        f"{column.name} IS NOT NULL"
        for column in ACTIVITY_WINDOWS.columns
        if column.name.endswith("_share") or column.name == "hand_raises"
    )
    leak = connection.execute(
        "SELECT camera_id, window_start::VARCHAR FROM activity_windows "  # noqa: S608 (columns of our own)
        f"WHERE suppressed AND ({told}) LIMIT 1"
    ).fetchone()
    if leak:
        raise WarehouseError(f"the suppressed window {leak[1]} of camera {leak[0]} tells a share.")
    _check_checkins(connection)
    return rows


def _check_checkins(connection: duckdb.DuckDBPyConnection) -> None:
    """See that nothing is told of few answers, and no count that must be coded."""
    leak = connection.execute(
        "SELECT lesson_id FROM checkin_counts WHERE "
        "CASE WHEN answers_told IS NULL THEN COALESCE(share_text, share::VARCHAR, count::VARCHAR) "
        "IS NOT NULL ELSE answers_told < 5 OR answers_told > answers OR "
        "20 * count <= answers_told OR 20 * count >= 19 * answers_told END LIMIT 1"
    ).fetchone()
    if leak:
        raise WarehouseError(f"the check-in of lesson {leak[0]} tells what must be withheld.")


def _swap(link: Path, target: Path) -> None:
    beside = link.with_name(f".{link.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target.name)
    beside.replace(link)


def _remove_old(folder: Path, current: Path) -> None:
    versions = sorted(folder.glob("district-*.duckdb"))
    for old in versions[:-VERSIONS_KEPT]:
        if old != current:
            old.unlink(missing_ok=True)
