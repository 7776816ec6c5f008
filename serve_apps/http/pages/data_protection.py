"""`/data-protection`: the page of a data-protection officer.

    the policy, expiring consents   the functions of /api/policy and /api/consents
    objections in force             cluster.register.faces.objections
    erasures and their receipts     from the audit log
    the audit log                   audit.py

Students appear by their ids in Homeroom, never by name. Every access is recorded (R9).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Generic, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from cluster.records.db import audit_log
from cluster.register.erasure import ErasureReceipt, list_receipts
from cluster.register.faces.objections import Objection, objections_in_force
from cluster.security.audit_actions import AuditAction
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.audit import district_zone
from serve_apps.http.pages.audit_texts import ACTION_TEXTS
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.routes.data_protection import Officer, list_consents, show_policy
from serve_apps.http.schemas.paging import Paging, PagingQuery, encode_cursor

EXPIRING_DAYS: Final = 30
MAX_SCANNED_ENTRIES: Final = 200_000
"""Entries of the audit log that one request searches for erasures."""

Row = TypeVar("Row")
STUDENT_ID: Final = re.compile(r"[0-9a-f]{32}")

router = APIRouter(include_in_schema=False)


class ListName(StrEnum):
    """A list on the page; a cursor pages one of them, the others show their beginning."""

    CONSENTS = "consents"
    OBJECTIONS = "objections"
    ERASURES = "erasures"


@dataclass(frozen=True, slots=True)
class ListPage(Generic[Row]):
    """One page of a list.

    Attributes:
        rows: The rows of this page.
        next: The cursor of the next page; None on the last.
    """

    rows: list[Row]
    next: str | None


@router.get("/data-protection")
def data_protection_page(
    request: Request,
    caller: Officer,
    paging: PagingQuery,
    paged_list: Annotated[
        ListName | None, Query(alias="list", description="The list that the cursor belongs to.")
    ] = None,
) -> Response:
    """The policy, expiring consents, objections and erasures; each access is recorded."""
    first_page = Paging(paging.limit, None)
    pagings = {name: paging if name is paged_list else first_page for name in ListName}
    context = {
        "policy": show_policy(request, caller),
        "consents": list_consents(request, caller, pagings[ListName.CONSENTS], EXPIRING_DAYS),
        "objections": _list_objections(request, caller.name, pagings[ListName.OBJECTIONS]),
        "erasures": _list_erasures(request, caller.name, pagings[ListName.ERASURES]),
        "paged_list": paged_list if paging.after is not None else None,
        "expiring_days": EXPIRING_DAYS,
        "now": backend_of(request).audited.clock(),
        "zone": district_zone(backend_of(request).settings),
        "action_texts": ACTION_TEXTS,
        "filters": {},
    }
    return render_page(request, "data_protection.html", context)


def _list_objections(request: Request, actor: str, paging: Paging) -> ListPage[Objection]:
    audited, after = backend_of(request).audited, paging.after or ""
    if not STUDENT_ID.fullmatch(after):  # databases differ in which other texts they accept
        after = ""
    with audited.records.reading() as session:
        rows, has_more = objections_in_force(session, after=after, limit=paging.limit)
    with audited.work(actor) as work:  # recorded before anything is shown
        work.audit(AuditAction.CONSENT_LIST, None, objections=len(rows))
    return ListPage(rows, encode_cursor(rows[-1].student_id) if has_more else None)


def _list_erasures(request: Request, actor: str, paging: Paging) -> ListPage[ErasureReceipt]:
    audited, before = backend_of(request).audited, paging.after_number()
    with audited.records.reading() as session:
        until = audit_log.tail(session)[0] if before is None else before - 1
        rows = list_receipts(
            session, until=until, max_scanned=MAX_SCANNED_ENTRIES, limit=paging.limit
        )
    last_scanned = max(1, until - MAX_SCANNED_ENTRIES + 1)
    if len(rows) == paging.limit:
        last_scanned = rows[-1].audit_seq
    with audited.work(actor) as work:
        work.audit(
            AuditAction.AUDIT_SHOW, None, of_action=AuditAction.ERASE.value, entries=len(rows)
        )
    return ListPage(rows, encode_cursor(last_scanned) if last_scanned > 1 else None)
