"""The health check, and the caller's roles."""

from datetime import timedelta

import pytest

from cluster.security.roles import Role
from tests.register.school import MONDAY, teacher
from tests.serve_apps.http.api_client import ApiClient, at

pytestmark = pytest.mark.sqlite


def test_the_health_check_is_public(api_client: ApiClient) -> None:
    answer = api_client.client.request("GET", "/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_caller_sees_their_own_roles(api_client: ApiClient) -> None:
    me = api_client.leader.get("/api/me")
    assert (me["name"], me["roles"], me["schools"]) == (
        "school_leader:test",
        ["school_leader"],
        ["hill"],
    )
    assert at(me["expires_at"]) == MONDAY + timedelta(days=1)
    assert api_client.teacher.get("/api/me")["name"] == teacher(1)
    for role in Role:
        api_client.as_role(role).get("/api/me")


def test_an_anonymous_request_is_denied(api_client: ApiClient) -> None:
    answer = api_client.client.request("GET", "/api/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
