"""Sign-in at a real OpenID provider, which may do one thing wrong."""

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
    CLIENT_ID,
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


def sign_in(browser: httpx.Client, path: str = "/sign-in/provider") -> httpx.Response:
    return browser.get(path_of(at_the_provider(browser.get(path))))


def sessions(auth_app: AuthApp) -> list[Any]:
    with auth_app.school.audited.records.reading() as session:
        return list(sign_ins(session, "session"))


def test_a_teacher_signs_in_as_the_teacher_in_the_roster(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider
) -> None:
    answer = sign_in(browser, "/sign-in/provider?next=/rooms%3Fday%3Dtoday")
    assert (answer.status_code, answer.headers["location"]) == (303, "/rooms?day=today")
    assert browser.get(TEACHERS).json() == {"name": teacher(1), "user_id": teacher(1)}
    assert browser.get(OPERATORS).status_code == 403
    # The state cookie is cleared.
    assert set(browser.cookies) == {"homeroom", "homeroom-provider"}
    [query] = provider.asked
    assert query["redirect_uri"] == "http://127.0.0.1:8000/sign-in/callback"
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == "openid"
    assert query["response_type"] == "code"
    assert CLIENT_SECRET not in str(query)
    assert [one.name for one in sessions(auth_app)] == [teacher(1)]


def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider
) -> None:
    provider.takes_secret_in_form = True
    assert sign_in(browser).status_code == 303
    assert [one.name for one in sessions(auth_app)] == [teacher(1)]


def test_several_roles_and_a_leaders_schools_come_from_the_claims(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    provider.claims = {
        "homeroom_role": ["janitor", "school_leader", "operator"],
        "homeroom_schools": ["hill", "elsewhere"],
    }
    sign_in(browser)
    session = browser.get("/sign-in/session").json()
    assert session["roles"] == ["operator", "school_leader"]
    assert session["schools"] == ["hill"]
    assert session["name"] == "oidc:subject-1"
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
        "knows no such scope",
        "says nonsense",
        "clock is ahead",
        "unknown key",
    ],
)
def test_an_invalid_response_of_the_provider_signs_nobody_in(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider, wrong: str
) -> None:
    provider.wrong = wrong
    answer = sign_in(browser)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert "c4n4ry" not in answer.text
    assert browser.get(TEACHERS).status_code == 401
    assert sessions(auth_app) == []
    provider.wrong = ""
    assert sign_in(browser).status_code == 303


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({}, "role_missing"),
        ({"homeroom_role": []}, "role_missing"),
        ({"homeroom_role": "janitor"}, "role_missing"),
        ({"homeroom_role": "teacher"}, "teacher_unknown"),
        ({"homeroom_role": "teacher", "sourced_id": "student-1"}, "teacher_unknown"),
        ({"homeroom_role": ["teacher", "operator"], "sourced_id": "nobody"}, "teacher_unknown"),
        ({"homeroom_role": "school_leader", "homeroom_schools": ["elsewhere"]}, "school_missing"),
    ],
)
def test_a_user_without_a_role_is_denied_and_audited(
    auth_app: AuthApp,
    browser: httpx.Client,
    provider: OpenIdProvider,
    claims: dict[str, Any],
    code: str,
) -> None:
    provider.claims = claims
    answer = sign_in(browser)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)
    assert sessions(auth_app) == []
    with auth_app.school.audited.records.reading() as session:
        entries = [(one.actor, one.action) for one in audit_log.entries(session)]
    assert entries == [("system:sign-in", "refused")]


def test_a_response_is_accepted_once_and_only_in_the_browser_that_began(
    auth_app: AuthApp, browser: httpx.Client, provider: OpenIdProvider
) -> None:
    path = path_of(at_the_provider(browser.get("/sign-in/provider")))
    with httpx.Client(base_url=browser.base_url) as other:
        assert other.get(path).status_code == 401  # a victim follows an attacker's link
        other.get("/sign-in/provider")
        assert other.get(path).status_code == 401
    assert provider.exchanged == 0
    changed = path.replace("state=", "state=x")
    assert browser.get(changed).status_code == 401
    assert browser.get(path).status_code == 303
    assert browser.get(path).status_code == 401
    assert len(sessions(auth_app)) == 1


def test_a_code_without_its_verifier_is_rejected(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    back = at_the_provider(browser.get("/sign-in/provider"))
    for begun in provider.codes.values():
        begun["code_challenge"] = "of-somebody-else"
    assert browser.get(path_of(back)).status_code == 401
    assert provider.exchanged == 1


def test_the_state_cookie_can_be_neither_read_nor_changed(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    began = browser.get("/sign-in/provider")
    sealed = str(browser.cookies["homeroom-sign-in"])
    [cookie] = began.headers.get_list("set-cookie")
    assert all(
        attribute in cookie for attribute in ("HttpOnly", "Max-Age=600", "SameSite=lax", "Path=/")
    )
    path = path_of(at_the_provider(began))
    assert provider.asked[0]["state"].encode().hex() not in sealed
    with httpx.Client(base_url=browser.base_url) as other:
        flipped = f"{sealed[:40]}{'A' if sealed[40] == 'B' else 'B'}{sealed[41:]}"
        for text, status in ((flipped, 401), ("zz", 401), ("z", 401), ("", 401), (sealed, 303)):
            answer = other.get(path, headers={"Cookie": f"homeroom-sign-in={text}"})
            assert answer.status_code == status


def test_new_keys_of_the_provider_are_fetched(
    browser: httpx.Client, provider: OpenIdProvider
) -> None:
    assert sign_in(browser).status_code == 303
    for kid in ("two", "two"):
        provider.key = RSAKey.generate_key(2048, {"kid": kid})
        assert sign_in(browser).status_code == 303


@pytest.mark.parametrize(
    "wrong",
    ["other issuer", "document is no JSON", "signs with none", "signs symmetrically"],
)
def test_unusable_metadata_is_an_error_and_is_fetched_again(
    browser: httpx.Client, provider: OpenIdProvider, wrong: str
) -> None:
    provider.wrong = wrong
    answer = browser.get("/sign-in/provider")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
    provider.wrong = ""
    assert sign_in(browser).status_code == 303


@pytest.mark.parametrize("wrong", ["token endpoint fails", "keys endpoint fails"])
def test_a_provider_that_fails_during_the_sign_in_is_an_error_in_the_error_format(
    browser: httpx.Client, provider: OpenIdProvider, wrong: str
) -> None:
    back = at_the_provider(browser.get("/sign-in/provider"))
    provider.wrong = wrong
    answer = browser.get(path_of(back))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
    assert "Retry-After" in answer.headers
    assert "c4n4ry" not in answer.text


def test_a_provider_that_does_not_answer_is_an_error_in_the_error_format(
    sqlite_school: School,
) -> None:
    with a_provider() as provider:
        access = access_of(provider)
    with calling(build_auth_app(sqlite_school, **access).app) as browser:
        answer = browser.get("/sign-in/provider")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
    assert answer.json()["error"]["detail"] == "the identity provider does not answer."


def test_logs_contain_neither_code_nor_verifier_nor_secret(
    browser: httpx.Client, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    back = at_the_provider(browser.get("/sign-in/provider"))
    [code] = provider.codes
    browser.get(path_of(back))
    records = [one for one in caplog.records if not one.name.startswith(("httpx", "tests"))]
    written = "".join(one.getMessage() + repr(vars(one)) for one in records)
    cookie = str(browser.cookies["homeroom"])
    for secret in (code, CLIENT_SECRET, cookie, cookie.split(".")[0], "code_verifier"):
        assert secret not in written


def test_without_a_provider_its_paths_do_not_exist(sqlite_school: School) -> None:
    with calling(build_auth_app(sqlite_school).app) as browser:
        for path in ("/sign-in/provider", "/sign-in/callback?code=x&state=y"):
            answer = browser.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_public_client_authenticates_by_its_verifier_alone(
    sqlite_school: School, provider: OpenIdProvider
) -> None:
    access = access_of(provider) | {"oidc_client_secret": None}
    with calling(build_auth_app(sqlite_school, **access).app) as browser:
        assert sign_in(browser).status_code == 401  # this provider requires the secret
    assert provider.exchanged == 1


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": [CLIENT_ID]}, 303),
        ({"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}, 303),
        ({"aud": [CLIENT_ID, "other"]}, 401),
        ({"aud": [CLIENT_ID, "other"], "azp": "other"}, 401),
        ({"azp": "other"}, 401),
        ({"iat": "yesterday"}, 401),
    ],
)
def test_a_token_for_several_audiences_names_this_client_as_the_authorized_party(
    browser: httpx.Client, provider: OpenIdProvider, claims: dict[str, Any], status: int
) -> None:
    provider.claims = TEACHER | claims
    assert sign_in(browser).status_code == status
