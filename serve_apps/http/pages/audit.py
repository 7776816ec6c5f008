"""`/data-protection/audit`: the audit log as a page, and the check of its chain.

    GET  /data-protection/audit         entries, filtered by a form, paged by links
    POST /data-protection/audit/verify  checks every link of the chain

The functions of `/api/audit` do the work; every access is recorded (R9).
"""

import re
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from cluster.settings import Settings
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.audit_texts import ACTION_TEXTS
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.routes.audit import FILTER_PATTERN, list_audit, verify_audit
from serve_apps.http.routes.data_protection import Officer
from serve_apps.http.schemas.paging import PagingQuery

UNPROCESSABLE: Final = 422
AUDIT_PATH: Final = "/data-protection/audit"

FilterText = Annotated[str, Query(max_length=255)]

router = APIRouter(prefix=AUDIT_PATH, include_in_schema=False)


@router.get("")
def audit_page(
    request: Request,
    caller: Officer,
    paging: PagingQuery,
    actor: FilterText = "",
    action: FilterText = "",
    subject: FilterText = "",
) -> Response:
    """The audit log, newest first; the access is recorded."""
    fields = {"actor": actor.strip(), "action": action.strip(), "subject": subject.strip()}
    filters = {name: value for name, value in fields.items() if value}
    invalid_fields = [
        name for name, value in filters.items() if not re.fullmatch(FILTER_PATTERN, value)
    ]
    context: dict[str, Any] = {
        "filters": filters,
        "invalid_fields": invalid_fields,
        "action_texts": ACTION_TEXTS,
        "is_first": paging.after is None,
        "zone": district_zone(backend_of(request).settings),
        "log": None,
    }
    if invalid_fields:
        return render_page(request, "audit.html", context, status=UNPROCESSABLE)
    log = list_audit(
        request, caller, paging, filters.get("actor"), filters.get("action"), filters.get("subject")
    )
    if log.next is not None:
        context["older_url"] = f"{AUDIT_PATH}?{urlencode({**filters, 'cursor': log.next})}"
    return render_page(request, "audit.html", {**context, "log": log})


@router.post("/verify")
def verify_page(request: Request, caller: Officer) -> Response:
    """Check every link of the log; the check is recorded."""
    context = {"result": verify_audit(request, caller)}
    return render_page(request, "audit_verification.html", context)


def district_zone(settings: Settings) -> ZoneInfo:
    """Return the time zone that all schools of the district share, or UTC."""
    zones = {school.timezone for school in settings.schools}
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")
