"""Publishing: a new DuckDB file from the lake, checked, then swapped in whole.

    lake + settings + lessons + counts of check-ins -> district-<version>.duckdb -> checked
                                                    -> district.duckdb (a symbolic link)

Analysts open the link read-only. A connection to the old file keeps reading it; the next one opens
the new file. A file that fails its check is deleted, and the link is not changed.

Windows are copied, with the rule of today, and not read through a view: whoever can read the lake
can compute what R3 hides. What a publication tells is recorded before it is swapped in
(`published_shares.py`), so that no later one tells more of the same people.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from cluster import __version__
from cluster.activity.suppression import is_withheld_field
from cluster.district import Timetable
from cluster.errors import WarehouseError
from cluster.settings import Settings
from cluster.warehouse.ddl import (
    ACTIVITY_WINDOWS_SQL,
    LESSON_ACTIVITY_SQL,
    MOST_PEOPLE_SQL,
    lake_windows_sql,
    quote_literal,
)
from cluster.warehouse.publication_rule import find_looser_rule
from cluster.warehouse.published_shares import PublishedShares, ShareCamera
from cluster.warehouse.schema import (
    ACTIVITY_WINDOWS,
    CHECKIN_COUNTS,
    LESSONS,
    MODELS,
    PUBLICATIONS,
    ROOMS,
    RUNS,
    SCHOOLS,
    TABLES,
    TableSpec,
)

LINK = "district.duckdb"
VERSIONS_KEPT = 3


@dataclass(frozen=True, slots=True)
class Published:
    """A publication: the new file, and its number of rows by table."""

    path: Path
    rows: dict[str, int]


Rows = Sequence[dict[str, Any]]


def publish(
    settings: Settings, timetable: Timetable, *, now: datetime, checkin_counts: Rows = ()
) -> Published:
    """Build a warehouse from the lake, check it, and swap it in.

    Args:
        settings: They name the lake, the schools and the rooms.
        timetable: The lessons.
        now: UTC; becomes the version in the file's name.
        checkin_counts: Rows of that table, after suppression; the records are not opened here.

    Raises:
        WarehouseError: Another publication is running, a part of the lake cannot be read, a
            check fails, or the folder cannot be written. The last publication stays in place.
        LakeError: What has been published cannot be read or recorded; likewise.
    """
    folder = settings.warehouse_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".publish.lock", timeout=0):
            for unfinished in folder.glob("district-*.building*"):
                _remove(unfinished)  # of a publication that was killed
            path = folder / f"district-{now:%Y%m%dT%H%M%S%fZ}.duckdb"
            rows = _build_checked(path, settings, timetable, checkin_counts, now)
            _switch_link(folder / LINK, path)
            _delete_old_versions(folder, path, settings)
            return Published(path, rows)
    except Timeout:
        raise WarehouseError("another publication is running.", where=str(folder)) from None
    except OSError as error:
        raise WarehouseError(
            f"the warehouse cannot be written: {error.strerror}. "
            "The last publication stays in place.",
            where=str(folder),
            hint="Make room, or check `data_dir` in the settings.",
        ) from error


def _build_checked(
    path: Path, settings: Settings, timetable: Timetable, checkin_counts: Rows, now: datetime
) -> dict[str, int]:
    building = path.with_suffix(".building")
    try:
        with duckdb.connect(str(building)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.begin()
            _create_tables(connection, settings, timetable)
            _create_windows(connection, settings)
            _create_table(connection, CHECKIN_COUNTS, checkin_counts)
            publication = {"published_at": now, "k": settings.privacy.k}
            _create_table(
                connection, PUBLICATIONS, [{**publication, "homeroom_version": __version__}]
            )
            for table in TABLES:
                _add_comments(connection, table)
            connection.commit()
        with duckdb.connect(str(building), read_only=True) as connection:
            rows = _check(connection)
        building.rename(path)
    except duckdb.Error as error:
        damaged = _find_damaged_part(settings.lake_dir)
        raise WarehouseError(
            f"the warehouse cannot be built: {error} The last publication stays in place.",
            where=str(damaged or settings.lake_dir),
            hint="Remove this part, and analyse its footage again." if damaged else None,
        ) from error
    finally:
        for unfinished in building.parent.glob(f"{building.name}*"):
            _remove(unfinished)
    return rows


def _create_tables(
    connection: duckdb.DuckDBPyConnection, settings: Settings, timetable: Timetable
) -> None:
    _create_table(
        connection,
        SCHOOLS,
        [{"school_id": s.id, "name": s.name, "timezone": s.timezone} for s in settings.schools],
    )
    _create_table(
        connection,
        ROOMS,
        [
            {"room_id": r.id, "school_id": r.school, "name": r.name, "kind": r.kind}
            for r in settings.rooms
        ],
    )
    _create_table(
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
        _create_table(connection, table, _read_rows(settings.lake_dir / table.name))


def _create_windows(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Copy the lake's windows with the rule of today, and add them up by lesson.

    Raises:
        WarehouseError: The lake breaks R3.
        LakeError: What has been published cannot be read or recorded.
    """
    connection.execute(lake_windows_sql(settings.lake_dir))
    _check_lake(connection)
    rule = {"k": settings.privacy.k}
    most_people = connection.execute(MOST_PEOPLE_SQL, rule).fetchall()
    published = PublishedShares(settings.lake_dir)
    runs = "SELECT DISTINCT run_id FROM lake_windows WHERE source <> 'live'"
    published.add_runs(run_id for (run_id,) in connection.execute(runs).fetchall())
    proposed = {
        (room_id, day): ShareCamera(camera_id, source)
        for room_id, day, camera_id, source in most_people
    }
    cameras = published.fix_cameras(proposed)
    columns = {"room_id": pa.string(), "date": pa.date32()}
    columns |= {"camera_id": pa.string(), "source": pa.string()}
    rows = [
        {"room_id": room_id, "date": day, **chosen._asdict()}
        for (room_id, day), chosen in cameras.items()
    ]
    connection.register("share_cameras", pa.Table.from_pylist(rows, schema=pa.schema(columns)))
    connection.execute(ACTIVITY_WINDOWS_SQL, rule)
    connection.unregister("share_cameras")
    connection.execute("DROP TABLE lake_windows")
    connection.execute(LESSON_ACTIVITY_SQL)


def _create_table(connection: duckdb.DuckDBPyConnection, table: TableSpec, rows: Rows) -> None:
    incoming = pa.Table.from_pylist(list(rows), schema=table.arrow())
    connection.register("incoming", incoming)
    connection.execute(f'CREATE TABLE "{table.name}" AS SELECT * FROM incoming')  # noqa: S608
    connection.unregister("incoming")


def _read_rows(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            rows += pq.read_table(path, partitioning=None).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise WarehouseError(f"it cannot be read: {error}.", where=str(path)) from error
    return rows


def _find_damaged_part(lake_dir: Path) -> Path | None:
    """Return the first part that cannot be read to its end."""
    for path in sorted((lake_dir / ACTIVITY_WINDOWS.name).glob("*/*/*.parquet")):
        try:
            pq.read_table(path, partitioning=None)
        except (pa.ArrowException, OSError):
            return path
    return None


def _add_comments(connection: duckdb.DuckDBPyConnection, table: TableSpec) -> None:
    connection.execute(f'COMMENT ON TABLE "{table.name}" IS {quote_literal(table.comment)}')
    for column in table.columns:
        place = f'"{table.name}"."{column.name}"'
        connection.execute(f"COMMENT ON COLUMN {place} IS {quote_literal(column.comment)}")


def _check(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Count the rows of every table; check that no window is duplicated.

    Raises:
        WarehouseError: A check fails.
    """
    rows = {
        table.name: connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchall()[0][0]  # noqa: S608
        for table in TABLES
    }
    duplicate = connection.execute(
        "SELECT camera_id, window_start::VARCHAR FROM activity_windows "
        "GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if duplicate:
        raise WarehouseError(
            f"the window {duplicate[1]} of camera {duplicate[0]} is in the lake twice."
        )
    _check_checkins(connection)
    return rows


def _check_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Check that no window of the lake breaks R3.

    Raises:
        WarehouseError: One does.
    """
    has_value = " OR ".join(
        f"{column.name} IS NOT NULL"
        for column in ACTIVITY_WINDOWS.columns
        if is_withheld_field(column.name)
    )
    leak = connection.execute(
        "SELECT camera_id, window_start::VARCHAR FROM lake_windows "  # noqa: S608 (column names of the schema)
        f"WHERE suppressed AND ({has_value}) LIMIT 1"
    ).fetchone()
    if leak:
        raise WarehouseError(f"the suppressed window {leak[1]} of camera {leak[0]} has a share.")


def _check_checkins(connection: duckdb.DuckDBPyConnection) -> None:
    """Check that check-ins with few answers have no shares, and coded shares no counts (R3).

    Raises:
        WarehouseError: A row has what must be withheld.
    """
    leak = connection.execute(
        "SELECT lesson_id FROM checkin_counts WHERE "
        "CASE WHEN answers_told IS NULL THEN COALESCE(share_text, share::VARCHAR, count::VARCHAR) "
        "IS NOT NULL ELSE answers_told < 5 OR answers_told > answers OR "
        "20 * count <= answers_told OR 20 * count >= 19 * answers_told END LIMIT 1"
    ).fetchone()
    if leak:
        raise WarehouseError(f"the check-in of lesson {leak[0]} has what must be withheld.")


def _remove(path: Path) -> None:
    """Remove a file, or a folder to which DuckDB spilled."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _switch_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target.name)
    temporary.replace(link)


def _delete_old_versions(folder: Path, current: Path, settings: Settings) -> None:
    """Delete all but a few versions, and each that tells more than the rule of today allows."""
    versions = sorted(folder.glob("district-*.duckdb"))
    for number, old in enumerate(versions, start=VERSIONS_KEPT - len(versions)):
        if old != current and (number < 0 or _has_looser_rule(old, settings)):
            old.unlink(missing_ok=True)


def _has_looser_rule(path: Path, settings: Settings) -> bool:
    try:
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {quote_literal(str(path))} AS old (READ_ONLY)")
            connection.execute("USE old")
            return bool(find_looser_rule(connection, settings))
    except duckdb.Error:
        return True  # not readable: of no use to anybody
