"""Archive footage in, activity windows out.

    footage list -> segments -> DecodeSegments (decode, shrink; CPU tasks)
                             -> EstimatePoses (pose; actors, one a GPU or CPU slot)
                             -> CountActivity (activity, windows, suppression; actors)
                 -> parts of the lake, each in one rename, written by this process alone

Run it on this machine:     homeroom analyse FOLDER
Run it on a Ray cluster:    homeroom analyse --address http://HEAD:8265 FOLDER
                            ray job submit -- python -m jobs.analyse_archive FOLDER

Running it twice changes nothing. Killed anywhere, it loses the segments in flight, and the next
run does only those. Footage from archives is never matched against anybody (R6): nothing here can
reach `cluster.register`, and an import contract enforces it.

Exit status: 0 all is analysed; 1 it could not run; 3 some footage could not be used, the rest is
analysed; 130 it was stopped.
"""

import json
import signal
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cluster.clock import utc_now
from cluster.district import Timetable
from cluster.errors import HomeroomError
from cluster.records.timetable.dated_csv import read_dated_timetable
from cluster.records.timetable.lessons import load_timetable
from cluster.runtime.exit_status import EXIT_FAILED, EXIT_PARTLY, EXIT_STOPPED
from cluster.settings import Settings, load_settings
from jobs.archive.run import analyse_footage
from jobs.archive.submission import FootageArguments, submit
from jobs.archive.summary import RunSummary, describe_run

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


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
    lessons: Annotated[
        Path | None,
        typer.Option(
            help="CSV of lessons (lesson_id, room_id, class_id, starts_at, ends_at), instead of "
            "those in the records."
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Submit it to a Ray cluster: its dashboard, like http://HEAD:8265."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="The settings file; homeroom.toml unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Analyse archived footage: counts of activity for a room and ten seconds, never a person."""
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, _interrupt)
    named = FootageArguments(footage or [], manifest, camera, started_at, below or None)
    try:
        if address is not None:
            raise typer.Exit(
                submit(address, named, settings, lessons=lessons, as_json=as_json, console=console)
            )
        loaded = load_settings(settings)
        with redirect_stdout(sys.stderr):  # Ray prints there; our standard output is the summary
            summary = analyse_footage(
                named.inputs,
                loaded,
                timetable=_read_timetable(loaded, lessons, console),
                manifest=named.manifest,
                camera_id=named.camera_id,
                started_at=named.started_at,
                roots=named.roots,
                console=console,
            )
    except HomeroomError as error:
        _report_error(error, console, as_json=as_json)
        raise typer.Exit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        console.print("Stopped before it began.")
        raise typer.Exit(EXIT_STOPPED) from None
    for line in describe_run(summary):
        console.print(line)
    if as_json:
        sys.stdout.write(json.dumps(asdict(summary), default=str) + "\n")
    raise typer.Exit(_exit_status(summary))


def _read_timetable(settings: Settings, file: Path | None, console: Console) -> Timetable:
    """Read the lessons of a file, else of the records."""
    if file is not None:
        return read_dated_timetable(file, settings)
    loaded = load_timetable(settings, now=utc_now())
    for bad in loaded.bad_rows:
        console.print(f"Note: {escape(str(bad))}")
    return loaded.timetable


def _exit_status(summary: RunSummary) -> int:
    if summary.state == "stopped":
        return EXIT_STOPPED
    return EXIT_PARTLY if summary.problems else 0


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    """Stop a run on SIGTERM (`ray job stop`, service managers) as Ctrl-C does."""
    raise KeyboardInterrupt


def _report_error(error: HomeroomError, console: Console, *, as_json: bool) -> None:
    console.print(f"[red]Error:[/red] {escape(str(error))}")
    if as_json:
        body = {"code": error.code, "detail": error.what, "where": error.where, "hint": error.hint}
        sys.stdout.write(json.dumps({"error": body}) + "\n")


if __name__ == "__main__":
    app()
