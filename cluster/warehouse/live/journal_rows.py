"""The tables of the journal, and the conversion of rows.

A row is validated when it is read as well as when it is written: what R3 does not allow, or the
lake cannot store, is never returned, regardless of which program wrote it.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow, sum_of_parts
from cluster.settings import MIN_K
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
"""Times are microseconds since 1970, UTC."""

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
    """A minute whose windows are in the lake.

    Attributes:
        minute: The minute.
        starts: Starts of its windows, UTC.
        from_archive: Whether the lake has the archive job's part of it, which is kept.
    """

    minute: Minute
    starts: tuple[datetime, ...]
    from_archive: bool


@dataclass(frozen=True, slots=True)
class DaySummary:
    """A day (UTC) of the live service, as far as it is in the lake.

    Attributes:
        name: The date, like 20260302.
        minutes: Camera minutes that were flushed.
        minutes_skipped: Camera minutes that the archive job had analysed.
        seconds: Length of the windows.
        first: Start of the first window.
        last: End of the last window.
        model: Id of the pose model of the newest part.
    """

    name: str
    minutes: int
    minutes_skipped: int
    seconds: int
    first: datetime
    last: datetime
    model: str


def parse_windows(rows: Iterable[tuple[Any, ...]]) -> tuple[list[PublishedWindow], list[int]]:
    """Return the windows of rows, and the rowids of invalid rows."""
    windows, invalid = [], []
    for rowid, camera_id, start, room_id, school_id, lesson_id, text, model in rows:
        try:
            values = {**json.loads(text), "window_start": from_microseconds(start)}
            k = values.pop("k", MIN_K)  # missing in windows of a version that did not have it
            if "desk_work_share" not in values:  # of a version that did not have it
                parts = values["reading_share"], values["writing_share"]
                values["desk_work_share"] = sum_of_parts(*parts)
            window = _WINDOW.validate_python(values)
            windows.append(
                PublishedWindow(
                    window=window,
                    camera_id=camera_id,
                    room_id=room_id,
                    school_id=school_id,
                    lesson_id=lesson_id,
                    model=model,
                    k=int(k),
                )
            )
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            invalid.append(int(rowid))
            _log.warning("A window in the journal is invalid and is left out: %s", error)
    return windows, invalid


def window_to_json(window: ActivityWindow, k: int) -> str:
    """Return a window without its start, and the `k` that it was counted with, as JSON."""
    values = asdict(window)
    del values["window_start"]
    return json.dumps({**values, "k": k})


def minute_bounds(minute: Minute) -> tuple[int, int]:
    """Return start and end of a minute in microseconds since 1970."""
    start = to_microseconds(minute.starts_at)
    return start, start + MINUTE


def to_microseconds(time: datetime) -> int:
    """Convert a time to microseconds since 1970, UTC."""
    return (time - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """Convert microseconds since 1970 to a time in UTC."""
    return _EPOCH + microseconds * _MICROSECOND
