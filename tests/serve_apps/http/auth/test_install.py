"""Who may what: every role at example routes, nothing undeclared, and the way through the door."""

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
from serve_apps.http.errors import install_errors
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


def ask(client: httpx.Client, method: str, path: str, token: str | None) -> httpx.Response:
    headers = {} if token is None else bearer(token)
    body = {"status": 7} if method == "POST" else None
    return client.request(method, path, headers=headers, json=body)


def test_each_role_is_let_in_where_it_is_named_and_nowhere_else(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    for role in Role:
        token = auth_app.token(role)
        for method, path, roles in ROUTES:
            answer = ask(client, method, path, token)
            assert answer.status_code == (200 if role in roles else 403), (role, path)
            if role not in roles:
                assert answer.json()["error"]["code"] == "not_allowed"
        assert ask(client, "GET", EVERYBODY, token).status_code == 200


def test_nobody_is_let_in_without_a_sign_in_and_everybody_where_it_is_open(
    client: httpx.Client,
) -> None:
    for method, path, _ in ROUTES:
        answer = ask(client, method, path, None)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["error"]["code"] == "not_signed_in"
    assert ask(client, "GET", EVERYBODY, None).status_code == 200
    assert client.get("/static/a.css").text == "a style"


def test_who_has_two_roles_is_let_in_by_either(auth_app: AuthApp, client: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER, Role.OPERATOR)
    assert ask(client, "GET", TEACHERS, token).json()["user_id"] == teacher(1)
    assert ask(client, "GET", OPERATORS, token).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer hr_made-up", "Bearer hr_a.b", "Basic YTpi", "hr_a.b", "é" * 3],
)
def test_what_is_no_token_of_ours_is_refused_in_the_same_words(
    client: httpx.Client, header: str
) -> None:
    headers = {b"Authorization": header.encode("latin-1")}
    answer = client.get(TEACHERS, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["detail"].startswith("the sign-in is missing, invalid or expired")
    assert client.get(EVERYBODY, headers=headers).status_code == 200


def test_a_revoked_token_stops_within_seconds(auth_app: AuthApp, client: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER)
    assert ask(client, "GET", TEACHERS, token).status_code == 200
    auth_app.revoke(token)
    wait_until(lambda: ask(client, "GET", TEACHERS, token).status_code == 401)


def test_an_expired_token_stops_at_once(auth_app: AuthApp, client: httpx.Client) -> None:
    token = auth_app.token(Role.TEACHER, hours=1)
    assert ask(client, "GET", TEACHERS, token).status_code == 200
    auth_app.school.clock.advance(hours=1)
    assert ask(client, "GET", TEACHERS, token).status_code == 401


def test_a_stream_comes_through_word_by_word(auth_app: AuthApp, client: httpx.Client) -> None:
    with client.stream("GET", "/words", headers=bearer(auth_app.token(Role.TEACHER))) as answer:
        said = answer.iter_text()
        assert next(said) == "data: one\n\n"  # the second is not even made yet
        auth_app.go_on.set()
        assert next(said) == "data: two\n\n"


def test_a_stream_can_find_out_that_its_sign_in_has_ended(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    token = auth_app.token(Role.TEACHER, hours=1)
    with client.stream("GET", "/words", headers=bearer(token)) as answer:
        said = answer.iter_text()
        next(said)
        auth_app.school.clock.advance(hours=1)
        auth_app.go_on.set()
        assert next(said) == "data: out\n\n"


def test_a_websocket_is_behind_the_same_door(auth_app: AuthApp, client: httpx.Client) -> None:
    address = f"ws://{client.base_url.netloc.decode()}/socket"
    for headers in ({}, bearer(auth_app.token(Role.TEACHER)), {"Host": "elsewhere.example"}):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, additional_headers=headers).close()
        assert refused.value.response.status_code == 403
    with connect(address, additional_headers=bearer(auth_app.token(Role.OPERATOR))) as talk:
        assert talk.recv() == "operator:test"


def test_logs_carry_no_token(
    auth_app: AuthApp, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = auth_app.token(Role.TEACHER)
    secrets = {token, token.rpartition(".")[2]}
    for carried in (token, token[:-3] + "AAA"):
        ask(client, "GET", TEACHERS, carried)
        ask(client, "GET", OPERATORS, carried)
        client.post("/sign-in/token", json={"token": carried})
        client.post("/sign-in/token", content=f'{{"token": "{carried}"')
        client.get("/broken", params={"word": "x"}, headers=bearer(carried))
        secrets |= {carried, carried.rpartition(".")[2]}
    secrets |= {cookie.value or "" for cookie in client.cookies.jar}
    assert len(secrets) == 5
    written = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "failed" in written
    assert not [secret for secret in secrets if secret in written]


def test_the_document_says_the_roles_of_each_operation(
    auth_app: AuthApp, client: httpx.Client
) -> None:
    document = client.get("/openapi.json").json()
    said = {
        (method.upper(), path): operation["x-roles"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert said["GET", TEACHERS] == ["teacher"]
    assert said["POST", WATCHERS] == ["school_leader", "teacher"]
    assert said["GET", OPERATORS] == ["operator"]
    assert said["GET", EVERYBODY] == []
    assert document["paths"][TEACHERS]["get"]["security"] == [{"token": []}, {"session": []}]
    assert "security" not in document["paths"][EVERYBODY]["get"]
    assert {(method, path) for method, path, _ in route_table(auth_app.app)} >= set(said)


def test_the_table_names_every_route_with_its_roles(auth_app: AuthApp) -> None:
    table = {(method, path): roles for method, path, roles in route_table(auth_app.app)}
    assert table["GET", OPERATORS] == (Role.OPERATOR,)
    assert table["WEBSOCKET", "/socket"] == (Role.OPERATOR,)
    assert table["*", "/files/*"] == (Role.ANALYST,)
    assert table["*", "/static/*"] == ()
    assert table["GET", "/openapi.json"] == ()
    assert table["POST", "/sign-out"] == tuple(sorted(Role))


async def _nothing(*_: Any) -> None:
    """An endpoint."""


def _silent(app: FastAPI, kind: str) -> str:
    """Add a route that says nothing; gives the path that must be named."""
    inner = APIRouter()
    inner.add_api_route("/inner", _nothing, methods=["POST"])
    middle = APIRouter()
    middle.include_router(inner, prefix="/deep")
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/below", _nothing)
    deep = Router([Mount("/b", Router([Mount("/c", PlainTextResponse("x"))]))])
    adders: dict[str, Any] = {
        "/plain": lambda: app.add_api_route("/plain", _nothing),
        "/api/deep/inner": lambda: app.include_router(middle, prefix="/api"),
        "/starlette": lambda: app.add_route("/starlette", PlainTextResponse),
        "/talk": lambda: app.add_api_websocket_route("/talk", _nothing),
        "/talk2": lambda: app.router.add_websocket_route("/talk2", _nothing),
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
def test_an_application_with_a_route_that_says_nothing_does_not_start(kind: str) -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    path = _silent(app, kind)
    app.add_api_route("/declared", _nothing, dependencies=[PUBLIC])
    with pytest.raises(SettingsError) as refused:
        install(app, Settings())
    assert f" {path}" in refused.value.what
    assert "/declared" not in refused.value.what


def test_pages_that_fastapi_serves_by_itself_must_be_declared_like_all_others() -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.frontend("/", directory="docs")
    with pytest.raises(SettingsError, match="frontend"):
        install(app, Settings())


def test_a_mounted_application_may_declare_its_own_routes() -> None:
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/below", _nothing, dependencies=[require_roles(Role.ANALYST)])
    app = FastAPI(docs_url=None, redoc_url=None)
    app.mount("/sub", sub)
    install(app, Settings())
    assert ("GET", "/sub/below", (Role.ANALYST,)) in route_table(app)


def test_a_routers_roles_hold_with_those_of_its_routes_and_must_leave_somebody() -> None:
    router = APIRouter(dependencies=[require_roles(Role.TEACHER, Role.ANALYST)])
    router.add_api_route(
        "/both", _nothing, dependencies=[require_roles(Role.TEACHER, Role.OPERATOR)]
    )
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router)
    assert ("GET", "/both", (Role.TEACHER,)) in route_table(app)
    router.add_api_route("/shut", _nothing, dependencies=[require_roles(Role.OPERATOR)])
    with pytest.raises(SettingsError, match="no role passes all checks of these routes: GET /shut"):
        install(app, Settings())


def test_allow_needs_a_role_and_guarded_a_declaration() -> None:
    with pytest.raises(ValueError, match="OPEN is for everybody"):
        require_roles()
    with pytest.raises(TypeError):
        Guarded(PlainTextResponse("x"), Depends(_nothing))


def test_without_the_door_a_declared_route_lets_nobody_in(sqlite_school: School) -> None:
    app = FastAPI()
    app.add_api_route("/declared", _nothing, dependencies=[require_roles(Role.TEACHER)])
    install_errors(app)
    auth_app = build_auth_app(sqlite_school)
    with calling(app) as client:
        answer = client.get("/declared", headers=bearer(auth_app.token(Role.TEACHER)))
    assert answer.status_code == 401


def test_before_the_backend_is_there_the_service_says_that_it_starts(sqlite_school: School) -> None:
    auth_app = build_auth_app(sqlite_school)
    token = auth_app.token(Role.TEACHER)
    del auth_app.app.state.backend
    with calling(auth_app.app) as client:
        answer = ask(client, "GET", TEACHERS, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_down")
        assert ask(client, "GET", EVERYBODY, token).status_code == 200


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
def test_an_identity_provider_that_could_not_work_safely_stops_the_start(
    access: dict[str, str], live: dict[str, str], where: str
) -> None:
    settings = Settings.model_validate({"access": access, "live": live})
    with pytest.raises(SettingsError) as refused:
        install(FastAPI(docs_url=None, redoc_url=None), settings)
    assert where in str(refused.value.where)


def test_the_document_can_be_written_as_json(auth_app: AuthApp) -> None:
    assert "x-roles" in json.dumps(auth_app.app.openapi())
