"""`homeroom audit` and `homeroom records`: the audit log (R9), and the database."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.installation import open_installation, operator_actor
from cluster.errors import AuditBroken
from cluster.records.db import audit_log
from cluster.records.db.database import records_of
from cluster.security.audit import SignedHead, head_from_json, sign_head, verify_chain
from cluster.security.audit_actions import AuditAction
from cluster.settings import load_settings

app = typer.Typer(help="The log of all access to identity data.", no_args_is_help=True)
records_app = typer.Typer(help="The database of the records.", no_args_is_help=True)


@app.command("verify")
def verify_command(
    head: Annotated[
        list[Path] | None, typer.Option(help="An exported head; may be repeated.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify that no entry was changed, removed, moved or truncated."""
    with open_installation(settings) as (_, audited):
        heads = [_read_head(path) for path in head or []]
        stored = audited.head.read()
        with audited.records.reading() as session:
            tail = audit_log.tail(session)
            if stored is None and tail[0]:
                raise AuditBroken(
                    "the signed head that is stored with the keys is missing.",
                    where=str(audited.head.path),
                    hint="Restore it from a backup of the keys, and verify again.",
                )
            entries = audit_log.entries(session, until=tail[0])
            seq, mac = verify_chain(entries, audited.keys, [*heads, *([stored] if stored else [])])
            if (seq, mac) != tail:
                raise AuditBroken(
                    f"the log ends at entry {seq}, and its stored tail is {tail[0]}.",
                    where=f"audit entry {seq}",
                )
    if as_json:
        answer_json({"entries": seq, "mac": mac, "heads": len(heads) + bool(stored)})
    say(f"{seq} entries, every link holds; {len(heads) + bool(stored)} signed heads were compared.")


@app.command("export-head")
def export_head_command(
    out: Annotated[Path, typer.Option(help="Keep it where this installation cannot write.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the head of the chain, to be stored elsewhere."""
    with open_installation(settings) as (_, audited):
        with audited.work(operator_actor()) as work:
            work.audit(AuditAction.AUDIT_EXPORT_HEAD)
        with audited.records.reading() as session:
            signed = sign_head(audited.keys, *audit_log.tail(session))
    try:
        out.write_text(json.dumps(asdict(signed)) + "\n", encoding="ascii")
    except OSError as error:
        raise AuditBroken(f"it cannot be written: {error.strerror}.", where=str(out)) from error
    if as_json:
        answer_json(asdict(signed))
    say(f"Wrote {out}: {signed.seq} entries.")


@app.command("list")
def list_command(
    last: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last entries; their ids are pseudonyms."""
    with open_installation(settings) as (_, audited), audited.records.reading() as session:
        seq, _mac = audit_log.tail(session)
        entries = list(audit_log.entries(session, after=max(0, seq - last)))
    if as_json:
        answer_json([asdict(entry) for entry in entries])
        return
    for entry in entries:
        line = f"{entry.seq}  {entry.at:%Y-%m-%d %H:%M:%S}Z  {entry.actor}  {entry.action}  "
        answers.print(line + (entry.subject or ""), markup=False, highlight=False)


@records_app.command("upgrade")
def upgrade_command(
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Migrate the database to this version of Homeroom; back it up first."""
    records = records_of(load_settings(settings))
    try:
        before = records.revision()
        records.migrate()
        after = records.revision()
    finally:
        records.close()
    if as_json:
        answer_json({"before": before, "after": after})
    say(f"The records are at migration {after or 'none'} (before: {before or 'none'}).")


def _read_head(path: Path) -> SignedHead:
    try:
        return head_from_json(json.loads(path.read_bytes()), str(path))
    except (OSError, ValueError) as error:
        raise AuditBroken(f"the head cannot be read: {error}.", where=str(path)) from error
