"""A run of the archive job: what is left to do, done by Ray, written to the lake by this process.

list_footage -> make_plan -> ArchiveRun: stages on Ray -> parts of the lake, row in `runs`
"""

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib import import_module
from time import monotonic
from typing import Any

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
from cluster.warehouse.rows import model_row, window_row
from jobs.archive.footage import list_footage
from jobs.archive.progress import FootageProgress
from jobs.archive.segments import (
    SEGMENT_SECONDS,
    Plan,
    Segment,
    analysis_name,
    make_plan,
    part_key,
)
from jobs.archive.stages import SegmentResult
from jobs.archive.summary import RunSummary
from jobs.archive.worker_settings import worker_settings

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
    with lake.locked(wait_seconds=LAKE_WAIT_SECONDS):
        plan = make_plan(files, settings, lake, weights.model_id)
        summary.problems += plan.problems
        summary.segments_skipped = len(plan.done)
        lake.mark_interrupted_runs()
        if plan.pending:
            run = ArchiveRun(
                plan, settings, lake, timetable, weights, summary, started_at=now, began=began
            )
            run.execute(console)
        else:
            summary.state = "completed"
    summary.wall_seconds = monotonic() - began
    return summary


class ArchiveRun:
    """One run over a plan: the only writer of the lake.

    Args:
        plan: What is left to do.
        settings: All settings.
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
        self._timetable = timetable
        self._weights = weights
        self._summary = summary
        self._started_at = started_at
        self._began = began

    def execute(self, console: Console) -> None:
        """Analyse what is left to do; leave a row in `runs` that says how it ended.

        Raises:
            HomeroomError: A stage failed, or the lake cannot be written.
        """
        from jobs.archive.ray_setup import running_ray

        # Ray Data takes two seconds to import and Ray five to start, mostly waiting: overlap them.
        importing = ThreadPoolExecutor(1).submit(import_module, "jobs.archive.pipeline")
        self._lake.write_model(model_row(self._weights, self._started_at))
        self._write_run(ended=False)
        settings = worker_settings(self._settings, self._plan.places.values())
        total = sum(segment.seconds for segment in self._plan.pending)
        try:
            with console.status("starting"):
                self._export_model()
                ray_running = running_ray(self._frame_bytes_per_segment())
                ray_running.__enter__()
            try:
                with FootageProgress(console, total) as progress:
                    pipeline = importing.result()
                    for result in pipeline.run_stages(self._plan.pending, settings):
                        self._store(result)
                        progress.advance(result.segment.seconds)
            finally:
                ray_running.__exit__(None, None, None)
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
        for width, height, input_size in self._frame_shapes():
            estimator.prepare(height, width, input_size)

    def _frame_bytes_per_segment(self) -> int:
        """Size of the frames of the largest segment, lead-in included."""
        frames = SEGMENT_SECONDS * self._settings.analysis.rate * 1.05 + 1
        sizes = (width * height * 3 for width, height, _ in self._frame_shapes())
        return int(frames * max(sizes))

    def _frame_shapes(self) -> set[tuple[int, int, int]]:
        """(width, height, input size) of the shrunken frames, each combination once."""
        shapes: set[tuple[int, int, int]] = set()
        for segment in self._plan.pending:
            input_size = self._plan.places[segment.camera_id].camera.input_size
            for piece in segment.pieces:
                video = self._plan.videos[piece.address]
                size = downscaled_size(video.width, video.height, input_size)
                shapes.add((*size, input_size))
        return shapes
