"""`/api/audit`: the log of access to identity data (R9), and whether the log is intact.

The newest entries come first. A page scans a bounded number of entries, so that a filter that
seldom matches costs no more than another: such a page may be short, and still have a `next`.
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
from serve_apps.http.schemas.paging import PagingQuery, encode_cursor

MAX_SCANNED_ENTRIES: Final = 5000
CHUNK_SIZE: Final = 500

router = APIRouter(prefix="/api/audit", tags=["data protection"], responses=ERRORS)

FILTER_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._:@| -]{0,254}$"
"""Format of actors, actions and subjects."""

Filter = Annotated[str | None, Query(pattern=FILTER_PATTERN)]


class AuditEntryBody(Body):
    """An entry of the audit log."""

    seq: int = Field(description="Sequence number, from 1, without gaps.")
    at: Utc = Field(description="Time of the entry.")
    actor: str = Field(description="Who did it: a user's id, `system:…`, `operator:…`.")
    action: str = Field(description="What was done, like `register.confirm`.")
    subject: str | None = Field(description="Id of the person or object that it concerns.")
    detail: dict[str, Any] = Field(description="Details, without names.")


class AuditEntriesBody(Page):
    """Entries of the audit log, the newest first."""

    entries: list[AuditEntryBody] = Field(description="Ids in them are pseudonyms.")


class AuditVerificationBody(Body):
    """The result of verifying the log."""

    holds: bool = Field(description="Whether no entry was changed, removed or moved.")
    entries: int = Field(description="Number of entries.")
    heads: int = Field(description="Number of signed heads that it was compared with.")
    problem: str | None = Field(description="What is broken; null if it is intact.")
    where: str | None = Field(description="The entry at which it is broken.")


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
        AuditEntriesBody, {"entries": [ENTRY_EXAMPLE], "next": "ODEy"}, "The newest first."
    ),
)
def list_audit(
    request: Request,
    caller: Officer,
    paging: PagingQuery,
    actor: Annotated[Filter, Query(description="Only entries of this actor.")] = None,
    action: Annotated[
        Filter, Query(description="Only this action; `register.` for all with this prefix.")
    ] = None,
    subject: Annotated[Filter, Query(description="Only entries about this subject.")] = None,
) -> AuditEntriesBody:
    """List entries of the audit log, the newest first; this access is recorded."""
    audited, before = backend_of(request).audited, paging.after_number()
    filters = {"actor": actor, "action": action, "subject": subject}
    with audited.work(caller.name) as work:
        until = audit_log.tail(work.session)[0] if before is None else before - 1
        entries, following = _page(work.session, until, paging.limit, filters)
        details = {f"of_{name}": value for name, value in filters.items()}
        work.audit(AuditAction.AUDIT_SHOW, None, **details, entries=len(entries))
    return AuditEntriesBody(entries=[_body(entry) for entry in entries], next=following)


@router.get(
    "/verify",
    summary="Verify the audit log",
    operation_id="verify_audit",
    responses=example_response(
        AuditVerificationBody,
        {"holds": True, "entries": 812, "heads": 1, "problem": None, "where": None},
        "The result of the verification.",
    ),
)
def verify_audit(request: Request, caller: Officer) -> AuditVerificationBody:
    """Verify every link of the log, and the head stored with the keys; this access is recorded."""
    audited = backend_of(request).audited
    body = _verify(audited)
    # If the head is damaged, the entry is written and the head is kept: the response reports it.
    with suppress(AuditBroken), audited.work(caller.name) as work:
        work.audit(AuditAction.AUDIT_VERIFY, None, holds=body.holds, entries=body.entries)
    return body


def _page(
    session: Session, until: int, limit: int, filters: dict[str, str | None]
) -> tuple[list[AuditEntry], str | None]:
    """Return matching entries up to a number, and the cursor of the next page."""
    found: list[AuditEntry] = []
    for entry in _backwards(session, until):
        if _matches(entry, filters):
            found.append(entry)
        last = entry.seq
        if len(found) == limit or until - last >= MAX_SCANNED_ENTRIES:
            return found, encode_cursor(last) if last > 1 else None
    return found, None


def _backwards(session: Session, until: int) -> Iterator[AuditEntry]:
    while until > 0:
        start = max(0, until - CHUNK_SIZE)
        yield from reversed(list(audit_log.entries(session, after=start, until=until)))
        until = start


def _matches(entry: AuditEntry, filters: dict[str, str | None]) -> bool:
    action = filters["action"]
    if action is not None and entry.action != action:
        has_prefix = action.endswith(".") and entry.action.startswith(action)
        if not has_prefix:
            return False
    return filters["actor"] in (None, entry.actor) and filters["subject"] in (None, entry.subject)


def _verify(audited: AuditedRecords) -> AuditVerificationBody:
    head = None
    entries = 0
    try:
        head = audited.head.read()
        with audited.records.reading() as session:
            tail = audit_log.tail(session)
            entries = tail[0]
            if head is None and entries:
                raise AuditBroken("the signed head that is stored with the keys is missing.")
            rows = audit_log.entries(session, until=entries)
            if verify_chain(rows, audited.keys, [head] if head else []) != tail:
                raise AuditBroken(f"the log does not end at entry {entries}, as its tail says.")
    except AuditBroken as error:
        return AuditVerificationBody(
            holds=False,
            entries=entries,
            heads=0 if head is None else 1,
            problem=error.what,
            where=error.where if (error.where or "").startswith("audit entry") else None,
        )
    heads = 0 if head is None else 1
    return AuditVerificationBody(holds=True, entries=entries, heads=heads, problem=None, where=None)


def _body(entry: AuditEntry) -> AuditEntryBody:
    return AuditEntryBody(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        detail=dict(entry.detail),
    )
