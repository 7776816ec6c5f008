"""`homeroom consent`: what guardians and students say about face roll call."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.markup import escape
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.identity import end_of_day, identity_of, operator, scrub, write_private
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos.people import names_of, sourced_ids_of, students_of_class
from cluster.register.faces.consent import active_grant
from cluster.register.faces.consent_ledger import LedgerResult, grant, object_to, withdraw
from cluster.register.faces.permissions import FacePermissions, facts_of, ledger_of
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings

COLUMNS = (
    "seq", "student_id", "said_by", "word", "notice_version", "recorded_at", "expires_at",
)  # fmt: skip

app = typer.Typer(help="Consent to face roll call: an append-only ledger.", no_args_is_help=True)

Student = Annotated[str, typer.Argument(help="The student's sourcedId.")]
Speaker = Annotated[str, typer.Option("--said-by", help="Who says so: their sourcedId.")]


@app.command("grant")
def grant_command(
    student: Student,
    said_by: Speaker,
    notice: Annotated[str, typer.Option(help="Version of the notice that was read.")],
    until: Annotated[str, typer.Option(help="Last day, like 2027-07-31; a year at most.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian consents."""
    with identity_of(settings) as (_, identity), identity.work(operator()) as work:
        spoken = grant(work, student, said_by, notice_version=notice, expires_at=end_of_day(until))
    _tell(spoken, f"Consent of {said_by} for {student} is recorded.", as_json=as_json)


@app.command("withdraw")
def withdraw_command(
    student: Student,
    said_by: Speaker,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian takes a consent back, or an objection is taken back by who made it."""
    with identity_of(settings) as (_, identity):
        with identity.work(operator()) as work:
            spoken = withdraw(work, student, said_by)
        scrub(identity)
    _tell(spoken, f"Withdrawal by {said_by} for {student} is recorded.", as_json=as_json)


@app.command("object")
def object_command(
    student: Student,
    said_by: Speaker,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """A guardian or the student objects; the objection wins."""
    with identity_of(settings) as (_, identity):
        with identity.work(operator()) as work:
            spoken = object_to(work, student, said_by)
        scrub(identity)
    _tell(spoken, f"Objection of {said_by} for {student} is recorded.", as_json=as_json)


@app.command("list")
def list_command(
    class_id: Annotated[str, typer.Option("--class", help="The class's sourcedId.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """How it stands with each student of a class."""
    with identity_of(settings) as (known, identity), identity.work(operator()) as work:
        rows = _standing(work, known, class_id)
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
    """The whole ledger as CSV, for the district's files."""
    with identity_of(settings) as (_, identity), identity.work(operator()) as work:
        ledger = ledger_of(work.session)
        keys = sourced_ids_of(work.session, {i for e in ledger for i in (e.student_id, e.said_by)})
        work.audit(AuditAction.CONSENT_EXPORT, None, words=len(ledger))
    rows = [
        {
            **asdict(entry),
            "student_id": keys.get(entry.student_id, entry.student_id),
            "said_by": keys.get(entry.said_by, entry.said_by),
        }
        for entry in ledger
    ]
    write_private(out, pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(index=False))
    if as_json:
        answer_json({"out": str(out), "words": len(rows)})
    say(f"Wrote {out}: {len(rows)} words.")


def _standing(work: UnitOfWork, settings: Settings, class_id: str) -> list[dict[str, Any]]:
    students = students_of_class(work.session, class_id, work.now.date())
    names, keys = (
        names_of(work.session, work.keys, students),
        sourced_ids_of(work.session, students),
    )
    work.audit(AuditAction.CONSENT_LIST, class_id, students=len(students))
    permission = FacePermissions(settings)
    rows = []
    for facts in facts_of(work.session, students, work.now.date()):
        decision = active_grant(facts, None, work.now)
        asked = permission.to_keep(work.session, facts.student_id, work.now)
        until = decision.grant.expires_at if decision.grant else None
        rows.append(
            {
                "student": keys[facts.student_id],
                "name": names[facts.student_id].display_name,
                "consent": "yes" if decision.allowed else "no",
                "compared": "yes" if asked.allowed else "no",
                "reason": str(asked.reason if decision.allowed else decision.reason),
                "until": until.date().isoformat() if until else None,
            }
        )
    return sorted(rows, key=lambda row: str(row["student"]))


def _tell(spoken: LedgerResult, text: str, *, as_json: bool) -> None:
    if as_json:
        answer_json(asdict(spoken))
    say(text)
    if spoken.template_destroyed:
        say("The face template and its key are destroyed.")
    if spoken.proposals_taken_back:
        say(f"{spoken.proposals_taken_back} proposals in registers are taken back.")
