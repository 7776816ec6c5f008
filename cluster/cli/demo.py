"""`homeroom demo`: footage in, tables and a report out, on one machine with no network."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cluster.cli.console import JsonOption, answer_json, say
from cluster.cli.demo_register import POLICY_FILE, show_register
from cluster.cli.settings_file import FirstSchool, render_settings
from cluster.cli.tables import print_table
from cluster.clock import utc_now
from cluster.demo.rendered_class import CLIP, CLIP_SECONDS, true_windows
from cluster.errors import HomeroomError
from cluster.records.db.models import MAX_LESSON_LENGTH
from cluster.records.timetable.lessons import load_timetable
from cluster.settings import ENV_PREFIX, SETTINGS_FILE, Settings, load_settings
from cluster.streams.decode.probe import probe
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query, warehouse_path
from jobs.archive.run import analyse_footage
from jobs.archive.submission import FootageArguments
from jobs.archive.summary import describe_run

CAMERA, ROOM = "room-12-front", "room-12"
STARTS_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIRST_ROWS = """
SELECT strftime(window_start, '%H:%M:%S') AS "from", people_max AS people, people_mean AS mean,
       people_low AS low, people_high AS high,
       hand_raised_share AS hand_up, desk_work_share AS desk_work,
       unclear_share AS unclear, hand_raises AS raises, suppressed AS withheld
FROM activity_windows ORDER BY window_start LIMIT 6
"""


def demo(
    video: Annotated[
        Path | None, typer.Option(help="Your own footage; a lesson is made up unless given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for all that it makes.")] = Path(
        "homeroom-demo"
    ),
    as_json: JsonOption = False,
) -> None:
    """Turn a minute of a lesson into tables and a report, step by step."""
    folder = out.absolute()
    _unset_variables_of_installation()
    with _step("Writing the settings of a first school"):
        settings = _write_settings(folder, video)
    if video is None:
        lesson = folder / "footage" / f"{CAMERA}_{STARTS_AT:%Y%m%dT%H%M%SZ}.mp4"
        with _step("Copying a rendered minute of a class, in which nobody exists"):
            _write_files({lesson: CLIP.read_bytes})
        footage = FootageArguments([str(lesson)])
    else:
        footage = FootageArguments([str(video)], camera_id=CAMERA, started_at=STARTS_AT.isoformat())
    k = settings.privacy.k
    say(f"\nA window with fewer than {k} people (k) gives a headcount and nothing else.\n")
    with _step("Analysing it, as `homeroom analyse` does"):
        _analyse(settings, footage)
    with _step("Publishing the lake as a DuckDB file"):
        now = utc_now()
        published = publish(settings, load_timetable(settings, now=now).timetable, now=now)
    report = folder / "report.html"
    with _step("Drawing the report"):
        # Not at the top: matplotlib takes half a second to import.
        from cluster.warehouse.report import load_report, write_report

        drawn = load_report(settings, ROOM, STARTS_AT, STARTS_AT + timedelta(days=1))
        if video is None:
            truth = {true.window_start(STARTS_AT): true for true in true_windows()}
            drawn = replace(drawn, truth=truth)
        write_report(drawn, report, k=k)
    proposed = {}
    if video is None:
        say("\nNow the register of a made-up class, by faces, of those who agreed.\n")
        with _step("Importing a roster, asking for consent, and watching two lessons"):
            proposed = show_register(folder, settings, ROOM)
    if as_json:
        answer_json(
            {"rows": published.rows, **proposed, "report": str(report), "folder": str(folder)}
        )
        return
    say("\nThe first windows (– is withheld; 0.05 means 5% or less):\n")
    print_table(run_query(settings, FIRST_ROWS))
    here = f"--settings {out / SETTINGS_FILE}"
    say(
        f"\nThe report:  {report}\n"
        f"The tables:  {warehouse_path(settings)}\n"
        f'Ask them:    homeroom query {here} "FROM lesson_activity"'
    )


def _unset_variables_of_installation() -> None:
    """Unset variables of a real installation, which the demo must not touch."""
    kept = tuple(f"{ENV_PREFIX}{name}" for name in ("CACHE_DIR", "WEIGHTS__", "ANALYSIS__"))
    for name in [n for n in os.environ if n.upper().startswith(ENV_PREFIX)]:
        if not name.upper().startswith(kept):
            del os.environ[name]
            say(f"{name} is ignored: the demo uses its own folder.")


@contextmanager
def _step(what: str) -> Iterator[None]:
    say(f"{what} …")
    began = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - began:.1f} s")


def _write_settings(folder: Path, video: Path | None) -> Settings:
    seconds = CLIP_SECONDS if video is None else probe(str(video)).duration_seconds
    path = folder / SETTINGS_FILE
    first = FirstSchool("Hillside School", "Europe/London", "Room 12", CAMERA)
    timetable = "lessons.csv"
    ends_at = STARTS_AT + min(timedelta(seconds=seconds), MAX_LESSON_LENGTH)
    _write_files(
        {
            path: lambda: render_settings(
                first,
                {
                    "timetable": timetable,
                    "registers": {"policy": POLICY_FILE},
                },
            ),
            folder / timetable: lambda: (
                "lesson_id,room_id,class_id,starts_at,ends_at\n"
                f"demo-lesson,{ROOM},7B-science,{STARTS_AT.isoformat()},{ends_at.isoformat()}\n"
            ),
        }
    )
    return load_settings(path)


def _write_files(files: dict[Path, Callable[[], str | bytes]]) -> None:
    for path, read in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = read()
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        except OSError as error:
            raise HomeroomError(
                f"the demo cannot write here: {error.strerror}.",
                where=str(path),
                hint="Name another folder with --out.",
            ) from error


def _analyse(settings: Settings, footage: FootageArguments) -> None:
    console = Console(stderr=True)
    timetable = load_timetable(settings, now=utc_now()).timetable
    with redirect_stdout(sys.stderr):  # Ray prints there
        summary = analyse_footage(
            footage.inputs,
            settings,
            timetable=timetable,
            camera_id=footage.camera_id,
            started_at=footage.started_at,
            console=console,
        )
    for line in describe_run(summary):
        console.print(line)
    if summary.state == "stopped":
        raise KeyboardInterrupt
