"""What a data-protection officer sees: ids and counts, never a name; each access is recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert

from cluster.records.db.models import ConsentEvent
from cluster.register.faces.consent_ledger import record_objection
from cluster.security.roles import Role
from serve_apps.http import periodic_tasks
from serve_apps.http.schemas.paging import encode_cursor
from tests.register.school import student
from tests.serve_apps.http.api_client import ApiClient, UserClient, at


def officer(api_client: ApiClient) -> UserClient:
    return api_client.as_role(Role.DATA_PROTECTION)


def test_the_policy_in_force_is_shown_and_the_access_recorded(api_client: ApiClient) -> None:
    policy = officer(api_client).get("/api/policy")
    assert (policy["state"], policy["classes"]) == ("on", ["class-1"])
    assert (policy["impact_assessment"], policy["valid_until"]) == ("DPIA-2026-04", "2027-07-31")
    assert api_client.audited()[-1] == "policy.show"


@pytest.mark.parametrize(
    ("was", "becomes", "state"),
    [
        ("switched_on = true", "switched_on = false", "off"),
        ("2026-01-01", "2026-03-03", "not_yet"),
        ("2027-07-31", "2026-03-01", "expired"),
        ("legal_basis", "some_basis", "unreadable"),
    ],
)
def test_a_policy_that_is_not_in_force_has_a_state(
    api_client: ApiClient, was: str, becomes: str, state: str
) -> None:
    path = api_client.school.policy
    path.write_text(path.read_text().replace(was, becomes))
    assert officer(api_client).get("/api/policy")["state"] == state


def test_consents_are_listed_by_id_with_counts(api_client: ApiClient) -> None:
    school = api_client.school
    school.consent(1, 2, 3)
    with school.audited.work("operator:test") as work:
        record_objection(work, "student-2", "guardian-2")
    found = officer(api_client).get("/api/consents")
    assert found["counts"] == {"granted": 2, "objection": 1}
    assert [(one["student_id"], one["in_force"]) for one in found["consents"]] == [
        (student(1), True),
        (student(2), False),
        (student(3), True),
    ]
    assert "Given" not in str(found)
    assert api_client.audited()[-1] == "consent.list"


def test_consents_that_expire_soon_are_found(api_client: ApiClient) -> None:
    school = api_client.school
    school.consent(1, days=20)
    school.consent(2, days=40)
    found = officer(api_client).get("/api/consents", params={"expiring_within_days": 30})
    (one,) = found["consents"]
    assert one["student_id"] == student(1)
    assert at(one["expires_at"]) == school.clock.now + timedelta(days=20)
    officer(api_client).get("/api/consents", 422, params={"expiring_within_days": 367})


def test_consents_are_paged(api_client: ApiClient) -> None:
    api_client.school.consent(1, 2, 3)
    first = officer(api_client).get("/api/consents", params={"limit": 2})
    second = officer(api_client).get("/api/consents", params={"limit": 2, "cursor": first["next"]})
    assert [one["student_id"] for one in second["consents"]] == [student(3)]
    assert second["next"] is None
    assert second["counts"] is None  # of a district they are dear, and the first page has them
    for cursor in (encode_cursor("\0"), encode_cursor("room-1"), encode_cursor("f" * 32 + "\n")):
        officer(api_client).get("/api/consents", 422, params={"cursor": cursor})


MANY = 40_000


def grant_consents(api_client: ApiClient, count: int, *, days: float) -> list[str]:
    """Write grants of students who are in no class and have no guardian."""
    now = api_client.school.clock.now
    students = [f"{10**9 + number:032x}" for number in range(count)]
    words = [
        {
            "student_id": one,
            "said_by": "f" * 32,
            "word": "grant",
            "notice_version": "2026-1",
            "recorded_at": now,
            "expires_at": now + timedelta(days=days),
            "recorded_by": "operator:test",
        }
        for one in students
    ]
    with api_client.school.audited.records.writing() as session:
        session.execute(insert(ConsentEvent), words)
    return students


@contextmanager
def recorded_statements(api_client: ApiClient) -> Iterator[list[tuple[str, Any]]]:
    """Record the SQL statements, with parameters."""
    statements: list[tuple[str, Any]] = []
    engine = api_client.school.audited.records.engine

    def record(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)


@pytest.fixture
def no_periodic_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, one would write among the statements that are counted."""
    monkeypatch.setattr(periodic_tasks, "CHECKINS_INTERVAL_SECONDS", 3600.0)


@pytest.mark.usefixtures("no_periodic_tasks")
def test_the_consents_of_a_whole_district_are_listed_without_a_write_lock(
    api_client: ApiClient,
) -> None:
    students = grant_consents(api_client, MANY, days=100)
    api_client.school.consent(1)
    caller = officer(api_client)
    with recorded_statements(api_client) as statements:
        first = caller.get("/api/consents")
        second = caller.get("/api/consents", params={"cursor": first["next"]})
    assert first["counts"] == {"granted": 1, "not_guardian": MANY}
    ids = [one["student_id"] for page in (first, second) for one in page["consents"]]
    assert ids == [student(1), *students[:99]]
    assert max(len(parameters) for _, parameters in statements) < 500
    writes = [
        n for n, (text, _) in enumerate(statements) if "IMMEDIATE" in text or "pg_adv" in text
    ]
    reads = [n for n, (text, _) in enumerate(statements) if "FROM consents" in text]
    assert len(writes) == 2
    assert max(n for n in reads if n < writes[1]) < writes[1] - 1
    assert not [n for n in reads if writes[0] < n < writes[0] + 3]
    after_first = [n for n in reads if n > writes[0]]
    assert len(after_first) < 5  # the second page is a page, not the district again


def test_a_filter_that_seldom_matches_makes_short_pages(api_client: ApiClient) -> None:
    grant_consents(api_client, 7000, days=10)
    api_client.school.consent(1, days=10)
    caller, found, pages = officer(api_client), [], 0
    cursor: str | None = None
    while cursor is not None or not pages:
        filters = {"expiring_within_days": 30, **({"cursor": cursor} if cursor else {})}
        page = caller.get("/api/consents", params=filters)
        found += page["consents"]
        cursor, pages = page["next"], pages + 1
    assert [one["student_id"] for one in found] == [student(1)]
    assert pages == 3


@pytest.mark.parametrize(
    "path", ["/api/policy", "/api/consents", "/api/audit", "/api/audit/verify"]
)
def test_other_roles_are_denied(api_client: ApiClient, path: str) -> None:
    for role in (Role.TEACHER, Role.SCHOOL_LEADER, Role.ANALYST, Role.OPERATOR):
        api_client.as_role(role, schools=["hill"]).get(path, 403)
