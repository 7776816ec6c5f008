"""`/lessons/{id}/register`: the class list on a lesson page, and what a teacher's taps do.

Each tap is a form, so that the register can be taken without a script. With one, the answer is
the list alone, and is put in place of the old one. `RegisterService` decides who may do what, and
writes every look into the audit log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from cluster.errors import BadgeRefused, HomeroomError, NotFound, RegisterError
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.register.types import RegisterView
from cluster.security.roles import Principal
from serve_apps.http.backend import backend_of
from serve_apps.http.pages.forms import FormBody, form
from serve_apps.http.pages.lessons import Teacher, lesson_view
from serve_apps.http.pages.rendering import page, wants_fragment
from serve_apps.http.routes.registers import roll_of
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.schemas.registers import LARGEST_VERSION, RegisterBody, register_body
from serve_apps.http.threads import run_in_pool

SEE_OTHER: Final = 303

router = APIRouter(prefix="/lessons/{lesson_id}/register", include_in_schema=False)


class TapForm(FormBody):
    """One tap: whom, and what."""

    tap: str = Field(pattern=r"^[0-9a-f]{32}:(present|late|absent|excused|not_recorded)$")


class SeenForm(FormBody):
    """What a teacher has seen."""

    version: int = Field(ge=0, le=LARGEST_VERSION)


class BadgeForm(FormBody):
    """What a scanner read from a badge."""

    badge: str = Field(min_length=1, max_length=200)


@dataclass(frozen=True, slots=True)
class Listed:
    """A register on a page; `body` is None before anybody has begun it."""

    body: RegisterBody | None
    can_undo: bool
    can_open: bool


@router.get("")
async def show(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The class list; the look is recorded."""
    return await _answer(request, caller, lesson_id, lambda _work, roll: roll.show(lesson_id))


@router.post("/open")
async def open_it(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """From now on faces and badges count, for some minutes."""
    return await _answer(request, caller, lesson_id, lambda _work, roll: roll.open(lesson_id))


@router.post("/begin")
async def begin(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Take it by hand alone."""
    return await _answer(request, caller, lesson_id, lambda _work, roll: roll.mark(lesson_id, {}))


@router.post("/mark")
async def mark(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    said: Annotated[TapForm, form(TapForm)],
) -> Response:
    """One tap on one student."""
    student, _, word = said.tap.partition(":")
    marks = {student: Status(word)}
    return await _answer(
        request, caller, lesson_id, lambda _work, roll: roll.mark(lesson_id, marks)
    )


@router.post("/rest-present")
async def rest_present(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Everybody of whom nothing is confirmed yet is present."""

    def do(_work: UnitOfWork, roll: RegisterService) -> RegisterView:
        return roll.mark(lesson_id, roll.marks_for_unconfirmed(lesson_id, Status.PRESENT))

    return await _answer(request, caller, lesson_id, do)


@router.post("/confirm")
async def confirm(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    seen: Annotated[SeenForm, form(SeenForm)],
) -> Response:
    """Confirm the proposals that the teacher has seen."""
    return await _answer(
        request,
        caller,
        lesson_id,
        lambda _work, roll: roll.confirm(lesson_id, version=seen.version),
    )


@router.post("/undo")
async def take_back(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Take back what the teacher said last."""
    return await _answer(request, caller, lesson_id, lambda _work, roll: roll.undo(lesson_id))


@router.post("/badge")
async def badge(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    shown: Annotated[BadgeForm, form(BadgeForm)],
) -> Response:
    """A student of the class showed a badge."""
    return await _answer(
        request,
        caller,
        lesson_id,
        lambda _work, roll: roll.scan_badge(lesson_id, shown.badge.strip()),
    )


@router.post("/close")
async def close(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Close it before its time is up."""
    return await _answer(request, caller, lesson_id, lambda _work, roll: roll.close(lesson_id))


async def listed_of(
    request: Request,
    caller: Principal,
    lesson_id: str,
    do: Callable[[UnitOfWork, RegisterService], RegisterView] | None = None,
) -> Listed:
    """A register for a page, after something was done to it.

    Args:
        request: Knows the backend.
        caller: A teacher of the class.
        lesson_id: Of which lesson.
        do: What is done; looking alone unless given.

    Raises:
        HomeroomError: See `RegisterService`.
    """

    def work_on_it() -> Listed:
        with roll_of(request, caller) as (work, roll):
            try:
                view = roll.show(lesson_id) if do is None else do(work, roll)
            except NotFound:
                if do is not None:
                    raise
                return Listed(None, can_undo=False, can_open=True)
            can_undo = roll.can_undo(lesson_id)
            return Listed(register_body(work, view), can_undo, can_open=not view.was_opened)

    return await run_in_pool(work_on_it)


async def _answer(
    request: Request,
    caller: Principal,
    lesson_id: str,
    do: Callable[[UnitOfWork, RegisterService], RegisterView],
) -> Response:
    """What was asked for, then the list, or back to the page where no script asks."""
    is_look = request.method == "GET"
    problem: HomeroomError | None = None
    listed: Listed | None = None
    try:
        listed = await listed_of(request, caller, lesson_id, None if is_look else do)
    except (RegisterError, BadgeRefused) as error:  # the list as it is now, and why
        problem = error
    if not wants_fragment(request):
        if problem is not None:
            raise problem
        return RedirectResponse(f"/lessons/{lesson_id}#register", status_code=SEE_OTHER)
    if listed is None:
        listed = await listed_of(request, caller, lesson_id)
    view = await run_in_pool(lesson_view, backend_of(request), caller, lesson_id)
    context: dict[str, Any] = {"lesson": view, "register": listed, "problem": problem}
    return page(request, "_register.html", context, status=409 if problem else 200)
