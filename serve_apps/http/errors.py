"""One shape for every error that the HTTP API answers with.

    {"error": {"code": …, "detail": …, "request_id": …, "where"?, "hint"?, "fields"?}}

What the caller did wrong is told in full. What is wrong with us is told by the kind of fault alone:
the words, which may name files, databases and cameras, go to the log under the request's id.
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
from starlette.websockets import WebSocket

from cluster import errors

logger = logging.getLogger(__name__)

LONGEST_PLACE = 100
POLICY_VIOLATION = 1008
"""The code with which a WebSocket is closed that may not be (RFC 6455)."""


class FieldProblem(BaseModel):
    """What was wrong with one part of a request; never the value itself."""

    where: str = Field(examples=["body.status"])
    problem: str = Field(examples=["Field required"])


class ErrorDetail(BaseModel):
    """What was wrong."""

    code: str = Field(description="Stable; programs may match on it.", examples=["not_found"])
    detail: str = Field(description="For people.", examples=["there is no room 'r9'."])
    request_id: str = Field(description="Find it in the log with this.", examples=["4f1d…"])
    where: str | None = Field(None, description="What it is about.")
    hint: str | None = Field(None, description="What to do.")
    fields: list[FieldProblem] | None = Field(None, description="Parts of the request.")


class ErrorBody(BaseModel):
    """Every error looks like this."""

    error: ErrorDetail


class ErrorPages(Protocol):
    """Tells errors on pages; an application with pages has it as `app.state.error_pages`."""

    def is_for_people(self, connection: HTTPConnection) -> bool:
        """Whether a browser asks for a page, and not a program for data."""

    def page_of_error(
        self, connection: HTTPConnection, status: int, error: ErrorDetail
    ) -> Response:
        """The page."""


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """How a kind of error is told.

    Attributes:
        status: Of the HTTP answer.
        whole: In its own words; else by its kind alone.
        retry_after: Seconds after which asking again may help.
    """

    status: HTTPStatus
    whole: bool = True
    retry_after: int | None = None


_OURS = ErrorPolicy(HTTPStatus.INTERNAL_SERVER_ERROR, whole=False)
_AWAY = ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, whole=False, retry_after=10)

ERROR_POLICIES: Mapping[type[errors.HomeroomError], ErrorPolicy] = {
    errors.HomeroomError: _OURS,
    errors.SettingsError: _OURS,
    errors.FootageError: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageUnreadable: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageUntimed: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageTruncated: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.FootageListError: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.WeightsError: _OURS,
    errors.WeightsMissing: _OURS,
    errors.WeightsMismatch: _OURS,
    errors.LicenceNotAccepted: _OURS,
    errors.VisionError: _OURS,
    errors.LakeError: _OURS,
    errors.LakeBusy: _AWAY,
    errors.LakeUnwritable: _AWAY,
    errors.WarehouseError: _OURS,
    errors.NotPublished: ErrorPolicy(HTTPStatus.NOT_FOUND, whole=False),
    errors.QueryRefused: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY, whole=False),
    errors.RayError: _AWAY,
    errors.KeyUnusable: _OURS,
    errors.KeyMissing: _OURS,
    errors.RecordsError: _AWAY,
    errors.RecordsOutdated: _OURS,
    errors.RecordsBusy: ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, whole=False, retry_after=2),
    errors.RosterError: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.NotFound: ErrorPolicy(HTTPStatus.NOT_FOUND),
    errors.NotAllowed: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.FaceUnclear: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.RegisterError: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.RegisterChanged: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.BadgeRefused: ErrorPolicy(HTTPStatus.UNPROCESSABLE_ENTITY),
    errors.CheckinError: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.AlreadyAnswered: ErrorPolicy(HTTPStatus.CONFLICT),
    errors.CheckinClosed: ErrorPolicy(HTTPStatus.NOT_FOUND),
    errors.CheckinOff: ErrorPolicy(HTTPStatus.FORBIDDEN),
    errors.AuditBroken: _OURS,
    errors.StreamError: _AWAY,
    errors.JournalError: _AWAY,
    errors.NotSignedIn: ErrorPolicy(HTTPStatus.UNAUTHORIZED),
    errors.TooManyRequests: ErrorPolicy(HTTPStatus.TOO_MANY_REQUESTS, retry_after=60),
    errors.ServiceBusy: ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, retry_after=1),
    errors.ServiceDown: ErrorPolicy(HTTPStatus.SERVICE_UNAVAILABLE, retry_after=10),
    errors.JobError: ErrorPolicy(HTTPStatus.CONFLICT),
}
"""Each kind of error; a test sees to it that none is forgotten."""

CODES = {
    HTTPStatus.BAD_REQUEST: "request_unreadable",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.MISDIRECTED_REQUEST: "host_unknown",
    HTTPStatus.UNPROCESSABLE_ENTITY: "request_invalid",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
}
"""Codes of what is wrong before any part of ours is asked; else `http_<status>`."""

_DESCRIPTIONS = {
    400: "The request cannot be read.",
    401: "No sign-in, or one that does not hold.",
    403: "The role does not allow it, or a rule stands against it.",
    404: "There is no such thing.",
    405: "The path does not take this method.",
    409: "Its state does not allow it, or somebody else changed it in between.",
    413: "The request is too large.",
    421: "The service does not go by this host name.",
    422: "The request says something that cannot be.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    500: "A fault of ours; the log has it under the request's id.",
    503: "A part of the service is busy or away; `Retry-After` says when to ask again.",
}

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text} for status, text in _DESCRIPTIONS.items()
}
"""For `responses=`: of all routes, or a choice by status."""


def request_id_of(connection: HTTPConnection) -> str:
    """The id that the log knows a request by."""
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
    """An answer in the one shape; on a page, where a browser asks for one."""
    error = ErrorDetail(
        code=code,
        detail=detail,
        request_id=request_id_of(connection),
        where=where,
        hint=hint,
        fields=fields,
    )
    if (on_page := _on_page(connection, status, error)) is not None:
        on_page.headers.update(dict(headers or {}))
        return on_page
    content = ErrorBody(error=error).model_dump(exclude_none=True)
    return JSONResponse(content, status_code=status, headers=dict(headers or {}))


def _on_page(connection: HTTPConnection, status: int, error: ErrorDetail) -> Response | None:
    """The page that tells an error, where the application has pages and a browser asks for one."""
    app = connection.scope.get("app")
    pages: ErrorPages | None = getattr(getattr(app, "state", None), "error_pages", None)
    if pages is None or not pages.is_for_people(connection):
        return None
    return pages.page_of_error(connection, status, error)


def response_to(
    connection: HTTPConnection,
    error: errors.HomeroomError,
    *,
    retry_after: int | None = None,
) -> Response:
    """The answer to an error of our tree.

    Args:
        connection: What it was raised for.
        error: Of the tree.
        retry_after: Seconds; in place of the kind's own.
    """
    told = ERROR_POLICIES[_told_kind(type(error))]
    headers = {}
    if told.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="homeroom"'
    wait = told.retry_after if retry_after is None else retry_after
    if wait is not None:
        headers["Retry-After"] = str(wait)
    if told.whole:
        return error_response(
            connection,
            told.status,
            error.code,
            error.what,
            where=error.where,
            hint=error.hint,
            headers=headers,
        )
    logger.log(
        logging.ERROR if told.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO,
        "request %s: %s: %s",
        request_id_of(connection),
        error.code,
        error,
    )
    kind = (type(error).__doc__ or error.code).splitlines()[0]
    return error_response(connection, told.status, error.code, kind, headers=headers)


def unexpected(connection: HTTPConnection, error: Exception) -> Response:
    """The answer to an exception that nobody foresaw: the log has it, the caller its id."""
    logger.error("request %s failed", request_id_of(connection), exc_info=error)
    return error_response(
        connection,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        CODES[HTTPStatus.INTERNAL_SERVER_ERROR],
        "something went wrong on our side.",
        hint="Tell whoever runs Homeroom the request_id.",
    )


def install_errors(app: FastAPI) -> None:
    """Answer every error of an application's routes in the one shape."""
    app.add_exception_handler(errors.HomeroomError, _on_homeroom_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)


MOST_FIELDS = 50
"""Of a request with more faults, the first are told."""


async def _on_homeroom_error(connection: HTTPConnection, error: Exception) -> Response | None:
    assert isinstance(error, errors.HomeroomError)  # noqa: S101 (registered for it)
    if isinstance(connection, WebSocket):
        await connection.close(POLICY_VIOLATION, error.code)
        return None
    return response_to(connection, error)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for it)
    return error_response(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        CODES[HTTPStatus.UNPROCESSABLE_ENTITY],
        "the request says something that cannot be.",
        fields=[
            FieldProblem(where=_place(problem["loc"]), problem=_without_input(problem))
            for problem in error.errors()[:MOST_FIELDS]
        ],
    )


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    status = error.status_code
    known = status in HTTPStatus.__members__.values()
    code = CODES.get(HTTPStatus(status), f"http_{status}") if known else f"http_{status}"
    return error_response(request, status, code, str(error.detail), headers=error.headers)


def _told_kind(kind: type[errors.HomeroomError]) -> type[errors.HomeroomError]:
    return next(one for one in kind.__mro__ if one in ERROR_POLICIES)


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)[:LONGEST_PLACE]


def _without_input(problem: Mapping[str, Any]) -> str:
    """What is wrong, in pydantic's words, unless they repeat what came in."""
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
