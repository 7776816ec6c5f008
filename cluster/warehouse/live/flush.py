"""Flushes the journal to the lake: each live window once, whatever is killed in between.

    journal: minutes that have ended -> all their windows -> merged with the existing part
        -> part of the lake (one rename) -> row of the day in `runs` -> marked in the journal

A part is written before its windows are marked, and writing it again gives the same. If the archive
job has analysed a minute, its part is kept; if it does so later, it replaces the live part, whose
analysis begins with `live:` and so never matches that of a run. Either way the windows stay whose
shares the live service has published: with those of a second analysis, they would tell what the few
people do whom only one of them has found (R3).
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
from cluster.warehouse.lake import Lake, PartKey, PartMetadata
from cluster.warehouse.live.journal import DaySummary, FlushedMinute, Journal, Minute
from cluster.warehouse.published_shares import PublishedShares, keep_published
from cluster.warehouse.rows import make_part_key, model_row, window_row

LIVE_ANALYSIS = "live:"
GRACE_SECONDS = 15.0
"""How long after the end of a minute its windows may arrive before its part is written."""

MAX_LOCK_SECONDS = 4.0
"""The archive job waits longer than this for the lake."""

_MARK_BATCH = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FlushResult:
    """The result of a flush.

    Attributes:
        windows: Number of windows that are no longer pending.
        minutes: Number of camera minutes that they belong to.
        has_more: Whether minutes that have ended are still pending.
        reason: Why, for people; empty if only the time for one flush ran out.
    """

    windows: int = 0
    minutes: int = 0
    has_more: bool = False
    reason: str = ""


def flush(
    journal: Journal,
    lake: Lake,
    settings: Settings,
    *,
    weights: WeightsFile,
    now: datetime,
    grace_seconds: float = GRACE_SECONDS,
    max_lock_seconds: float = MAX_LOCK_SECONDS,
) -> FlushResult:
    """Write the minutes that have ended from the journal to the lake.

    Args:
        journal: The source.
        lake: The destination.
        settings: They name the schools' time zones, and `k`.
        weights: Weights of the current model; its row goes into `models`.
        now: UTC; it may have been set back or forward since the last call.
        grace_seconds: How long after its end a minute is written.
        max_lock_seconds: How long to hold the lake's lock; the rest is left to the next call.

    Returns:
        What was written. If the lake is locked or cannot be written, that is its `reason`, and the
        windows stay in the journal.

    Raises:
        JournalError: The journal cannot be read or written; calling again is safe.
    """
    journal.store_model(model_row(weights, now))
    minutes = journal.minutes_to_flush(now - timedelta(seconds=grace_seconds))
    result = FlushResult()
    if minutes or journal.unpublished_days():
        try:
            with lake.locked(sweep=False):
                result = _Flush(journal, lake, settings).run(
                    minutes, monotonic() + max_lock_seconds
                )
        except LakeError as error:
            return FlushResult(has_more=True, reason=str(error))
    journal.delete_old()
    return result


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
    _k_of_runs: dict[str, int] = field(default_factory=dict)

    def run(self, minutes: Sequence[Minute], deadline: float) -> FlushResult:
        """Write minutes, and mark them, until a deadline on the monotonic clock."""
        attempted = 0
        for minute in minutes:
            if attempted and monotonic() >= deadline:
                break
            attempted += 1
            try:
                self._write(minute)
            except LakeError as error:  # perhaps of this part alone: go on with the others
                self.reason = self.reason or str(error)
            if len(self.written) >= _MARK_BATCH:
                self._mark()
        self._mark()
        self._write_days()
        has_more = attempted < len(minutes) or bool(self.reason)
        return FlushResult(self.windows, self.minutes, has_more, self.reason)

    def _write(self, minute: Minute) -> None:
        windows = self.journal.windows_in(minute)
        if not windows:
            return  # none of them is valid
        starts = tuple(each.window.window_start for each in windows)
        key = make_part_key(
            minute.school_id, self._zone(minute.school_id), minute.camera_id, minute.starts_at
        )
        self._lower_k(windows)
        part = self.lake.read_part(key)
        from_archive = part is not None and not part[0].analysis.startswith(LIVE_ANALYSIS)
        if part is not None and from_archive:
            self._keep_live_shares(key, part, windows)
        else:
            self._merge(key, [] if part is None else part[1], windows)
        self.written.append(FlushedMinute(minute, starts, from_archive))

    def _merge(
        self, key: PartKey, existing: list[dict[str, Any]], windows: list[PublishedWindow]
    ) -> None:
        """Add windows to a live part; one that it already has is not changed."""
        rows = {_row(each)["window_start"]: _row(each) for each in windows}
        previous = {row["window_start"]: row for row in existing}
        if rows.keys() <= previous.keys():
            return
        by_start = {**rows, **previous}
        merged = [by_start[start] for start in sorted(by_start)]
        models = "+".join(sorted({row["model"] for row in merged}))
        starts = [start.timestamp() for start in sorted(by_start)]
        covered = tuple((start, start + WINDOW_SECONDS) for start in starts)
        self.lake.write_part(key, PartMetadata(f"{LIVE_ANALYSIS}{models}", covered), merged)

    def _keep_live_shares(
        self,
        key: PartKey,
        part: tuple[PartMetadata, list[dict[str, Any]]],
        windows: list[PublishedWindow],
    ) -> None:
        """Put windows with live shares in place of an archive run's, if its are not published."""
        metadata, existing = part
        published = PublishedShares(self.lake.folder).runs()
        archived = {row["window_start"]: row for row in existing}
        live = [
            row
            for row in map(_row, windows)
            if (other := archived.get(row["window_start"])) is None
            or other["run_id"] not in published
        ]
        merged = keep_published(live, existing, published, self.settings.privacy.k)
        if merged != existing:
            self.lake.write_part(key, metadata, merged)

    def _mark(self) -> None:
        self.windows += self.journal.mark_flushed(self.written)
        self.minutes += len(self.written)
        self.written.clear()

    def _write_days(self) -> None:
        """Write the rows of `runs` and `models`; the next flush repeats what fails."""
        try:
            for row in self.journal.models():
                self.lake.write_model(row)
            for day in self.journal.unpublished_days():
                self.lake.write_run(self._run_row(day))
                self.journal.mark_published([day])
        except LakeError as error:
            self.reason = self.reason or str(error)

    def _lower_k(self, windows: Sequence[PublishedWindow]) -> None:
        """State the smallest `k` of a day before the lake has a share that was counted with it.

        The settings of now say nothing of windows that have waited: their `k` may be larger.
        """
        counted = [each for each in windows if not each.window.suppressed]
        if not counted:
            return
        k, first = min(each.k for each in counted), counted[0].window.window_start
        run_id = live_run_id(first)
        if run_id not in self._k_of_runs:
            row = self.lake.read_run(run_id)
            if row is not None:
                self._k_of_runs[run_id] = row["k"]
        if self._k_of_runs.get(run_id, k + 1) > k:
            last = counted[-1].window.window_start + timedelta(seconds=WINDOW_SECONDS)
            name = f"{first.astimezone(UTC):%Y%m%d}"
            day = DaySummary(name, 0, 0, 0, first, last, counted[-1].model)
            self.lake.write_run({**self._run_row(day), "k": k})
            self._k_of_runs[run_id] = k

    def _run_row(self, day: DaySummary) -> dict[str, Any]:
        """Return a day's row of `runs`; a journal that was replaced that day does not lower it."""
        run_id = live_run_id(day.first)
        previous = self.lake.read_run(run_id) or {}
        started_at = min(day.first, previous.get("started_at") or day.first)
        ended_at = max(day.last, previous.get("ended_at") or day.last)
        return {
            "run_id": run_id,
            "started_at": started_at,
            "ended_at": ended_at,
            "state": "completed",
            "segments_done": max(day.minutes, previous.get("segments_done", 0)),
            "segments_skipped": max(day.minutes_skipped, previous.get("segments_skipped", 0)),
            "files_failed": 0,
            "footage_seconds": max(float(day.seconds), previous.get("footage_seconds", 0.0)),
            "wall_seconds": (ended_at - started_at).total_seconds(),
            "model": day.model,
            "k": previous.get("k", self.settings.privacy.k),
            "homeroom_version": __version__,
        }

    def _zone(self, school_id: str) -> ZoneInfo:
        school = self.settings.schools_by_id.get(school_id)
        if school is not None:
            return school.zone
        _log.warning("The school %s is no longer in the settings; its dates are UTC's.", school_id)
        return ZoneInfo("UTC")


def live_run_id(time: datetime) -> str:
    """Return the id of the run that a live window belongs to: its day in UTC."""
    return f"live-{time.astimezone(UTC):%Y%m%d}"


def _row(published: PublishedWindow) -> dict[str, Any]:
    return window_row(
        published.window,
        room_id=published.room_id,
        camera_id=published.camera_id,
        lesson_id=published.lesson_id,
        source="live",
        run_id=live_run_id(published.window.window_start),
        model=published.model,
    )
