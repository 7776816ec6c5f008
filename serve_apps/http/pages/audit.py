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
from serve_apps.http.pages.rendering import page
from serve_apps.http.routes.audit import FILTER_PATTERN, list_audit, verify_audit
from serve_apps.http.routes.data_protection import Officer
from serve_apps.http.schemas.paging import PagingQuery

UNPROCESSABLE: Final = 422
LOG: Final = "/data-protection/audit"

ACTIONS: Final = (
    "audit.export_head",
    "audit.show",
    "audit.verify",
    "badge.issue",
    "checkin.agree",
    "checkin.agreements",
    "checkin.class_list",
    "checkin.end",
    "checkin.show_agreed",
    "checkin.show_call",
    "checkin.slips_anew",
    "checkin.start",
    "checkin.withdraw",
    "consent.export",
    "consent.grant",
    "consent.list",
    "consent.object",
    "consent.withdraw",
    "erase",
    "face.ask",
    "face.destroy",
    "face.open_templates",
    "face.register",
    "face.rotate_keys",
    "face.template_refused",
    "policy.show",
    "refused",
    "register.badge",
    "register.close",
    "register.confirm",
    "register.export",
    "register.history",
    "register.mark",
    "register.open",
    "register.propose",
    "register.show",
    "register.take_back",
    "register.undo",
    "roster.import",
    "roster.list",
    "roster.timetable",
    "sign_in.forget",
    "sign_in.issue",
    "sign_in.list",
    "sign_in.revoke",
)
"""Actions that the form offers, and for which pages have words."""

Asked = Annotated[str, Query(max_length=255)]

router = APIRouter(prefix=LOG, include_in_schema=False)


@router.get("")
def audit(
    request: Request,
    caller: Officer,
    paging: PagingQuery,
    actor: Asked = "",
    action: Asked = "",
    subject: Asked = "",
) -> Response:
    """The audit log, the newest first; the look is recorded."""
    said = {"actor": actor.strip(), "action": action.strip(), "subject": subject.strip()}
    asked = {name: value for name, value in said.items() if value}
    unclear = [name for name, value in asked.items() if not re.fullmatch(FILTER_PATTERN, value)]
    context: dict[str, Any] = {
        "asked": asked,
        "unclear": unclear,
        "actions": ACTIONS,
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
    return page(request, "verified.html", {"checked": verify_audit(request, caller)})


def zone_of(settings: Settings) -> ZoneInfo:
    """The zone in which a district reads times: that of all its schools, or UTC."""
    zones = {school.timezone for school in settings.schools}
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")
