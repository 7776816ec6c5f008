"""From the journal to the lake: each live window once, whatever is killed in between.

    journal: minutes that are over -> all their windows -> merged with the part that is there
        -> part of the lake (one rename) -> row of the day in `runs` -> marked in the journal

A part is written before its windows are marked, and written again it is the same. Where the
archive job has analysed a minute, its part stands; where it comes later, it takes the place of the
live part, whose analysis begins with `live:` and so is never what a run would make.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from cluster import __version__
from cluster.activity.published import PublishedWindow
from cluster.activity.windows import WINDOW_SECONDS
from cluster.errors import LakeError
from cluster.settings import Settings
from cluster.vision.pose.weights import WeightsFile
from cluster.warehouse.lake import Lake, PartFacts, PartKey
from cluster.warehouse.live.journal import Day, FlushedMinute, Journal, Minute
from cluster.warehouse.rows import model_row, part_key_of, window_row

LIVE_ANALYSIS = "live:"
GRACE_SECONDS = 15.0
"""Windows of a minute may come so long after its end before its part is written."""

HOLD_SECONDS = 4.0
"""The archive job waits longer than this for the lake."""

_MARKED_TOGETHER = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did.

    Attributes:
        windows: How many windows no longer wait.
        minutes: In how many minutes of a camera.
        more: Minutes that are over still wait.
        reason: Why, for people; empty where only the time for one flush was over.
    """

    windows: int = 0
    minutes: int = 0
    more: bool = False
    reason: str = ""


def flush(
    journal: Journal,
    lake: Lake,
    settings: Settings,
    *,
    weights: WeightsFile,
    now: datetime,
    grace_seconds: float = GRACE_SECONDS,
    hold_seconds: float = HOLD_SECONDS,
) -> Flushed:
    """Bring the minutes that are over from the journal to the lake.

    Args:
        journal: Where the windows are.
        lake: Where they go.
        settings: They know the schools' time zones, and `k`.
        weights: Of the model that counts now; its row goes into `models`.
        now: UTC; it may have been set back or forward since the last call.
        grace_seconds: How long after its end a minute is over.
        hold_seconds: How long to hold the lake at most; what is left waits for the next call.

    Returns:
        What was done. A lake that is held or cannot be written is a reason in it: the windows
        stay in the journal.

    Raises:
        JournalError: The journal cannot be read or written; calling again is safe.
    """
    journal.keep_model(model_row(weights, now))
    minutes = journal.minutes_to_flush(now - timedelta(seconds=grace_seconds))
    done = Flushed()
    if minutes or journal.untold_days():
        try:
            with lake.locked(sweep=False):
                done = _Flush(journal, lake, settings).run(minutes, monotonic() + hold_seconds)
        except LakeError as error:
            return Flushed(more=True, reason=str(error))
    journal.forget_old()
    return done


@dataclass(slots=True)
class _Flush:
    """One flush, under the lake's lock."""

    journal: Journal
    lake: Lake
    settings: Settings
    windows: int = 0
    minutes: int = 0
    reason: str = ""
    written: list[FlushedMinute] = field(default_factory=list)

    def run(self, minutes: Sequence[Minute], deadline: float) -> Flushed:
        """Write minutes, and mark them, until the deadline (as `monotonic` counts)."""
        attempted = 0
        for minute in minutes:
            if attempted and monotonic() >= deadline:
                break
            attempted += 1
            try:
                self._write(minute)
            except LakeError as error:  # of this part alone, perhaps: the others go on
                self.reason = self.reason or str(error)
            if len(self.written) >= _MARKED_TOGETHER:
                self._mark()
        self._mark()
        self._tell_days()
        more = attempted < len(minutes) or bool(self.reason)
        return Flushed(self.windows, self.minutes, more, self.reason)

    def _write(self, minute: Minute) -> None:
        windows = self.journal.windows_of(minute)
        if not windows:
            return  # none of them could be told
        starts = tuple(each.window.window_start for each in windows)
        key = part_key_of(
            minute.school_id, self._zone(minute.school_id), minute.camera_id, minute.starts_at
        )
        there = self.lake.read_part(key)
        from_archive = there is not None and not there[0].analysis.startswith(LIVE_ANALYSIS)
        if not from_archive:
            self._merge(key, [] if there is None else there[1], windows)
        self.written.append(FlushedMinute(minute, starts, from_archive))

    def _merge(
        self, key: PartKey, there: list[dict[str, Any]], windows: list[PublishedWindow]
    ) -> None:
        """Add windows to a live part; one that it has already stands as it is."""
        rows = {_row(each)["window_start"]: _row(each) for each in windows}
        before = {row["window_start"]: row for row in there}
        if rows.keys() <= before.keys():
            return
        together = {**rows, **before}
        merged = [together[start] for start in sorted(together)]
        models = "+".join(sorted({row["model"] for row in merged}))
        begins = [start.timestamp() for start in sorted(together)]
        covered = tuple((start, start + WINDOW_SECONDS) for start in begins)
        self.lake.write_part(key, PartFacts(f"{LIVE_ANALYSIS}{models}", covered), merged)

    def _mark(self) -> None:
        self.windows += self.journal.mark_in_lake(self.written)
        self.minutes += len(self.written)
        self.written.clear()

    def _tell_days(self) -> None:
        """Write what `runs` and `models` say of live windows; what fails is told the next time."""
        try:
            for row in self.journal.models():
                self.lake.write_model(row)
            for day in self.journal.untold_days():
                self.lake.write_run(self._run_row(day))
                self.journal.mark_told([day])
        except LakeError as error:
            self.reason = self.reason or str(error)

    def _run_row(self, day: Day) -> dict[str, Any]:
        """A day's row; a journal that was begun anew within the day takes nothing from it."""
        run_id = run_id_of(day.first)
        there = self.lake.read_run(run_id) or {}
        started_at = min(day.first, there.get("started_at") or day.first)
        ended_at = max(day.last, there.get("ended_at") or day.last)
        return {
            "run_id": run_id,
            "started_at": started_at,
            "ended_at": ended_at,
            "state": "completed",
            "segments_done": max(day.minutes, there.get("segments_done", 0)),
            "segments_skipped": max(day.minutes_skipped, there.get("segments_skipped", 0)),
            "files_failed": 0,
            "footage_seconds": max(float(day.seconds), there.get("footage_seconds", 0.0)),
            "wall_seconds": (ended_at - started_at).total_seconds(),
            "model": day.model,
            "k": min(self.settings.privacy.k, there.get("k", self.settings.privacy.k)),
            "homeroom_version": __version__,
        }

    def _zone(self, school_id: str) -> ZoneInfo:
        school = self.settings.schools_by_id.get(school_id)
        if school is not None:
            return school.zone
        _log.warning("The school %s is no longer in the settings; its dates are UTC's.", school_id)
        return ZoneInfo("UTC")


def run_id_of(moment: datetime) -> str:
    """The run that a live window belongs to: its day in UTC."""
    return f"live-{moment.astimezone(UTC):%Y%m%d}"


def _row(each: PublishedWindow) -> dict[str, Any]:
    return window_row(
        each.window,
        room_id=each.room_id,
        camera_id=each.camera_id,
        lesson_id=each.lesson_id,
        source="live",
        run_id=run_id_of(each.window.window_start),
        model=each.model,
    )
