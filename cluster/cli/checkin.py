"""`homeroom checkin`: agreements of guardians, and ending expired check-ins."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cluster.checkins import agreements, end_expired
from cluster.checkins.agreements import Agreement
from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.installation import end_of_day, open_installation, operator_actor
from cluster.clock import utc_now
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of, sourced_ids_of, students_of_class
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings

app = typer.Typer(
    help="Check-ins: who may take part, and ending those that are over.", no_args_is_help=True
)

Student = Annotated[str, typer.Argument(help="The student's sourcedId.")]


@app.command("agree")
def agree_command(
    student: Student,
    by: Annotated[str, typer.Option("--by", help="The guardian who agrees: their sourcedId.")],
    until: Annotated[
        str | None, typer.Option(help="Last day, like 2027-07-31; a year unless given.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian agrees that a student takes part in check-ins."""
    expires_at = None if until is None else end_of_day(until)
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        agreement = agreements.agree(work, student, by, expires_at=expires_at)
    _print_result(agreement, f"Agreement of {by} for {student} is recorded.", as_json=as_json)


@app.command("withdraw")
def withdraw_command(
    student: Student,
    by: Annotated[str, typer.Option("--by", help="A guardian, or the student: their sourcedId.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian or the student withdraws agreements."""
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        agreement = agreements.withdraw(work, student, by)
    _print_result(agreement, f"Withdrawal by {by} for {student} is recorded.", as_json=as_json)


@app.command("agreements")
def agreements_command(
    class_id: Annotated[str, typer.Argument(metavar="CLASS", help="The class's sourcedId.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which students of a class may take part."""
    with open_installation(settings) as (loaded, audited), audited.work(operator_actor()) as work:
        rows = _agreements_of(work, class_id)
        say(_summary(loaded, class_id, rows))
    if as_json:
        answer_json(rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("student", "name", "agreed", "until"):
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(str("–" if cell is None else cell)) for cell in row.values()))
    answers.print(table)


@app.command("end-over")
def end_over_command(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """End the expired check-ins; for a scheduler, every few minutes."""
    with open_installation(settings) as (_, audited):
        ended = end_expired(audited, utc_now())
    if as_json:
        answer_json({"ended": ended})
    say(f"{ended} check-ins ended.")


def _agreements_of(work: UnitOfWork, class_id: str) -> list[dict[str, Any]]:
    students = students_of_class(work.session, class_id, work.now.date())
    names = names_of(work.session, work.keys, students)
    keys = sourced_ids_of(work.session, students)
    agreed = agreements.in_force(work.session, students, work.now)
    work.audit(AuditAction.CHECKIN_LIST_AGREEMENTS, class_id, students=len(students))
    rows = [
        {
            "student": keys[student_id],
            "name": names[student_id].display_name,
            "agreed": "yes" if student_id in agreed else "no",
            "until": agreed[student_id].date().isoformat() if student_id in agreed else None,
        }
        for student_id in students
    ]
    return sorted(rows, key=lambda row: str(row["student"]))


def _summary(settings: Settings, class_id: str, rows: list[dict[str, Any]]) -> str:
    if not settings.checkins.agreement_required_in(class_id):
        return "This class needs no agreements (checkins.agreement_classes)."
    agreed, k = sum(row["agreed"] == "yes" for row in rows), settings.privacy.k
    warning = "" if agreed >= k else f" With fewer than {k}, counts are never published."
    return f"{agreed} of {len(rows)} may take part.{warning}"


def _print_result(agreement: Agreement, text: str, *, as_json: bool) -> None:
    if as_json:
        answer_json(asdict(agreement))
    say(text if agreement.until is None else f"{text} It ends on {agreement.until:%Y-%m-%d}.")
