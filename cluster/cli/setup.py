"""`homeroom init` and `homeroom check`."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.settings_file import FirstSchool, render_settings
from cluster.clock import utc_now
from cluster.demo.sample_roster import write_sample_roster
from cluster.errors import SettingsError
from cluster.records.timetable.lessons import LoadedTimetable, preview_lessons
from cluster.register.faces.policy import load_policy
from cluster.runtime.exit_status import EXIT_PARTLY
from cluster.settings import SETTINGS_FILE, Settings, load_settings, parse_settings


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new homeroom.toml.")] = Path(),
    school: Annotated[str, typer.Option(help="Name of the school.")] = "Hillside School",
    timezone: Annotated[str, typer.Option(help="Its IANA time zone.")] = "Europe/London",
    room: Annotated[str, typer.Option(help="Name of its first room.")] = "Room 12",
    sample: Annotated[
        bool, typer.Option("--sample", help="Also write a roster and timetable of made-up people.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Overwrite an existing file.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a commented homeroom.toml for a first school."""
    path = folder / SETTINGS_FILE
    if path.exists() and not force:
        raise SettingsError(
            "the settings file exists already.", where=str(path), hint="--force overwrites it."
        )
    text = render_settings(FirstSchool(school=school, timezone=timezone, room=room))
    parse_settings(tomllib.loads(text), path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"it cannot be written: {error.strerror}.", where=str(path)) from error
    roster = folder / "roster" if sample else None
    if roster is not None:
        write_sample_roster(roster, today=utc_now().date())
    if as_json:
        answer_json({"settings": str(path), **({"roster": str(roster)} if roster else {})})
    if roster is not None:
        say(
            f"Wrote {roster}: import it with `homeroom roster import {roster}` and "
            f"`homeroom roster timetable {roster / 'timetable.csv'}`."
        )
    say(f"Wrote {path}. Name your rooms and cameras there, then run `homeroom check`.")


def check(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Check the settings, and report what is wrong and where.

    Exit status 3: rows of the timetable that the settings name cannot be used.
    """
    loaded = load_settings(settings)
    lessons = preview_lessons(loaded, now=utc_now())
    load_policy(loaded.registers.policy)
    notes = _notes(loaded, lessons)
    counts = {
        "schools": len(loaded.schools),
        "rooms": len(loaded.rooms),
        "cameras": len(loaded.cameras),
        "lessons": len(lessons.timetable.lessons),
    }
    if as_json:
        answer_json({**counts, "k": loaded.privacy.k, "notes": notes})
    else:
        _show_counts(loaded, counts, notes)
    if lessons.bad_rows:
        say(f"{len(lessons.bad_rows)} rows of the timetable cannot be used.")
        raise typer.Exit(EXIT_PARTLY)
    if not as_json:
        say("The settings are valid.")


def _show_counts(loaded: Settings, counts: dict[str, int], notes: list[str]) -> None:
    table = Table(show_header=False, box=None)
    for name, number in counts.items():
        table.add_row(name, str(number))
    table.add_row("k", f"{loaded.privacy.k} (fewer people give a headcount only)")
    table.add_row("data", str(loaded.data_dir))
    answers.print(table)
    for note in notes:
        say(f"Note: {note}")


def _notes(settings: Settings, lessons: LoadedTimetable) -> list[str]:
    """Return what is valid, but perhaps not intended."""
    notes = []
    with_camera = {camera.room for camera in settings.cameras}
    notes += [
        f"room {room.id!r} has no camera" for room in settings.rooms if room.id not in with_camera
    ]
    with_room = {room.school for room in settings.rooms}
    notes += [f"school {s.id!r} has no room" for s in settings.schools if s.id not in with_room]
    notes += [str(bad) for bad in lessons.bad_rows]
    if not lessons.timetable.lessons:
        notes.append(
            "there are no lessons, so windows will name none: import a timetable with `homeroom "
            "roster timetable`, or name one under `timetable`"
        )
    return notes
