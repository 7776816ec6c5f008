"""What a data-protection officer looks at: the policy, consents, the audit log.

    GET /api/policy, /api/consents, /api/audit, /api/audit/verify

Students are told by their ids in Homeroom, never by name; whoever needs a name asks the school's
own system. Every look is written into the log that is being looked at.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field

from cluster.errors import SettingsError
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import consent_events
from cluster.register.faces.consent import ConsentReason, Decision, active_grant
from cluster.register.faces.permissions import load_student_facts
from cluster.register.faces.policy import load_policy
from cluster.security.audit_actions import AuditAction
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Page, StudentName, Utc, example_response
from serve_apps.http.schemas.paging import Pages, cursor_of

CHUNK: Final = 300
"""Students that the records are asked for at once: databases bound the length of a question."""
LOOKED_AT: Final = 3000
"""Students that one page looks at: few may be among them of whom a filter tells."""

router = APIRouter(prefix="/api", tags=["data protection"], responses=ERRORS)

Officer = Annotated[Principal, require_roles(Role.DATA_PROTECTION)]


class PolicyState(StrEnum):
    """Whether face roll call may be."""

    OFF = "off"
    ON = "on"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"


class PolicyBody(Body):
    """The district's face policy, as it is in force."""

    state: PolicyState = Field(description="Anything but `on`: no face is compared.")
    digest: str | None = Field(description="First digits of the file's SHA-256.")
    classes: list[str] = Field(description="The sourcedIds of the classes that it names.")
    legal_basis: str | None = Field(description="As the policy states it.")
    impact_assessment: str | None = Field(description="Its reference.")
    approved_by: str | None = Field(description="Who approved it.")
    approved_on: date | None = Field(description="When.")
    valid_until: date | None = Field(description="Its last day.")
    notice_version: str | None = Field(description="Consents to another notice do not count.")


class ConsentBody(Body):
    """How it stands with one student."""

    student_id: StudentName = Field(description="The student's id in Homeroom.")
    in_force: bool = Field(description="A grant is in force.")
    reason: ConsentReason = Field(description="Why it is, or is not.")
    expires_at: Utc | None = Field(description="When the grant ends.")


class ConsentsBody(Page):
    """Consents: how many, and whose."""

    counts: dict[ConsentReason, int] | None = Field(
        description="Students by reason, of all that were spoken of; null behind the first page."
    )
    consents: list[ConsentBody] = Field(
        description="By id. With a filter a page may be short, and have a `next`."
    )


POLICY_EXAMPLE: Final[dict[str, Any]] = {
    "state": "on",
    "digest": "4f1d8a30c2be",
    "classes": ["class-7b-science"],
    "legal_basis": "GDPR Art. 9(2)(a), explicit consent",
    "impact_assessment": "DPIA-2026-04",
    "approved_by": "Data protection officer",
    "approved_on": "2026-01-01",
    "valid_until": "2027-07-31",
    "notice_version": "2026-1",
}
CONSENTS_EXAMPLE: Final[dict[str, Any]] = {
    "counts": {"granted": 21, "objection": 2},
    "consents": [
        {
            "student_id": "0c6f1c9be7d94c4f8f5a5f0f8f2f1a01",
            "in_force": True,
            "reason": "granted",
            "expires_at": "2026-03-20T23:59:59Z",
        }
    ],
    "next": None,
}


@router.get(
    "/policy",
    summary="The face policy in force",
    operation_id="show_policy",
    responses=example_response(PolicyBody, POLICY_EXAMPLE, "The policy."),
)
def show_policy(request: Request, caller: Officer) -> PolicyBody:
    """Whether face roll call is on, for which classes, and on what ground; the look is recorded."""
    backend = backend_of(request)
    with backend.identity.work(caller.name) as work:
        body = _policy(backend.settings.registers.policy, work.now)
        work.audit(AuditAction.POLICY_SHOW, None, state=str(body.state))
    return body


@router.get(
    "/consents",
    summary="Consents",
    operation_id="list_consents",
    responses=example_response(ConsentsBody, CONSENTS_EXAMPLE, "How many, and whose."),
)
def list_consents(
    request: Request,
    caller: Officer,
    paging: Pages,
    expiring_within_days: Annotated[
        int | None,
        Query(ge=0, le=366, description="Only grants in force that end within so many days."),
    ] = None,
) -> ConsentsBody:
    """How it stands with each student of whom something was said; the look is recorded."""
    identity = backend_of(request).identity
    now, before, after = identity.clock(), None, paging.random_id()
    if expiring_within_days is not None:
        before = now + timedelta(days=expiring_within_days)
    counts = None
    # Read beside the writers: a register must not wait for a list of the whole district.
    with identity.records.reading() as session:
        page, following = _page(session, after or "", paging.limit, now, before)
        if after is None:
            every = _standing(session, now, after="")
            counts = dict(Counter(decision.reason for _, decision in every))
    with identity.work(caller.name) as work:  # recorded before it is told
        work.audit(AuditAction.CONSENT_LIST, None, students=len(page))
    return ConsentsBody(counts=counts, consents=[_consent(*one) for one in page], next=following)


def _policy(path: Any, now: datetime) -> PolicyBody:
    nothing: dict[str, Any] = dict.fromkeys(PolicyBody.model_fields)
    try:
        policy = load_policy(path)
    except SettingsError:
        return PolicyBody.model_validate(
            {**nothing, "state": PolicyState.UNREADABLE, "classes": []}
        )
    if policy is None:
        return PolicyBody.model_validate({**nothing, "state": PolicyState.OFF, "classes": []})
    decided = policy.face_roll_call
    facts = decided.model_dump(exclude={"switched_on"})
    state = PolicyState.ON if decided.switched_on else PolicyState.OFF
    if decided.switched_on and now.date() < decided.approved_on:
        state = PolicyState.NOT_YET
    elif decided.switched_on and now.date() > decided.valid_until:
        state = PolicyState.EXPIRED
    return PolicyBody.model_validate({**facts, "state": state, "digest": policy.digest})


def _page(
    session: Session, after: str, limit: int, now: datetime, before: datetime | None
) -> tuple[list[tuple[str, Decision]], str | None]:
    """The students of a page, and the cursor of the next."""
    found: list[tuple[str, Decision]] = []
    looked_at, last = 0, after
    for student, decision in _standing(session, now, after=after, ending_before=before):
        if len(found) == limit or looked_at == LOOKED_AT:
            return found, cursor_of(last)
        looked_at, last = looked_at + 1, student
        if before is None or _ends_before(decision, before):
            found.append((student, decision))
    return found, None


def _standing(
    session: Session, now: datetime, *, after: str, ending_before: datetime | None = None
) -> Iterator[tuple[str, Decision]]:
    """What the ledger comes to, for each student of whom something was said, by id."""
    while True:
        students = consent_events.students_with_events(
            session, after=after, limit=CHUNK, ending_before=ending_before
        )
        for facts in load_student_facts(session, students, now.date()):
            yield facts.student_id, active_grant(facts, None, now)
        session.expunge_all()  # a district's ledger need not stay in memory
        if len(students) < CHUNK:
            return
        after = students[-1]


def _ends_before(decision: Decision, moment: datetime) -> bool:
    ends = decision.grant.expires_at if decision.grant else None
    return decision.allowed and ends is not None and ends <= moment


def _consent(student_id: str, decision: Decision) -> ConsentBody:
    return ConsentBody(
        student_id=student_id,
        in_force=decision.allowed,
        reason=decision.reason,
        expires_at=decision.grant.expires_at if decision.grant else None,
    )
