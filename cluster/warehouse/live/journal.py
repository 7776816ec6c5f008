"""The journal: finished live windows on their way to the lake, safe once they are acknowledged.

    finished windows -> append (one transaction) -> minutes_to_flush -> part of the lake
                                                └─> recent (pages after a restart)

A window is known by its camera and its start; one that comes again, because its sender did not
hear the answer, is ignored. Rows stay for some hours after they are in the lake. What is kept is
what may be told, and it is checked once more when it is read.
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
    Day,
    FlushedMinute,
    Minute,
    edges_of,
    moment_of,
    stored,
    told_text,
    valid_windows,
)

__all__ = ["JOURNAL_FILE", "Day", "FlushedMinute", "Journal", "Minute"]

JOURNAL_FILE = "journal.sqlite"
KEPT_HOURS = 6.0
MOST_MINUTES = 10_000
MOST_FORGOTTEN = 20_000
"""Bounds on one transaction, so that nobody waits long for their turn."""

_COLUMNS = "rowid, camera_id, window_start, room_id, school_id, lesson_id, told, model"


class Journal:
    """Live windows in a file; one process opens it, and its threads may share it.

    Args:
        path: The file; made when it is not there. A damaged one is moved aside with a warning.
        clock: The time, UTC.
        wait_seconds: How long to wait for a process that has it open.
        kept_hours: How long windows stay after they are in the lake.

    Attributes:
        moved_aside: Damaged journals that were moved aside since it was opened.

    Raises:
        JournalError: Another process has it open, or it cannot be written. Every method raises
            this where the disk refuses; nothing is half-written then, and it may be called again.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock = utc_now,
        wait_seconds: float = 0.0,
        kept_hours: float = KEPT_HOURS,
    ) -> None:
        self._clock = clock
        self._kept = timedelta(hours=kept_hours)
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
        """Let another process have it."""
        self._file.close()

    def append(self, windows: Sequence[PublishedWindow]) -> int:
        """Keep windows, all or none; when this returns, they are on the disk.

        Returns:
            How many of them were new.

        Raises:
            ValueError: A window names no model.
        """
        if not all(each.model for each in windows):
            raise ValueError("a window without a model")
        rows = [
            (
                *(each.camera_id, stored(each.window.window_start), each.room_id, each.school_id),
                *(each.lesson_id, told_text(each.window), each.model),
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
        """The windows that start at a moment or later, oldest first."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM windows WHERE window_start >= ? "  # noqa: S608
                "ORDER BY window_start, camera_id",
                [stored(since)],
            ).fetchall()
        return valid_windows(rows)[0]

    def waiting(self) -> tuple[int, datetime | None]:
        """How many windows are not in the lake yet, and the start of the oldest."""
        with self._file.transaction() as connection:
            [(count, oldest)] = connection.execute(
                "SELECT count(*), min(window_start) FROM windows WHERE in_lake_at IS NULL"
            )
        return int(count), None if oldest is None else moment_of(oldest)

    def minutes_to_flush(self, before: datetime, limit: int = MOST_MINUTES) -> list[Minute]:
        """Minutes that were over before a moment and have windows that are not in the lake."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT DISTINCT window_start / ?1, camera_id, school_id FROM windows "
                "WHERE in_lake_at IS NULL AND window_start < ?2 ORDER BY 1, 2, 3 LIMIT ?3",
                [MINUTE, stored(before) // MINUTE * MINUTE, limit],
            ).fetchall()
        return [
            Minute(school, camera, moment_of(minute * MINUTE)) for minute, camera, school in rows
        ]

    def windows_of(self, minute: Minute) -> list[PublishedWindow]:
        """All of a minute's windows, in the lake or not, in the order of time.

        One that tells what R3 withholds was not written by us; it is removed with a warning.
        """
        with self._file.transaction() as connection:
            windows, refused = valid_windows(
                connection.execute(
                    f"SELECT {_COLUMNS} FROM windows WHERE camera_id = ? AND window_start >= ? "  # noqa: S608
                    "AND window_start < ? AND school_id = ? ORDER BY window_start",
                    [minute.camera_id, *edges_of(minute), minute.school_id],
                )
            )
            connection.executemany(
                "DELETE FROM windows WHERE rowid = ?", [[row] for row in refused]
            )
        return windows

    def mark_in_lake(self, done: Sequence[FlushedMinute]) -> int:
        """Take note of what the lake has now, and add it to the days.

        Returns:
            How many windows had been waiting.
        """
        now = stored(self._clock())
        with self._file.transaction() as connection:
            return sum(_mark(connection, each, now) for each in done)

    def forget_old(self) -> int:
        """Remove windows that have been in the lake for some hours; how many were removed."""
        now, kept = stored(self._clock()), self._kept // timedelta(microseconds=1)
        with self._file.transaction() as connection:
            # Marked in the future: the clock was set back since; the lake has these as well.
            return connection.execute(
                "DELETE FROM windows WHERE rowid IN (SELECT rowid FROM windows "
                "WHERE in_lake_at < ? OR in_lake_at > ? LIMIT ?)",
                [now - kept, now + kept, MOST_FORGOTTEN],
            ).rowcount

    def keep_model(self, row: Mapping[str, Any]) -> None:
        """Keep a row of `models` for as long as windows of it may wait."""
        facts = {**row, "first_used_at": row["first_used_at"].isoformat()}
        with self._file.transaction() as connection:
            connection.execute(
                "INSERT INTO models VALUES (?, ?) ON CONFLICT DO NOTHING",
                [row["model"], json.dumps(facts)],
            )

    def models(self) -> list[dict[str, Any]]:
        """The rows of `models` that were kept."""
        with self._file.transaction() as connection:
            kept = [
                json.loads(facts) for (facts,) in connection.execute("SELECT facts FROM models")
            ]
        return [
            {**row, "first_used_at": datetime.fromisoformat(row["first_used_at"])} for row in kept
        ]

    def untold_days(self) -> list[Day]:
        """The days that `runs` does not know as they are now."""
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT day, minutes, minutes_skipped, seconds, first, last, model FROM days "
                "WHERE NOT told ORDER BY day"
            ).fetchall()
        return [
            Day(day, minutes, skipped, seconds, moment_of(first), moment_of(last), model)
            for day, minutes, skipped, seconds, first, last, model in rows
        ]

    def mark_told(self, days: Iterable[Day]) -> None:
        """Take note that `runs` knows these days; only the holder of the lake marks."""
        with self._file.transaction() as connection:
            connection.executemany(
                "UPDATE days SET told = 1 WHERE day = ?", [[day.name] for day in days]
            )


def _mark(connection: sqlite3.Connection, done: FlushedMinute, now: int) -> int:
    """Mark a minute's windows; its day counts the minute once and each window once."""
    minute = done.minute
    [(known,)] = connection.execute(
        "SELECT count(*) FROM windows WHERE camera_id = ? AND window_start >= ? "
        "AND window_start < ? AND school_id = ? AND in_lake_at IS NOT NULL",
        [minute.camera_id, *edges_of(minute), minute.school_id],
    )
    starts = [stored(start) for start in done.starts]
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
            int(not known and not done.from_archive),
            int(not known and done.from_archive),
            0 if done.from_archive else marked * WINDOW_SECONDS,
            min(starts),
            max(starts) + WINDOW_SECONDS * 1_000_000,
            minute.camera_id,
            max(starts),
        ],
    )
    return int(marked)
