"""A run of the archive job: what is left to do, done by Ray, written to the lake by this process.

list_footage -> make_plan -> ArchiveRun: stages on Ray -> parts of the lake, row in `runs`
                   └─ input sizes of `auto` cameras with work are measured, then planned again
"""

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from importlib import import_module
from time import monotonic
from typing import Any, Self

from rich.console import Console

from cluster import __version__
from cluster.activity.suppression import ActivityWindow
from cluster.clock import utc_now
from cluster.district import Timetable
from cluster.settings import Settings
from cluster.streams.decode.preprocess import downscaled_size
from cluster.vision.pose.estimator import PoseEstimator, model_cache_dir, select_device
from cluster.vision.pose.weights import WeightsFile, find_pose_weights
from cluster.warehouse.lake import Lake, PartMetadata
from cluster.warehouse.published_shares import PublishedShares, keep_published
from cluster.warehouse.rows import model_row, window_row
from jobs.archive.footage import list_footage
from jobs.archive.input_sizes import InputSizes
from jobs.archive.progress import FootageProgress
from jobs.archive.segments import (
    SEGMENT_SECONDS,
    Plan,
    Segment,
    analysis_name,
    make_plan,
    part_key,
    probe_footage,
)
from jobs.archive.stages import SegmentResult
from jobs.archive.summary import RunSummary
from jobs.archive.worker_settings import headcount_factors, worker_settings

LAKE_WAIT_SECONDS = 10.0
"""The live service holds the lake for a few seconds at a time."""


def analyse_footage(
    inputs: Sequence[str],
    settings: Settings,
    *,
    timetable: Timetable,
    manifest: str | None = None,
    camera_id: str | None = None,
    started_at: str | None = None,
    roots: Sequence[str] | None = None,
    console: Console,
) -> RunSummary:
    """Analyse footage into the lake that the settings name.

    Args:
        inputs: As for `list_footage`.
        settings: All settings.
        timetable: Finds the lesson that a window belongs to.
        manifest: As for `list_footage`.
        camera_id: As for `list_footage`.
        started_at: As for `list_footage`.
        roots: As for `list_footage`.
        console: Where progress is shown.

    Raises:
        HomeroomError: It cannot run at all. What concerns single files is in the summary.
    """
    began = monotonic()
    files, problems = list_footage(
        inputs,
        settings,
        manifest=manifest,
        camera_id=camera_id,
        started_at=started_at,
        roots=roots,
    )
    weights = find_pose_weights(settings.weights, model_cache_dir(settings))
    lake = Lake(settings.lake_dir)
    now = utc_now()
    summary = RunSummary(run_id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}", problems=problems)
    with lake.locked(wait_seconds=LAKE_WAIT_SECONDS), RaySession() as session:
        probed = probe_footage(files)
        sizes = InputSizes(settings, files, probed.videos, weights.model_id)
        plan = make_plan(probed, sizes.settings, lake, weights.model_id)
        if _measure_sizes(sizes, plan, session, summary, console):
            plan = make_plan(probed, sizes.settings, lake, weights.model_id)
        summary.problems += plan.problems
        summary.notes += plan.notes
        summary.segments_skipped = len(plan.done)
        lake.mark_interrupted_runs()
        if plan.pending:
            run = ArchiveRun(
                plan, sizes.settings, lake, timetable, weights, summary, started_at=now, began=began
            )
            run.execute(console, session)
        else:
            summary.state = "completed"
    summary.wall_seconds = monotonic() - began
    return summary


class RaySession:
    """Ray, started when it is first needed, and stopped with the block."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._is_started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self, segment_bytes: int) -> None:
        """Start or join Ray, unless that is done; see `running_ray`."""
        from jobs.archive.ray_setup import running_ray

        if not self._is_started:
            self._stack.enter_context(running_ray(segment_bytes))
            self._is_started = True


def _measure_sizes(
    sizes: InputSizes, plan: Plan, session: RaySession, summary: RunSummary, console: Console
) -> bool:
    """Measure the `auto` cameras with something to analyse; returns whether any size is new.

    Where too few people are seen, nothing is stored, and the largest allowed size is used.
    """
    tasks = sizes.unknown({segment.camera_id for segment in plan.pending})
    if not tasks:
        return False
    with console.status(f"measuring people's sizes in {len(tasks)} cameras"):
        session.start(_segment_bytes(plan, sizes.settings))
        from jobs.archive.size_stage import measure_cameras

        settings = worker_settings(sizes.settings, plan.places.values())
        for task, heads in measure_cameras(tasks, settings):
            size = sizes.add(task, heads)
            if size is not None:
                summary.input_sizes[task.camera_id] = size.input_size
    return bool(summary.input_sizes)


class ArchiveRun:
    """One run over a plan: the only writer of the lake.

    Args:
        plan: What is left to do.
        settings: All settings, with the input sizes that were measured.
        lake: Locked by the caller.
        timetable: Finds the lesson that a window belongs to.
        weights: Of the pose model.
        summary: Kept up to date.
        started_at: UTC.
        began: The same on the monotonic clock, in seconds.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        lake: Lake,
        timetable: Timetable,
        weights: WeightsFile,
        summary: RunSummary,
        *,
        started_at: datetime,
        began: float,
    ) -> None:
        self._plan = plan
        self._settings = settings
        self._lake = lake
        self._published = PublishedShares(lake.folder)
        self._timetable = timetable
        self._weights = weights
        self._summary = summary
        self._started_at = started_at
        self._began = began

    def execute(self, console: Console, session: RaySession) -> None:
        """Analyse what is left to do; leave a row in `runs` that says how it ended.

        Raises:
            HomeroomError: A stage failed, or the lake cannot be written.
        """
        # Ray Data takes two seconds to import and Ray five to start, mostly waiting: overlap them.
        importing = ThreadPoolExecutor(1).submit(import_module, "jobs.archive.pipeline")
        self._lake.write_model(model_row(self._weights, self._started_at))
        self._write_run(ended=False)
        places = self._plan.places.values()
        factors = headcount_factors(self._settings, places, self._weights.model_id)
        settings = worker_settings(self._settings, places, factors)
        total = sum(segment.seconds for segment in self._plan.pending)
        try:
            with console.status("starting"):
                self._export_model()
                session.start(_segment_bytes(self._plan, self._settings))
            with FootageProgress(console, total) as progress:
                pipeline = importing.result()
                for result in pipeline.run_stages(self._plan.pending, settings):
                    self._store(result)
                    progress.advance(result.segment.seconds)
        except KeyboardInterrupt:
            self._summary.state = "stopped"
        except BaseException:
            self._summary.state = "failed"
            self._write_run(ended=True)
            raise
        else:
            self._summary.state = "completed"
        self._write_run(ended=True)

    def _store(self, result: SegmentResult) -> None:
        """Write a segment's part, unless nothing of it could be read."""
        if not self._summary.segments_done:
            self._summary.startup_seconds = monotonic() - self._began
        segment, covered = result.segment, result.read.covered
        if covered:
            analysis = analysis_name(self._settings, segment.camera_id, self._weights.model_id)
            rows = [self._row(segment, window) for window in result.windows]
            key = part_key(segment, self._plan.places[segment.camera_id].school)
            existing = self._lake.read_part(key)
            if existing is not None:  # what was published of these people stays (R3)
                published, k = self._published.runs(), self._settings.privacy.k
                rows = keep_published(existing[1], rows, published, k)
            self._lake.write_part(key, PartMetadata(analysis, covered), rows)
        self._summary.add(result)

    def _row(self, segment: Segment, window: ActivityWindow) -> dict[str, Any]:
        room = self._plan.places[segment.camera_id].room
        lesson = self._timetable.lesson_at(room.id, window.window_start)
        return window_row(
            window,
            room_id=room.id,
            camera_id=segment.camera_id,
            lesson_id=lesson.lesson_id if lesson else None,
            source="archive",
            run_id=self._summary.run_id,
            model=self._weights.model_id,
        )

    def _write_run(self, *, ended: bool) -> None:
        summary = self._summary
        self._lake.write_run(
            {
                "run_id": summary.run_id,
                "started_at": self._started_at,
                "ended_at": utc_now() if ended else None,
                "state": summary.state,
                "segments_done": summary.segments_done,
                "segments_skipped": summary.segments_skipped,
                "files_failed": len({problem.address for problem in summary.problems}),
                "footage_seconds": summary.footage_seconds,
                "wall_seconds": monotonic() - self._began,
                "model": self._weights.model_id,
                "k": self._settings.privacy.k,
                "homeroom_version": __version__,
            }
        )

    def _export_model(self) -> None:
        """Export the model once, here, before several actors would wait for it."""
        if os.environ.get("RAY_ADDRESS") or select_device(self._settings.analysis) != "cpu":
            return
        estimator = PoseEstimator.from_settings(self._settings)
        for width, height, input_size in _frame_shapes(self._plan, self._settings):
            estimator.prepare(height, width, input_size)


def _segment_bytes(plan: Plan, settings: Settings) -> int:
    """Size of the frames of the largest segment, lead-in included."""
    frames = SEGMENT_SECONDS * settings.analysis.rate * 1.05 + 1
    sizes = (width * height * 3 for width, height, _ in _frame_shapes(plan, settings))
    return int(frames * max(sizes))


def _frame_shapes(plan: Plan, settings: Settings) -> set[tuple[int, int, int]]:
    """(width, height, input size) of the shrunken frames, each combination once."""
    shapes: set[tuple[int, int, int]] = set()
    for segment in plan.pending:
        input_size = settings.input_size_of(plan.places[segment.camera_id].camera)
        for piece in segment.pieces:
            video = plan.videos[piece.address]
            size = downscaled_size(video.width, video.height, input_size)
            shapes.add((*size, input_size))
    return shapes
