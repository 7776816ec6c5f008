"""What the journal keeps: its tables, what goes into them and what comes out.

A row is checked when it is read as when it was written: what tells more than R3 allows, or has
no place in the lake, does not come out, whoever wrote it.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.warehouse.rows import PART_SECONDS

VERSION = 1
SCHEMA = """
CREATE TABLE windows (
  camera_id TEXT NOT NULL, window_start INTEGER NOT NULL,
  room_id TEXT NOT NULL, school_id TEXT NOT NULL, lesson_id TEXT,
  told TEXT NOT NULL, model TEXT NOT NULL, in_lake_at INTEGER,
  UNIQUE (camera_id, window_start)
) STRICT;
CREATE INDEX by_start ON windows (window_start);
CREATE INDEX waiting ON windows (window_start, camera_id, school_id) WHERE in_lake_at IS NULL;
CREATE INDEX in_lake ON windows (in_lake_at) WHERE in_lake_at IS NOT NULL;
CREATE TABLE models (model TEXT PRIMARY KEY, facts TEXT NOT NULL) STRICT;
CREATE TABLE days (
  day TEXT PRIMARY KEY, minutes INTEGER NOT NULL, minutes_skipped INTEGER NOT NULL,
  seconds INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  model TEXT NOT NULL, told INTEGER NOT NULL
) STRICT;
"""
"""Moments are microseconds since 1970, UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MINUTE = PART_SECONDS * 1_000_000
_WINDOW = TypeAdapter(ActivityWindow)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute of one camera, the unit of the lake. `starts_at` is UTC."""

    school_id: str
    camera_id: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class FlushedMinute:
    """What of a minute need not wait any longer.

    Attributes:
        minute: Which.
        starts: The windows that are in the lake now.
        from_archive: The archive job's part stands there, and stays.
    """

    minute: Minute
    starts: tuple[datetime, ...]
    from_archive: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) of the live service, as far as the lake has it.

    Attributes:
        name: Like 20260302.
        minutes: Minutes of a camera.
        minutes_skipped: Of these, those that the archive job had analysed.
        seconds: Of windows.
        first: Start of the first window.
        last: End of the last.
        model: Of the newest part.
    """

    name: str
    minutes: int
    minutes_skipped: int
    seconds: int
    first: datetime
    last: datetime
    model: str


def valid_windows(rows: Iterable[tuple[Any, ...]]) -> tuple[list[PublishedWindow], list[int]]:
    """Rows as windows, and the rowids of those that cannot be any."""
    windows, refused = [], []
    for rowid, camera_id, start, room_id, school_id, lesson_id, told, model in rows:
        try:
            window = _WINDOW.validate_python({**json.loads(told), "window_start": moment_of(start)})
            windows.append(
                PublishedWindow(
                    window=window,
                    camera_id=camera_id,
                    room_id=room_id,
                    school_id=school_id,
                    lesson_id=lesson_id,
                    model=model,
                )
            )
        except (ValueError, TypeError, OverflowError) as error:
            refused.append(int(rowid))
            _log.warning("A window in the journal cannot be told and is left out: %s", error)
    return windows, refused


def told_text(window: ActivityWindow) -> str:
    """A window as the tables have it, but for its start."""
    facts = asdict(window)
    del facts["window_start"]
    return json.dumps(facts)


def edges_of(minute: Minute) -> tuple[int, int]:
    """Start and end of a minute, as the tables have them."""
    start = stored(minute.starts_at)
    return start, start + MINUTE


def stored(moment: datetime) -> int:
    """A moment as the tables have it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """A moment of the tables."""
    return _EPOCH + microseconds * _MICROSECOND
