"""The journal: finished live windows on their way to the lake, durable once acknowledged.

    finished windows -> append (one transaction) -> minutes_to_flush -> part of the lake
                                                └─> recent (pages after a restart)

A window is identified by its camera and its start; one that is sent again, because its sender got
no acknowledgement, is ignored. Rows are kept for some hours after they are in the lake. Only what
may be published is stored (R3), and it is validated again when it is read.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster.activity.published import PublishedWindow
from cluster.activity.windows import WINDOW_SECONDS
from cluster.clock import Clock, utc_now
from cluster.warehouse.live.journal_file import JournalFile
from cluster.warehouse.live.journal_rows import (
    MINUTE,
    SCHEMA,
    VERSION,
    DaySummary,
    FlushedMinute,
    Minute,
    from_microseconds,
    minute_bounds,
    parse_windows,
    to_microseconds,
    window_to_json,
)

__all__ = ["DaySummary", "FlushedMinute", "Journal", "Minute"]

RETENTION_HOURS = 6.0
MAX_MINUTES = 10_000
MAX_DELETED = 20_000
"""Bounds of one transaction, so that other threads do not wait long."""

_COLUMNS = "rowid, camera_id, window_start, room_id, school_id, lesson_id, told, model"


class Journal:
    """Live windows in a file; one process opens it, and its threads may share it.

    Args:
        path: The file, created if it does not exist. A damaged one is moved aside with a warning.
        clock: Returns the time, UTC.
        wait_seconds: How long to wait for a process that has it open.
        retention_hours: How long windows are kept after they are in the lake.

    Attributes:
        moved_aside: Damaged journals that were moved aside since this one was opened.

    Raises:
        JournalError: Another process has it open, or it cannot be written. Every method raises
            this if the disk fails; nothing is half-written then, and it may be called again.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock = utc_now,
        wait_seconds: float = 0.0,
        retention_hours: float = RETENTION_HOURS,
    ) -> None:
        self._clock = clock
        self._retention = timedelta(hours=retention_hours)
        self._file = JournalFile(path, SCHEMA, VERSION, clock=clock, wait_seconds=wait_seconds)
        self.moved_aside: Sequence[Path] = self._file.moved_aside

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, so that another process can open it."""
        self._file.close()

    def append(self, windows: Sequence[PublishedWindow]) -> int:
        """Store windows, all or none; when this returns, they are on the disk.

        Returns:
            The number of windows that were new.

        Raises:
            ValueError: A window has no model.
        """
        if not all(each.model for each in windows):
            raise ValueError("a window without a model")
        rows = [
            (
                *(
                    each.camera_id,
                    to_microseconds(each.window.window_start),
                    each.room_id,
                    each.school_id,
                ),
                *(each.lesson_id, window_to_json(each.window, each.k), each.model),
            )
            for each in windows
        ]
        with self._file.transaction() as connection:
            before = connection.total_changes
            connection.executemany(
                "INSERT INTO windows (camera_id, window_start, room_id, school_id, lesson_id, "
                "told, model) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                rows,
            )
            return connection.total_changes - before

    def recent(self, since: datetime) -> list[PublishedWindow]:
        """Return the windows that start at a time or later, oldest first."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM windows WHERE window_start >= ? "  # noqa: S608
                "ORDER BY window_start, camera_id",
                [to_microseconds(since)],
            ).fetchall()
        return parse_windows(rows)[0]

    def pending(self) -> tuple[int, datetime | None]:
        """Return how many windows are not in the lake yet, and the start of the oldest."""
        with self._file.transaction() as connection:
            [(count, oldest)] = connection.execute(
                "SELECT count(*), min(window_start) FROM windows WHERE in_lake_at IS NULL"
            )
        return int(count), None if oldest is None else from_microseconds(oldest)

    def minutes_to_flush(self, before: datetime, limit: int = MAX_MINUTES) -> list[Minute]:
        """Return minutes that ended before a time and have windows that are not in the lake."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT DISTINCT window_start / ?1, camera_id, school_id FROM windows "
                "WHERE in_lake_at IS NULL AND window_start < ?2 ORDER BY 1, 2, 3 LIMIT ?3",
                [MINUTE, to_microseconds(before) // MINUTE * MINUTE, limit],
            ).fetchall()
        return [
            Minute(school, camera, from_microseconds(minute * MINUTE))
            for minute, camera, school in rows
        ]

    def windows_in(self, minute: Minute) -> list[PublishedWindow]:
        """Return all windows of a minute, in the lake or not, in the order of time.

        A window that R3 does not allow was not written by this class; it is deleted with a warning.
        """
        with self._file.transaction() as connection:
            windows, invalid = parse_windows(
                connection.execute(
                    f"SELECT {_COLUMNS} FROM windows WHERE camera_id = ? AND window_start >= ? "  # noqa: S608
                    "AND window_start < ? AND school_id = ? ORDER BY window_start",
                    [minute.camera_id, *minute_bounds(minute), minute.school_id],
                )
            )
            connection.executemany(
                "DELETE FROM windows WHERE rowid = ?", [[row] for row in invalid]
            )
        return windows

    def mark_flushed(self, done: Sequence[FlushedMinute]) -> int:
        """Mark the windows of minutes as flushed, and add them to the day summaries.

        Returns:
            The number of windows that had been pending.
        """
        now = to_microseconds(self._clock())
        with self._file.transaction() as connection:
            return sum(_mark(connection, each, now) for each in done)

    def delete_old(self) -> int:
        """Delete windows that have been in the lake for some hours; return how many."""
        now = to_microseconds(self._clock())
        retention = self._retention // timedelta(microseconds=1)
        with self._file.transaction() as connection:
            # Flushed in the future: the clock was set back since; these are in the lake as well.
            return connection.execute(
                "DELETE FROM windows WHERE rowid IN (SELECT rowid FROM windows "
                "WHERE in_lake_at < ? OR in_lake_at > ? LIMIT ?)",
                [now - retention, now + retention, MAX_DELETED],
            ).rowcount

    def store_model(self, row: Mapping[str, Any]) -> None:
        """Store a row of `models` until windows of the model are flushed."""
        values = {**row, "first_used_at": row["first_used_at"].isoformat()}
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO models VALUES (?, ?) ON CONFLICT DO NOTHING",
                [row["model"], json.dumps(values)],
            )

    def models(self) -> list[dict[str, Any]]:
        """Return the rows of `models` that were stored."""
        with self._file.transaction() as connection:
            rows = [
                json.loads(facts) for (facts,) in connection.execute("SELECT facts FROM models")
            ]
        return [
            {**row, "first_used_at": datetime.fromisoformat(row["first_used_at"])} for row in rows
        ]

    def unpublished_days(self) -> list[DaySummary]:
        """Return the days whose current summary is not in `runs` yet."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT day, minutes, minutes_skipped, seconds, first, last, model FROM days "
                "WHERE NOT told ORDER BY day"
            ).fetchall()
        return [
            DaySummary(
                day,
                minutes,
                skipped,
                seconds,
                from_microseconds(first),
                from_microseconds(last),
                model,
            )
            for day, minutes, skipped, seconds, first, last, model in rows
        ]

    def mark_published(self, days: Iterable[DaySummary]) -> None:
        """Mark days as written to `runs`; only the holder of the lake's lock may."""
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE days SET told = 1 WHERE day = ?", [[day.name] for day in days]
            )


def _mark(connection: sqlite3.Connection, done: FlushedMinute, now: int) -> int:
    """Mark a minute's windows; its day counts the minute once, and each window once."""
    minute = done.minute
    [(flushed,)] = connection.execute(
        "SELECT count(*) FROM windows WHERE camera_id = ? AND window_start >= ? "
        "AND window_start < ? AND school_id = ? AND in_lake_at IS NOT NULL",
        [minute.camera_id, *minute_bounds(minute), minute.school_id],
    )
    starts = [to_microseconds(start) for start in done.starts]
    marked = connection.executemany(
        "UPDATE windows SET in_lake_at = ? "
        "WHERE camera_id = ? AND window_start = ? AND in_lake_at IS NULL",
        [[now, minute.camera_id, start] for start in starts],
    ).rowcount
    if not marked:
        return 0
    connection.execute(
        "INSERT INTO days SELECT ?1, ?2, ?3, ?4, ?5, ?6, model, 0 FROM windows "
        "WHERE camera_id = ?7 AND window_start = ?8 "
        "ON CONFLICT (day) DO UPDATE SET minutes = minutes + excluded.minutes, "
        "minutes_skipped = minutes_skipped + excluded.minutes_skipped, "
        "seconds = seconds + excluded.seconds, first = min(first, excluded.first), "
        "last = max(last, excluded.last), model = excluded.model, told = 0",
        [
            f"{minute.starts_at:%Y%m%d}",
            int(not flushed and not done.from_archive),
            int(not flushed and done.from_archive),
            0 if done.from_archive else marked * WINDOW_SECONDS,
            min(starts),
            max(starts) + WINDOW_SECONDS * 1_000_000,
            minute.camera_id,
            max(starts),
        ],
    )
    return int(marked)
