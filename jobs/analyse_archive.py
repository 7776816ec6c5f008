"""Archive footage in, activity windows out.

    footage list -> segments -> read_run (decode, shrink; CPU tasks)
                             -> FindPeople (pose; actors, one a GPU or CPU slot)
                             -> count_segment (activity, windows, suppression; CPU tasks)
                 -> parts of the lake, each in one rename, written by this process alone

Run it on this machine:     homeroom analyse FOLDER
Run it on a Ray cluster:    homeroom analyse --address http://HEAD:8265 FOLDER
                            ray job submit -- python -m jobs.analyse_archive FOLDER

Running it twice changes nothing. Killed anywhere, it loses the segments in flight, and the next
run does only those. Footage from archives is never matched against anybody: nothing here can
reach `cluster.register`, and an import contract keeps it so.

Exit status: 0 all is analysed; 1 it could not run; 3 some footage could not be used, the rest is
analysed; 130 it was stopped.
"""

import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cluster import __version__
from cluster.activity.suppression import ActivityWindow
from cluster.clock import utc_now
from cluster.district import Timetable, load_timetable, place_of
from cluster.errors import HomeroomError
from cluster.settings import Settings, load_settings
from cluster.streams.decode.preprocess import downscaled_size
from cluster.vision.pose.estimator import PoseEstimator, model_cache_dir, select_device
from cluster.vision.pose.weights import WeightsFile, find_pose_weights
from cluster.warehouse.lake import Lake, PartFacts
from cluster.warehouse.rows import model_row, window_row
from jobs.archive.footage import Problem, list_footage
from jobs.archive.progress import FootageProgress, duration_in_words
from jobs.archive.segments import (
    SEGMENT_SECONDS,
    Plan,
    Segment,
    analysis_name,
    make_plan,
    part_key,
)
from jobs.archive.stages import Gap, SegmentResult

EXIT_FAILED = 1
EXIT_PARTLY = 3
EXIT_STOPPED = 130
LAKE_WAIT_SECONDS = 10.0
"""The live service holds the lake for a few seconds at a time."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(slots=True)
class Summary:
    """What a run did, for people and as JSON."""

    run_id: str
    state: str = "running"
    segments_done: int = 0
    segments_skipped: int = 0
    windows: int = 0
    footage_seconds: float = 0.0
    wall_seconds: float = 0.0
    startup_seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def exit_status(self) -> int:
        """What the process ends with."""
        if self.state == "stopped":
            return EXIT_STOPPED
        return EXIT_PARTLY if self.problems else 0

    def take(self, result: SegmentResult) -> None:
        """Add a segment."""
        self.segments_done += 1
        self.windows += len(result.windows)
        self.footage_seconds += result.segment.seconds
        known = {problem.address for problem in self.problems}
        self.problems += [p for p in result.reading.problems if p.address not in known]
        seen = {(gap.address, round(gap.begins)) for gap in self.gaps}
        self.gaps += [g for g in result.reading.gaps if (g.address, round(g.begins)) not in seen]


@app.command()
def main(
    footage: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders or fsspec addresses: <camera>_<YYYYmmddTHHMMSSZ>.mp4"),
    ] = None,
    manifest: Annotated[
        str | None, typer.Option(help="CSV with the columns path, camera_id, started_at.")
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="The camera of one file whose name does not say it.")
    ] = None,
    started_at: Annotated[
        str | None, typer.Option(help="The start of that file, like 2026-03-02T09:00:00+01:00.")
    ] = None,
    below: Annotated[
        list[str] | None,
        typer.Option(help="Only footage below these folders and addresses, links followed."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="The settings file; homeroom.toml unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Analyse archived footage: counts of activity for a room and ten seconds, never a person."""
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        known = load_settings(settings)
        with redirect_stdout(sys.stderr):  # Ray prints there; our standard output is the answer
            summary = analyse(
                footage or [],
                known,
                manifest=manifest,
                camera_id=camera,
                started_at=started_at,
                roots=below or None,
                console=console,
            )
    except HomeroomError as error:
        _report_error(error, console, as_json=as_json)
        raise typer.Exit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        console.print("Stopped before it began.")
        raise typer.Exit(EXIT_STOPPED) from None
    _report(summary, console)
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary), default=str) + "\n")
    raise typer.Exit(summary.exit_status())


def analyse(
    inputs: Sequence[str],
    settings: Settings,
    *,
    manifest: str | None = None,
    camera_id: str | None = None,
    started_at: str | None = None,
    roots: Sequence[str] | None = None,
    console: Console,
) -> Summary:
    """Analyse footage into the lake that the settings name.

    Args:
        inputs: See `list_footage`, as for those without a word here.
        settings: All settings.
        manifest: See there.
        camera_id: See there.
        started_at: See there.
        roots: See there.
        console: Where progress goes.

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
    timetable = load_timetable(settings)
    weights = find_pose_weights(settings.weights, model_cache_dir(settings))
    lake = Lake(settings.lake_dir)
    now = utc_now()
    summary = Summary(run_id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}", problems=problems)
    with lake.locked(wait_seconds=LAKE_WAIT_SECONDS):
        plan = make_plan(files, settings, lake, weights.model_id)
        summary.problems += plan.problems
        summary.segments_skipped = len(plan.done)
        lake.end_lost_runs()
        if plan.to_do:
            run = _Run(settings, lake, timetable, weights, summary, started_at=now, began=began)
            run.do(plan, console)
        else:
            summary.state = "completed"
    summary.wall_seconds = monotonic() - began
    return summary


class _Run:
    """One run over a plan: the only writer of the lake."""

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        timetable: Timetable,
        weights: WeightsFile,
        summary: Summary,
        *,
        started_at: datetime,
        began: float,
    ) -> None:
        self._settings = settings
        self._lake = lake
        self._timetable = timetable
        self._weights = weights
        self._summary = summary
        self._started_at = started_at
        self._began = began

    def do(self, plan: Plan, console: Console) -> None:
        """Analyse what is to do; leave a row in `runs` that says how it ended."""
        from jobs.archive.ray_setup import running_ray

        # Ray Data takes two seconds to import and Ray five to start, mostly waiting: overlap them.
        importing = ThreadPoolExecutor(1).submit(import_module, "jobs.archive.pipeline")
        self._write_model()
        self._write_run(ended=False)
        total = sum(segment.seconds for segment in plan.to_do)
        try:
            with console.status("starting"):
                self._warm_up(plan)
                ray_running = running_ray(self._frame_bytes(plan))
                ray_running.__enter__()
            try:
                with FootageProgress(console, total) as progress:
                    pipeline = importing.result()
                    for result in pipeline.results_of(plan.to_do, self._settings):
                        self._keep(result)
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

    def _keep(self, result: SegmentResult) -> None:
        """Write a segment's part, unless nothing of it could be read."""
        if not self._summary.segments_done:
            self._summary.startup_seconds = monotonic() - self._began
        segment, covered = result.segment, result.reading.covered
        if covered:
            analysis = analysis_name(self._settings, segment.camera_id, self._weights.model_id)
            rows = [self._row(segment, window) for window in result.windows]
            key = part_key(segment, self._settings)
            self._lake.write_part(key, PartFacts(analysis, covered), rows)
        self._summary.take(result)

    def _row(self, segment: Segment, window: ActivityWindow) -> dict[str, Any]:
        place = place_of(self._settings, segment.camera_id)
        lesson = self._timetable.lesson_at(place.room.id, window.window_start)
        return window_row(
            window,
            room_id=place.room.id,
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

    def _write_model(self) -> None:
        self._lake.write_model(model_row(self._weights, self._started_at))

    def _warm_up(self, plan: Plan) -> None:
        """Convert the model once, here, before several actors would wait for it."""
        if os.environ.get("RAY_ADDRESS") or select_device(self._settings.analysis) != "cpu":
            return
        estimator = PoseEstimator.from_settings(self._settings)
        for width, height, input_size in self._frame_shapes(plan):
            estimator.prepare(height, width, input_size)

    def _frame_bytes(self, plan: Plan) -> int:
        """Size of the frames of the largest segment, lead-in included."""
        frames = SEGMENT_SECONDS * self._settings.analysis.rate * 1.05 + 1
        sizes = (width * height * 3 for width, height, _ in self._frame_shapes(plan))
        return int(frames * max(sizes))

    def _frame_shapes(self, plan: Plan) -> set[tuple[int, int, int]]:
        """(width, height, input size) of the shrunken frames to come."""
        shapes: set[tuple[int, int, int]] = set()
        for segment in plan.to_do:
            input_size = self._settings.cameras_by_id[segment.camera_id].input_size
            for piece in segment.pieces:
                video = plan.videos[piece.address]
                size = downscaled_size(video.width, video.height, input_size)
                shapes.add((*size, input_size))
        return shapes


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    """Let `ray job stop` and service managers stop a run as Ctrl-C does."""
    raise KeyboardInterrupt


def _report(summary: Summary, console: Console) -> None:
    done = duration_in_words(summary.footage_seconds)
    if summary.state == "stopped":
        console.print(
            f"Stopped. {done} of footage is analysed and safe; run the same command again to do "
            "the rest."
        )
    elif summary.segments_done:
        speed = summary.footage_seconds / max(summary.wall_seconds, 1e-9)
        console.print(
            f"Analysed {done} of footage in {duration_in_words(summary.wall_seconds)} "
            f"({speed:.1f}× real time): {summary.windows} windows, run {summary.run_id}."
        )
    elif summary.segments_skipped:
        console.print("Nothing to do: all of this footage has been analysed already.")
    if summary.segments_done and summary.segments_skipped:
        console.print(f"{summary.segments_skipped} minutes had been analysed before.")
    for gap in summary.gaps:
        console.print(
            f"Note: {escape(gap.address)}: no pictures for {gap.seconds:.1f} s after "
            f"{duration_in_words(gap.begins)}; there are no windows of that time."
        )
    if summary.problems:
        console.print(f"[red]{len(summary.problems)} could not be used, or not wholly:[/red]")
        for problem in summary.problems:
            console.print(f"  {escape(problem.address)}: {escape(problem.reason)}")


def _report_error(error: HomeroomError, console: Console, *, as_json: bool) -> None:
    console.print(f"[red]Error:[/red] {escape(str(error))}")
    if as_json:
        body = {"code": error.code, "detail": error.what, "where": error.where, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": body}) + "\n")


if __name__ == "__main__":
    app()
