"""One format for every error of the HTTP API.

    {"error": {"code": …, "detail": …, "request_id": …, "where"?, "hint"?, "fields"?}}

Errors of the caller are returned with their message. Errors of the service are returned by their
kind
alone: the message, which may name files, databases and cameras, goes to the log with the request
id.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.websockets import WebSocket

from cluster import errors

logger = logging.getLogger(__name__)

MAX_WHERE_LENGTH = 100
MAX_FIELD_PROBLEMS = 50
"""Of a request with more, the first are returned."""


class FieldProblem(BaseModel):
    """What is wrong with one part of a request; never the value itself."""

    where: str = Field(examples=["body.status"])
    problem: str = Field(examples=["Field required"])


class ErrorDetail(BaseModel):
    """What is wrong."""

    code: str = Field(description="Stable; programs may match on it.", examples=["not_found"])
    detail: str = Field(description="For people.", examples=["there is no room 'r9'."])
    request_id: str = Field(description="Identifies the request in the log.", examples=["4f1d…"])
    where: str | None = Field(None, description="What the error is about.")
    hint: str | None = Field(None, description="What to do.")
    fields: list[FieldProblem] | None = Field(None, description="Invalid parts of the request.")


class ErrorBody(BaseModel):
    """The body of every error response."""

    error: ErrorDetail


class ErrorPages(Protocol):
    """Renders errors as pages; an application with pages has it at `app.state.error_pages`."""

    def wants_page(self, connection: HTTPConnection) -> bool:
        """Return whether a browser requests a page, rather than a program data."""

    def render_error(self, connection: HTTPConnection, status: int, error: ErrorDetail) -> Response:
        """Return the page for an error."""


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """How a kind of error is answered.

    Attributes:
        status: The HTTP status.
        exposes_message: The response has the error's message; else only its kind.
        retry_after: Seconds after which a retry may succeed.
    """

    status: HTTPStatus
    exposes_message: bool = True
    retry_after: int | None = None


_INTERNAL = ErrorPolicy(HTTPStatus.INTERNAL_SERVER_ERROR, exposes_message=False)
_UNAVAILABLE = ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, exposes_message=False, retry_after=10)

ERROR_POLICIES: Mapping[type[errors.HomeroomError], ErrorPolicy] = {
    errors.HomeroomError: _INTERNAL,
    errors.SettingsError: _INTERNAL,
    errors.FootageError: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageUnreadable: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageUntimed: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageTruncated: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageListError: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.WeightsError: _INTERNAL,
    errors.WeightsMissing: _INTERNAL,
    errors.WeightsMismatch: _INTERNAL,
    errors.LicenceNotAccepted: _INTERNAL,
    errors.VisionError: _INTERNAL,
    errors.LakeError: _INTERNAL,
    errors.LakeBusy: _UNAVAILABLE,
    errors.LakeUnwritable: _UNAVAILABLE,
    errors.WarehouseError: _INTERNAL,
    errors.NotPublished: ErrorPolicy(HTTPStatus.NOT_FOUND, exposes_message=False),
    errors.QueryRefused: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY, exposes_message=False),
    errors.RayError: _UNAVAILABLE,
    errors.KeyUnusable: _INTERNAL,
    errors.KeyMissing: _INTERNAL,
    errors.RecordsError: _UNAVAILABLE,
    errors.RecordsOutdated: _INTERNAL,
    errors.RecordsBusy: ErrorPolicy(
        HTTPStatus.SERVICE_UNAVAILABLE, exposes_message=False, retry_after=2
    ),
    errors.RosterError: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.NotFound: ErrorPolicy(HTTPStatus.NOT_FOUND),
    errors.NotAllowed: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.RoleMissing: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.SchoolMissing: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.TeacherUnknown: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.FaceUnclear: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.RegisterError: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.RegisterChanged: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.BadgeRefused: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.CheckinError: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.AlreadyAnswered: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.CheckinClosed: ErrorPolicy(HTTPStatus.NOT_FOUND),
    errors.CheckinOff: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.AuditBroken: _INTERNAL,
    errors.StreamError: _UNAVAILABLE,
    errors.CalibrationError: _UNAVAILABLE,
    errors.JournalError: _UNAVAILABLE,
    errors.NotSignedIn: ErrorPolicy(HTTPStatus.UNAUTHORIZED),
    errors.SignInCancelled: ErrorPolicy(HTTPStatus.UNAUTHORIZED),
    errors.TooManyRequests: ErrorPolicy(HTTPStatus.TOO_MANY_REQUESTS, retry_after=60),
    errors.ServiceBusy: ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, retry_after=1),
    errors.ServiceDown: ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, retry_after=10),
    errors.JobError: ErrorPolicy(HTTPStatus.CONFLICT),
}
"""The policy of each kind of error; a test checks that none is missing."""

CODES_BY_STATUS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: "request_unreadable",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.MISDIRECTED_REQUEST: "host_unknown",
    HTTPStatus.UNPROCESSABLE_ENTITY: "request_invalid",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
}
"""Codes of errors that the framework raises; others are `http_<status>`."""

_DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "There is no sign-in, or it is not valid.",
    403: "The role or a rule does not allow it.",
    404: "It does not exist.",
    405: "The path does not support this method.",
    409: "Its state does not allow it, or it was changed in between.",
    413: "The request is too large.",
    421: "The host name is not one of the service.",
    422: "The request is not valid.",
    429: "Too many requests; `Retry-After` says when to try again.",
    500: "An internal error; the log has it with the request id.",
    503: "A part of the service is busy or unavailable; `Retry-After` says when to try again.",
}

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text} for status, text in _DESCRIPTIONS.items()
}
"""Error responses for `responses=`: all of them, or a choice by status."""


def request_id_of(connection: HTTPConnection) -> str:
    """Return the id of a request, as it is in the log."""
    found = structlog.contextvars.get_contextvars().get("request_id")
    return str(found or connection.scope.get("state", {}).get("request_id", ""))


def error_response(
    connection: HTTPConnection,
    status: int,
    code: str,
    detail: str,
    *,
    where: str | None = None,
    hint: str | None = None,
    fields: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response in the error format; a page, where a browser requests one."""
    error = ErrorDetail(
        code=code,
        detail=detail,
        request_id=request_id_of(connection),
        where=where,
        hint=hint,
        fields=fields,
    )
    if (error_page := _error_page(connection, status, error)) is not None:
        error_page.headers.update(dict(headers or {}))
        return error_page
    content = ErrorBody(error=error).model_dump(exclude_none=True)
    return JSONResponse(content, status_code=status, headers=dict(headers or {}))


def _error_page(connection: HTTPConnection, status: int, error: ErrorDetail) -> Response | None:
    """Return the page for an error, where the application has pages and a browser requests one."""
    app = connection.scope.get("app")
    pages: ErrorPages | None = getattr(getattr(app, "state", None), "error_pages", None)
    if pages is None or not pages.wants_page(connection):
        return None
    return pages.render_error(connection, status, error)


def response_for_error(
    connection: HTTPConnection,
    error: errors.HomeroomError,
    *,
    retry_after: int | None = None,
) -> Response:
    """Return the response to an error.

    Args:
        connection: The request during which it was raised.
        error: The error.
        retry_after: Seconds, in place of the policy's.
    """
    policy = _policy_for(type(error))
    headers = {}
    if policy.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="homeroom"'
    wait = policy.retry_after if retry_after is None else retry_after
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if policy.exposes_message:
        return error_response(
            connection,
            policy.status,
            error.code,
            error.what,
            where=error.where,
            hint=error.hint,
            headers=headers,
        )
    logger.log(
        logging.ERROR if policy.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO,
        "request %s: %s: %s",
        request_id_of(connection),
        error.code,
        error,
    )
    kind = (type(error).__doc__ or error.code).splitlines()[0]
    return error_response(connection, policy.status, error.code, kind, headers=headers)


def response_for_unhandled(connection: HTTPConnection, error: Exception) -> Response:
    """Return the response to an unexpected exception, and log it with the request id."""
    logger.error("request %s failed", request_id_of(connection), exc_info=error)
    return error_response(
        connection,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        CODES_BY_STATUS[HTTPStatus.INTERNAL_SERVER_ERROR],
        "an internal error occurred.",
        hint="Tell the operator of Homeroom the request_id.",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error of an application's routes in the error format."""
    app.add_exception_handler(errors.HomeroomError, _on_homeroom_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_homeroom_error(connection: HTTPConnection, error: Exception) -> Response | None:
    assert isinstance(error, errors.HomeroomError)  # noqa: S101 (registered for it)
    if isinstance(connection, WebSocket):
        await connection.close(WS_1008_POLICY_VIOLATION, error.code)
        return None
    return response_for_error(connection, error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for it)
    return error_response(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        CODES_BY_STATUS[HTTPStatus.UNPROCESSABLE_ENTITY],
        "the request is not valid.",
        fields=[
            FieldProblem(
                where=_format_location(problem["loc"]), problem=_message_without_input(problem)
            )
            for problem in error.errors()[:MAX_FIELD_PROBLEMS]
        ],
    )


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    status = error.status_code
    code = CODES_BY_STATUS.get(status, f"http_{status}")
    return error_response(request, status, code, str(error.detail), headers=error.headers)


def _policy_for(kind: type[errors.HomeroomError]) -> ErrorPolicy:
    return next(ERROR_POLICIES[one] for one in kind.__mro__ if one in ERROR_POLICIES)


def _format_location(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)[:MAX_WHERE_LENGTH]


def _message_without_input(problem: Mapping[str, Any]) -> str:
    """Return pydantic's message, or its type where the message would repeat the input."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    if any(text in message for text in _texts(problem.get("input")) if len(text) > 1):
        return str(problem["type"])
    return message


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)
