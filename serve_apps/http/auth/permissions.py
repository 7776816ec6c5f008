"""What a route says of who may use it: `require_roles(…)` with roles, or `PUBLIC`.

Both are FastAPI dependencies, so that the check and its declaration are one thing: a route that
says `require_roles(Role.OPERATOR)` is for operators, in the code, in the OpenAPI document and in
the table of the documentation.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.params import Depends as DependsParam
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster.errors import HomeroomError, NotAllowed
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.authentication import current_principal, request_or_socket
from serve_apps.http.auth.cookies import CSRF_HEADER, SESSION_COOKIE
from serve_apps.http.errors import POLICY_VIOLATION, response_to


class _Scheme(SecurityBase):
    """A way to come in, for the OpenAPI document alone: the door does the work."""

    def __init__(self, scheme_name: str, model: APIKey | HTTPBearerModel) -> None:
        self.scheme_name = scheme_name
        self.model = model

    async def __call__(self) -> None:
        """Nothing is left to do."""


_TOKEN = _Scheme("token", HTTPBearerModel(description="`homeroom token create` makes one."))
_SESSION = _Scheme(
    "session",
    APIKey.model_validate(
        {
            "in": APIKeyIn.cookie,
            "name": SESSION_COOKIE,
            "description": f"Begun at /sign-in; over TLS its name is __Host-{SESSION_COOKIE}. "
            f"Changes need the header {CSRF_HEADER} as well.",
        }
    ),
)


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """Lets in whoever is in one of the roles.

    Attributes:
        roles: At least one.
    """

    roles: frozenset[Role]

    async def __call__(
        self,
        connection: HTTPConnection,
        _token: Annotated[None, Depends(_TOKEN)] = None,
        _session: Annotated[None, Depends(_SESSION)] = None,
    ) -> Principal:
        """Who asks.

        Raises:
            NotSignedIn: Nobody whose sign-in holds.
            NotAllowed: Somebody in none of the roles.
        """
        return await self.check(connection)

    async def check(self, connection: HTTPConnection) -> Principal:
        """The same, outside FastAPI."""
        caller = await current_principal(connection)
        self.must_name(caller)
        return caller

    def must_name(self, caller: Principal) -> None:
        """Refuse who is in none of the roles.

        Raises:
            NotAllowed: Somebody in none of them.
        """
        if not caller.roles & self.roles:
            needed = " or ".join(sorted(self.roles))
            raise NotAllowed(f"this is for the role {needed}.")


@dataclass(frozen=True, slots=True)
class OpenCheck:
    """Lets in everybody."""

    async def __call__(self) -> None:
        """Nothing is asked."""

    async def check(self, connection: HTTPConnection) -> None:
        """Nothing is asked."""


Check = RoleCheck | OpenCheck

PUBLIC: Any = Depends(OpenCheck())
"""`dependencies=[OPEN]`: everybody may use the route."""


def require_roles(*roles: Role) -> Any:
    """A dependency that lets in whoever is in one of the roles, and gives the `Principal`.

    Args:
        roles: At least one.
    """
    if not roles:
        raise ValueError("allow() needs a role; OPEN is for everybody")
    return Depends(RoleCheck(frozenset(roles)))


class Guarded:
    """An application of another make, behind a check: static files, say.

    Args:
        app: What is guarded.
        declared: `require_roles(…)` or `PUBLIC`.
    """

    def __init__(self, app: ASGIApp, declared: DependsParam) -> None:
        if not isinstance(declared.dependency, Check):
            raise TypeError("Guarded takes allow(…) or OPEN")
        self._app = app
        self.check: Check = declared.dependency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection that may come in."""
        connection = request_or_socket(scope, receive, send)
        try:
            await self.check.check(connection)
        except HomeroomError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            else:
                await response_to(connection, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)
