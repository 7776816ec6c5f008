"""`homeroom register`: taking attendance."""

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
from cluster.cli.installation import (
    TeacherOption,
    open_installation,
    work_as_teacher,
    write_private_file,
)
from cluster.errors import SettingsError
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of, sourced_ids_of, user_of
from cluster.records.repos.registers import lessons_on
from cluster.register.export import to_csv, to_ed_fi
from cluster.register.faces.from_video import recognise_from_video
from cluster.register.service import RegisterService
from cluster.register.states import EntryState, Status
from cluster.register.types import RegisterView
from cluster.settings import Settings
from cluster.streams.decode.probe import probe
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.pose.estimator import PoseEstimator

app = typer.Typer(help="The attendance of one lesson.", no_args_is_help=True)

COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())

LessonId = Annotated[str, typer.Argument(help="The lesson's id: `homeroom register lessons`.")]


class ExportForm(StrEnum):
    """The format of an export."""

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
    """List the lessons of a day."""
    with open_installation(settings) as (loaded, audited), audited.records.reading() as session:
        day = date.date() if date else audited.clock()
        rows = [
            (lesson.id, lesson.class_sourced_id, lesson.room_id, *_local_times(loaded, lesson))
            for lesson in lessons_on(session, loaded, day)
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
    lesson: LessonId,
    by: TeacherOption,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a lesson's register: it accepts faces and badges for some minutes."""
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        view = RegisterService(work, loaded).open(lesson)
        rows = _entry_rows(work, view)
    _print_register(view, rows, as_json=as_json)


@app.command("show")
def show_command(
    lesson: LessonId,
    by: TeacherOption,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a register."""
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        view = RegisterService(work, loaded).show(lesson)
        rows = _entry_rows(work, view)
    _print_register(view, rows, as_json=as_json)


@app.command("mark")
def mark_command(
    lesson: LessonId,
    by: TeacherOption,
    marks: Annotated[
        list[str] | None, typer.Argument(help="STUDENT=STATUS, like student-1=present.")
    ] = None,
    rest: Annotated[
        Status | None, typer.Option(help="For every student without a confirmed entry.")
    ] = None,
    badge: Annotated[
        list[str] | None, typer.Option(help="The content of a badge, as the scanner reads it.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if the register is still at this version.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mark attendance: by hand, for the rest of the class, or by badge."""
    parsed = [_parse_mark(text) for text in marks or []]
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        service = RegisterService(work, loaded)
        if version is not None:
            service.check_version(lesson, version)
        scanned = [service.scan_badge(lesson, token).badge for token in badge or []]
        chosen = {user_of(work.session, name, "student").id: status for name, status in parsed}
        if rest is not None:
            chosen = {**service.marks_for_unconfirmed(lesson, rest), **chosen}
        view = service.mark(lesson, chosen) if chosen else service.show(lesson)
        rows = _entry_rows(work, view)
        owners = sourced_ids_of(work.session, [one.student_id for one in scanned if one])
    for one in scanned:
        if one is not None:
            _say_badge(owners[one.student_id], rows, changed=one.changed)
    _print_register(view, rows, as_json=as_json)


@app.command("confirm")
def confirm_command(
    lesson: LessonId,
    by: TeacherOption,
    version: Annotated[int, typer.Option(help="The version that `register show` gave.")],
    students: Annotated[
        list[str] | None, typer.Argument(help="Whose proposals; all unless named.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm what face recognition proposed."""
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        chosen = [user_of(work.session, name, "student").id for name in students or []]
        view = RegisterService(work, loaded).confirm(
            lesson, version=version, students=chosen or None
        )
        rows = _entry_rows(work, view)
    _print_register(view, rows, as_json=as_json)


@app.command("close")
def close_command(
    lesson: LessonId,
    by: TeacherOption,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a register before its time is up."""
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        view = RegisterService(work, loaded).close(lesson)
        rows = _entry_rows(work, view)
    _print_register(view, rows, as_json=as_json)


@app.command("history")
def history_command(
    lesson: LessonId,
    by: TeacherOption,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every change of a register: who, when, before and after."""
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        changes = RegisterService(work, loaded).history(lesson)
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
            f"{change['student_id']}: "
            f"{_format_mark(change['was'])} → {_format_mark(change['became'])}",
            markup=False,
            highlight=False,
        )


@app.command("export")
def export_command(
    lesson: LessonId,
    by: TeacherOption,
    form: Annotated[ExportForm, typer.Option("--format", help="The format.")] = ExportForm.CSV,
    out: Annotated[Path | None, typer.Option(help="A file; standard output unless set.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the confirmed entries of a register, for the school's own system."""
    with open_installation(settings) as (loaded, audited), work_as_teacher(audited, by) as work:
        view = RegisterService(work, loaded).show(lesson)
        if form is ExportForm.CSV:
            text = to_csv(work, view)
        else:
            text = json.dumps(to_ed_fi(work, loaded, view), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        if as_json and form is ExportForm.CSV:
            answer_json({"csv": text})
        else:
            sys.stdout.write(text)
        return
    write_private_file(out, text)
    if as_json:
        answer_json({"out": str(out)})
    say(f"Wrote {out}.")


@app.command("watch")
def watch_command(
    lesson: Annotated[str, typer.Option(help="A lesson with an open register.")],
    video: Annotated[Path, typer.Option(help="A file, in place of the room's camera.")],
    by: TeacherOption,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose presence by faces, in an open register, of students with consent."""
    with open_installation(settings) as (loaded, audited):
        if loaded.registers.open_with_lesson:
            with work_as_teacher(audited, by) as work:
                RegisterService(work, loaded).ensure_opened(lesson)
        with work_as_teacher(audited, by) as work:
            RegisterService(work, loaded).show(
                lesson
            )  # raises unless the teacher teaches the class
        engine, estimator = create_face_engine(loaded), PoseEstimator.from_settings(loaded)
        seconds = probe(str(video)).duration_seconds
        with Progress(*COLUMNS, console=errors, transient=True) as bar:
            task = bar.add_task("watching", total=seconds)
            result = recognise_from_video(
                audited,
                loaded,
                lesson,
                video,
                engine=engine,
                estimator=estimator,
                progress=lambda seconds_done: bar.update(task, completed=seconds_done),
            )
        with work_as_teacher(audited, by) as work:
            view = RegisterService(work, loaded).show(lesson)
            rows = _entry_rows(work, view)
    say(f"{result.frames} frames processed, faces compared in {result.compared}.")
    for reason, count in result.reasons.items():
        say(f"Not compared: {count} students ({reason.replace('_', ' ')}).")
    _print_register(view, rows, as_json=as_json)


def _say_badge(student: str, rows: list[dict[str, Any]], *, changed: bool) -> None:
    (row,) = [row for row in rows if row["student"] == student]
    what = "recorded" if changed else "changed nothing; the entry was confirmed before, and stays"
    say(f"The badge of {student} {what}: {_format_mark(row)}.")


def _local_times(settings: Settings, lesson: LessonRow) -> tuple[datetime, datetime]:
    room = settings.rooms_by_id.get(lesson.room_id)
    zone = settings.schools_by_id[room.school].zone if room else UTC
    return lesson.starts_at.astimezone(zone), lesson.ends_at.astimezone(zone)


def _parse_mark(text: str) -> tuple[str, Status]:
    student, _, status = text.rpartition("=")
    try:
        return student, Status(status)
    except ValueError:
        raise SettingsError(
            f"{text!r} is not STUDENT=STATUS.", hint=f"STATUS is one of {', '.join(Status)}."
        ) from None


def _entry_rows(work: UnitOfWork, view: RegisterView) -> list[dict[str, Any]]:
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


def _print_register(view: RegisterView, rows: list[dict[str, Any]], *, as_json: bool) -> None:
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
    proposals = sum(row["state"] == EntryState.PROPOSED for row in rows)
    if proposals:
        say(f"{proposals} proposals to confirm: homeroom register confirm --version {view.version}")


def _format_mark(mark: dict[str, Any] | None) -> str:
    mark = mark or {"status": "nothing"}
    details = ", ".join(str(mark[name]) for name in ("method", "state") if mark.get(name))
    return f"{mark['status']} ({details})" if details else str(mark["status"])
