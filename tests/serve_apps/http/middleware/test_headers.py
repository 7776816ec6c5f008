"""Request ids, trusted hosts and security headers, on every response."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from cluster.settings import LiveSettings, Settings
from serve_apps.http.auth.install import PUBLIC, install
from serve_apps.http.middleware.headers import (
    REQUEST_ID_HEADER,
    SECURITY_HEADERS,
    is_https,
    public_base_url,
)
from tests.register.school import School
from tests.serve_apps.http.auth_app import EVERYBODY, TEACHERS, build_auth_app, calling


@pytest.fixture
def client(sqlite_school: School) -> Iterator[httpx.Client]:
    with calling(build_auth_app(sqlite_school, largest_request=1000).app) as opened:
        yield opened


def test_every_response_has_the_security_headers(client: httpx.Client) -> None:
    answers = {
        200: client.get(EVERYBODY),
        401: client.get(TEACHERS),
        404: client.get("/nowhere"),
        405: client.delete(EVERYBODY),
        413: client.post("/count", content=b"x" * 1001),
        421: client.get(EVERYBODY, headers={"Host": "elsewhere.example"}),
        500: client.get("/broken", params={"word": "x"}),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "Strict-Transport-Security" not in answer.headers
        assert answer.headers[REQUEST_ID_HEADER]


def test_a_page_keeps_its_own_policy(client: httpx.Client) -> None:
    answer = client.get("/page")
    assert answer.headers.get_list("Content-Security-Policy") == ["default-src 'self'"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("live", "secure"),
    [
        ({}, False),
        ({"behind_proxy": True}, True),
        ({"tls_certificate": "a.pem", "tls_key": "b.pem"}, True),
        ({"public_url": "https://homeroom.example.org"}, True),
        ({"public_url": "http://127.0.0.1:9"}, False),
    ],
)
def test_hsts_is_sent_if_browsers_use_tls(
    sqlite_school: School, live: dict[str, Any], secure: bool
) -> None:
    assert is_https(LiveSettings.model_validate(live)) == secure
    with calling(build_auth_app(sqlite_school, live=live).app) as client:
        assert ("Strict-Transport-Security" in client.get(EVERYBODY).headers) == secure


@pytest.mark.parametrize(
    ("live", "base"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"public_url": "https://homeroom.example.org/"}, "https://homeroom.example.org"),
        ({"host": "::1", "port": 9}, "http://[::1]:9"),
        ({"host": "10.0.0.1", "behind_proxy": True}, "https://10.0.0.1:8000"),
    ],
)
def test_the_public_base_url(live: dict[str, Any], base: str) -> None:
    assert public_base_url(LiveSettings.model_validate(live)) == base


def test_a_well_formed_request_id_is_kept_and_any_other_replaced(client: httpx.Client) -> None:
    def answered(given: str) -> str:
        return client.get(EVERYBODY, headers={REQUEST_ID_HEADER: given}).headers[REQUEST_ID_HEADER]

    assert answered("trace-0123.abc") == "trace-0123.abc"
    for strange in ("short", "x" * 65, "a b c d e f", "id\tid\tid\tid", "<script>id"):
        given = answered(strange)
        assert given != strange
        assert len(given) == 32


def test_log_records_have_the_request_id() -> None:
    seen: list[str] = []
    app = FastAPI(docs_url=None, redoc_url=None)

    async def log() -> None:
        seen.append(structlog.contextvars.get_contextvars()["request_id"])

    app.add_api_route("/log", log, dependencies=[PUBLIC])
    install(app, Settings())
    with calling(app) as client:
        given = [client.get("/log").headers[REQUEST_ID_HEADER] for _ in range(2)]
    assert seen == given
    assert len(set(given)) == 2


@pytest.mark.parametrize(
    ("live", "hosts", "strange"),
    [
        (
            {},
            ["127.0.0.1:8000", "localhost", "[::1]:8000", "LOCALHOST"],
            ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "a b", "localhost:x", "[::1"],
        ),
        (
            {"public_url": "https://homeroom.example.org:8443", "host": "10.0.0.7"},
            ["homeroom.example.org", "homeroom.example.org:8443", "10.0.0.7:1", "localhost"],
            ["example.org", "sub.homeroom.example.org", "10.0.0.8"],
        ),
        (
            {"host": "0.0.0.0", "behind_proxy": True},  # noqa: S104 (only in settings)
            ["10.1.2.3:8000", "[fd00::1]", "localhost"],
            ["evil.example"],
        ),
    ],
)
def test_only_trusted_host_names_are_answered(
    sqlite_school: School, live: dict[str, Any], hosts: list[str], strange: list[str]
) -> None:
    with calling(build_auth_app(sqlite_school, live=live).app) as client:
        for host in hosts:
            assert client.get(EVERYBODY, headers={"Host": host}).status_code == 200, host
        for host in strange:
            answer = client.get(EVERYBODY, headers={"Host": host})
            assert answer.status_code in (400, 421), host
