"""`/lessons/{id}/register`: the class list on a lesson page, and the teacher's changes to it.

Each change is a form, so that the register can be taken without JavaScript. With it, the answer is
the list alone, which replaces the old one. `RegisterService` decides who may do what, and records
every access in the audit log (R9).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from starlette.status import HTTP_303_SEE_OTHER

from cluster.errors import BadgeRefused, HomeroomError, NotFound, RegisterError
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.register.types import RegisterView
from cluster.security.roles import Principal
from serve_apps.http.auth.install import Teacher
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.forms import FormBody, form
from serve_apps.http.pages.lesson_counts import load_class_counts
from serve_apps.http.pages.lessons import load_lesson
from serve_apps.http.pages.rendering import render_page, wants_fragment
from serve_apps.http.routes.registers import open_service
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.schemas.registers import MAX_VERSION, RegisterBody, register_body
from serve_apps.http.threads import run_in_pool

Change = Callable[[RegisterService], RegisterView]
BadgeResult = Literal["changed", "unchanged"]
"""What a badge did to an entry."""

router = APIRouter(prefix="/lessons/{lesson_id}/register", include_in_schema=False)


class MarkForm(FormBody):
    """One student and a status, as one button sends them."""

    tap: str = Field(pattern=r"^[0-9a-f]{32}:(present|late|absent|excused|not_recorded)$")


class ConfirmForm(FormBody):
    """The version of the register that the teacher confirms."""

    version: int = Field(ge=0, le=MAX_VERSION)


class BadgeForm(FormBody):
    """What a scanner read from a badge."""

    badge: str = Field(min_length=1, max_length=200)


@dataclass(frozen=True, slots=True)
class RegisterSection:
    """The register's section of a page.

    Attributes:
        body: The register; None before it is started.
        can_undo: The caller's last change can be undone.
        can_open: It has not been opened for badges and faces yet.
    """

    body: RegisterBody | None
    can_undo: bool
    can_open: bool


@router.get("")
async def register_section(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The class list; the access is recorded."""
    return await _respond(request, caller, lesson_id, lambda service: service.show(lesson_id))


@router.post("/open")
async def open_register(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Open the register for badges and faces, for some minutes."""
    return await _respond(request, caller, lesson_id, lambda service: service.open(lesson_id))


@router.post("/begin")
async def begin_register(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Begin the register by hand, without opening it for badges and faces."""
    return await _respond(request, caller, lesson_id, lambda service: service.mark(lesson_id, {}))


@router.post("/mark")
async def mark_student(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    fields: Annotated[MarkForm, form(MarkForm)],
) -> Response:
    """Mark one student."""
    student_id, _, status = fields.tap.partition(":")
    marks = {student_id: Status(status)}
    return await _respond(
        request, caller, lesson_id, lambda service: service.mark(lesson_id, marks)
    )


@router.post("/rest-present")
async def mark_rest_present(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Mark as present everybody whose status is not confirmed yet."""

    def mark_rest(service: RegisterService) -> RegisterView:
        return service.mark(lesson_id, service.marks_for_unconfirmed(lesson_id, Status.PRESENT))

    return await _respond(request, caller, lesson_id, mark_rest)


@router.post("/confirm")
async def confirm_proposals(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    fields: Annotated[ConfirmForm, form(ConfirmForm)],
) -> Response:
    """Confirm the proposals of the version that the teacher has seen (R7)."""
    return await _respond(
        request,
        caller,
        lesson_id,
        lambda service: service.confirm(lesson_id, version=fields.version),
    )


@router.post("/undo")
async def undo_change(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Undo the teacher's last change."""
    return await _respond(request, caller, lesson_id, lambda service: service.undo(lesson_id))


@router.post("/badge")
async def record_badge(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    fields: Annotated[BadgeForm, form(BadgeForm)],
) -> Response:
    """Record the badge of a student of the class."""
    return await _respond(
        request,
        caller,
        lesson_id,
        lambda service: service.scan_badge(lesson_id, fields.badge.strip()),
    )


@router.post("/close")
async def close_register(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Close the register for badges and faces before its time is up."""
    return await _respond(request, caller, lesson_id, lambda service: service.close(lesson_id))


async def load_register_section(
    request: Request, caller: Principal, lesson_id: str, change: Change | None = None
) -> RegisterSection:
    """Return a register for a page, after a change if one is given.

    Args:
        request: Gives the backend.
        caller: A teacher of the class.
        lesson_id: The lesson.
        change: Applied first; the register is only read without it.

    Raises:
        HomeroomError: See `RegisterService`.
    """

    def load() -> RegisterSection:
        with open_service(request, caller) as (work, service):
            try:
                view = service.show(lesson_id) if change is None else change(service)
            except NotFound:
                if change is not None:
                    raise
                return RegisterSection(None, can_undo=False, can_open=True)
            return RegisterSection(
                body=register_body(work, view),
                can_undo=service.can_undo(lesson_id),
                can_open=not view.was_opened,  # a register is opened once
            )

    return await run_in_pool(load)


async def _respond(request: Request, caller: Principal, lesson_id: str, change: Change) -> Response:
    """Apply a change, then send the list; without JavaScript, redirect to the lesson page."""
    is_read = request.method == "GET"
    problem: HomeroomError | None = None
    section: RegisterSection | None = None
    try:
        section = await load_register_section(
            request, caller, lesson_id, None if is_read else change
        )
    except (RegisterError, BadgeRefused) as error:  # shown above the current list
        problem = error
    if not wants_fragment(request):
        if problem is not None:
            raise problem
        place = "#register" if section is None else _place_after(section)
        return RedirectResponse(f"/lessons/{lesson_id}{place}", status_code=HTTP_303_SEE_OTHER)
    if section is None:
        section = await load_register_section(request, caller, lesson_id)
    backend = backend_of(request)
    lesson = await run_in_pool(load_lesson, backend, caller, lesson_id)
    context: dict[str, Any] = {
        "lesson": lesson,
        "register": section,
        "counts": await load_class_counts(backend, caller, lesson, section.body),
        "problem": problem,
        "badge_result": None,  # the register says it, with the name
    }
    return render_page(request, "_register.html", context, status=409 if problem else 200)


def _place_after(section: RegisterSection) -> str:
    """Return where on the lesson page a change leads: of a badge, to its student's entry.

    The student is in the fragment, which no server and no log gets.
    """
    scan = None if section.body is None else section.body.badge
    if scan is None:
        return "#register"
    result: BadgeResult = "changed" if scan.changed else "unchanged"
    return f"?badge={result}#student-{scan.student_id}"
