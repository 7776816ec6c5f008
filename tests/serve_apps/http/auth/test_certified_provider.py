"""Sign-in and sign-out at a certified OpenID provider, with the pages."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cluster.settings import Settings
from tests.register.school import School, teacher
from tests.serve_apps.http.api_client import ApiClient, open_api_client, settings_of
from tests.serve_apps.http.certified_provider import (
    CLIENT_SECRET,
    HOMEROOM,
    CertifiedProvider,
    ProviderBrowser,
    run_provider,
)

CANARY = "c4n4ry"
ACCOUNTS: dict[str, dict[str, Any]] = {
    "by-id-token": {"homeroom_role": "teacher", "sourced_id": "teacher-1"},
    "by-group": {"groups": ["staff"], "sourced_id": "teacher-1"},
    "head": {"groups": ["heads"], "schools": "hill, dale"},
    "janitor": {"groups": [f"{CANARY}-janitors"], "name": f"{CANARY} name"},
    "unknown": {"homeroom_role": "teacher", "sourced_id": "teacher-99"},
    "nowhere": {"homeroom_role": "school_leader"},
    "numbered": {"homeroom_role": "teacher", "staff_number": 4711},
}
GROUPS = [
    {"claim": "groups", "value": "staff", "role": "teacher"},
    {"claim": "groups", "value": "heads", "role": "school_leader"},
]
HTML = {"Accept": "text/html", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def provider() -> Iterator[CertifiedProvider]:
    with run_provider(ACCOUNTS) as running:
        yield running


@pytest.fixture
def browser() -> Iterator[ProviderBrowser]:
    opened = ProviderBrowser()
    yield opened
    opened.http.close()


Homeroom = Callable[..., AbstractContextManager[ApiClient]]


@pytest.fixture
def homeroom(sqlite_school: School, provider: CertifiedProvider, tmp_path: Path) -> Homeroom:
    """Opens the API and the pages with settings of `access` beside those of the provider."""

    @contextmanager
    def opened(**access: Any) -> Iterator[ApiClient]:
        values = settings_of(tmp_path, sqlite_school).model_dump(exclude_unset=True)
        values["access"] |= {**provider.access, **access}
        sqlite_school.settings = Settings.model_validate(values)
        with open_api_client(sqlite_school) as client:
            yield client

    return opened


@pytest.fixture
def api(homeroom: Homeroom) -> Iterator[ApiClient]:
    scopes = ["openid", "groups", "profile"]
    with homeroom(oidc_scopes=scopes, oidc_schools_claim="schools", map=GROUPS) as client:
        yield client


def get(api: ApiClient, address: str) -> httpx.Response:
    """What Homeroom answers to a browser; the address may be absolute."""
    return api.client.request("GET", address.removeprefix(HOMEROOM), headers=HTML)


def begin(api: ApiClient, next_path: str = "/") -> str:
    """Where Homeroom sends the browser to sign in."""
    began = get(api, f"/sign-in/provider?next={next_path}")
    assert began.status_code == 302, began.text
    return str(began.headers["location"])


def sign_in(api: ApiClient, browser: ProviderBrowser, account: str) -> httpx.Response:
    return get(api, browser.sign_in(begin(api), account))


def session(api: ApiClient) -> dict[str, Any]:
    found: dict[str, Any] = api.client.request("GET", "/sign-in/session").json()
    return found


def sign_out(api: ApiClient) -> httpx.Response:
    return api.client.request(
        "POST", "/sign-out", headers=HTML, data={"csrf": session(api)["csrf"]}
    )


def provider_address_on(page: str) -> str:
    """The address of the provider on the page after signing out."""
    [refresh] = re.findall(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
    [link] = re.findall(r'class="button" href="([^"]+)"', page)
    assert refresh == link
    return unescape(refresh)


def test_a_teacher_signs_in_by_the_claims_of_the_id_token(
    homeroom: Homeroom, browser: ProviderBrowser
) -> None:
    with homeroom() as api:
        answer = get(api, browser.sign_in(begin(api, "/lessons"), "by-id-token"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/lessons")
        assert session(api)["name"] == teacher(1)


def test_groups_that_only_userinfo_gives_map_to_roles_and_schools(
    api: ApiClient, browser: ProviderBrowser
) -> None:
    assert sign_in(api, browser, "by-group").status_code == 303
    assert (session(api)["name"], session(api)["roles"]) == (teacher(1), ["teacher"])
    other = ProviderBrowser()
    assert sign_in(api, other, "head").status_code == 303
    assert (session(api)["roles"], session(api)["schools"]) == (["school_leader"], ["dale", "hill"])
    other.http.close()


def test_without_the_scope_the_provider_gives_no_groups(
    homeroom: Homeroom, browser: ProviderBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    with homeroom(map=GROUPS) as api:
        assert sign_in(api, browser, "by-group").status_code == 403
    assert re.search(r"From userinfo: none. Looked for: groups, homeroom_role", caplog.text)


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ("janitor", "Your school account gives you no role in Homeroom."),
        ("unknown", "or the roster has no such teacher."),
        ("nowhere", "names no school that Homeroom knows."),
    ],
)
def test_whoever_gets_no_role_is_told_why_and_may_choose_another_account(
    api: ApiClient, browser: ProviderBrowser, account: str, reason: str
) -> None:
    answer = sign_in(api, browser, account)
    assert answer.status_code == 403
    assert reason in answer.text
    assert answer.headers["x-request-id"] in answer.text  # for the operator, who finds the log line
    assert "Sign in with another account" in answer.text
    assert get(api, "/").headers["location"] == "/sign-in?next=/"
    assert sign_in(api, browser, "by-group").status_code == 303
    assert browser.passwords == 2


def test_a_number_is_looked_for_in_the_roster(
    homeroom: Homeroom, browser: ProviderBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    with homeroom(oidc_scopes=["profile"], oidc_user_claim="staff_number") as api:
        assert sign_in(api, browser, "numbered").status_code == 403
    assert "teacher_unknown: the roster has no such teacher." in caplog.text
    assert "4711" not in caplog.text


def test_whoever_cancels_is_told_so_and_signs_in_to_where_they_wanted(
    api: ApiClient, browser: ProviderBrowser
) -> None:
    answer = get(api, browser.cancel(begin(api, "/lessons")))
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location == "/sign-in?next=%2Flessons&problem=sign_in_cancelled"
    page = get(api, location).text
    assert "You did not sign in with your school account" in page
    [link] = re.findall(r'href="(/sign-in/provider[^"]*)"', page)
    again = get(api, unescape(link)).headers["location"]
    signed_in = get(api, browser.sign_in(again, "by-group"))
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/lessons")
    assert get(api, "/lessons").status_code == 200


def test_a_response_that_comes_too_late_ends_at_the_sign_in_and_in_no_loop(
    api: ApiClient, browser: ProviderBrowser
) -> None:
    back = browser.sign_in(begin(api), "by-group")
    api.client.http.cookies.clear()
    answer = get(api, back)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?problem=not_signed_in",
    )
    page = get(api, answer.headers["location"]).text
    assert "That sign-in did not work" in page
    assert "/sign-in/provider?next=/" in page
    stale = get(api, "/sign-in?next=/sign-in/callback").text
    assert "callback" not in stale


def test_signing_out_ends_the_session_at_the_provider_and_comes_back(
    api: ApiClient, browser: ProviderBrowser
) -> None:
    sign_in(api, browser, "by-group")
    answer = sign_out(api)
    assert (answer.status_code, answer.headers["location"]) == (303, "/signed-out")
    page = get(api, "/signed-out")
    address = provider_address_on(page.text)
    query = parse_qs(urlsplit(address).query)
    assert query["post_logout_redirect_uri"] == [f"{HOMEROOM}/signed-out"]
    assert set(query) == {"client_id", "id_token_hint", "post_logout_redirect_uri"}
    assert browser.sign_out(address) == f"{HOMEROOM}/signed-out"
    last = get(api, "/signed-out").text
    assert "You are signed out of Homeroom" in last
    assert "refresh" not in last  # the browser is sent to the provider once
    sign_in(api, browser, "head")  # whoever sits down now is asked who it is
    assert browser.passwords == 2
    assert session(api)["roles"] == ["school_leader"]


def test_after_signing_out_the_password_is_asked_for_although_the_provider_knows_somebody(
    api: ApiClient, browser: ProviderBrowser
) -> None:
    sign_in(api, browser, "by-group")
    sign_in(api, browser, "by-group")
    assert browser.passwords == 1  # single sign-on
    sign_out(api)
    assert parse_qs(urlsplit(begin(api)).query)["prompt"] == ["login"]
    sign_in(api, browser, "by-group")
    assert browser.passwords == 2
    sign_in(api, browser, "by-group")
    assert browser.passwords == 2


def test_the_provider_sends_nobody_to_another_address(
    api: ApiClient, browser: ProviderBrowser
) -> None:
    sign_in(api, browser, "by-group")
    sign_out(api)
    address = provider_address_on(get(api, "/signed-out").text)
    for changed in ("signed-out2", "signed-out/", "signed-out?x=1"):
        answer = browser.http.get(address.replace("signed-out", changed))
        assert answer.status_code == 400, changed


def test_no_log_holds_a_token_a_code_or_a_claims_value(
    api: ApiClient, browser: ProviderBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    back = browser.sign_in(begin(api), "janitor")
    get(api, back)
    sign_in(api, browser, "by-group")
    sign_out(api)
    hint = parse_qs(urlsplit(provider_address_on(get(api, "/signed-out").text)).query)
    own = [one for one in caplog.records if not one.name.startswith(("httpx", "tests"))]
    written = "".join(one.getMessage() + repr(vars(one)) for one in own)
    assert "role_missing" in written
    code = parse_qs(urlsplit(back).query)["code"][0]
    for secret in (CANARY, CLIENT_SECRET, code, hint["id_token_hint"][0], "teacher-1"):
        assert secret not in written
