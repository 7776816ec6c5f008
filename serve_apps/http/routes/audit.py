"""`/api/audit`: who looked at, or changed, what touches identity; and whether the log still holds.

The newest entries come first. A page looks through a bounded number of entries, so that a filter
that seldom matches costs no more than another: such a page may be short, and have a `next`.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from cluster.errors import AuditBroken
from cluster.records.db import audit_log
from cluster.records.db.unit_of_work import AuditedRecords, Session
from cluster.security.audit import AuditEntry, verify_chain
from cluster.security.audit_actions import AuditAction
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.routes.data_protection import Officer
from serve_apps.http.schemas.base import Body, Page, Utc, example_response
from serve_apps.http.schemas.paging import Pages, cursor_of

LOOKED_AT: Final = 5000
CHUNK: Final = 500

router = APIRouter(prefix="/api/audit", tags=["data protection"], responses=ERRORS)

WORD: Final = r"^[A-Za-z0-9][A-Za-z0-9._:@| -]{0,254}$"
"""What actors, actions and subjects look like."""

Word = Annotated[str | None, Query(pattern=WORD)]


class AuditBody(Body):
    """An entry of the audit log."""

    seq: int = Field(description="Its number, from 1, without gaps.")
    at: Utc = Field(description="When.")
    actor: str = Field(description="Who: a user's id, `system:…`, `operator:…`.")
    action: str = Field(description="What, like `register.confirm`.")
    subject: str | None = Field(description="Whom or what it concerns: an id.")
    detail: dict[str, Any] = Field(description="More, without names.")


class AuditsBody(Page):
    """Entries of the audit log, the newest first."""

    entries: list[AuditBody] = Field(description="Ids in them are pseudonyms.")


class VerifiedBody(Body):
    """Whether the log is whole."""

    holds: bool = Field(description="Nothing was changed, removed, moved or cut off.")
    entries: int = Field(description="How many entries there are.")
    heads: int = Field(description="Signed heads that it was compared with.")
    problem: str | None = Field(description="What is broken; null where it holds.")
    where: str | None = Field(description="At which entry.")


ENTRY_EXAMPLE: Final[dict[str, Any]] = {
    "seq": 812,
    "at": "2026-03-02T09:03:10Z",
    "actor": "9d1a2b3c4d5e4f60718293a4b5c6d7e8",
    "action": "register.confirm",
    "subject": "room-12-20260302-0900-5f2c8a11",
    "detail": {"students": ["0c6f1c9be7d94c4f8f5a5f0f8f2f1a01"], "version": 8},
}


@router.get(
    "",
    summary="The audit log",
    operation_id="list_audit",
    responses=example_response(
        AuditsBody, {"entries": [ENTRY_EXAMPLE], "next": "ODEy"}, "The newest first."
    ),
)
def list_audit(
    request: Request,
    caller: Officer,
    paging: Pages,
    actor: Annotated[Word, Query(description="Only by this actor.")] = None,
    action: Annotated[
        Word, Query(description="Only this action; `register.` for all that begin so.")
    ] = None,
    subject: Annotated[Word, Query(description="Only of this subject.")] = None,
) -> AuditsBody:
    """Who did what that touches identity, the newest first; the look is recorded."""
    identity, before = backend_of(request).identity, paging.number()
    asked = {"actor": actor, "action": action, "subject": subject}
    with identity.work(caller.name) as work:
        until = audit_log.tail(work.session)[0] if before is None else before - 1
        entries, following = _page(work.session, until, paging.limit, asked)
        said = {f"of_{name}": value for name, value in asked.items()}
        work.audit(AuditAction.AUDIT_SHOW, None, **said, entries=len(entries))
    return AuditsBody(entries=[_body(entry) for entry in entries], next=following)


@router.get(
    "/verify",
    summary="Whether the audit log holds",
    operation_id="verify_audit",
    responses=example_response(
        VerifiedBody,
        {"holds": True, "entries": 812, "heads": 1, "problem": None, "where": None},
        "What the check gave.",
    ),
)
def verify_audit(request: Request, caller: Officer) -> VerifiedBody:
    """Check every link of the log, and the head that lies with the keys; the look is recorded."""
    identity = backend_of(request).identity
    body = _verified(identity)
    # Where the head is damaged, the entry is written and the head stays: the answer tells it.
    with suppress(AuditBroken), identity.work(caller.name) as work:
        work.audit(AuditAction.AUDIT_VERIFY, None, holds=body.holds, entries=body.entries)
    return body


def _page(
    session: Session, until: int, limit: int, asked: dict[str, str | None]
) -> tuple[list[AuditEntry], str | None]:
    """The entries up to a number that are asked for, and the cursor of those before them."""
    found: list[AuditEntry] = []
    for entry in _backwards(session, until):
        if _is_asked(entry, asked):
            found.append(entry)
        last = entry.seq
        if len(found) == limit or until - last >= LOOKED_AT:
            return found, cursor_of(last) if last > 1 else None
    return found, None


def _backwards(session: Session, until: int) -> Iterator[AuditEntry]:
    while until > 0:
        begins = max(0, until - CHUNK)
        yield from reversed(list(audit_log.entries(session, after=begins, until=until)))
        until = begins


def _is_asked(entry: AuditEntry, asked: dict[str, str | None]) -> bool:
    action = asked["action"]
    if action is not None and entry.action != action:
        is_below = action.endswith(".") and entry.action.startswith(action)
        if not is_below:
            return False
    return asked["actor"] in (None, entry.actor) and asked["subject"] in (None, entry.subject)


def _verified(identity: AuditedRecords) -> VerifiedBody:
    kept = None
    entries = 0
    try:
        kept = identity.head.read()
        with identity.records.reading() as session:
            tail = audit_log.tail(session)
            entries = tail[0]
            if kept is None and entries:
                raise AuditBroken("the signed head that lies with the keys is gone.")
            rows = audit_log.entries(session, until=entries)
            if verify_chain(rows, identity.keys, [kept] if kept else []) != tail:
                raise AuditBroken(f"the log does not end where its tail says, at {entries}.")
    except AuditBroken as error:
        return VerifiedBody(
            holds=False,
            entries=entries,
            heads=0 if kept is None else 1,
            problem=error.what,
            where=error.where if (error.where or "").startswith("audit entry") else None,
        )
    heads = 0 if kept is None else 1
    return VerifiedBody(holds=True, entries=entries, heads=heads, problem=None, where=None)


def _body(entry: AuditEntry) -> AuditBody:
    return AuditBody(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        detail=dict(entry.detail),
    )
