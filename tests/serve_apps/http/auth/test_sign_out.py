"""Sign-out at the identity provider too, and the sign-in after it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cluster.security.roles import Role
from cluster.settings import Settings
from serve_apps.http.auth.cookies import MAX_COOKIE_LENGTH
from tests.register.school import School
from tests.serve_apps.http.api_client import ApiClient, open_api_client, settings_of
from tests.serve_apps.http.provider import (
    CLIENT_ID,
    OpenIdProvider,
    a_provider,
    access_of,
    at_the_provider,
    path_of,
)

HTML = {"Accept": "text/html", "Accept-Language": "en"}
END_SESSION = "https://id.school.example/logout?tenant=a"
REFRESH = 'http-equiv="refresh"'


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with a_provider(homeroom_role="operator") as opened:
        yield opened


@contextmanager
def open_pages(school: School, folder: Path, **access: Any) -> Iterator[ApiClient]:
    values = settings_of(folder, school).model_dump(exclude_unset=True)
    values["access"] |= {"sign_ins_per_minute": 1000, **access}
    school.settings = Settings.model_validate(values)
    with open_api_client(school) as api:
        yield api


@pytest.fixture
def api(sqlite_school: School, provider: OpenIdProvider, tmp_path: Path) -> Iterator[ApiClient]:
    with open_pages(sqlite_school, tmp_path, **access_of(provider)) as opened:
        yield opened


def get(api: ApiClient, path: str) -> httpx.Response:
    return api.client.request("GET", path, headers=HTML)


def sign_in(api: ApiClient) -> httpx.Response:
    return get(api, path_of(at_the_provider(get(api, "/sign-in/provider"))))


def sign_out(api: ApiClient, *, csrf: str | None = None) -> httpx.Response:
    if csrf is None:
        csrf = api.client.request("GET", "/sign-in/session").json()["csrf"]
    return api.client.request("POST", "/sign-out", headers=HTML, data={"csrf": csrf})


def prompt_of(api: ApiClient) -> list[str] | None:
    """The `prompt` with which the browser is sent to the provider."""
    query = urlsplit(get(api, "/sign-in/provider").headers["location"]).query
    return parse_qs(query).get("prompt")


def test_the_browser_is_sent_to_the_providers_sign_out(
    api: ApiClient, provider: OpenIdProvider
) -> None:
    provider.end_session = END_SESSION
    assert sign_in(api).status_code == 303
    answer = sign_out(api)
    assert (answer.status_code, answer.headers["location"]) == (303, "/signed-out")
    page = unescape(get(api, "/signed-out").text)
    address = page.partition('content="0;url=')[2].partition('"')[0]
    assert address.startswith(END_SESSION)
    query = parse_qs(urlsplit(address).query)
    assert query.pop("id_token_hint")[0].count(".") == 2
    assert query == {
        "tenant": ["a"],
        "client_id": [CLIENT_ID],
        "post_logout_redirect_uri": ["http://127.0.0.1:8000/signed-out"],
    }


@pytest.mark.parametrize(
    "endpoint", [None, "http://id.school.example/logout", "javascript:x", "//x"]
)
def test_a_provider_without_a_safe_sign_out_is_named_as_still_signed_in(
    api: ApiClient, provider: OpenIdProvider, endpoint: str | None
) -> None:
    provider.end_session = endpoint
    sign_in(api)
    assert sign_out(api).headers["location"] == "/signed-out"
    page = get(api, "/signed-out").text
    assert "still signed in on this device" in page
    assert REFRESH not in page
    assert prompt_of(api) == ["login"]


def test_a_provider_that_does_not_answer_keeps_nobody_signed_in_here(
    sqlite_school: School, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        with a_provider(homeroom_role="operator") as provider:
            api = stack.enter_context(open_pages(sqlite_school, tmp_path, **access_of(provider)))
            sign_in(api)
        del api.app.state.oidc_client  # and with it the provider's metadata
        assert sign_out(api).status_code == 303
        assert "still signed in on this device" in get(api, "/signed-out").text
        assert api.client.request("GET", "/sign-in/session").status_code == 401


def test_a_token_that_is_too_long_for_a_cookie_is_left_out(
    api: ApiClient, provider: OpenIdProvider
) -> None:
    provider.end_session = END_SESSION
    provider.claims["groups"] = [f"group-{number}" for number in range(500)]
    answer = sign_in(api)
    assert answer.status_code == 303
    cookies = answer.headers.get_list("set-cookie")
    assert all(len(cookie) < MAX_COOKIE_LENGTH + 200 for cookie in cookies)
    sign_out(api)
    page = get(api, "/signed-out").text
    assert REFRESH in page
    assert "id_token_hint" not in page


def test_the_cookie_with_the_token_can_be_read_by_nobody(
    api: ApiClient, provider: OpenIdProvider
) -> None:
    provider.end_session = END_SESSION
    provider.claims["sub"] = "c4n4ry"
    answer = sign_in(api)
    [cookie] = [
        one for one in answer.headers.get_list("set-cookie") if one.startswith("homeroom-provider=")
    ]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=28800"))
    assert "eyJ" not in cookie  # how a token begins


def test_the_page_sends_nobody_away_who_is_signed_in_or_has_not_signed_out(
    api: ApiClient, provider: OpenIdProvider
) -> None:
    provider.end_session = END_SESSION
    assert REFRESH not in get(api, "/signed-out").text
    sign_in(api)
    answer = get(api, "/signed-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    api.client.http.cookies.delete("homeroom")
    assert REFRESH not in get(api, "/signed-out").text


@pytest.mark.parametrize("csrf", ["", "wrong"])
def test_another_site_can_sign_nobody_out_at_the_provider(
    api: ApiClient, provider: OpenIdProvider, csrf: str
) -> None:
    provider.end_session = END_SESSION
    sign_in(api)
    assert sign_out(api, csrf=csrf).status_code == 403
    assert api.client.request("GET", "/sign-in/session").status_code == 200
    assert prompt_of(api) is None


def test_a_session_with_a_token_ends_here_alone(api: ApiClient, provider: OpenIdProvider) -> None:
    provider.end_session = END_SESSION
    sign_in(api)  # leaves a cookie that belongs to another session
    token = api.token(Role.OPERATOR)
    api.client.request("POST", "/sign-in/token", json={"token": token})
    answer = sign_out(api)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert prompt_of(api) is None


def test_after_signing_out_the_next_sign_in_asks_who_it_is_once(
    api: ApiClient, provider: OpenIdProvider
) -> None:
    assert prompt_of(api) is None
    sign_in(api)
    assert prompt_of(api) is None
    sign_out(api)
    assert prompt_of(api) == ["login"]
    sign_in(api)
    assert prompt_of(api) is None
    assert provider.asked[-1]["prompt"] == "login"


def test_a_provider_that_does_not_ask_although_it_was_told_to_signs_nobody_in(
    api: ApiClient, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.wrong = "did not ask for the password"
    assert sign_in(api).status_code == 303  # single sign-on, as long as nobody signed out
    sign_out(api)
    answer = sign_in(api)
    assert answer.headers["location"] == "/sign-in?problem=not_signed_in"
    assert "it did not ask who it is, although prompt=login was sent" in caplog.text
    provider.wrong = "asked for the password"
    assert sign_in(api).headers["location"] == "/"


def test_google_which_knows_no_prompt_for_the_password_is_asked_for_the_account(
    sqlite_school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google = "https://accounts.google.com"

    async def get_json(url: str) -> dict[str, str]:
        assert url == f"{google}/.well-known/openid-configuration"
        return {
            "issuer": google,
            "authorization_endpoint": f"{google}/o/oauth2/v2/auth",
            "token_endpoint": "https://oauth2.example/token",
            "jwks_uri": "https://oauth2.example/certs",
        }

    monkeypatch.setattr("serve_apps.http.auth.identity_provider._get_json", get_json)
    access = {"oidc_issuer": google, "oidc_client_id": "x"}
    with open_pages(sqlite_school, tmp_path, **access) as api:
        assert prompt_of(api) is None
        api.client.http.cookies.set("homeroom-reauthenticate", "1")
        assert prompt_of(api) == ["select_account"]


def test_whoever_cancels_is_redirected_to_the_sign_in_with_the_page_they_wanted(
    api: ApiClient, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    provider.wrong = "says no"
    back = at_the_provider(get(api, "/sign-in/provider?next=/lessons%3Fday%3D1"))
    answer = get(api, path_of(back))
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location == "/sign-in?next=%2Flessons%3Fday%3D1&problem=sign_in_cancelled"
    assert "homeroom-sign-in" not in dict(api.client.http.cookies)
    assert "You did not sign in with your school account" in get(api, location).text
    own = "".join(one.getMessage() for one in caplog.records if one.name != "httpx")
    assert "access_denied" in own
    assert "c4n4ry" not in own
    assert get(api, path_of(back)).headers["location"] == "/sign-in?problem=not_signed_in"


def test_a_forged_cancellation_is_no_redirect(api: ApiClient) -> None:
    get(api, "/sign-in/provider")
    answer = get(api, "/sign-in/callback?error=access_denied&state=forged")
    assert answer.headers["location"] == "/sign-in?problem=not_signed_in"


def test_signing_out_without_a_session_leads_to_the_sign_in(api: ApiClient) -> None:
    answer = sign_out(api, csrf="x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/")


def test_a_problem_that_the_page_does_not_know_is_not_shown(api: ApiClient) -> None:
    page = get(api, "/sign-in?problem=%3Cscript%3E").text
    assert "script" not in page
    assert "notice" not in page
