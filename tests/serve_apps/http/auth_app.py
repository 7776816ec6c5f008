"""An application with a few example routes behind the real door, on a real server.

    auth_app = build_auth_app(school)                  the application
    with on_a_server(auth_app.app) as address: …       uvicorn, in a thread

The rooms and the pose model are not asked here; records, keys and audit log are real.
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, cast

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI, Request, WebSocket
from pydantic import BaseModel
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from cluster import errors
from cluster.records.repos.sign_ins import issue, revoke
from cluster.security.roles import Principal, Role
from cluster.settings import Settings
from serve_apps.clients.interfaces import PoseService, RoomsService
from serve_apps.http.auth.install import PUBLIC, Guarded, install, reauthenticate, require_roles
from serve_apps.http.backend import Backend
from serve_apps.http.routes import provider_sign_in, sign_in
from tests.register.school import School, teacher

PATIENCE_SECONDS = 30.0

TEACHERS = "/teachers"
LEADERS = "/leaders"
OPERATORS = "/operators"
WATCHERS = "/watchers"
EVERYBODY = "/everybody"


class Marked(BaseModel):
    """A body."""

    status: int


@dataclass
class AuthApp:
    """The application and who stands before it."""

    school: School
    settings: Settings
    app: FastAPI
    go_on: threading.Event = field(default_factory=threading.Event)
    """Lets the stream say its second word."""

    def token(self, *roles: Role, hours: float = 24) -> str:
        """A token for roles."""
        principal = principal_in(*roles)
        with self.school.audited.work("operator:test") as work:
            return issue(work, principal, expires_in=timedelta(hours=hours)).text

    def revoke(self, token: str) -> None:
        """End a token."""
        with self.school.audited.work("operator:test") as work:
            revoke(work, token.removeprefix("hr_").rpartition(".")[0])


def principal_in(*roles: Role) -> Principal:
    """Somebody in these roles."""
    is_teacher = Role.TEACHER in roles
    name = teacher(1) if is_teacher else f"{roles[0].value}:test"
    schools = frozenset({"hill"}) if Role.SCHOOL_LEADER in roles else frozenset()
    return Principal(name, frozenset(roles), schools, name if is_teacher else None)


def build_auth_app(school: School, **access: Any) -> AuthApp:
    """The application over a school; `live` apart, the arguments are settings of access."""
    live = access.pop("live", {})
    settings = Settings.model_validate(
        {
            **school.settings.model_dump(exclude_unset=True),
            "access": access,
            "live": live,
        }
    )
    app = FastAPI(docs_url=None, redoc_url=None)
    auth_app = AuthApp(school, settings, app)
    _add_routes(app)
    _add_troubled_routes(app)
    _add_long_routes(app, auth_app)
    app.include_router(provider_sign_in.router)
    app.include_router(sign_in.router)
    app.state.backend = Backend(
        settings, school.audited, cast("RoomsService", None), cast("PoseService", None)
    )
    install(app, settings)
    return auth_app


def _add_routes(app: FastAPI) -> None:
    operators = APIRouter(dependencies=[require_roles(Role.OPERATOR)])

    @app.get(TEACHERS)
    async def teachers(caller: Annotated[Principal, require_roles(Role.TEACHER)]) -> dict[str, str]:
        return {"name": caller.name, "user_id": str(caller.user_id)}

    @app.get(LEADERS, dependencies=[require_roles(Role.SCHOOL_LEADER)])
    async def leaders() -> str:
        return "in"

    @app.post(WATCHERS)
    def watchers(
        body: Marked, _: Annotated[Principal, require_roles(Role.TEACHER, Role.SCHOOL_LEADER)]
    ) -> int:
        return body.status

    @operators.get(OPERATORS)
    async def cameras() -> str:
        return "in"

    app.include_router(operators)

    @app.get(EVERYBODY, dependencies=[PUBLIC])
    async def everybody() -> str:
        return "in"

    app.mount("/files", Guarded(PlainTextResponse("a file"), require_roles(Role.ANALYST)))
    app.mount("/static", Guarded(PlainTextResponse("a style"), PUBLIC))


def _add_troubled_routes(app: FastAPI) -> None:
    @app.post("/count", dependencies=[PUBLIC])
    async def count(request: Request) -> int:
        return len(await request.body())

    @app.get("/page", dependencies=[PUBLIC])
    async def page() -> Response:
        return HTMLResponse("<p>", headers={"Content-Security-Policy": "default-src 'self'"})

    @app.get("/broken", dependencies=[PUBLIC])
    async def broken(word: str) -> None:
        raise LookupError(f"the secret is {word}")

    @app.get("/fails/{kind}", dependencies=[PUBLIC])
    async def fails(kind: str) -> None:
        raise getattr(errors, kind)("it is told.", where="/a/place", hint="Do this.")


def _add_long_routes(app: FastAPI, auth_app: AuthApp) -> None:
    @app.get("/words", dependencies=[require_roles(Role.TEACHER)])
    async def words(request: Request) -> StreamingResponse:
        async def said() -> AsyncIterator[str]:
            yield "data: one\n\n"
            await asyncio.to_thread(auth_app.go_on.wait, PATIENCE_SECONDS)
            try:
                await reauthenticate(request)
            except errors.NotSignedIn:
                yield "data: out\n\n"
                return
            yield "data: two\n\n"

        return StreamingResponse(said(), media_type="text/event-stream")

    @app.websocket("/socket")
    async def talk(
        websocket: WebSocket, caller: Annotated[Principal, require_roles(Role.OPERATOR)]
    ) -> None:
        await websocket.accept()
        await websocket.send_text(caller.name)
        await websocket.close()


@contextmanager
def on_a_server(app: ASGIApp) -> Iterator[str]:
    """Serve an application; gives its address."""
    config = uvicorn.Config(app, log_level="warning", lifespan="off", proxy_headers=False)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        listening.close()


@contextmanager
def calling(app: ASGIApp, **headers: str) -> Iterator[httpx.Client]:
    """A client of an application on a server; it follows no redirect."""
    with (
        on_a_server(app) as address,
        httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something, and fail if it does not come."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)
