"""`homeroom consent`: the ledger of consent to face roll call (R5)."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.installation import (
    end_of_day,
    open_installation,
    operator_actor,
    scrub_records,
    write_private_file,
)
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of, sourced_ids_of, students_of_class
from cluster.register.faces.consent import active_grant
from cluster.register.faces.consent_ledger import (
    LedgerResult,
    record_grant,
    record_objection,
    record_withdrawal,
)
from cluster.register.faces.permissions import FacePermissions, load_ledger, load_student_facts
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings
from cluster.spreadsheet import to_spreadsheet_csv

COLUMNS = (
    "seq", "student_id", "said_by", "word", "notice_version", "recorded_at", "expires_at",
)  # fmt: skip

app = typer.Typer(help="Consent to face roll call: an append-only ledger.", no_args_is_help=True)

Student = Annotated[str, typer.Argument(help="The student's sourcedId.")]
SaidBy = Annotated[str, typer.Option("--said-by", help="Who says so: their sourcedId.")]


@app.command("grant")
def grant_command(
    student: Student,
    said_by: SaidBy,
    notice: Annotated[str, typer.Option(help="Version of the notice that was read.")],
    until: Annotated[str, typer.Option(help="Last day, like 2027-07-31; a year at most.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian consents."""
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        result = record_grant(
            work, student, said_by, notice_version=notice, expires_at=end_of_day(until)
        )
    _print_result(result, f"Consent of {said_by} for {student} is recorded.", as_json=as_json)


@app.command("withdraw")
def withdraw_command(
    student: Student,
    said_by: SaidBy,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian withdraws a consent, or a person withdraws their objection."""
    with open_installation(settings) as (_, audited):
        with audited.work(operator_actor()) as work:
            result = record_withdrawal(work, student, said_by)
        scrub_records(audited)
    _print_result(result, f"Withdrawal by {said_by} for {student} is recorded.", as_json=as_json)


@app.command("object")
def object_command(
    student: Student,
    said_by: SaidBy,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian or the student objects; the objection wins."""
    with open_installation(settings) as (_, audited):
        with audited.work(operator_actor()) as work:
            result = record_objection(work, student, said_by)
        scrub_records(audited)
    _print_result(result, f"Objection of {said_by} for {student} is recorded.", as_json=as_json)


@app.command("list")
def list_command(
    class_id: Annotated[str, typer.Option("--class", help="The class's sourcedId.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the consent of each student of a class."""
    with open_installation(settings) as (loaded, audited), audited.work(operator_actor()) as work:
        rows = _consents_of(work, loaded, class_id)
    if as_json:
        answer_json(rows)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("student", "name", "consent", "compared", "reason", "until"):
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(str("–" if cell is None else cell)) for cell in row.values()))
    answers.print(table)


@app.command("export")
def export_command(
    out: Annotated[Path, typer.Option(help="Where to write the CSV.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the whole ledger as CSV."""
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        ledger = load_ledger(work.session)
        keys = sourced_ids_of(work.session, {i for e in ledger for i in (e.student_id, e.said_by)})
        work.audit(AuditAction.CONSENT_EXPORT, None, words=len(ledger))
    rows = [
        {
            **asdict(entry),
            "word": str(entry.action),
            "student_id": keys.get(entry.student_id, entry.student_id),
            "said_by": keys.get(entry.said_by, entry.said_by),
        }
        for entry in ledger
    ]
    cells = [[row[column] for column in COLUMNS] for row in rows]
    write_private_file(out, to_spreadsheet_csv(COLUMNS, cells))
    if as_json:
        answer_json({"out": str(out), "words": len(rows)})
    say(f"Wrote {out}: {len(rows)} words.")


def _consents_of(work: UnitOfWork, settings: Settings, class_id: str) -> list[dict[str, Any]]:
    students = students_of_class(work.session, class_id, work.now.date())
    names, keys = (
        names_of(work.session, work.keys, students),
        sourced_ids_of(work.session, students),
    )
    work.audit(AuditAction.CONSENT_LIST, class_id, students=len(students))
    permission = FacePermissions(settings)
    rows = []
    for facts in load_student_facts(work.session, students, work.now.date()):
        decision = active_grant(facts, None, work.now)
        permitted = permission.may_keep(work.session, facts.student_id, work.now)
        until = decision.grant.expires_at if decision.grant else None
        rows.append(
            {
                "student": keys[facts.student_id],
                "name": names[facts.student_id].display_name,
                "consent": "yes" if decision.allowed else "no",
                "compared": "yes" if permitted.allowed else "no",
                "reason": str(permitted.reason if decision.allowed else decision.reason),
                "until": until.date().isoformat() if until else None,
            }
        )
    return sorted(rows, key=lambda row: str(row["student"]))


def _print_result(result: LedgerResult, text: str, *, as_json: bool) -> None:
    if as_json:
        answer_json(asdict(result))
    say(text)
    if result.template_destroyed:
        say("The face template and its key are destroyed.")
    if result.proposals_taken_back:
        say(f"{result.proposals_taken_back} proposals in registers are taken back.")
