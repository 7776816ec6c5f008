"""`/lessons/{id}/check-in`: a teacher starts a check-in, sees published counts, and ends it.

start ─> the board (a code and a QR code for the whole class), or printed slips
└────> the number of answers; counts at k, 2k, … answers (R3) ─> end

Help requests have a page of their own, because the lesson page may be projected.
"""

from collections.abc import Callable
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from starlette.status import HTTP_303_SEE_OTHER

from cluster import checkins
from cluster.errors import CheckinError, HomeroomError, NotAllowed
from cluster.security.roles import Principal
from serve_apps.http.auth.install import Teacher
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.middleware.headers import public_base_url
from serve_apps.http.pages.forms import FormBody, form
from serve_apps.http.pages.lessons import LessonView, load_lesson
from serve_apps.http.pages.rendering import render_page, wants_fragment
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.threads import run_in_pool

router = APIRouter(prefix="/lessons/{lesson_id}", include_in_schema=False)


class AcknowledgeForm(FormBody):
    """Which help request the teacher has seen."""

    call: str = Field(pattern=r"^[0-9a-f]{32}$")


@router.get("/check-in")
async def checkin_section(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The check-in's section of the lesson page."""
    return await _render_section(request, caller, lesson_id)


@router.post("/check-in/start")
async def start_checkin(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Start the check-in; where guardians must agree, the slips are shown once."""
    backend = backend_of(request)

    def start() -> tuple[LessonView, checkins.StartedCheckin]:
        lesson = load_lesson(backend, caller, lesson_id)
        with backend.audited.work(_teacher_id(caller)) as work:
            return lesson, checkins.start(work, backend.settings, lesson_id)

    try:
        lesson, started = await run_in_pool(start)
    except CheckinError as error:
        return await _render_problem(request, caller, lesson_id, error)
    if started.slips:
        slips = [{"code": code, "qr": _qr_svg(backend, code)} for code in started.slips]
        context = {"lesson": lesson, "slips": slips, "students": started.students}
        context |= {"k": started.view.k, "can_be_published": started.view.can_be_published}
        context |= {"address": _join_address(backend)}
        return render_page(request, "checkin_slips.html", context)
    if wants_fragment(request):
        return await _render_section(request, caller, lesson_id)
    return RedirectResponse(f"/lessons/{lesson_id}#checkin", status_code=HTTP_303_SEE_OTHER)


@router.post("/check-in/end")
async def end_checkin(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """End the check-in before the lesson ends."""
    backend = backend_of(request)

    def end() -> None:
        with backend.audited.work(_teacher_id(caller)) as work:
            checkins.end(work, backend.settings, lesson_id)
        backend.audited.records.scrub()

    return await _run_and_render(request, caller, lesson_id, end)


@router.get("/board")
async def board_page(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The projected page: how to join the check-in, and how many have answered."""
    backend = backend_of(request)
    lesson = await run_in_pool(load_lesson, backend, caller, lesson_id)
    status = await run_in_pool(load_checkin_status, backend, lesson_id)
    running = status.running
    context = {
        "lesson": lesson,
        "checkin": status,
        "address": _join_address(backend),
        "qr": _qr_svg(backend, running.code) if running and running.code else "",
    }
    template = "_board.html" if wants_fragment(request) else "board.html"
    return render_page(request, template, context)


@router.get("/calls")
async def help_requests_page(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """The help requests of the lesson; each name that is shown is recorded (R9)."""
    backend = backend_of(request)

    def load() -> tuple[LessonView, tuple[checkins.HelpRequest, ...]]:
        lesson = load_lesson(backend, caller, lesson_id)
        with backend.audited.work(_teacher_id(caller)) as work:
            return lesson, checkins.list_help_requests(work, backend.settings, lesson_id)

    lesson, help_requests = await run_in_pool(load)
    context = {"lesson": lesson, "help_requests": help_requests}
    return render_page(request, "help_requests.html", context)


@router.post("/calls")
async def acknowledge_help_request(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    fields: Annotated[AcknowledgeForm, form(AcknowledgeForm)],
) -> Response:
    """Mark a help request as seen by the teacher."""
    backend = backend_of(request)

    def acknowledge() -> None:
        with backend.audited.work(_teacher_id(caller)) as work:
            checkins.mark_seen(work, backend.settings, lesson_id, fields.call)

    await run_in_pool(acknowledge)
    return RedirectResponse(f"/lessons/{lesson_id}/calls", status_code=HTTP_303_SEE_OTHER)


def load_checkin_status(backend: Backend, lesson_id: str) -> checkins.CheckinStatus:
    """Return the status of a lesson's check-in; reads the records and blocks."""
    audited = backend.audited
    with audited.records.reading() as session:
        return checkins.get_status(session, backend.settings, lesson_id, audited.clock())


async def _run_and_render(
    request: Request, caller: Principal, lesson_id: str, action: Callable[[], None]
) -> Response:
    try:
        await run_in_pool(action)
    except CheckinError as error:
        return await _render_problem(request, caller, lesson_id, error)
    if wants_fragment(request):
        return await _render_section(request, caller, lesson_id)
    return RedirectResponse(f"/lessons/{lesson_id}#checkin", status_code=HTTP_303_SEE_OTHER)


async def _render_problem(
    request: Request, caller: Principal, lesson_id: str, error: CheckinError
) -> Response:
    if not wants_fragment(request):
        raise error
    return await _render_section(request, caller, lesson_id, problem=error)


async def _render_section(
    request: Request, caller: Principal, lesson_id: str, problem: HomeroomError | None = None
) -> Response:
    backend = backend_of(request)
    context: dict[str, Any] = {
        "lesson": await run_in_pool(load_lesson, backend, caller, lesson_id),
        "checkin": await run_in_pool(load_checkin_status, backend, lesson_id),
        "problem": problem,
    }
    return render_page(request, "_checkin.html", context, status=409 if problem else 200)


def _teacher_id(caller: Principal) -> str:
    if caller.user_id is None:
        raise NotAllowed("only a teacher of the roster can hold a check-in.")
    return caller.user_id


def _join_address(backend: Backend) -> str:
    """The address that students type on their phones."""
    return public_base_url(backend.settings.live).removeprefix("https://") + "/c"


def _qr_svg(backend: Backend, code: str) -> str:
    """The address with the code as an SVG without inline styles, which the CSP would block."""
    qr = segno.make(f"{public_base_url(backend.settings.live)}/c/{code}", error="m", micro=False)
    return qr.svg_inline(scale=8, border=2, light="#fff", omitsize=True, svgclass="qr")
