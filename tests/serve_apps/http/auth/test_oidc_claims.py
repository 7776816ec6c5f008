"""Claims that come from the userinfo endpoint or with a scope, and what the operator is told."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.register.school import School, teacher
from tests.serve_apps.http.auth_app import TEACHERS, build_auth_app, calling
from tests.serve_apps.http.provider import (
    CLIENT_SECRET,
    OpenIdProvider,
    a_provider,
    access_of,
    at_the_provider,
    path_of,
)

GROUPS = [
    {"claim": "groups", "value": "staff", "role": "teacher"},
    {"claim": "groups", "value": "heads", "role": "school_leader", "schools": ["hill"]},
]
CANARY = "c4n4ry"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with a_provider() as opened:
        yield opened


@pytest.fixture
def browser(sqlite_school: School, provider: OpenIdProvider) -> Iterator[httpx.Client]:
    app = build_auth_app(
        sqlite_school,
        sign_ins_per_minute=1000,
        oidc_scopes=["groups", "openid", "profile"],
        map=GROUPS,
        **access_of(provider),
    ).app
    with calling(app) as opened:
        yield opened


def sign_in(browser: httpx.Client) -> httpx.Response:
    return browser.get(path_of(at_the_provider(browser.get("/sign-in/provider"))))


def test_scopes_of_the_settings_are_asked_for_and_openid_always(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    browser.get("/sign-in/provider")
    at_the_provider(browser.get("/sign-in/provider"))
    assert provider.asked[-1]["scope"] == "openid groups profile"


def test_claims_that_the_id_token_lacks_come_from_userinfo(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    provider.userinfo = {"groups": ["staff", "heads"], "sourced_id": "teacher-1"}
    assert sign_in(browser).status_code == 303
    assert browser.get("/sign-in/session").json()["schools"] == ["hill"]
    assert browser.get(TEACHERS).json()["name"] == teacher(1)


@pytest.mark.parametrize("sourced_id", ["teacher-99", "student-1"])
def test_a_head_among_the_staff_who_teaches_nobody_is_a_leader_alone(
    browser: httpx.Client, provider: OpenIdProvider, sourced_id: str
) -> None:
    provider.claims = {"groups": ["staff", "heads"], "sourced_id": sourced_id}
    assert sign_in(browser).status_code == 303
    session = browser.get("/sign-in/session").json()
    assert (session["roles"], session["schools"]) == (["school_leader"], ["hill"])
    assert browser.get(TEACHERS).status_code == 403


def test_userinfo_overrides_no_claim_of_the_id_token(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    provider.claims = {"groups": ["heads"]}
    provider.userinfo = {"groups": ["staff"], "sourced_id": "teacher-1", "iss": CANARY}
    assert sign_in(browser).status_code == 303
    assert browser.get("/sign-in/session").json()["roles"] == ["school_leader"]


@pytest.mark.parametrize("wrong", ["userinfo of somebody else", "userinfo of nobody"])
def test_userinfo_of_another_subject_signs_nobody_in(
    browser: httpx.Client,
    provider: OpenIdProvider,
    wrong: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.claims = {"groups": ["heads"]}
    provider.userinfo = {"groups": ["staff"], "sourced_id": "teacher-1"}
    provider.wrong = wrong
    answer = sign_in(browser)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert "another sub than the id_token" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("userinfo fails", "the userinfo endpoint answers 500"),
        ("userinfo is no JSON", "gives no JSON: JSONDecodeError"),
        ("userinfo is no object", "gives no JSON object"),
    ],
)
def test_a_userinfo_endpoint_that_fails_is_logged_and_the_id_token_has_to_do(
    browser: httpx.Client,
    provider: OpenIdProvider,
    wrong: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.userinfo, provider.wrong = {}, wrong
    assert sign_in(browser).json()["error"]["code"] == "role_missing"
    provider.claims = {"groups": ["heads"]}
    assert sign_in(browser).status_code == 303
    assert reason in caplog.text
    assert CANARY not in caplog.text


def test_userinfo_is_not_asked_where_the_id_token_has_all_claims(
    sqlite_school: School, provider: OpenIdProvider
) -> None:
    provider.claims = {
        "homeroom_role": "operator",
        "homeroom_schools": [],
        "sourced_id": "",
    }
    provider.userinfo, provider.wrong = {}, "userinfo of somebody else"
    with calling(build_auth_app(sqlite_school, **access_of(provider)).app) as browser:
        assert sign_in(browser).status_code == 303


def test_the_log_names_the_claims_that_came_and_no_value(
    browser: httpx.Client, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.claims = {"sub": f"sub-{CANARY}", "name": f"{CANARY} name", "hd": f"{CANARY}.example"}
    provider.userinfo = {
        "groups": [f"{CANARY} group"],
        "email": f"{CANARY}@school.example",
        f"{CANARY} {CANARY}": 1,
    }
    answer = sign_in(browser)
    assert answer.json()["error"]["code"] == "role_missing"
    [line] = [one.getMessage() for one in caplog.records if "role_missing" in one.getMessage()]
    assert "id_token: aud, exp, hd, iat, iss, name, nonce, sub." in line
    assert "From userinfo: email, groups, 1 more." in line
    assert "Looked for: groups, homeroom_role, homeroom_schools, sourced_id." in line
    own = [one for one in caplog.records if not one.name.startswith(("tests", "uvicorn"))]
    written = "".join(one.getMessage() + repr(vars(one)) for one in own)
    for secret in (CANARY, CLIENT_SECRET, *provider.access_tokens):
        assert secret not in written
        assert secret not in answer.text


def test_the_log_says_that_userinfo_was_not_asked(
    sqlite_school: School, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.claims = {"homeroom_role": "janitor", "homeroom_schools": "", "sourced_id": ""}
    with calling(build_auth_app(sqlite_school, **access_of(provider)).app) as browser:
        assert sign_in(browser).status_code == 403
    assert "From userinfo (not asked): none." in caplog.text


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("clock is ahead", r"issued (399|400) s in the future by this machine's clock"),
        ("expired", r"expired 60\d s ago by this machine's clock, and was issued 90\d s ago"),
        ("unknown key", "a key that is not among those of its jwks_uri"),
        ("wrong signature", "the signature of the id_token is wrong"),
        ("wrong audience", "the claim aud of the id_token is missing or wrong"),
        ("without nonce", "the claim nonce of the id_token is missing or wrong"),
        ("unsigned", "the id_token cannot be used"),
        ("no id_token", "gives no id_token"),
        ("knows no such scope", "gives no code: invalid_scope"),
        ("says nonsense", "gives no code: an unknown error"),
        ("answers as another", "another issuer's"),
    ],
)
def test_the_log_says_why_a_response_is_rejected(
    browser: httpx.Client,
    provider: OpenIdProvider,
    wrong: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.wrong = wrong
    assert sign_in(browser).status_code == 401
    [line] = [one.getMessage() for one in caplog.records if "was rejected" in one.getMessage()]
    assert re.search(reason, line), line
    assert CANARY not in line


@pytest.mark.parametrize(
    ("secret", "code"), [("another", "invalid_client"), (CLIENT_SECRET, "invalid_grant")]
)
def test_the_log_says_why_the_code_is_not_accepted(
    sqlite_school: School,
    provider: OpenIdProvider,
    secret: str,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    access: dict[str, Any] = access_of(provider) | {"oidc_client_secret": secret}
    with calling(build_auth_app(sqlite_school, **access).app) as browser:
        back = at_the_provider(browser.get("/sign-in/provider"))
        for begun in provider.codes.values():
            begun["code_challenge"] = "of-somebody-else"
        assert browser.get(path_of(back)).status_code == 401
    assert f"does not accept the code: {code}" in caplog.text
