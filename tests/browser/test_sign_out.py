"""Signing out at the identity provider, in a browser that obeys the pages' security policy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from cluster.settings import Settings
from tests.browser.chromium import browser_session
from tests.databases import sqlite_url
from tests.ports import free_port
from tests.register.school import School, create_school
from tests.serve_apps.http.api_client import open_api_client, served, settings_of
from tests.serve_apps.http.auth_app import on_a_server
from tests.serve_apps.http.provider import OpenIdProvider, a_provider, access_of


@pytest.fixture
def school(tmp_path: Path, migrated_sqlite: Path, keys: KeyStore) -> Iterator[School]:
    file = tmp_path / "records.sqlite"
    shutil.copyfile(migrated_sqlite, file)
    opened = Records(sqlite_url(file))
    yield create_school(opened, keys, tmp_path, students=1)
    opened.close()


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with a_provider(homeroom_role="school_leader", homeroom_schools="hill") as opened:
        yield opened


def _end_session(request: Request) -> Response:
    if "done" not in request.query_params:  # providers redirect among addresses of their own
        return RedirectResponse(request.url.include_query_params(done="1"))
    return HTMLResponse("<title>The provider</title><h1>Signed out at the provider</h1>")


def test_the_browser_goes_from_the_form_to_the_provider(
    browser: Browser, school: School, provider: OpenIdProvider, tmp_path: Path
) -> None:
    values = settings_of(tmp_path, school).model_dump(exclude_unset=True)
    values["access"] |= access_of(provider)
    school.settings = Settings.model_validate(values | {"live": {"port": free_port()}})
    with (
        on_a_server(Starlette(routes=[Route("/end", _end_session)])) as other_host,
        open_api_client(school) as api,
        served(api.app, school.settings.live.port) as address,
        browser_session(browser, address) as session,
    ):
        provider.end_session = f"{other_host}/end"
        session.goto("/sign-in")
        session.page.click("main a.button")
        session.page.wait_for_url(f"{address}/school")
        session.page.click(".sign-out button")
        session.page.wait_for_url(f"{other_host}/end?*done=1*")
        assert session.page.title() == "The provider"
        assert [one for one in session.problems if not one.startswith("a request to")] == []
        session.goto("/signed-out")
        assert "You are signed out of Homeroom" in session.page.content()
