"""What a data-protection officer sees: ids and counts, never a name; each look is recorded."""

from datetime import timedelta

import pytest

from cluster.register.ledger import object_to
from cluster.security.roles import Role
from tests.register.school import student
from tests.serve_apps.api.office import *  # noqa: F403 (fixtures)
from tests.serve_apps.api.office import Caller, Office, at


def officer(office: Office) -> Caller:
    return office.as_a(Role.DATA_PROTECTION)


def test_the_policy_in_force_is_told_and_the_look_recorded(office: Office) -> None:
    policy = officer(office).get("/api/policy")
    assert (policy["state"], policy["classes"]) == ("on", ["class-1"])
    assert (policy["impact_assessment"], policy["valid_until"]) == ("DPIA-2026-04", "2027-07-31")
    assert office.audited()[-1] == "policy.show"


@pytest.mark.parametrize(
    ("was", "becomes", "state"),
    [
        ("switched_on = true", "switched_on = false", "off"),
        ("2026-01-01", "2026-03-03", "not_yet"),
        ("2027-07-31", "2026-03-01", "expired"),
        ("legal_basis", "some_basis", "unreadable"),
    ],
)
def test_a_policy_that_is_not_in_force_says_why(
    office: Office, was: str, becomes: str, state: str
) -> None:
    path = office.school.policy
    path.write_text(path.read_text().replace(was, becomes))
    assert officer(office).get("/api/policy")["state"] == state


def test_consents_are_told_by_id_with_counts(office: Office) -> None:
    school = office.school
    school.consent(1, 2, 3)
    with school.identity.work("operator:test") as work:
        object_to(work, "student-2", "guardian-2")
    found = officer(office).get("/api/consents")
    assert found["counts"] == {"granted": 2, "objection": 1}
    assert [(one["student_id"], one["in_force"]) for one in found["consents"]] == [
        (student(1), True),
        (student(2), False),
        (student(3), True),
    ]
    assert "Given" not in str(found)
    assert office.audited()[-1] == "consent.list"


def test_consents_that_end_soon_are_found(office: Office) -> None:
    school = office.school
    school.consent(1, days=20)
    school.consent(2, days=40)
    found = officer(office).get("/api/consents", params={"expiring_within_days": 30})
    (one,) = found["consents"]
    assert one["student_id"] == student(1)
    assert at(one["expires_at"]) == school.clock.now + timedelta(days=20)
    officer(office).get("/api/consents", 422, params={"expiring_within_days": 367})


def test_consents_come_in_pages(office: Office) -> None:
    office.school.consent(1, 2, 3)
    first = officer(office).get("/api/consents", params={"limit": 2})
    second = officer(office).get("/api/consents", params={"limit": 2, "cursor": first["next"]})
    assert [one["student_id"] for one in second["consents"]] == [student(3)]
    assert second["next"] is None


@pytest.mark.parametrize(
    "path", ["/api/policy", "/api/consents", "/api/audit", "/api/audit/verify"]
)
def test_nobody_else_sees_any_of_it(office: Office, path: str) -> None:
    for role in (Role.TEACHER, Role.SCHOOL_LEADER, Role.ANALYST, Role.OPERATOR):
        office.as_a(role, schools=["hill"]).get(path, 403)
