"""`homeroom audit` and `homeroom records`: the log that shows tampering, and the database."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.identity import identity_of, operator
from cluster.errors import AuditBroken
from cluster.records.db import audit_log
from cluster.records.db.database import records_of
from cluster.security.audit import SignedHead, head_from_json, sign_head, verify_chain
from cluster.security.audit_actions import AuditAction
from cluster.settings import load_settings

app = typer.Typer(help="Who looked at, or changed, what touches identity.", no_args_is_help=True)
records_app = typer.Typer(help="The database of the records.", no_args_is_help=True)


@app.command("verify")
def verify_command(
    head: Annotated[
        list[Path] | None, typer.Option(help="A head that was exported; may be given again.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the whole chain: nothing changed, removed, moved or cut off."""
    with identity_of(settings) as (_, identity):
        heads = [_read_head(path) for path in head or []]
        kept = identity.head.read()
        with identity.records.reading() as session:
            tail = audit_log.tail(session)
            if kept is None and tail[0]:
                raise AuditBroken(
                    "the signed head that lies with the keys is gone.",
                    where=str(identity.head.path),
                    hint="Restore it from a backup of the keys, and verify again.",
                )
            entries = audit_log.entries(session, until=tail[0])
            seq, mac = verify_chain(entries, identity.keys, [*heads, *([kept] if kept else [])])
            if (seq, mac) != tail:
                raise AuditBroken(
                    f"the log ends at entry {seq}, and its tail says {tail[0]}.",
                    where=f"audit entry {seq}",
                )
    if as_json:
        answer_json({"entries": seq, "mac": mac, "heads": len(heads) + bool(kept)})
    say(f"{seq} entries, every link holds; {len(heads) + bool(kept)} signed heads were compared.")


@app.command("export-head")
def export_head_command(
    out: Annotated[Path, typer.Option(help="Keep it where nobody here writes.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the end of the chain, to be kept elsewhere."""
    with identity_of(settings) as (_, identity):
        with identity.work(operator()) as work:
            work.audit(AuditAction.AUDIT_EXPORT_HEAD)
        with identity.records.reading() as session:
            signed = sign_head(identity.keys, *audit_log.tail(session))
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
    """The last entries; ids in them are pseudonyms."""
    with identity_of(settings) as (_, identity), identity.records.reading() as session:
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
    """Bring the database to this version of Homeroom; back it up first."""
    records = records_of(load_settings(settings))
    try:
        before = records.revision()
        records.migrate()
        after = records.revision()
    finally:
        records.close()
    if as_json:
        answer_json({"before": before, "after": after})
    say(f"The records stand at {after or 'nothing'} (before: {before or 'nothing'}).")


def _read_head(path: Path) -> SignedHead:
    try:
        return head_from_json(json.loads(path.read_bytes()), str(path))
    except (OSError, ValueError) as error:
        raise AuditBroken(f"the head cannot be read: {error}.", where=str(path)) from error
