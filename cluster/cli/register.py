"""`homeroom register` and `homeroom badge`: taking attendance."""

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, errors, say
from cluster.cli.identity import (
    TeacherOption,
    as_teacher,
    identity_of,
    operator,
    write_private,
)
from cluster.errors import SettingsError
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of, sourced_ids_of, students_of_class, user_of
from cluster.records.repos.registers import lessons_on
from cluster.register import badges
from cluster.register.export import to_csv, to_ed_fi
from cluster.register.faces.from_video import watch
from cluster.register.service import RegisterService
from cluster.register.states import EntryState, Status
from cluster.register.views import RegisterView
from cluster.settings import Settings
from cluster.streams.decode.container import probe
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.pose.estimator import PoseEstimator

app = typer.Typer(help="The attendance of one lesson.", no_args_is_help=True)
badge_app = typer.Typer(help="Badges that students show.", no_args_is_help=True)

COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())

Lesson = Annotated[str, typer.Argument(help="The lesson's id: `homeroom register lessons`.")]


class ExportForm(StrEnum):
    """What a register is exported as."""

    CSV = "csv"
    ED_FI = "ed-fi"


@app.command("lessons")
def lessons_command(
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day; today unless set."),
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The lessons of a day."""
    with identity_of(settings) as (known, identity), identity.records.reading() as session:
        day = date.date() if date else identity.clock()
        rows = [
            (lesson.id, lesson.class_sourced_id, lesson.room_id, *_local_times(known, lesson))
            for lesson in lessons_on(session, known, day)
        ]
    columns = ("lesson", "class", "room", "starts_at", "ends_at")
    if as_json:
        answer_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    answers.print(table)


@app.command("open")
def open_command(
    lesson: Lesson, by: TeacherOption, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Open a lesson's register: from now on faces and badges count, for some minutes."""
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        view = RegisterService(work, known).open(lesson)
        rows = _rows(work, view)
    _show(view, rows, as_json=as_json)


@app.command("show")
def show_command(
    lesson: Lesson, by: TeacherOption, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """A register as it stands."""
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        view = RegisterService(work, known).show(lesson)
        rows = _rows(work, view)
    _show(view, rows, as_json=as_json)


@app.command("mark")
def mark_command(
    lesson: Lesson,
    by: TeacherOption,
    marks: Annotated[
        list[str] | None, typer.Argument(help="STUDENT=STATUS, like student-1=present.")
    ] = None,
    rest: Annotated[
        Status | None, typer.Option(help="Of everybody who has no confirmed entry yet.")
    ] = None,
    badge: Annotated[
        list[str] | None, typer.Option(help="What the scanner read from a badge.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if the register is still at this version.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write who is there: by hand, for the rest of the class, or by badge."""
    said = [_mark(text) for text in marks or []]
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        roll = RegisterService(work, known)
        if version is not None:
            roll.must_be_at(lesson, version)
        for token in badge or []:
            roll.badge(lesson, badges.read(work, token))
        chosen = {user_of(work.session, name, "student").id: status for name, status in said}
        if rest is not None:
            chosen = {**roll.unconfirmed(lesson, rest), **chosen}
        view = roll.mark(lesson, chosen) if chosen else roll.show(lesson)
        rows = _rows(work, view)
    _show(view, rows, as_json=as_json)


@app.command("confirm")
def confirm_command(
    lesson: Lesson,
    by: TeacherOption,
    version: Annotated[int, typer.Option(help="The version that `register show` gave.")],
    students: Annotated[
        list[str] | None, typer.Argument(help="Whose proposals; all unless named.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm what faces proposed."""
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        chosen = [user_of(work.session, name, "student").id for name in students or []]
        view = RegisterService(work, known).confirm(
            lesson, version=version, students=chosen or None
        )
        rows = _rows(work, view)
    _show(view, rows, as_json=as_json)


@app.command("close")
def close_command(
    lesson: Lesson, by: TeacherOption, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Close a register before its time is up."""
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        view = RegisterService(work, known).close(lesson)
        rows = _rows(work, view)
    _show(view, rows, as_json=as_json)


@app.command("history")
def history_command(
    lesson: Lesson, by: TeacherOption, settings: SettingsOption = None, as_json: JsonOption = False
) -> None:
    """Every change of a register: who, when, what it was."""
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        changes = RegisterService(work, known).history(lesson)
        ids = {one for change in changes for one in (change["student_id"], change["changed_by"])}
        keys = sourced_ids_of(work.session, ids)
    for change in changes:
        for column in ("student_id", "changed_by"):
            change[column] = keys.get(change[column], change[column])
    if as_json:
        answer_json(changes)
        return
    for change in changes:
        answers.print(
            f"{change['changed_at']:%Y-%m-%d %H:%M:%S}  {change['changed_by']}  "
            f"{change['student_id']}: {_said(change['was'])} → {_said(change['became'])}",
            markup=False,
            highlight=False,
        )


@app.command("export")
def export_command(
    lesson: Lesson,
    by: TeacherOption,
    form: Annotated[ExportForm, typer.Option("--format", help="Which.")] = ExportForm.CSV,
    out: Annotated[Path | None, typer.Option(help="A file; standard output unless set.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A register for the school's own system: what was confirmed, and nothing else."""
    with identity_of(settings) as (known, identity), as_teacher(identity, by) as work:
        view = RegisterService(work, known).show(lesson)
        if form is ExportForm.CSV:
            text = to_csv(work, view)
        else:
            text = json.dumps(to_ed_fi(work, known, view), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        if as_json and form is ExportForm.CSV:
            answer_json({"csv": text})
        else:
            sys.stdout.write(text)
        return
    write_private(out, text)
    if as_json:
        answer_json({"out": str(out)})
    say(f"Wrote {out}.")


@app.command("watch")
def watch_command(
    lesson: Annotated[str, typer.Option(help="The lesson, whose register is open.")],
    video: Annotated[Path, typer.Option(help="A file, taken as if it were the room's camera.")],
    by: TeacherOption,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose who is there by faces, in an open register, of those who agreed."""
    with identity_of(settings) as (known, identity):
        if known.registers.open_with_lesson:
            with as_teacher(identity, by) as work:
                RegisterService(work, known).open_if_new(lesson)
        with as_teacher(identity, by) as work:
            RegisterService(work, known).show(lesson)  # who watches must teach the class
        engine, estimator = create_face_engine(known), PoseEstimator.from_settings(known)
        seconds = probe(str(video)).duration_seconds
        with Progress(*COLUMNS, console=errors, transient=True) as bar:
            task = bar.add_task("watching", total=seconds)
            watched = watch(
                identity,
                known,
                lesson,
                video,
                engine=engine,
                estimator=estimator,
                progress=lambda done: bar.update(task, completed=done),
            )
        with as_teacher(identity, by) as work:
            view = RegisterService(work, known).show(lesson)
            rows = _rows(work, view)
    say(f"{watched.frames} pictures looked at, faces compared in {watched.compared}.")
    for reason, count in watched.reasons.items():
        say(f"Not compared: {count} students ({reason.replace('_', ' ')}).")
    _show(view, rows, as_json=as_json)


@badge_app.command("print")
def badge_command(
    out: Annotated[Path, typer.Option(help="An .html file to print.")],
    class_id: Annotated[str | None, typer.Option("--class", help="All of a class.")] = None,
    students: Annotated[list[str] | None, typer.Argument(help="Or these students.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print badges; a student's older badge is void from then on."""
    if (class_id is None) == (not students):
        raise SettingsError("name either a class or students.", hint="--class ID, or STUDENT …")
    with identity_of(settings) as (known, identity), identity.work(operator()) as work:
        if class_id is not None:
            chosen = students_of_class(work.session, class_id, work.now.date())
        else:
            chosen = [user_of(work.session, name, "student").id for name in students or []]
        days = known.registers.badge_days
        printed = [badges.issue(work, student_id, days) for student_id in chosen]
        write_private(out, badges.sheet(work, printed))
    if as_json:
        answer_json({"out": str(out), "badges": len(printed)})
    say(f"Wrote {out}: {len(printed)} badges. It shows names: delete it when it is printed.")


def _local_times(settings: Settings, lesson: LessonRow) -> tuple[datetime, datetime]:
    room = settings.rooms_by_id.get(lesson.room_id)
    zone = settings.schools_by_id[room.school].zone if room else UTC
    return lesson.starts_at.astimezone(zone), lesson.ends_at.astimezone(zone)


def _mark(text: str) -> tuple[str, Status]:
    student, _, status = text.rpartition("=")
    try:
        return student, Status(status)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not STUDENT=STATUS.", hint=f"STATUS is one of {', '.join(Status)}."
        ) from None


def _rows(work: UnitOfWork, view: RegisterView) -> list[dict[str, Any]]:
    ids = [entry.student_id for entry in view.entries]
    names, keys = names_of(work.session, work.keys, ids), sourced_ids_of(work.session, ids)
    return sorted(
        (
            {
                "student": keys.get(entry.student_id, "–"),
                "name": names[entry.student_id].display_name
                if entry.student_id in names
                else "(erased)",
                "status": str(entry.mark.status),
                "method": str(entry.mark.method) if entry.mark.method else None,
                "state": str(entry.mark.state) if entry.mark.state else None,
            }
            for entry in view.entries
        ),
        key=lambda row: str(row["student"]),
    )


def _show(view: RegisterView, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        answer_json(
            {
                "lesson": view.lesson_id,
                "class": view.class_id,
                "open": view.is_open,
                "closes_at": view.closes_at,
                "version": view.version,
                "entries": rows,
            }
        )
        return
    until = f"open until {view.closes_at:%H:%M:%S} UTC" if view.is_open else "closed"
    answers.print(f"{view.lesson_id}: {until}, version {view.version}", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("student", "name", "status", "method", "state"):
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(str("" if cell is None else cell)) for cell in row.values()))
    answers.print(table)
    waiting = sum(row["state"] == EntryState.PROPOSED for row in rows)
    if waiting:
        say(f"{waiting} proposals wait: homeroom register confirm --version {view.version}")


def _said(mark: dict[str, Any] | None) -> str:
    mark = mark or {"status": "nothing"}
    how = ", ".join(str(mark[name]) for name in ("method", "state") if mark.get(name))
    return f"{mark['status']} ({how})" if how else str(mark["status"])
