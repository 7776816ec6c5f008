"""The rows of sign-ins, which are tokens and sessions: issued, verified, revoked and deleted.

A row holds the principal and the expiry; the credential is signed (`cluster.security.tokens`),
shown once and not stored. A user who is disabled, or no longer in the roster, is denied from then
on. Issuing and revoking append to the audit log.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cluster.errors import NotFound
from cluster.records.db.models import SignInRow, User, new_id
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.repos.people import user_of
from cluster.security.audit_actions import AuditAction
from cluster.security.roles import Principal, Role
from cluster.security.tokens import (
    invalid_sign_in_error,
    new_session_cookie,
    sign_token,
    verify_session_cookie,
    verify_token,
)

Kind = Literal["token", "session"]

LAST_USE_TIMEOUT_MS = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IssuedSignIn:
    """A new token or session.

    Attributes:
        id: The id of its row.
        text: The credential; shown once, stored nowhere.
        expires_at: When it expires, UTC.
    """

    id: str
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class VerifiedSignIn:
    """A sign-in that is valid.

    Attributes:
        principal: The authenticated principal.
        expires_at: When it expires, UTC.
    """

    principal: Principal
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in of a list.

    Attributes:
        last_used_on: The day only, so that it does not reveal working hours.
    """

    id: str
    kind: Kind
    name: str
    roles: tuple[Role, ...]
    schools: tuple[str, ...]
    user_id: str | None
    label: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    last_used_on: date | None

    def state(self, now: datetime) -> Literal["active", "expired", "revoked"]:
        """Return the state at a time."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "active"


def teacher_of(session: Session, sourced_id: str) -> Principal:
    """Return the principal of a teacher of the roster.

    Raises:
        NotFound: There is none with this sourcedId, or they are gone or have no account.
    """
    user = user_of(session, sourced_id, "teacher")
    if user.gone:
        raise NotFound(f"the teacher {sourced_id!r} is no longer in the roster.")
    if not user.enabled:
        raise NotFound(
            f"the teacher {sourced_id!r} has no account: enabledUser is false in the roster."
        )
    return Principal(user.id, frozenset({Role.TEACHER}), user_id=user.id)


def issue(
    work: UnitOfWork, principal: Principal, *, expires_in: timedelta, label: str = ""
) -> IssuedSignIn:
    """Issue a token.

    Args:
        work: The unit of work of the actor who issues it.
        principal: The principal that it authenticates.
        expires_in: How long it is valid.
        label: What it is for; for lists only.
    """
    sign_in_id = new_id()
    return _add(
        work,
        "token",
        principal,
        IssuedSignIn(sign_in_id, sign_token(work.keys, sign_in_id), work.now + expires_in),
        label=label,
    )


def begin_session(
    work: UnitOfWork,
    principal: Principal,
    *,
    expires_in: timedelta,
    parent: VerifiedSignIn | None = None,
) -> IssuedSignIn:
    """Begin a browser session.

    Args:
        work: The unit of work of the user who signs in.
        principal: The same user.
        expires_in: How long it is valid.
        parent: The token it was begun with: the session ends with it, at the latest.
    """
    text, sign_in_id = new_session_cookie(work.keys)
    ends = work.now + expires_in
    parent_id = None
    if parent is not None:
        ends = min(ends, parent.expires_at)
        parent_id = parent.principal.sign_in_id
    issued = IssuedSignIn(sign_in_id, text, ends)
    return _add(work, "session", principal, issued, parent_id=parent_id)


def look_up(audited: AuditedRecords, kind: Kind, text: str) -> VerifiedSignIn:
    """Verify a token or a session's cookie.

    Raises:
        NotSignedIn: It was not issued here, has expired or was revoked, or its user is disabled or
            deleted; the error is the same for all of these.
        RecordsError: The records cannot be read.
    """
    read = verify_token if kind == "token" else verify_session_cookie
    sign_in_id = read(audited.keys, text)
    now = audited.clock()
    with audited.records.reading() as session:
        row = session.get(SignInRow, sign_in_id)
        if row is None or row.kind != kind or row.revoked_at is not None or now >= row.expires_at:
            raise invalid_sign_in_error()
        if row.user_id is not None and not _is_enabled(session, row.user_id):
            raise invalid_sign_in_error()
        principal = _principal(row)
        signed_in = VerifiedSignIn(principal, row.expires_at)
        used_on = row.last_used_on
    if used_on is None or used_on < now.date():
        _mark_used(audited, sign_in_id, now.date())
    return signed_in


def principal_of(audited: AuditedRecords, token: str) -> Principal:
    """Return the principal of a token.

    Raises:
        NotSignedIn: See `look_up`.
    """
    return look_up(audited, "token", token).principal


def revoke(work: UnitOfWork, sign_in_id: str) -> bool:
    """Revoke a token, with the sessions that were begun with it, or a session.

    Returns:
        False where it was revoked already.

    Raises:
        NotFound: There is none with this id.
    """
    row = work.session.get(SignInRow, sign_in_id)
    if row is None:
        raise NotFound(
            f"there is no token {sign_in_id!r}.", hint="`homeroom token list` shows their ids."
        )
    if row.revoked_at is not None:
        return False
    work.session.execute(
        update(SignInRow)
        .where(or_(SignInRow.id == sign_in_id, SignInRow.parent_id == sign_in_id))
        .where(SignInRow.revoked_at.is_(None))
        .values(revoked_at=work.now)
    )
    work.audit(AuditAction.SIGN_IN_REVOKE, sign_in_id, kind=row.kind, name=row.name)
    return True


def sign_ins(session: Session, kind: Kind = "token") -> Sequence[SignIn]:
    """Return all tokens, or all sessions, oldest first."""
    query = select(SignInRow).where(SignInRow.kind == kind)
    return [
        SignIn(
            row.id,
            kind,
            row.name,
            tuple(Role(role) for role in row.roles),
            tuple(row.schools),
            row.user_id,
            row.label,
            row.created_at,
            row.created_by,
            row.expires_at,
            row.revoked_at,
            row.last_used_on,
        )
        for row in session.scalars(query.order_by(SignInRow.created_at, SignInRow.id))
    ]


def delete_ended_sign_ins(work: UnitOfWork, *, older_than: timedelta) -> int:
    """Delete sign-ins that ended longer ago, and return how many there were.

    The audit log still shows that they existed.
    """
    before = work.now - older_than
    ended = or_(SignInRow.expires_at < before, SignInRow.revoked_at < before)
    ids = list(work.session.scalars(select(SignInRow.id).where(ended)))
    if ids:
        work.session.execute(delete(SignInRow).where(ended))
        work.audit(AuditAction.SIGN_IN_DELETE_EXPIRED, None, rows=len(ids))
    return len(ids)


def _add(
    work: UnitOfWork,
    kind: Kind,
    principal: Principal,
    issued: IssuedSignIn,
    *,
    parent_id: str | None = None,
    label: str = "",
) -> IssuedSignIn:
    work.session.add(
        SignInRow(
            id=issued.id,
            kind=kind,
            name=principal.name,
            roles=sorted(principal.roles),
            schools=sorted(principal.schools),
            user_id=principal.user_id,
            parent_id=parent_id,
            label=label,
            created_at=work.now,
            created_by=work.actor,
            expires_at=issued.expires_at,
        )
    )
    work.session.flush()
    work.audit(
        AuditAction.SIGN_IN_ISSUE,
        issued.id,
        kind=kind,
        name=principal.name,
        roles=principal.roles,
        schools=principal.schools,
        expires_at=issued.expires_at,
    )
    return issued


def _principal(row: SignInRow) -> Principal:
    return Principal(
        row.name,
        frozenset(Role(role) for role in row.roles),
        frozenset(row.schools),
        row.user_id,
        row.id,
    )


def _is_enabled(session: Session, user_id: str) -> bool:
    query = select(User.id).where(User.id == user_id, User.enabled, ~User.gone)
    return session.scalar(query) is not None


def _mark_used(audited: AuditedRecords, sign_in_id: str, day: date) -> None:
    """Write the day of the last use, unless another writer holds the lock (an import, say).

    A request does not wait for such a writer: the update has a connection of its own, with a short
    lock timeout, and is not one of `Records.writing`.
    """
    timeout = (
        f"PRAGMA busy_timeout = {LAST_USE_TIMEOUT_MS}"
        if audited.records.is_sqlite
        else f"SET LOCAL lock_timeout = '{LAST_USE_TIMEOUT_MS}ms'"
    )
    used = update(SignInRow).where(SignInRow.id == sign_in_id).values(last_used_on=day)
    try:
        with audited.records.engine.connect() as connection:
            connection.detach()
            connection.exec_driver_sql(timeout)
            connection.execute(used)
            connection.commit()
    except DBAPIError as error:
        reason = type(error.orig).__name__
        logger.warning("the day of a sign-in's last use was not written: %s", reason)
