"""`homeroom roster`: import and list the school system's roster and timetable."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.installation import open_installation, operator_actor, scrub_records
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.class_list import class_sizes, students_of
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import import_roster, preview_roster
from cluster.records.timetable.files import TimetableOptions
from cluster.records.timetable.importer import import_timetable, preview_timetable
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.templates import destroy_unpermitted
from cluster.register.joining import add_to_open_registers
from cluster.runtime.exit_status import EXIT_PARTLY
from cluster.security.audit_actions import AuditAction

MAX_PRINTED_BAD_ROWS = 100

app = typer.Typer(help="The school system's roster and timetable.", no_args_is_help=True)

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]
ManyOption = Annotated[
    bool, typer.Option("--yes", help="Accept that over a quarter of the rows is removed.")
]


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A folder or ZIP of OneRoster CSV, 1.1 or 1.2.")],
    dry_run: DryRunOption = False,
    yes: ManyOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import classes, people and enrollments. The same roster a second time changes nothing."""
    with open_installation(settings) as (loaded, audited):
        if dry_run:
            changes = preview_roster(audited.records, audited.keys, path)
        else:
            destroyed: list[str] = []

            def finish(work: UnitOfWork, result: ImportResult) -> None:
                # A user who left, or lost a guardian, may no longer have a template.
                destroyed.extend(destroy_unpermitted(work, FacePermissions(loaded)))
                add_to_open_registers(work, loaded)
                work.audit(
                    AuditAction.ROSTER_IMPORT, None, changes=result.total, templates=len(destroyed)
                )

            changes = import_roster(
                audited, operator_actor(), path, finish=finish, allow_many_removals=yes
            )
            if destroyed:
                scrub_records(audited)
    _report(changes, dry_run=dry_run, as_json=as_json)


@app.command()
def timetable(
    path: Annotated[
        Path,
        typer.Argument(help="CSV of weekly or of dated lessons, or an .ics calendar."),
    ],
    closures: Annotated[
        Path | None,
        typer.Option(
            help="Days on which schools are closed: an .ics calendar, or CSV; else of the settings."
        ),
    ] = None,
    bells: Annotated[
        Path | None,
        typer.Option(
            help="CSV of class periods with their times, for weekly lessons by period; else of the "
            "settings."
        ),
    ] = None,
    week_a: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="A day of an A week; else of the settings, or the earliest `from`.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
    yes: ManyOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a timetable: weekly lessons or a calendar become dated lessons."""
    with open_installation(settings) as (loaded, audited):
        options = TimetableOptions(
            closures or loaded.closures,
            bells or loaded.bells,
            week_a.date() if week_a else loaded.week_a,
            allow_many_removals=yes,
        )
        if dry_run:
            changes = preview_timetable(
                audited.records, loaded, path, now=audited.clock(), options=options
            )
        else:
            changes = import_timetable(
                audited,
                operator_actor(),
                loaded,
                path,
                finish=lambda work, result: work.audit(
                    AuditAction.ROSTER_TIMETABLE, None, changes=result.total
                ),
                options=options,
            )
    _report(changes, dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_(
    class_id: Annotated[
        str | None, typer.Option("--class", help="Show this class's students by name.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the classes, or the students of one."""
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        rows = _classes(work) if class_id is None else _students(work, class_id)
    if as_json:
        answer_json(rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(escape(name), no_wrap=True)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    answers.print(table)
    answers.print(f"{len(rows)} {'classes' if class_id is None else 'students'}", style="dim")


def _students(work: UnitOfWork, class_id: str) -> list[dict[str, str | int]]:
    found = students_of(work.session, work.keys, class_id, work.now.date())
    work.audit(AuditAction.ROSTER_LIST, class_id, students=len(found))
    return [{"student": one.sourced_id, "name": one.name} for one in found]


def _classes(work: UnitOfWork) -> list[dict[str, str | int]]:
    return [
        {
            "class": one.sourced_id,
            "title": one.title,
            "school": one.school,
            "students": one.students,
        }
        for one in class_sizes(work.session, work.now.date())
    ]


def _report(changes: ImportResult, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        answer_json({"dry_run": dry_run, **changes.as_json()})
    else:
        answers.print(_table(changes))
    for bad in changes.bad_rows[:MAX_PRINTED_BAD_ROWS]:
        say(str(bad))
    omitted = len(changes.bad_rows) - MAX_PRINTED_BAD_ROWS
    if omitted > 0:
        say(f"… and {omitted} more; --json gives all of them.")
    if changes.closed:
        say(f"{changes.closed} lessons are left out: their school is closed on that day.")
    verb = "would change" if dry_run else "changed"
    say(f"{changes.total} rows {verb}, {len(changes.bad_rows)} rows could not be used.")
    if changes.bad_rows:
        raise typer.Exit(EXIT_PARTLY)


def _table(changes: ImportResult) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for name in ("new", "changed", "same", "gone", "kept"):
        table.add_column(name, justify="right")
    for kind, counts in changes.counts.items():
        numbers = (counts.added, counts.changed, counts.unchanged, counts.removed, counts.kept)
        table.add_row(kind, *(str(number) for number in numbers))
    return table
