"""Every role at example routes, undeclared routes, and requests through all middleware."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Router
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from cluster.errors import SettingsError
from cluster.security.roles import Role
from cluster.settings import Settings
from serve_apps.http.auth.install import PUBLIC, Guarded, install, require_roles, route_table
from serve_apps.http.errors import install_error_handlers
from tests.register.school import School, teacher
from tests.serve_apps.http.auth_app import (
    EVERYBODY,
    LEADERS,
    OPERATORS,
    TEACHERS,
    WATCHERS,
    AuthApp,
    bearer,
    build_auth_app,
    calling,
    wait_until,
)

ROUTES: list[tuple[str, str, set[Role]]] = [
    ("GET", TEACHERS, {Role.TEACHER}),
    ("GET", LEADERS, {Role.SCHOOL_LEADER}),
    ("GET", OPERATORS, {Role.OPERATOR}),
    ("POST", WATCHERS, {Role.TEACHER, Role.SCHOOL_LEADER}),
    ("GET", "/files/a.csv", {Role.ANALYST}),
]


@pytest.fixture
def auth_app(sqlite_school: School) -> AuthApp:
    return build_auth_app(sqlite_school)


@pytest.fixture
def client(auth_app: AuthApp) -> Iterator[httpx.Client]:
    with calling(auth_app.app) as opened:
        yield opened


def call(client: httpx.Client, method: str, path: str, token: str | None) -> httpx.Response:
    headers = {} if token is None else bearer(token)
    body = {"status": 7} if method == "POST" else None
    return client.request(method, path, headers=headers, json=body)


def test_each_role_may_use_the_routes_that_declare_it_and_no_others(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    for role in Role:
        token = auth_app.token(role)
        for method, path, roles in ROUTES:
            answer = call(client, method, path, token)
            assert answer.status_code == (200 if role in roles else 403), (role, path)
            if role not in roles:
                assert answer.json()["error"]["code"] == "not_allowed"
        assert call(client, "GET", EVERYBODY, token).status_code == 200


def test_without_a_sign_in_only_public_routes_may_be_used(
    client: httpx.Client,
) -> None:
    for method, path, _ in ROUTES:
        answer = call(client, method, path, None)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["error"]["code"] == "not_signed_in"
    assert call(client, "GET", EVERYBODY, None).status_code == 200
    assert client.get("/static/a.css").text == "a style"


def test_a_caller_with_two_roles_may_use_the_routes_of_both(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    token = auth_app.token(Role.TEACHER, Role.OPERATOR)
    assert call(client, "GET", TEACHERS, token).json()["user_id"] == teacher(1)
    assert call(client, "GET", OPERATORS, token).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer hr_made-up", "Bearer hr_a.b", "Basic YTpi", "hr_a.b", "é" * 3],
)
def test_invalid_tokens_are_denied_with_the_same_message(client: httpx.Client, header: str) -> None:
    headers = {b"Authorization": header.encode("latin-1")}
    answer = client.get(TEACHERS, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["detail"].startswith("the sign-in is missing, invalid or expired")
    assert client.get(EVERYBODY, headers=headers).status_code == 200


def test_a_revoked_token_is_denied_within_seconds(auth_app: AuthApp, client: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER)
    assert call(client, "GET", TEACHERS, token).status_code == 200
    auth_app.revoke(token)
    wait_until(lambda: call(client, "GET", TEACHERS, token).status_code == 401)


def test_an_expired_token_is_denied_immediately(auth_app: AuthApp, client: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER, hours=1)
    assert call(client, "GET", TEACHERS, token).status_code == 200
    auth_app.school.clock.advance(hours=1)
    assert call(client, "GET", TEACHERS, token).status_code == 401


def test_a_stream_is_not_buffered(auth_app: AuthApp, client: httpx.Client) -> None:
    with client.stream("GET", "/words", headers=bearer(auth_app.token(Role.TEACHER))) as answer:
        chunks = answer.iter_text()
        assert next(chunks) == "data: one\n\n"  # the second does not exist yet
        auth_app.go_on.set()
        assert next(chunks) == "data: two\n\n"


def test_a_stream_can_check_that_its_sign_in_is_still_valid(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    token = auth_app.token(Role.TEACHER, hours=1)
    with client.stream("GET", "/words", headers=bearer(token)) as answer:
        chunks = answer.iter_text()
        next(chunks)
        auth_app.school.clock.advance(hours=1)
        auth_app.go_on.set()
        assert next(chunks) == "data: out\n\n"


def test_a_websocket_is_authenticated_like_a_request(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    address = f"ws://{client.base_url.netloc.decode()}/socket"
    for headers in ({}, bearer(auth_app.token(Role.TEACHER)), {"Host": "elsewhere.example"}):
        with pytest.raises(InvalidStatus) as denied:
            connect(address, additional_headers=headers).close()
        assert denied.value.response.status_code == 403
    with connect(address, additional_headers=bearer(auth_app.token(Role.OPERATOR))) as talk:
        assert talk.recv() == "operator:test"


def test_logs_contain_no_token(
    auth_app: AuthApp, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = auth_app.token(Role.TEACHER)
    secrets = {token, token.rpartition(".")[2]}
    for sent in (token, token[:-3] + "AAA"):
        call(client, "GET", TEACHERS, sent)
        call(client, "GET", OPERATORS, sent)
        client.post("/sign-in/token", json={"token": sent})
        client.post("/sign-in/token", content=f'{{"token": "{sent}"')
        client.get("/broken", params={"word": "x"}, headers=bearer(sent))
        secrets |= {sent, sent.rpartition(".")[2]}
    secrets |= {cookie.value or "" for cookie in client.cookies.jar}
    assert len(secrets) == 5
    written = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "failed" in written
    assert not [secret for secret in secrets if secret in written]


def test_the_openapi_document_has_the_roles_of_each_operation(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    document = client.get("/openapi.json").json()
    roles = {
        (method.upper(), path): operation["x-roles"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert roles["GET", TEACHERS] == ["teacher"]
    assert roles["POST", WATCHERS] == ["school_leader", "teacher"]
    assert roles["GET", OPERATORS] == ["operator"]
    assert roles["GET", EVERYBODY] == []
    assert document["paths"][TEACHERS]["get"]["security"] == [{"token": []}, {"session": []}]
    assert "security" not in document["paths"][EVERYBODY]["get"]
    assert {(method, path) for method, path, _ in route_table(auth_app.app)} >= set(roles)


def test_the_route_table_has_every_route_with_its_roles(auth_app: AuthApp) -> None:
    table = {(method, path): roles for method, path, roles in route_table(auth_app.app)}
    assert table["GET", OPERATORS] == (Role.OPERATOR,)
    assert table["WEBSOCKET", "/socket"] == (Role.OPERATOR,)
    assert table["*", "/files/*"] == (Role.ANALYST,)
    assert table["*", "/static/*"] == ()
    assert table["GET", "/openapi.json"] == ()
    assert table["POST", "/sign-out"] == tuple(sorted(Role))


async def _endpoint(*_: Any) -> None:
    """An endpoint."""


def _add_undeclared(app: FastAPI, kind: str) -> str:
    """Add a route that declares nothing; return the path that the error must name."""
    inner = APIRouter()
    inner.add_api_route("/inner", _endpoint, methods=["POST"])
    middle = APIRouter()
    middle.include_router(inner, prefix="/deep")
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/below", _endpoint)
    deep = Router([Mount("/b", Router([Mount("/c", PlainTextResponse("x"))]))])
    adders: dict[str, Any] = {
        "/plain": lambda: app.add_api_route("/plain", _endpoint),
        "/api/deep/inner": lambda: app.include_router(middle, prefix="/api"),
        "/starlette": lambda: app.add_route("/starlette", PlainTextResponse),
        "/talk": lambda: app.add_api_websocket_route("/talk", _endpoint),
        "/talk2": lambda: app.router.add_websocket_route("/talk2", _endpoint),
        "/mounted/*": lambda: app.mount("/mounted", PlainTextResponse("x")),
        "/sub/below": lambda: app.mount("/sub", sub),
        "/a/b/c/*": lambda: app.mount("/a", deep),
        "/empty/*": lambda: app.mount("/empty", Router()),
        "/docs": lambda: app.__init__(),  # type: ignore[misc]
    }
    adders[kind]()
    return kind


@pytest.mark.parametrize(
    "kind",
    [
        "/plain",
        "/api/deep/inner",
        "/starlette",
        "/talk",
        "/talk2",
        "/mounted/*",
        "/sub/below",
        "/a/b/c/*",
        "/empty/*",
        "/docs",
    ],
)
def test_an_application_with_an_undeclared_route_does_not_start(kind: str) -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    path = _add_undeclared(app, kind)
    app.add_api_route("/declared", _endpoint, dependencies=[PUBLIC])
    with pytest.raises(SettingsError) as caught:
        install(app, Settings())
    assert f" {path}" in caught.value.what
    assert "/declared" not in caught.value.what


def test_pages_that_fastapi_serves_itself_must_be_declared() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.frontend("/", directory="docs")
    with pytest.raises(SettingsError, match="frontend"):
        install(app, Settings())


def test_a_mounted_application_may_declare_its_own_routes() -> None:
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/below", _endpoint, dependencies=[require_roles(Role.ANALYST)])
    app = FastAPI(docs_url=None, redoc_url=None)
    app.mount("/sub", sub)
    install(app, Settings())
    assert ("GET", "/sub/below", (Role.ANALYST,)) in route_table(app)


def test_roles_of_a_router_and_its_routes_must_have_one_in_common() -> None:
    router = APIRouter(dependencies=[require_roles(Role.TEACHER, Role.ANALYST)])
    router.add_api_route(
        "/both", _endpoint, dependencies=[require_roles(Role.TEACHER, Role.OPERATOR)]
    )
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router)
    assert ("GET", "/both", (Role.TEACHER,)) in route_table(app)
    router.add_api_route("/unusable", _endpoint, dependencies=[require_roles(Role.OPERATOR)])
    with pytest.raises(
        SettingsError, match="no role passes all checks of these routes: GET /unusable"
    ):
        install(app, Settings())


def test_require_roles_needs_a_role_and_guarded_a_declaration() -> None:
    with pytest.raises(ValueError, match="PUBLIC is for anybody"):
        require_roles()
    with pytest.raises(TypeError):
        Guarded(PlainTextResponse("x"), Depends(_endpoint))


def test_without_the_middleware_a_declared_route_denies_everybody(sqlite_school: School) -> None:
    app = FastAPI()
    app.add_api_route("/declared", _endpoint, dependencies=[require_roles(Role.TEACHER)])
    install_error_handlers(app)
    auth_app = build_auth_app(sqlite_school)
    with calling(app) as client:
        answer = client.get("/declared", headers=bearer(auth_app.token(Role.TEACHER)))
    assert answer.status_code == 401


def test_before_the_backend_is_set_the_service_says_that_it_is_starting(
    sqlite_school: School,
) -> None:
    auth_app = build_auth_app(sqlite_school)
    token = auth_app.token(Role.TEACHER)
    del auth_app.app.state.backend
    with calling(auth_app.app) as client:
        answer = call(client, "GET", TEACHERS, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
        assert call(client, "GET", EVERYBODY, token).status_code == 200


@pytest.mark.parametrize(
    ("access", "live", "where"),
    [
        ({"oidc_issuer": "http://id.example.org", "oidc_client_id": "x"}, {}, "oidc_issuer"),
        ({"oidc_issuer": "https://id.example.org"}, {}, "oidc_client_id"),
        (
            {"oidc_issuer": "https://id.example.org", "oidc_client_id": "x"},
            {"host": "10.0.0.1"},
            "public_url",
        ),
    ],
)
def test_an_unsafe_identity_provider_is_rejected_at_start(
    access: dict[str, str], live: dict[str, str], where: str
) -> None:
    settings = Settings.model_validate({"access": access, "live": live})
    with pytest.raises(SettingsError) as caught:
        install(FastAPI(docs_url=None, redoc_url=None), settings)
    assert where in str(caught.value.where)


def test_the_openapi_document_is_json(auth_app: AuthApp) -> None:
    assert "x-roles" in json.dumps(auth_app.app.openapi())
