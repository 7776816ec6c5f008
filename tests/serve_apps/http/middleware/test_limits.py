"""Limits of size and rate: counted in bounded memory, answered with Retry-After."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from cluster.security.roles import Role
from cluster.settings import AccessSettings
from serve_apps.http.middleware.limits import BoundedWindowStorage, RateLimits, client_address
from tests.register.school import School
from tests.serve_apps.http.auth_app import (
    EVERYBODY,
    TEACHERS,
    AuthApp,
    bearer,
    build_auth_app,
    calling,
)

MINUTE = 60


@dataclass
class Seconds:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_moves_with_time() -> None:
    seconds = Seconds()
    limits = RateLimits(AccessSettings(requests_per_minute=10), seconds)
    for _ in range(10):
        assert limits.hit_sign_in_id("a") is None
        seconds.now += 3
    assert limits.hit_sign_in_id("a") == 30
    assert limits.hit_sign_in_id("b") is None
    seconds.now += 30
    assert limits.hit_sign_in_id("a") is None  # the oldest has left the window
    assert limits.hit_sign_in_id("a") == 3


def test_callers_addresses_attempts_and_failures_are_counted_apart() -> None:
    limits = RateLimits(AccessSettings(requests_per_minute=10, sign_ins_per_minute=2), Seconds())
    counts: list[tuple[Callable[[str], int | None], int]] = [
        (limits.hit_sign_in_id, 10),
        (limits.hit_address, 10),
        (limits.hit_attempt, 2),
        (limits.hit_failed_sign_in, 2),
    ]
    for hit, limit in counts:
        assert [hit("1.2.3.4") is None for _ in range(limit + 1)] == [True] * limit + [False]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=200))
def test_memory_is_bounded_for_any_sequence_of_clients(requests: list[tuple[int, int]]) -> None:
    seconds = Seconds()
    windows = BoundedWindowStorage(max_requests=50, max_clients=10, clock=seconds)
    for client, pause in requests:
        seconds.now += pause
        windows.acquire_entry(str(client), 20, MINUTE)
        counts = [windows.get(str(one)) for one in range(31)]
        assert sum(counts) <= 50
        assert sum(count > 0 for count in counts) <= 10
        assert 1 <= windows.get(str(client)) <= 20
    windows.clear("0")
    assert windows.get("0") == 0
    windows.reset()
    assert windows.get_moving_window("1", 20, MINUTE) == (seconds.now, 0)


def test_the_least_recently_active_client_is_forgotten_first() -> None:
    windows = BoundedWindowStorage(max_clients=2, clock=Seconds())
    for client in ("a", "b", "a", "c"):
        windows.acquire_entry(client, 20, MINUTE)
    assert [windows.get(client) for client in ("a", "b", "c")] == [2, 0, 1]


def connection(client: str | None, *forwarded: str) -> HTTPConnection:
    return HTTPConnection(
        {
            "type": "http",
            "client": None if client is None else (client, 1),
            "headers": [(b"x-forwarded-for", one.encode()) for one in forwarded],
        }
    )


@pytest.mark.parametrize(
    ("client", "forwarded", "behind_proxy", "address"),
    [
        ("192.0.2.1", [], False, "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.9"], False, "192.0.2.1"),  # any client can set it
        ("10.0.0.1", ["203.0.113.5, 198.51.100.9"], True, "198.51.100.9"),
        ("10.0.0.1", ["203.0.113.5", "198.51.100.9"], True, "198.51.100.9"),
        ("10.0.0.1", [], True, "10.0.0.1"),
        ("10.0.0.1", ["made up"], True, "unknown"),
        ("2001:db8::1:2:3:4", [], False, "2001:db8::/64"),
        ("::ffff:192.0.2.1", [], False, "192.0.2.1"),
        (None, [], False, "unknown"),
    ],
)
def test_the_address_of_a_client(
    client: str | None, forwarded: list[str], behind_proxy: bool, address: str
) -> None:
    assert client_address(connection(client, *forwarded), behind_proxy=behind_proxy) == address


def statuses(client: httpx.Client, path: str, count: int, **more: Any) -> list[int]:
    return [client.get(path, **more).status_code for _ in range(count)]


def test_too_many_requests_get_429_with_retry_after(sqlite_school: School) -> None:
    auth_app = build_auth_app(sqlite_school, requests_per_minute=10)
    first, second = bearer(auth_app.token(Role.TEACHER)), bearer(auth_app.token(Role.TEACHER))
    with calling(auth_app.app) as client:
        assert statuses(client, TEACHERS, 11, headers=first) == [200] * 10 + [429]
        answer = client.get(TEACHERS, headers=first)
        assert 1 <= int(answer.headers["Retry-After"]) <= MINUTE
        assert answer.json()["error"]["code"] == "too_many_requests"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert statuses(client, TEACHERS, 1, headers=second) == [200]
        assert statuses(client, EVERYBODY, 11) == [200] * 10 + [429]


def test_failed_sign_ins_are_limited_and_keep_nobody_else_out(sqlite_school: School) -> None:
    auth_app = build_auth_app(sqlite_school, sign_ins_per_minute=3)
    wrong, right = bearer("hr_made.up"), bearer(auth_app.token(Role.TEACHER))
    with calling(auth_app.app) as client:
        assert statuses(client, TEACHERS, 5, headers=wrong) == [401] * 3 + [429] * 2
        assert statuses(client, TEACHERS, 1, headers=right) == [200]
        assert client.post("/sign-in/token", json={"token": "x"}).status_code == 429  # invalid
        token = auth_app.token(Role.TEACHER)
        assert client.post("/sign-in/token", json={"token": token}).status_code == 200


def test_attempts_to_sign_in_are_limited(sqlite_school: School) -> None:
    auth_app = build_auth_app(sqlite_school, sign_ins_per_minute=3)
    token = auth_app.token(Role.TEACHER)
    with calling(auth_app.app) as client:
        answers = [
            client.post("/sign-in/token", json={"token": token}).status_code for _ in range(4)
        ]
        assert answers == [200, 200, 200, 429]
        client.cookies.clear()
        assert statuses(client, "/sign-in/provider", 1) == [429]
        assert statuses(client, EVERYBODY, 1) == [200]


@pytest.fixture
def small(sqlite_school: School) -> Iterator[tuple[AuthApp, httpx.Client]]:
    auth_app = build_auth_app(sqlite_school, largest_request=1000)
    with calling(auth_app.app) as client:
        yield auth_app, client


def parts(*sizes: int) -> Iterator[bytes]:
    """A body without Content-Length."""
    for size in sizes:
        yield b"x" * size


def test_a_request_larger_than_the_limit_is_rejected(small: tuple[AuthApp, httpx.Client]) -> None:
    _, client = small
    assert client.post("/count", content=b"x" * 1000).json() == 1000
    for content in (b"x" * 1001, b"x" * 2_000_000):
        answer = client.post("/count", content=content)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "request_too_large"


def test_a_body_without_a_length_is_counted_while_it_is_read(
    small: tuple[AuthApp, httpx.Client],
) -> None:
    _, client = small
    assert client.post("/count", content=parts(500, 500)).json() == 1000
    for sizes in ((500, 501), (1, 100_000), (1001,)):
        answer = client.post("/count", content=parts(*sizes))
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "request_too_large"


def test_a_large_body_is_rejected_when_fastapi_reads_it(
    small: tuple[AuthApp, httpx.Client],
) -> None:
    auth_app, client = small
    headers = {**bearer(auth_app.token(Role.TEACHER)), "Content-Type": "application/json"}
    answer = client.post("/watchers", content=parts(600, 600), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(("length", "status"), [("x", 400), ("-1", 400), ("9" * 5000, 413)])
def test_an_invalid_content_length_is_rejected(
    sqlite_school: School, length: str, status: int
) -> None:
    transport = httpx.ASGITransport(build_auth_app(sqlite_school).app)
    headers = {"Content-Length": length, "Host": "127.0.0.1"}

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post("/count", headers=headers, content=b"x")

    assert asyncio.run(ask()).status_code == status
