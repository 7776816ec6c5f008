"""`homeroom token`: issue, list and revoke access tokens, without an identity provider."""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cluster.cli.console import JsonOption, SettingsOption, answer_json, answers, say
from cluster.cli.installation import open_installation, operator_actor, write_private_file
from cluster.errors import NotFound, SettingsError
from cluster.records.db.unit_of_work import Session
from cluster.records.repos.people import sourced_ids_of
from cluster.records.repos.sign_ins import issue, revoke, sign_ins, teacher_of
from cluster.security.audit_actions import AuditAction
from cluster.security.roles import Principal, Role
from cluster.settings import Settings

DEFAULT_DAYS = 30
NAME = r"[A-Za-z0-9][A-Za-z0-9.-]{0,63}"

app = typer.Typer(help="Tokens: signed, expiring, revocable.", no_args_is_help=True)


@app.command("create")
def create(
    role: Annotated[Role, typer.Option(help="Role of the token's holder.")],
    user: Annotated[
        str | None, typer.Option(help="The teacher: OneRoster's sourcedId. With --role teacher.")
    ] = None,
    school: Annotated[
        list[str] | None,
        typer.Option(help="A school's id; may be given again. With --role school_leader."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Short name for the audit log, like `anna`; not for teachers."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help=f"Days until it expires; {DEFAULT_DAYS} unless given.")
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for; shown in the list.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write it to this file, readable by its owner only.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a token. It is shown once, and can be revoked."""
    with open_installation(settings) as (loaded, audited):
        lifetime = _lifetime(loaded, days)
        with audited.work(operator_actor()) as work:
            principal = _principal(work.session, loaded, role, user, school or [], name)
            issued = issue(work, principal, expires_in=lifetime, label=label[:200])
            if out is not None:
                write_private_file(out, issued.text + "\n")  # if this fails, no token is issued
    if as_json:
        answer_json(
            {
                "id": issued.id,
                "token": None if out else issued.text,
                "name": principal.name,
                "roles": sorted(principal.roles),
                "schools": sorted(principal.schools),
                "expires_at": issued.expires_at,
            }
        )
    elif out is None:
        answers.print(issued.text, markup=False, highlight=False, soft_wrap=True)
    say(f"Token {issued.id}: {role.value}, {principal.name}, until {issued.expires_at:%Y-%m-%d}.")
    if out is None:
        say("It is not shown again. Anybody who has it can sign in: treat it like a password.")


@app.command("list")
def list_command(
    sessions: Annotated[
        bool, typer.Option("--sessions", help="List browser sessions instead.")
    ] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tokens with holder and expiry; never the tokens themselves."""
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        found = sign_ins(work.session, "session" if sessions else "token")
        teachers = sourced_ids_of(work.session, [one.user_id for one in found if one.user_id])
        work.audit(AuditAction.SIGN_IN_LIST, None, rows=len(found))
        rows = [
            {
                "id": one.id,
                "state": one.state(work.now),
                "roles": ",".join(one.roles),
                "name": one.name,
                "user": teachers.get(one.user_id or ""),
                "schools": ",".join(one.schools),
                "expires": f"{one.expires_at:%Y-%m-%d %H:%M}Z",
                "last_used": str(one.last_used_on) if one.last_used_on else None,
                "created_by": one.created_by,
                "label": one.label,
            }
            for one in found
        ]
    if as_json:
        answer_json(rows)
        return
    answers.print(_table(rows))
    answers.print(f"{len(rows)} {'sessions' if sessions else 'tokens'}", style="dim")


@app.command("revoke")
def revoke_command(
    sign_in_id: Annotated[str, typer.Argument(metavar="ID", help="Id from the list.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a token and the sessions that it started, or a single session."""
    with open_installation(settings) as (_, audited), audited.work(operator_actor()) as work:
        revoked = revoke(work, sign_in_id)
    if as_json:
        answer_json({"id": sign_in_id, "revoked": True, "was_revoked_before": not revoked})
    say(
        f"{sign_in_id} is revoked; the live service rejects it within seconds."
        if revoked
        else f"{sign_in_id} was revoked already."
    )


def _lifetime(settings: Settings, days: int | None) -> timedelta:
    max_days = settings.access.token_days
    if days is not None and days > max_days:
        raise SettingsError(
            f"a token is valid for {max_days} days at most, not {days}.",
            where="access.token_days",
        )
    return timedelta(days=min(DEFAULT_DAYS, max_days) if days is None else days)


def _principal(
    session: Session,
    settings: Settings,
    role: Role,
    user: str | None,
    schools: Sequence[str],
    name: str | None,
) -> Principal:
    """Return the token's principal.

    Raises:
        SettingsError: An option is missing, or does not go with the role.
        NotFound: There is no such teacher or school.
    """
    _check_options(role, user, schools, name)
    if role is Role.TEACHER:
        return teacher_of(session, str(user))
    unknown = sorted(set(schools) - set(settings.schools_by_id))
    if unknown:
        raise NotFound(
            f"there is no school {unknown[0]!r} in the settings.",
            hint=f"There are: {', '.join(sorted(settings.schools_by_id)) or 'none'}.",
        )
    subject = f"{role.value}:{name or secrets.token_hex(4)}"
    return Principal(subject, frozenset({role}), frozenset(schools))


def _check_options(role: Role, user: str | None, schools: Sequence[str], name: str | None) -> None:
    teacher, leader = role is Role.TEACHER, role is Role.SCHOOL_LEADER
    if teacher and (user is None or name is not None):
        raise SettingsError("a teacher's token needs --user, and no --name.", where="--role")
    if not teacher and user is not None:
        raise SettingsError("it is only for --role teacher.", where="--user")
    if leader and not schools:
        raise SettingsError("a leader's token needs --school.", where="--role")
    if not leader and schools:
        raise SettingsError("it is only for --role school_leader.", where="--school")
    if name is not None and not re.fullmatch(NAME, name):
        raise SettingsError(
            f"{name!r} is not a short name: letters, digits, dots and hyphens.", where="--name"
        )


def _table(rows: Sequence[dict[str, str | None]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in rows[0] if rows else ():
        table.add_column(escape(column), no_wrap=True)
    for row in rows:
        table.add_row(*(escape(value or "") for value in row.values()))
    return table
