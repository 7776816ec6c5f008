"""`/api/health` for whoever watches the service, `/api/me` for whoever has come in."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from cluster.records.db.models import SignInRow
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import PUBLIC, require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Utc, example_response

router = APIRouter(prefix="/api", tags=["service"], responses=ERRORS)

Anybody = Annotated[Principal, require_roles(*Role)]


class HealthBody(Body):
    """That the service answers, and nothing more."""

    status: Literal["ok"] = Field(description="It answers.")


class MeBody(Body):
    """Who has come in, and as what."""

    name: str = Field(description="As the audit log has it; never a person's name.")
    roles: list[Role] = Field(description="All roles.")
    schools: list[str] = Field(description="Schools that a leader leads.")
    expires_at: Utc | None = Field(description="When the sign-in ends.")


@router.get(
    "/health",
    summary="Whether the service answers",
    operation_id="show_health",
    dependencies=[PUBLIC],
    responses=example_response(HealthBody, {"status": "ok"}, "It answers."),
)
async def show_health() -> HealthBody:
    """For load balancers and probes; it tells nothing of the school."""
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
def show_me(request: Request, caller: Anybody) -> MeBody:
    """As what the caller has come in, and until when."""
    return MeBody(
        name=caller.name,
        roles=sorted(caller.roles),
        schools=sorted(caller.schools),
        expires_at=_end_of(request, caller),
    )


def _end_of(request: Request, caller: Principal) -> datetime | None:
    with backend_of(request).identity.records.reading() as session:
        row = session.get(SignInRow, caller.sign_in_id)
        return row.expires_at if row else None
