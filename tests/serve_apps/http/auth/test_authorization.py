"""Requests are denied before their body is read; those that are allowed have it read."""

import asyncio
import re
import socket
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from cluster.security.roles import Role
from serve_apps.http.auth.route_table import ANY_METHOD, WEBSOCKET, route_table
from tests.register.school import School
from tests.serve_apps.http.api_client import ApiClient
from tests.serve_apps.http.auth_app import EVERYBODY, WATCHERS, build_auth_app, on_a_server

pytestmark = pytest.mark.sqlite


class BodyWasRead(Exception):
    """The application requested the body."""


def send_without_body(
    app: ASGIApp, method: str, path: str, token: str | None = None, **headers: str
) -> tuple[int, bytes]:
    """Return the status and body of the response to a request whose body is never sent.

    Raises:
        BodyWasRead: The application waits for it.
    """
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    headers = {"host": "127.0.0.1", "content-type": "application/json", **headers}
    sent: list[Message] = []
    read = False

    async def receive() -> Message:
        nonlocal read
        read = not sent  # after a response, servers check whether the client is still connected
        raise BodyWasRead

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def run() -> None:
        await asyncio.wait_for(app(scope, receive, send), 10)

    asyncio.run(run())
    if read:
        raise BodyWasRead
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return int(sent[0]["status"]), body


def routes_with_roles(api_client: ApiClient) -> list[tuple[str, str, tuple[Role, ...]]]:
    return [
        (method, re.sub(r"\{\w+\}", "x", path), roles)
        for method, path, roles in route_table(api_client.app)
        if roles and method not in (ANY_METHOD, WEBSOCKET)
    ]


def test_no_route_reads_the_body_of_an_anonymous_request(api_client: ApiClient) -> None:
    routes = routes_with_roles(api_client)
    assert len([method for method, *_ in routes if method == "POST"]) > 8
    for method, path, _ in routes:
        status, body = send_without_body(api_client.app, method, path)
        assert (status, b'"not_signed_in"' in body) == (401, True), (method, path)
    assert send_without_body(api_client.app, "POST", "/api/analyse", "hr_made.up")[0] == 401


def test_no_route_reads_the_body_of_a_caller_in_another_role(api_client: ApiClient) -> None:
    tokens = {role: api_client.token(role, schools=["hill"]) for role in Role}
    for method, path, roles in routes_with_roles(api_client):
        for role in set(Role) - set(roles):
            status, body = send_without_body(api_client.app, method, path, tokens[role])
            assert (status, b'"not_allowed"' in body) == (403, True), (method, path, role)


def test_the_body_of_an_allowed_request_is_read(api_client: ApiClient) -> None:
    headers = {"content-type": "image/jpeg"}
    token = api_client.token(Role.OPERATOR)
    with pytest.raises(BodyWasRead):
        send_without_body(api_client.app, "POST", "/api/analyse", token, **headers)


def test_public_and_missing_paths_are_not_affected(sqlite_school: School) -> None:
    app = build_auth_app(sqlite_school).app
    assert send_without_body(app, "GET", EVERYBODY)[0] == 200
    assert send_without_body(app, "POST", EVERYBODY)[0] == 405
    assert send_without_body(app, "POST", "/no-such")[0] == 404
    assert send_without_body(app, "GET", "/static/a.css") == (200, b"a style")
    assert send_without_body(app, "POST", "/files/a.csv")[0] == 401
    with pytest.raises(BodyWasRead):
        send_without_body(app, "POST", "/sign-in/token")


def test_an_anonymous_client_gets_401_before_the_body_is_sent(sqlite_school: School) -> None:
    with on_a_server(build_auth_app(sqlite_school).app) as address:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(
                f"POST {WATCHERS} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                "Content-Length: 100000\r\n\r\n{".encode()
            )
            assert line.recv(100).startswith(b"HTTP/1.1 401 ")
