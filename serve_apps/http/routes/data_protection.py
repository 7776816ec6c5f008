"""Routes for data-protection officers: the face policy and consents (the audit log is in `audit`).

    GET /api/policy, /api/consents

Students are identified by their ids in Homeroom, never by name; a name can be looked up in the
school's own system. Every access is recorded in the audit log (R9).
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
from serve_apps.http.schemas.base import Body, Page, StudentId, Utc, example_response
from serve_apps.http.schemas.paging import PagingQuery, encode_cursor

CHUNK_SIZE: Final = 300
"""Students per query: databases bound the length of a query."""
MAX_SCANNED_STUDENTS: Final = 3000
"""Students that one page scans: a filter may match few of them."""

router = APIRouter(prefix="/api", tags=["data protection"], responses=ERRORS)

Officer = Annotated[Principal, require_roles(Role.DATA_PROTECTION)]


class PolicyState(StrEnum):
    """Whether face roll call is allowed (R4)."""

    OFF = "off"
    ON = "on"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    UNREADABLE = "unreadable"


class PolicyBody(Body):
    """The district's face policy in force."""

    state: PolicyState = Field(description="Unless it is `on`, no face is compared.")
    digest: str | None = Field(description="First digits of the file's SHA-256.")
    classes: list[str] = Field(description="The sourcedIds of the classes that it allows.")
    legal_basis: str | None = Field(description="As the policy states it.")
    impact_assessment: str | None = Field(description="Reference of the impact assessment.")
    approved_by: str | None = Field(description="Who approved it.")
    approved_on: date | None = Field(description="Date of approval.")
    valid_until: date | None = Field(description="Last day of its validity.")
    notice_version: str | None = Field(description="Consents to another notice do not count.")


class ConsentBody(Body):
    """The consent of one student."""

    student_id: StudentId = Field(description="The student's id in Homeroom.")
    in_force: bool = Field(description="Whether a grant is in force.")
    reason: ConsentReason = Field(description="Why it is or is not in force.")
    expires_at: Utc | None = Field(description="When the grant ends.")


class ConsentsBody(Page):
    """Consents, with counts."""

    counts: dict[ConsentReason, int] | None = Field(
        description="Number of students by reason, of all in the ledger; only on the first page."
    )
    consents: list[ConsentBody] = Field(
        description="By id. With a filter a page may be short, and still have a `next`."
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
    """Show whether face roll call is on, for which classes and why; this access is recorded."""
    backend = backend_of(request)
    with backend.audited.work(caller.name) as work:
        body = _policy(backend.settings.registers.policy, work.now)
        work.audit(AuditAction.POLICY_SHOW, None, state=str(body.state))
    return body


@router.get(
    "/consents",
    summary="Consents",
    operation_id="list_consents",
    responses=example_response(ConsentsBody, CONSENTS_EXAMPLE, "Consents, with counts."),
)
def list_consents(
    request: Request,
    caller: Officer,
    paging: PagingQuery,
    expiring_within_days: Annotated[
        int | None,
        Query(ge=0, le=366, description="Only grants in force that expire within so many days."),
    ] = None,
) -> ConsentsBody:
    """List the consent of each student in the ledger; this access is recorded."""
    audited = backend_of(request).audited
    now, before, after = audited.clock(), None, paging.after_id()
    if expiring_within_days is not None:
        before = now + timedelta(days=expiring_within_days)
    counts = None
    # Without a write lock: a register must not wait for a list of the whole district.
    with audited.records.reading() as session:
        page, following = _page(session, after or "", paging.limit, now, before)
        if after is None:
            decisions = _decisions(session, now, after="")
            counts = dict(Counter(decision.reason for _, decision in decisions))
    with audited.work(caller.name) as work:  # recorded before it is returned
        work.audit(AuditAction.CONSENT_LIST, None, students=len(page))
    return ConsentsBody(counts=counts, consents=[_consent(*one) for one in page], next=following)


def _policy(path: Any, now: datetime) -> PolicyBody:
    empty: dict[str, Any] = dict.fromkeys(PolicyBody.model_fields)
    try:
        policy = load_policy(path)
    except SettingsError:
        return PolicyBody.model_validate({**empty, "state": PolicyState.UNREADABLE, "classes": []})
    if policy is None:
        return PolicyBody.model_validate({**empty, "state": PolicyState.OFF, "classes": []})
    roll_call = policy.face_roll_call
    fields = roll_call.model_dump(exclude={"switched_on"})
    state = PolicyState.ON if roll_call.switched_on else PolicyState.OFF
    if roll_call.switched_on and now.date() < roll_call.approved_on:
        state = PolicyState.NOT_YET
    elif roll_call.switched_on and now.date() > roll_call.valid_until:
        state = PolicyState.EXPIRED
    return PolicyBody.model_validate({**fields, "state": state, "digest": policy.digest})


def _page(
    session: Session, after: str, limit: int, now: datetime, before: datetime | None
) -> tuple[list[tuple[str, Decision]], str | None]:
    """Return the students of a page, and the cursor of the next page."""
    found: list[tuple[str, Decision]] = []
    scanned, last = 0, after
    for student, decision in _decisions(session, now, after=after, ending_before=before):
        if len(found) == limit or scanned == MAX_SCANNED_STUDENTS:
            return found, encode_cursor(last)
        scanned, last = scanned + 1, student
        if before is None or _ends_before(decision, before):
            found.append((student, decision))
    return found, None


def _decisions(
    session: Session, now: datetime, *, after: str, ending_before: datetime | None = None
) -> Iterator[tuple[str, Decision]]:
    """Yield the decision for each student in the ledger, by id."""
    while True:
        students = consent_events.students_with_events(
            session, after=after, limit=CHUNK_SIZE, ending_before=ending_before
        )
        for facts in load_student_facts(session, students, now.date()):
            yield facts.student_id, active_grant(facts, None, now)
        session.expunge_all()  # a district's ledger need not stay in memory
        if len(students) < CHUNK_SIZE:
            return
        after = students[-1]


def _ends_before(decision: Decision, time: datetime) -> bool:
    ends = decision.grant.expires_at if decision.grant else None
    return decision.allowed and ends is not None and ends <= time


def _consent(student_id: str, decision: Decision) -> ConsentBody:
    return ConsentBody(
        student_id=student_id,
        in_force=decision.allowed,
        reason=decision.reason,
        expires_at=decision.grant.expires_at if decision.grant else None,
    )
