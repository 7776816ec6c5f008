"""`/api/health` for probes, `/api/me` for callers who want to know their roles."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field

from cluster.records.db.models import SignInRow
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import PUBLIC, AnyRole
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Utc, example_response

router = APIRouter(prefix="/api", tags=["service"], responses=ERRORS)


class HealthBody(Body):
    """Says that the service answers, and nothing more."""

    status: Literal["ok"] = Field(description="Always `ok`.")


class MeBody(Body):
    """The caller."""

    name: str = Field(description="Name in the audit log; never a person's name.")
    roles: list[Role] = Field(description="All roles of the caller.")
    schools: list[str] = Field(description="Ids of the schools that a school leader leads.")
    expires_at: Utc | None = Field(description="When the sign-in ends.")


@router.get(
    "/health",
    summary="Whether the service answers",
    operation_id="show_health",
    dependencies=[PUBLIC],
    responses=example_response(HealthBody, {"status": "ok"}, "It answers."),
)
async def show_health() -> HealthBody:
    """Answer load balancers and probes; the response has no data."""
    return HealthBody(status="ok")


@router.get(
    "/me",
    summary="Who I am",
    operation_id="show_me",
    responses=example_response(
        MeBody,
        {
            "name": "leader:hill",
            "roles": ["school_leader"],
            "schools": ["hill"],
            "expires_at": "2026-05-31T08:00:00Z",
        },
        "The caller.",
    ),
)
def show_me(request: Request, caller: AnyRole) -> MeBody:
    """Show the caller's roles, and when the sign-in ends."""
    return MeBody(
        name=caller.name,
        roles=sorted(caller.roles),
        schools=sorted(caller.schools),
        expires_at=_expiry_of(request, caller),
    )


def _expiry_of(request: Request, caller: Principal) -> datetime | None:
    with backend_of(request).audited.records.reading() as session:
        row = session.get(SignInRow, caller.sign_in_id)
        return row.expires_at if row else None
