"""The health check, and the caller's roles."""

from datetime import timedelta

from cluster.security.roles import Role
from tests.register.school import MONDAY, teacher
from tests.serve_apps.http.office import *  # noqa: F403 (fixtures)
from tests.serve_apps.http.office import Office, at


def test_the_health_check_is_public(office: Office) -> None:
    answer = office.client.request("GET", "/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_caller_sees_their_own_roles(office: Office) -> None:
    me = office.leader.get("/api/me")
    assert (me["name"], me["roles"], me["schools"]) == (
        "school_leader:test",
        ["school_leader"],
        ["hill"],
    )
    assert at(me["expires_at"]) == MONDAY + timedelta(days=1)
    assert office.teacher.get("/api/me")["name"] == teacher(1)
    for role in Role:
        office.as_a(role).get("/api/me")


def test_an_anonymous_request_is_denied(office: Office) -> None:
    answer = office.client.request("GET", "/api/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
