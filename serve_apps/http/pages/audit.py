"""`/data-protection/audit`: who looked at what, and whether the log of it still holds.

    GET  /data-protection/audit         filtered by a form, turned by links
    POST /data-protection/audit/verify  each link of the chain is checked

The functions of `/api/audit` do the work; each look is recorded.
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
from serve_apps.http.pages.rendering import page
from serve_apps.http.routes.audit import WORD, list_audit, verify_audit
from serve_apps.http.routes.data_protection import Officer
from serve_apps.http.schemas.paging import Pages

UNPROCESSABLE: Final = 422
LOG: Final = "/data-protection/audit"

Asked = Annotated[str, Query(max_length=255)]

router = APIRouter(prefix=LOG, include_in_schema=False)


@router.get("")
def audit(
    request: Request,
    caller: Officer,
    paging: Pages,
    actor: Asked = "",
    action: Asked = "",
    subject: Asked = "",
) -> Response:
    """The audit log, the newest first; the look is recorded."""
    said = {"actor": actor.strip(), "action": action.strip(), "subject": subject.strip()}
    asked = {name: value for name, value in said.items() if value}
    unclear = [name for name, value in asked.items() if not re.fullmatch(WORD, value)]
    context: dict[str, Any] = {
        "asked": asked,
        "unclear": unclear,
        "action_texts": ACTION_TEXTS,
        "is_first": paging.after is None,
        "zone": zone_of(backend_of(request).settings),
        "found": None,
    }
    if unclear:
        return page(request, "audit.html", context, status=UNPROCESSABLE)
    found = list_audit(
        request, caller, paging, asked.get("actor"), asked.get("action"), asked.get("subject")
    )
    if found.next is not None:
        context["older"] = f"{LOG}?{urlencode({**asked, 'cursor': found.next})}"
    return page(request, "audit.html", {**context, "found": found})


@router.post("/verify")
def verify(request: Request, caller: Officer) -> Response:
    """Check every link of the log; the check is recorded."""
    return page(request, "audit_verification.html", {"checked": verify_audit(request, caller)})


def zone_of(settings: Settings) -> ZoneInfo:
    """The zone in which a district reads times: that of all its schools, or UTC."""
    zones = {school.timezone for school in settings.schools}
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")
