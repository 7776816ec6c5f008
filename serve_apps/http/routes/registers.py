"""`/api/lessons/{id}/register`: taking the attendance of a lesson.

    open ──> (faces propose, badges) ──> marks, all-present, confirm ──> close ──> export

For teachers of the class alone: `RegisterService` looks at that in the same transaction in which
it works, and writes every look into the audit log. A page that waits for a change asks for the
version, which tells of nobody and is no look. Nothing here knows what anybody does in the lesson.

Two people may have the same register before them. An answer carries its version, also as ETag; who
sends it back (`version`, or If-Match) is refused when somebody else was quicker, and decides anew.
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
from cluster.security.roles import Principal, Role
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import LessonPath, example_response
from serve_apps.http.schemas.paging import Pages, cursor_of
from serve_apps.http.schemas.registers import (
    CSV_EXAMPLE,
    HISTORY_EXAMPLE,
    LARGEST_VERSION,
    REGISTER_EXAMPLE,
    STANDING_EXAMPLE,
    AllPresentRequest,
    BadgeRequest,
    ConfirmRequest,
    EdFiBody,
    HistoryBody,
    MarkRequest,
    RegisterBody,
    StandingBody,
    change_body,
    register_body,
)

router = APIRouter(prefix="/api/lessons/{lesson_id}/register", tags=["registers"], responses=ERRORS)

Teacher = Annotated[Principal, require_roles(Role.TEACHER)]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^("\d{1,10}"|\*)$',
        description="The ETag of the register that was looked at.",
    ),
]

ETAG: Final[dict[str, Any]] = {
    "ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}}
}
REGISTER: Final = example_response(RegisterBody, REGISTER_EXAMPLE, "The register as it stands now.")
REGISTER[200]["headers"] = ETAG


@contextmanager
def roll_of(request: Request, caller: Principal) -> Iterator[tuple[UnitOfWork, RegisterService]]:
    """Work on registers as the teacher who calls.

    Raises:
        NotAllowed: The caller is nobody of the roster.
    """
    backend: Backend = backend_of(request)
    with backend.identity.work(_user_of(caller)) as work:
        yield work, RegisterService(work, backend.settings)


def _user_of(caller: Principal) -> str:
    """Who calls, as the roster has it.

    Raises:
        NotAllowed: The caller is nobody of the roster.
    """
    if caller.user_id is None:
        raise NotAllowed(
            "who takes a register must be a teacher of the roster.",
            hint="Sign in as one; the token must name the teacher's sourcedId.",
        )
    return caller.user_id


@router.post("/open", summary="Open a register", operation_id="open_register", responses=REGISTER)
def open_register(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath
) -> RegisterBody:
    """From now on faces and badges count, for some minutes."""
    with roll_of(request, caller) as (work, roll):
        return _told(response, work, roll.open(lesson_id))


@router.get("", summary="A register", operation_id="show_register", responses=REGISTER)
def show_register(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath
) -> RegisterBody:
    """A register as it stands; the look is recorded."""
    with roll_of(request, caller) as (work, roll):
        return _told(response, work, roll.show(lesson_id))


@router.get(
    "/version",
    summary="Whether a register has changed",
    operation_id="show_register_version",
    responses=example_response(StandingBody, STANDING_EXAMPLE, "Its version; nobody of the class."),
)
def show_register_version(request: Request, caller: Teacher, lesson_id: LessonPath) -> StandingBody:
    """For asking again and again: it tells of no student, so it is no look, and changes no log."""
    backend, user = backend_of(request), _user_of(caller)
    try:
        with backend.identity.records.reading() as session:
            now = backend.identity.clock()
            found = load_summary(session, backend.settings, user, lesson_id, now)
    except NotAllowed as error:
        backend.identity.audit_denial(user, error, lesson_id)
        raise
    return StandingBody.model_validate(asdict(found))


@router.post("/marks", summary="Say who is there", operation_id="mark_register", responses=REGISTER)
def mark_register(
    request: Request,
    response: Response,
    caller: Teacher,
    lesson_id: LessonPath,
    said: MarkRequest,
    if_match: IfMatch = None,
) -> RegisterBody:
    """What the teacher says of some students; it counts at any time."""
    version = _version(said.version, if_match)
    with roll_of(request, caller) as (work, roll):
        return _told(response, work, roll.mark(lesson_id, said.marks, version=version))


@router.post(
    "/all-present",
    summary="Everybody is present but …",
    operation_id="mark_all_present",
    responses=REGISTER,
)
def mark_all_present(
    request: Request,
    response: Response,
    caller: Teacher,
    lesson_id: LessonPath,
    said: AllPresentRequest,
    if_match: IfMatch = None,
) -> RegisterBody:
    """Everybody of whom nothing is confirmed yet is present; the named ones are what is said."""
    version = _version(said.version, if_match)
    with roll_of(request, caller) as (work, roll):
        marks = {**roll.marks_for_unconfirmed(lesson_id, Status.PRESENT), **said.exceptions}
        return _told(response, work, roll.mark(lesson_id, marks, version=version))


@router.post(
    "/confirm",
    summary="Confirm what faces proposed",
    operation_id="confirm_register",
    responses=REGISTER,
)
def confirm_register(
    request: Request,
    response: Response,
    caller: Teacher,
    lesson_id: LessonPath,
    said: ConfirmRequest,
    if_match: IfMatch = None,
) -> RegisterBody:
    """Confirm proposals, all or some: only those that the teacher has seen, by their version."""
    version = _version(said.version, if_match)
    if version is None:
        raise _invalid("version", "the version that was looked at is needed, here or in If-Match")
    with roll_of(request, caller) as (work, roll):
        view = roll.confirm(lesson_id, version=version, students=said.students)
        return _told(response, work, view)


@router.post("/badges", summary="Take a badge", operation_id="take_badge", responses=REGISTER)
def take_badge(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath, said: BadgeRequest
) -> RegisterBody:
    """A student of the class showed a badge, while the register is open."""
    with roll_of(request, caller) as (work, roll):
        return _told(response, work, roll.scan_badge(lesson_id, said.badge))


@router.post(
    "/close", summary="Close a register", operation_id="close_register", responses=REGISTER
)
def close_register(
    request: Request, response: Response, caller: Teacher, lesson_id: LessonPath
) -> RegisterBody:
    """Close it before its time is up: faces and badges no longer count."""
    with roll_of(request, caller) as (work, roll):
        return _told(response, work, roll.close(lesson_id))


@router.get(
    "/history",
    summary="Every change of a register",
    operation_id="list_register_changes",
    responses=example_response(
        HistoryBody, HISTORY_EXAMPLE, "Who, when, what it was; oldest first."
    ),
)
def list_register_changes(
    request: Request, caller: Teacher, lesson_id: LessonPath, paging: Pages
) -> HistoryBody:
    """The changes of a register's entries, oldest first; the look is recorded."""
    begins = paging.number() or 0
    with roll_of(request, caller) as (_, roll):
        changes = roll.history(lesson_id)  # they only grow: their places do not change
    ends = begins + paging.limit
    page = [change_body(change) for change in changes[begins:ends]]
    return HistoryBody(changes=page, next=cursor_of(ends) if ends < len(changes) else None)


@router.get(
    "/export",
    summary="A register for other programs",
    operation_id="export_register",
    response_class=Response,
    responses={
        200: {
            "description": "What was confirmed, and nothing else: CSV, or Ed-Fi's events.",
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
    form: Annotated[
        Literal["csv", "edfi"], Query(alias="format", description="Which form.")
    ] = "csv",
) -> Response:
    """A register for the school's own system; that it was given out is recorded."""
    settings = backend_of(request).settings
    with roll_of(request, caller) as (work, roll):
        view = roll.show(lesson_id)
        if form == "edfi":
            events = EdFiBody(events=to_ed_fi(work, settings, view))
            return JSONResponse(events.model_dump(mode="json"))
        text = to_csv(work, view)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", lesson_id)
    return Response(
        text,
        media_type="text/csv",
        headers={"Content-Disposition": f'attachment; filename="register-{name}.csv"'},
    )


def _told(response: Response, work: UnitOfWork, view: RegisterView) -> RegisterBody:
    response.headers["ETag"] = f'"{view.version}"'
    return register_body(work, view)


def _version(said: int | None, if_match: str | None) -> int | None:
    """The version that must still be, from the body or from If-Match."""
    if if_match is None or if_match == "*":
        return said
    matched = min(int(if_match.strip('"')), LARGEST_VERSION)
    if said is not None and said != matched:
        raise _invalid("version", "it is another than that of If-Match")
    return matched


def _invalid(field: str, message: str) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "version", "loc": ("body", field), "msg": message, "input": None}]
    )
