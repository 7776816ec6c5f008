"""Sign-in at an identity provider that is real, and refuses or is refused as the standard says."""

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from cluster.records.db import audit_log
from cluster.records.repos.sign_ins import sign_ins
from tests.register.school import School, teacher
from tests.serve_apps.http.auth_app import (
    LEADERS,
    OPERATORS,
    TEACHERS,
    AuthApp,
    build_auth_app,
    calling,
)
from tests.serve_apps.http.provider import (
    CLIENT_SECRET,
    OpenIdProvider,
    a_provider,
    access_of,
    at_the_provider,
    path_of,
)

TEACHER = {"homeroom_role": "teacher", "sourced_id": "teacher-1"}


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with a_provider(**TEACHER) as opened:
        yield opened


@pytest.fixture
def auth_app(sqlite_school: School, provider: OpenIdProvider) -> AuthApp:
    return build_auth_app(sqlite_school, sign_ins_per_minute=1000, **access_of(provider))


@pytest.fixture
def browser(auth_app: AuthApp) -> Iterator[httpx.Client]:
    with calling(auth_app.app) as opened:
        yield opened


def signed_in(browser: httpx.Client, path: str = "/sign-in/provider") -> httpx.Response:
    return browser.get(path_of(at_the_provider(browser.get(path))))


def sessions(auth_app: AuthApp) -> list[Any]:
    with auth_app.school.identity.records.reading() as session:
        return list(sign_ins(session, "session"))


def test_a_teacher_signs_in_and_is_the_one_of_the_roster(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider
) -> None:
    answer = signed_in(browser, "/sign-in/provider?next=/rooms%3Fday%3Dtoday")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rooms?day=today")
    assert browser.get(TEACHERS).json() == {"name": teacher(1), "user_id": teacher(1)}
    assert browser.get(OPERATORS).status_code == 403
    assert set(browser.cookies) == {"homeroom"}  # what the sign-in needed on its way is gone
    [asked] = provider.asked
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/sign-in/callback"
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid"
    assert asked["response_type"] == "code"
    assert CLIENT_SECRET not in str(asked)
    assert [one.name for one in sessions(auth_app)] == [teacher(1)]


def test_several_roles_and_a_leaders_schools_come_from_the_claims(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    provider.claims = {
        "homeroom_role": ["janitor", "school_leader", "operator"],
        "homeroom_schools": ["hill", "elsewhere"],
    }
    signed_in(browser)
    told = browser.get("/sign-in/session").json()
    assert told["roles"] == ["operator", "school_leader"]
    assert told["schools"] == ["hill"]
    assert told["name"] == "oidc:subject-1"
    assert browser.get(LEADERS).status_code == browser.get(OPERATORS).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        "wrong nonce",
        "without nonce",
        "wrong issuer",
        "without iss",
        "wrong audience",
        "without aud",
        "expired",
        "without exp",
        "without sub",
        "wrong signature",
        "unsigned",
        "signed with what everybody knows",
        "keys are of no kind",
        "no id_token",
        "answers as another",
        "says no",
    ],
)
def test_what_the_provider_does_wrong_lets_nobody_in(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider, wrong: str
) -> None:
    provider.wrong = wrong
    answer = signed_in(browser)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert "c4n4ry" not in answer.text
    assert browser.get(TEACHERS).status_code == 401
    assert sessions(auth_app) == []
    provider.wrong = ""
    assert signed_in(browser).status_code == 303


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"homeroom_role": []},
        {"homeroom_role": "janitor"},
        {"homeroom_role": "teacher"},
        {"homeroom_role": "teacher", "sourced_id": "student-1"},
        {"homeroom_role": ["teacher", "operator"], "sourced_id": "nobody"},
        {"homeroom_role": "school_leader", "homeroom_schools": ["elsewhere"]},
    ],
)
def test_who_has_no_role_here_is_refused_and_that_is_recorded(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    answer = signed_in(browser)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
    assert sessions(auth_app) == []
    with auth_app.school.identity.records.reading() as session:
        entries = [(one.actor, one.action) for one in audit_log.entries(session)]
    assert entries == [("system:sign-in", "refused")]


def test_an_answer_counts_only_in_the_browser_that_asked_and_only_once(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider
) -> None:
    path = path_of(at_the_provider(browser.get("/sign-in/provider")))
    with httpx.Client(base_url=browser.base_url) as other:
        assert other.get(path).status_code == 401  # somebody was lured to another's answer
        other.get("/sign-in/provider")
        assert other.get(path).status_code == 401
    assert provider.exchanged == 0
    changed = path.replace("state=", "state=x")
    assert browser.get(changed).status_code == 401
    assert browser.get(path).status_code == 303
    assert browser.get(path).status_code == 401
    assert len(sessions(auth_app)) == 1


def test_a_code_without_its_verifier_is_worth_nothing(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    back = at_the_provider(browser.get("/sign-in/provider"))
    for begun in provider.codes.values():
        begun["code_challenge"] = "of-somebody-else"
    assert browser.get(path_of(back)).status_code == 401
    assert provider.exchanged == 1


def test_what_the_browser_carries_meanwhile_can_be_neither_read_nor_changed(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    began = browser.get("/sign-in/provider")
    carried = str(browser.cookies["homeroom-sign-in"])
    [told] = began.headers.get_list("set-cookie")
    assert all(word in told for word in ("HttpOnly", "Max-Age=600", "SameSite=lax", "Path=/"))
    path = path_of(at_the_provider(began))
    assert provider.asked[0]["state"].encode().hex() not in carried
    with httpx.Client(base_url=browser.base_url) as other:
        flipped = carried[:-2] + f"{int(carried[-2:], 16) ^ 1:02x}"
        for text, status in ((flipped, 401), ("zz", 401), ("", 401), (carried, 303)):
            answer = other.get(path, headers={"Cookie": f"homeroom-sign-in={text}"})
            assert answer.status_code == status


def test_new_keys_of_the_provider_are_fetched(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    assert signed_in(browser).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "two"})
    assert signed_in(browser).status_code == 303


@pytest.mark.parametrize(
    "wrong",
    ["other issuer", "document is no JSON", "signs with none", "signs symmetrically"],
)
def test_a_provider_whose_document_cannot_be_used_is_told_and_asked_again_later(
    browser: httpx.Client, provider: OpenIdProvider, wrong: str
) -> None:
    provider.wrong = wrong
    answer = browser.get("/sign-in/provider")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
    provider.wrong = ""
    assert signed_in(browser).status_code == 303


@pytest.mark.parametrize("wrong", ["token endpoint fails", "keys endpoint fails"])
def test_a_provider_that_fails_on_the_way_is_told_in_the_one_shape(
    browser: httpx.Client, provider: OpenIdProvider, wrong: str
) -> None:
    back = at_the_provider(browser.get("/sign-in/provider"))
    provider.wrong = wrong
    answer = browser.get(path_of(back))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
    assert "Retry-After" in answer.headers
    assert "c4n4ry" not in answer.text


def test_a_provider_that_is_away_is_told_in_the_one_shape(sqlite_school: School) -> None:
    with a_provider() as provider:
        access = access_of(provider)
    with calling(build_auth_app(sqlite_school, **access).app) as browser:
        answer = browser.get("/sign-in/provider")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
    assert answer.json()["error"]["detail"] == "the identity provider does not answer."


def test_logs_carry_neither_code_nor_verifier_nor_secret(
    browser: httpx.Client, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    back = at_the_provider(browser.get("/sign-in/provider"))
    [code] = provider.codes
    browser.get(path_of(back))
    ours = [one for one in caplog.records if not one.name.startswith(("httpx", "tests"))]
    written = "".join(one.getMessage() + repr(vars(one)) for one in ours)
    cookie = str(browser.cookies["homeroom"])
    for secret in (code, CLIENT_SECRET, cookie, cookie.split(".")[0], "code_verifier"):
        assert secret not in written


def test_without_a_provider_its_paths_are_not_there(sqlite_school: School) -> None:
    with calling(build_auth_app(sqlite_school).app) as browser:
        for path in ("/sign-in/provider", "/sign-in/callback?code=x&state=y"):
            answer = browser.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_public_client_proves_itself_by_its_verifier_alone(
    sqlite_school: School, provider: OpenIdProvider
) -> None:
    access = access_of(provider) | {"oidc_client_secret": None}
    with calling(build_auth_app(sqlite_school, **access).app) as browser:
        assert signed_in(browser).status_code == 401  # this provider asks for the secret
    assert provider.exchanged == 1
