"""`/data-protection`: what a data-protection officer answers for, on one page.

    the policy, consents that end soon   the functions of /api/policy and /api/consents
    objections in force                  cluster.register.faces.objections
    erasures, with their receipts        from the audit log
    who looked at what                   audit.py

Students are told by their ids in Homeroom, never by name. Every look is recorded.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Generic, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from cluster.records.db import audit_log
from cluster.register.erasure import Receipt, receipts
from cluster.register.faces.objections import Objection, objections_in_force
from cluster.security.audit_actions import AuditAction
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.audit import zone_of
from serve_apps.http.pages.audit_texts import ACTION_TEXTS
from serve_apps.http.pages.rendering import page
from serve_apps.http.routes.data_protection import Officer, list_consents, show_policy
from serve_apps.http.schemas.paging import Pages, Paging, cursor_of

SOON_DAYS: Final = 30
ERASURES_LOOKED_AT: Final = 200_000
"""Entries of the log that one page looks at for erasures."""

Row = TypeVar("Row")
STUDENT_ID: Final = re.compile(r"[0-9a-f]{32}")

router = APIRouter(include_in_schema=False)


class Listed(StrEnum):
    """A list of the page; one of them can be turned to a later part."""

    CONSENTS = "consents"
    OBJECTIONS = "objections"
    ERASURES = "erasures"


@dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """A part of a list.

    Attributes:
        rows: Of it.
        next: The cursor of what comes after; None at the end.
    """

    rows: list[Row]
    next: str | None


@router.get("/data-protection")
def data_protection(
    request: Request,
    caller: Officer,
    paging: Pages,
    turned: Annotated[
        Listed | None, Query(alias="list", description="Which list the cursor is of.")
    ] = None,
) -> Response:
    """The policy, consents that end soon, objections and erasures; the looks are recorded."""
    first = Paging(paging.limit, None)
    of = {one: paging if one is turned else first for one in Listed}
    context = {
        "policy": show_policy(request, caller),
        "consents": list_consents(request, caller, of[Listed.CONSENTS], SOON_DAYS),
        "objections": _objections(request, caller.name, of[Listed.OBJECTIONS]),
        "erasures": _erasures(request, caller.name, of[Listed.ERASURES]),
        "turned": turned if paging.after is not None else None,
        "soon_days": SOON_DAYS,
        "now": backend_of(request).identity.clock(),
        "zone": zone_of(backend_of(request).settings),
        "action_texts": ACTION_TEXTS,
        "asked": {},
    }
    return page(request, "data_protection.html", context)


def _objections(request: Request, actor: str, paging: Paging) -> Part[Objection]:
    identity, after = backend_of(request).identity, paging.after or ""
    if not STUDENT_ID.fullmatch(after):  # a database need not bear any other text
        after = ""
    with identity.records.reading() as session:
        found, more = objections_in_force(session, after=after, limit=paging.limit)
    with identity.work(actor) as work:  # recorded before it is told
        work.audit(AuditAction.CONSENT_LIST, None, objections=len(found))
    return Part(found, cursor_of(found[-1].student_id) if more else None)


def _erasures(request: Request, actor: str, paging: Paging) -> Part[Receipt]:
    identity, before = backend_of(request).identity, paging.number()
    with identity.records.reading() as session:
        until = audit_log.tail(session)[0] if before is None else before - 1
        found = receipts(session, until=until, looked_at=ERASURES_LOOKED_AT, limit=paging.limit)
    last = max(1, until - ERASURES_LOOKED_AT + 1)
    if len(found) == paging.limit:
        last = found[-1].audit_seq
    with identity.work(actor) as work:
        work.audit(
            AuditAction.AUDIT_SHOW, None, of_action=AuditAction.ERASE.value, entries=len(found)
        )
    return Part(found, cursor_of(last) if last > 1 else None)
