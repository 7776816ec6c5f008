"""Permissions of a route: `require_roles(…)` with roles, or `PUBLIC`.

Both are FastAPI dependencies, so that the check and its declaration are one: a route that declares
`require_roles(Role.OPERATOR)` is for operators in the code, in the OpenAPI document and in the
table of the documentation.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.params import Depends as DependsParam
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster.errors import HomeroomError, NotAllowed
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.authentication import build_connection, current_principal
from serve_apps.http.auth.cookies import CSRF_HEADER, SESSION_COOKIE
from serve_apps.http.errors import response_for_error


class _DocumentedScheme(SecurityBase):
    """An authentication scheme for the OpenAPI document; the middleware does the work."""

    def __init__(self, scheme_name: str, model: APIKey | HTTPBearerModel) -> None:
        self.scheme_name = scheme_name
        self.model = model

    async def __call__(self) -> None:
        """Do nothing."""


_TOKEN = _DocumentedScheme(
    "token", HTTPBearerModel(description="Created by `homeroom token create`.")
)
_SESSION = _DocumentedScheme(
    "session",
    APIKey.model_validate(
        {
            "in": APIKeyIn.cookie,
            "name": SESSION_COOKIE,
            "description": f"From /sign-in; over TLS its name is __Host-{SESSION_COOKIE}. "
            f"Changes need the header {CSRF_HEADER} too.",
        }
    ),
)


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """Passes callers who have one of the roles.

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
        """Return the caller.

        Raises:
            NotSignedIn: There is no valid sign-in.
            NotAllowed: The caller has none of the roles.
        """
        return await self.check(connection)

    async def check(self, connection: HTTPConnection) -> Principal:
        """Return the caller, like `__call__`, outside FastAPI."""
        caller = await current_principal(connection)
        self.require_role(caller)
        return caller

    def require_role(self, caller: Principal) -> None:
        """Check that a caller has one of the roles.

        Raises:
            NotAllowed: The caller has none of them.
        """
        if not caller.roles & self.roles:
            needed = " or ".join(sorted(self.roles))
            raise NotAllowed(f"this is for the role {needed}.")


@dataclass(frozen=True, slots=True)
class PublicCheck:
    """Passes every caller, signed in or not."""

    async def __call__(self) -> None:
        """Pass."""

    async def check(self, connection: HTTPConnection) -> None:
        """Pass."""


Check = RoleCheck | PublicCheck

PUBLIC: Any = Depends(PublicCheck())
"""`dependencies=[PUBLIC]`: anybody may use the route."""


def require_roles(*roles: Role) -> Any:
    """Return a dependency that requires one of the roles, and gives the `Principal`.

    Args:
        roles: At least one.
    """
    if not roles:
        raise ValueError("require_roles() needs a role; PUBLIC is for anybody")
    return Depends(RoleCheck(frozenset(roles)))


AnyRole = Annotated[Principal, require_roles(*Role)]
Teacher = Annotated[Principal, require_roles(Role.TEACHER)]


class Guarded:
    """An ASGI application behind a check: static files, say.

    Args:
        app: The application.
        declared: `require_roles(…)` or `PUBLIC`.
    """

    def __init__(self, app: ASGIApp, declared: DependsParam) -> None:
        if not isinstance(declared.dependency, Check):
            raise TypeError("Guarded takes require_roles(…) or PUBLIC")
        self._app = app
        self.check: Check = declared.dependency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection that passes the check."""
        connection = build_connection(scope, receive, send)
        try:
            await self.check.check(connection)
        except HomeroomError as error:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": WS_1008_POLICY_VIOLATION})
            else:
                await response_for_error(connection, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)
