"""Sessions in a browser: cookies, expiry, revocation, and protection against request forgery."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cluster.records.db import audit_log
from cluster.records.repos.sign_ins import sign_ins
from cluster.security.roles import Role
from serve_apps.http.auth.cookies import CSRF_HEADER
from serve_apps.http.auth.redirects import safe_redirect_path
from tests.register.school import School
from tests.serve_apps.http.auth_app import (
    EVERYBODY,
    OPERATORS,
    TEACHERS,
    WATCHERS,
    AuthApp,
    bearer,
    build_auth_app,
    calling,
    wait_until,
)

BODY = {"status": 7}


@pytest.fixture
def auth_app(sqlite_school: School) -> AuthApp:
    return build_auth_app(sqlite_school, session_minutes=60)


@pytest.fixture
def browser(auth_app: AuthApp) -> Iterator[httpx.Client]:
    with calling(auth_app.app) as opened:
        yield opened


def sign_in(browser: httpx.Client, token: str) -> dict[str, Any]:
    """Sign in with a token; return the session."""
    answer = browser.post("/sign-in/token", json={"token": token})
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


def states(auth_app: AuthApp) -> list[str]:
    with auth_app.school.audited.records.reading() as session:
        now = auth_app.school.clock.now
        return [one.state(now) for one in sign_ins(session, "session")]


def test_a_token_is_exchanged_for_a_session(auth_app: AuthApp, browser: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER)
    session = sign_in(browser, f" {token}\n")
    assert session["roles"] == ["teacher"]
    assert browser.get(TEACHERS).status_code == 200
    assert browser.get(OPERATORS).status_code == 403
    assert browser.get("/sign-in/session").json() == session
    assert token not in str(browser.cookies)


def test_the_cookie_is_hidden_from_scripts_and_other_sites(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    answer = browser.post("/sign-in/token", json={"token": auth_app.token(Role.TEACHER)})
    [cookie] = answer.headers.get_list("set-cookie")
    assert cookie.startswith("homeroom=")
    assert all(
        attribute in cookie for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=3600")
    )
    assert "Domain" not in cookie
    assert "Secure" not in cookie


def test_over_tls_the_cookie_is_never_sent_in_the_clear(sqlite_school: School) -> None:
    auth_app = build_auth_app(sqlite_school, live={"behind_proxy": True})
    with calling(auth_app.app) as browser:
        answer = browser.post("/sign-in/token", json={"token": auth_app.token(Role.TEACHER)})
        [cookie] = answer.headers.get_list("set-cookie")
        assert cookie.startswith("__Host-homeroom=")
        assert "Secure" in cookie
        prefixed = cookie.partition(";")[0]
        assert browser.get(TEACHERS, headers={"Cookie": prefixed}).status_code == 200
        plain = prefixed.removeprefix("__Host-")
        assert browser.get(TEACHERS, headers={"Cookie": plain}).status_code == 401


def test_a_form_is_redirected_to_a_page_of_this_service(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    for given, location in (("/rooms", "/rooms"), ("https://evil.example", "/")):
        form = {"token": auth_app.token(Role.TEACHER), "next": given}
        answer = browser.post("/sign-in/token", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, location)
    assert browser.get(TEACHERS).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "",
        "rooms",
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /rooms",
        "/ /evil.example",
        "javascript:alert(1)",
        "/é",
        "/\x00",
        "/sign-in",
        "/sign-in/callback",
        "/sign-in/provider?next=/",
        "/sign-out",
        "/signed-out",
    ],
)
def test_addresses_of_other_sites_and_steps_of_signing_in_are_not_redirected_to(
    address: str,
) -> None:
    assert safe_redirect_path(address) == "/"


@pytest.mark.parametrize(
    "address", ["/", "/rooms", "/rooms?day=today&x=//y", "/a%2f%2fb", "/a#b", "/sign-ins"]
)
def test_a_path_of_this_service_is_kept(address: str) -> None:
    assert safe_redirect_path(address) == address


def test_each_sign_in_starts_a_session_and_ends_the_previous_one(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    token = auth_app.token(Role.TEACHER)
    sign_in(browser, token)
    first = str(browser.cookies["homeroom"])
    sign_in(browser, token)
    assert str(browser.cookies["homeroom"]) != first
    with httpx.Client(base_url=browser.base_url) as thief:
        answer = thief.get(TEACHERS, headers={"Cookie": f"homeroom={first}"})
    assert answer.status_code == 401
    assert sorted(states(auth_app)) == ["active", "revoked"]


def test_signing_out_ends_the_session_immediately_and_everywhere(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    csrf = sign_in(browser, auth_app.token(Role.TEACHER))["csrf"]
    stolen = {"Cookie": f"homeroom={browser.cookies['homeroom']}"}
    answer = browser.post("/sign-out", headers={CSRF_HEADER: csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "homeroom" not in browser.cookies
    assert browser.get(TEACHERS).status_code == 401
    assert browser.get(TEACHERS, headers=stolen).status_code == 401
    assert states(auth_app) == ["revoked"]
    with auth_app.school.audited.records.reading() as session:
        actions = [one.action for one in audit_log.entries(session)]
    assert actions == ["sign_in.issue", "sign_in.issue", "sign_in.revoke"]


def test_a_form_may_send_the_csrf_token_in_a_field(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    csrf = sign_in(browser, auth_app.token(Role.TEACHER))["csrf"]
    assert browser.post("/sign-out", data={"csrf": "other"}).status_code == 403
    assert browser.post("/sign-out", data={"csrf": csrf}).status_code == 303


def test_a_link_cannot_sign_out(auth_app: AuthApp, browser: httpx.Client) -> None:
    sign_in(browser, auth_app.token(Role.TEACHER))
    assert browser.get("/sign-out").status_code == 405
    assert browser.get(TEACHERS).status_code == 200


def test_a_token_cannot_sign_out(auth_app: AuthApp, browser: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER)
    answer = browser.post("/sign-out", headers=bearer(token))
    assert answer.status_code == 403
    assert browser.get("/sign-in/session", headers=bearer(token)).json()["csrf"] is None


def test_a_session_expires(auth_app: AuthApp, browser: httpx.Client) -> None:
    sign_in(browser, auth_app.token(Role.TEACHER))
    auth_app.school.clock.advance(minutes=59)
    assert browser.get(TEACHERS).status_code == 200
    auth_app.school.clock.advance(minutes=1)
    assert browser.get(TEACHERS).status_code == 401


def test_a_session_ends_with_its_token(auth_app: AuthApp, browser: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER)
    sign_in(browser, token)
    auth_app.revoke(token)
    wait_until(lambda: browser.get(TEACHERS).status_code == 401)


def test_a_change_needs_the_csrf_token_of_its_session(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    csrf = sign_in(browser, auth_app.token(Role.TEACHER))["csrf"]
    with calling(auth_app.app) as other:
        others = sign_in(other, auth_app.token(Role.TEACHER))["csrf"]
    invalid: list[dict[str, str]] = [{}, {CSRF_HEADER: ""}, {CSRF_HEADER: others}]
    for headers in invalid:
        answer = browser.post(WATCHERS, json=BODY, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
    assert browser.post(WATCHERS, json=BODY, headers={CSRF_HEADER: csrf}).json() == 7


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost", "Host": "localhost"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
def test_a_change_must_come_from_the_same_origin(
    auth_app: AuthApp, browser: httpx.Client, headers: dict[str, str], status: int
) -> None:
    token = auth_app.token(Role.TEACHER)
    csrf = sign_in(browser, token)["csrf"]
    cookie = {"Cookie": f"homeroom={browser.cookies['homeroom']}"}
    with httpx.Client(base_url=browser.base_url) as page:
        given = {**headers, **cookie, CSRF_HEADER: csrf}
        assert page.post(WATCHERS, json=BODY, headers=given).status_code == status
        signing = page.post("/sign-in/token", json={"token": token}, headers=headers)
        assert signing.status_code == status


def test_a_bearer_token_needs_no_csrf_token(auth_app: AuthApp, browser: httpx.Client) -> None:
    headers = bearer(auth_app.token(Role.TEACHER))
    assert browser.post(WATCHERS, json=BODY, headers=headers).json() == 7


def test_an_invalid_token_overrides_a_valid_session(
    auth_app: AuthApp, browser: httpx.Client
) -> None:
    sign_in(browser, auth_app.token(Role.TEACHER))
    assert browser.get(TEACHERS, headers=bearer("hr_x.y")).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "x.y", "hr_x.y", "x" * 5000])
def test_an_invalid_cookie_is_no_sign_in(browser: httpx.Client, cookie: str) -> None:
    headers = {"Cookie": f"homeroom={cookie}"}
    assert browser.get(TEACHERS, headers=headers).status_code == 401
    assert browser.get(EVERYBODY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"token": 7}',
        b'{"token": "c4n4ry"}',
        b'{"token": "hr_c4n4ry.c4n4ry"}',
        b'{"token": ["c4n4ry"]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_invalid_input_is_rejected_without_being_repeated(
    browser: httpx.Client, body: bytes
) -> None:
    answer = browser.post("/sign-in/token", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert "c4n4ry" not in answer.text
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.post("/sign-in/token", content=body, headers=form).status_code == 401


def test_a_form_with_too_many_fields_is_denied(browser: httpx.Client) -> None:
    form = {f"f{number}": "x" for number in range(50)}
    assert browser.post("/sign-in/token", data=form).status_code == 403
