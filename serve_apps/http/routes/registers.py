"""`/api/lessons/{id}/register`: take the attendance of a lesson.

    open ──> (faces propose, badges) ──> marks, all-present, confirm ──> close ──> export

For teachers of the class alone: `RegisterService` checks that in the transaction in which it works,
and records every access in the audit log (R9). A page that waits for a change polls the version,
which contains no identity data and is not audited. Nothing here reads activity (R2).

Two teachers may edit the same register. A response has its version, also as ETag; a change that
sends it back (`version`, or If-Match) is rejected if somebody else has changed the register in
between.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from cluster.errors import NotAllowed
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.register.export import to_csv, to_ed_fi
from cluster.register.queries import load_summary
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.register.types import RegisterView
from cluster.security.roles import Principal
from serve_apps.http.auth.install import Teacher
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import LessonPath, example_response
from serve_apps.http.schemas.paging import PagingQuery, encode_cursor
from serve_apps.http.schemas.registers import (
    CSV_EXAMPLE,
    HISTORY_EXAMPLE,
    MAX_VERSION,
    REGISTER_EXAMPLE,
    REGISTER_VERSION_EXAMPLE,
    AllPresentRequest,
    BadgeRequest,
    ConfirmRequest,
    EdFiBody,
    HistoryBody,
    MarkRequest,
    RegisterBody,
    RegisterVersionBody,
    change_body,
    register_body,
)

router = APIRouter(prefix="/api/lessons/{lesson_id}/register", tags=["registers"], responses=ERRORS)

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^("\d{1,10}"|\*)$',
        description="The ETag of the register that the teacher has seen.",
    ),
]

ETAG: Final[dict[str, Any]] = {
    "ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}}
}
REGISTER: Final = example_response(
    RegisterBody, REGISTER_EXAMPLE, "The register in its current state."
)
REGISTER[200]["headers"] = ETAG


@contextmanager
def open_service(
    request: Request, caller: Principal
) -> Iterator[tuple[UnitOfWork, RegisterService]]:
    """Open a unit of work and its register service for the calling teacher.

    Raises:
        NotAllowed: The caller is not in the roster.
    """
    backend: Backend = backend_of(request)
    with backend.audited.work(_user_id_of(caller)) as work:
        yield work, RegisterService(work, backend.settings)


def _user_id_of(caller: Principal) -> str:
    """Return the caller's id in the roster.

    Raises:
        NotAllowed: The caller is not in the roster.
    """
    if caller.user_id is None:
        raise NotAllowed(
            "only a teacher in the roster can take a register.",
            hint="Sign in as one; a token must have the teacher's sourcedId.",
        )
    return caller.user_id


@router.post("/open", summary="Open a register", operation_id="open_register", responses=REGISTER)
def open_register(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath
) -> RegisterBody:
    """Open a register: it accepts faces and badges for some minutes (R6)."""
    with open_service(request, caller) as (work, service):
        return _respond(response, work, service.open(lesson_id))


@router.get("", summary="A register", operation_id="show_register", responses=REGISTER)
def show_register(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath
) -> RegisterBody:
    """Show a register; this access is recorded."""
    with open_service(request, caller) as (work, service):
        return _respond(response, work, service.show(lesson_id))


@router.get(
    "/version",
    summary="Whether a register has changed",
    operation_id="show_register_version",
    responses=example_response(
        RegisterVersionBody, REGISTER_VERSION_EXAMPLE, "Its version, without entries."
    ),
)
def show_register_version(
    request: Request, caller: Teacher, lesson_id: LessonPath
) -> RegisterVersionBody:
    """Show the version, for polling: it contains no identity data, so it is not audited."""
    backend, user = backend_of(request), _user_id_of(caller)
    try:
        with backend.audited.records.reading() as session:
            now = backend.audited.clock()
            found = load_summary(session, backend.settings, user, lesson_id, now)
    except NotAllowed as error:
        backend.audited.audit_denial(user, error, lesson_id)
        raise
    return RegisterVersionBody.model_validate(asdict(found))


@router.post("/marks", summary="Mark students", operation_id="mark_register", responses=REGISTER)
def mark_register(
    request: Request,
    response: Response,
    caller: Teacher,
    lesson_id: LessonPath,
    body: MarkRequest,
    if_match: IfMatch = None,
) -> RegisterBody:
    """Record statuses of some students; possible at any time."""
    version = _version(body.version, if_match)
    with open_service(request, caller) as (work, service):
        return _respond(response, work, service.mark(lesson_id, body.marks, version=version))


@router.post(
    "/all-present",
    summary="Mark everybody present except …",
    operation_id="mark_all_present",
    responses=REGISTER,
)
def mark_all_present(
    request: Request,
    response: Response,
    caller: Teacher,
    lesson_id: LessonPath,
    body: AllPresentRequest,
    if_match: IfMatch = None,
) -> RegisterBody:
    """Mark students without a confirmed entry as present, and the exceptions as given."""
    version = _version(body.version, if_match)
    with open_service(request, caller) as (work, service):
        marks = {**service.marks_for_unconfirmed(lesson_id, Status.PRESENT), **body.exceptions}
        return _respond(response, work, service.mark(lesson_id, marks, version=version))


@router.post(
    "/confirm",
    summary="Confirm proposals",
    operation_id="confirm_register",
    responses=REGISTER,
)
def confirm_register(
    request: Request,
    response: Response,
    caller: Teacher,
    lesson_id: LessonPath,
    body: ConfirmRequest,
    if_match: IfMatch = None,
) -> RegisterBody:
    """Confirm all or some proposals: only those of the version that the teacher has seen (R7)."""
    version = _version(body.version, if_match)
    if version is None:
        raise _invalid_error(
            "version", "the version that the teacher has seen is required, here or in If-Match"
        )
    with open_service(request, caller) as (work, service):
        view = service.confirm(lesson_id, version=version, students=body.students)
        return _respond(response, work, view)


@router.post("/badges", summary="Accept a badge", operation_id="take_badge", responses=REGISTER)
def take_badge(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath, body: BadgeRequest
) -> RegisterBody:
    """Record a student of the class by badge, while the register is open.

    `badge` in the response has what it changed: an entry that was confirmed before, such as absent
    by a teacher, stays as it is.
    """
    with open_service(request, caller) as (work, service):
        return _respond(response, work, service.scan_badge(lesson_id, body.badge))


@router.post(
    "/close", summary="Close a register", operation_id="close_register", responses=REGISTER
)
def close_register(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath
) -> RegisterBody:
    """Close a register early: it accepts no more faces and badges."""
    with open_service(request, caller) as (work, service):
        return _respond(response, work, service.close(lesson_id))


@router.get(
    "/history",
    summary="Every change of a register",
    operation_id="list_register_changes",
    responses=example_response(HistoryBody, HISTORY_EXAMPLE, "The changes, oldest first."),
)
def list_register_changes(
    request: Request, caller: Teacher, lesson_id: LessonPath, paging: PagingQuery
) -> HistoryBody:
    """List the changes of a register's entries, oldest first; this access is recorded."""
    start = paging.after_number() or 0
    with open_service(request, caller) as (_, service):
        changes = service.history(lesson_id)  # it only grows, so that offsets are stable
    end = start + paging.limit
    page = [change_body(change) for change in changes[start:end]]
    return HistoryBody(changes=page, next=encode_cursor(end) if end < len(changes) else None)


@router.get(
    "/export",
    summary="A register for other programs",
    operation_id="export_register",
    response_class=Response,
    responses={
        200: {
            "description": "Only confirmed entries: CSV, or Ed-Fi's events.",
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": CSV_EXAMPLE},
                "application/json": {
                    "schema": EdFiBody.model_json_schema(),
                    "example": {"events": []},
                },
            },
        }
    },
)
def export_register(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    export_format: Annotated[
        Literal["csv", "edfi"], Query(alias="format", description="Format of the export.")
    ] = "csv",
) -> Response:
    """Export a register for the school's own system; this access is recorded."""
    settings = backend_of(request).settings
    with open_service(request, caller) as (work, service):
        view = service.show(lesson_id)
        if export_format == "edfi":
            events = EdFiBody(events=to_ed_fi(work, settings, view))
            return JSONResponse(events.model_dump(mode="json"))
        text = to_csv(work, view)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", lesson_id)
    return Response(
        text,
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="register-{name}.csv"'},
    )


def _respond(response: Response, work: UnitOfWork, view: RegisterView) -> RegisterBody:
    response.headers["ETag"] = f'"{view.version}"'
    return register_body(work, view)


def _version(given: int | None, if_match: str | None) -> int | None:
    """Return the version that the register must still have, from the body or from If-Match."""
    if if_match is None or if_match == "*":
        return given
    matched = min(int(if_match.strip('"')), MAX_VERSION)
    if given is not None and given != matched:
        raise _invalid_error("version", "it differs from that of If-Match")
    return matched


def _invalid_error(field: str, message: str) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "version", "loc": ("body", field), "msg": message, "input": None}]
    )
