"""`/lessons/{id}/check-in`: a teacher starts a check-in, sees what may be told, and ends it.

start ─> the board (a code and a QR for all to see), or slips to hand out
└────> the number of answers; counts at k, 2k, … answers ─> end
who would like to be asked: a page of its own, since this one may be on the wall
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from cluster import checkins
from cluster.errors import CheckinError, HomeroomError, NotAllowed
from cluster.security.roles import Principal
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.middleware.headers import public_base
from serve_apps.http.pages.forms import FormBody, form
from serve_apps.http.pages.lessons import LessonView, Teacher, lesson_view
from serve_apps.http.pages.rendering import page, wants_fragment
from serve_apps.http.schemas.base import LessonPath
from serve_apps.http.threads import run_in_pool

SEE_OTHER: Final = 303

router = APIRouter(prefix="/lessons/{lesson_id}", include_in_schema=False)


class SeenForm(FormBody):
    """Which call the teacher has seen."""

    call: str = Field(pattern=r"^[0-9a-f]{32}$")


Seen = Annotated[SeenForm, form(SeenForm)]


@router.get("/check-in")
async def show(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """How the check-in stands."""
    return await _block(request, caller, lesson_id)


@router.post("/check-in/start")
async def start(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Start it; where guardians must agree, the slips are shown, this once."""
    backend = backend_of(request)

    def do() -> tuple[LessonView, checkins.Started]:
        view = lesson_view(backend, caller, lesson_id)
        with backend.identity.work(_teacher(caller)) as work:
            return view, checkins.start(work, backend.settings, lesson_id)

    try:
        view, started = await run_in_pool(do)
    except CheckinError as error:
        return await _refused(request, caller, lesson_id, error)
    if started.slips:
        slips = [{"code": code, "qr": _qr(backend, code)} for code in started.slips]
        context = {"lesson": view, "slips": slips, "students": started.students}
        context |= {"k": started.view.k, "can_be_told": started.view.can_be_told}
        return page(request, "checkin_slips.html", {**context, "address": _address(backend)})
    if wants_fragment(request):
        return await _block(request, caller, lesson_id)
    return RedirectResponse(f"/lessons/{lesson_id}#checkin", status_code=SEE_OTHER)


@router.post("/check-in/end")
async def end(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """End it before the lesson does."""
    backend = backend_of(request)

    def do() -> None:
        with backend.identity.work(_teacher(caller)) as work:
            checkins.end(work, backend.settings, lesson_id)
        backend.identity.records.scrub()

    return await _done(request, caller, lesson_id, do)


@router.get("/board")
async def board(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """What the class sees on the wall: how to come in, and how many have answered."""
    backend = backend_of(request)
    view = await run_in_pool(lesson_view, backend, caller, lesson_id)
    standing = await run_in_pool(standing_in, backend, lesson_id)
    running = standing.running
    context = {
        "lesson": view,
        "standing": standing,
        "address": _address(backend),
        "qr": _qr(backend, running.code) if running and running.code else "",
    }
    template = "_board.html" if wants_fragment(request) else "board.html"
    return page(request, template, context)


@router.get("/calls")
async def calls(request: Request, caller: Teacher, lesson_id: LessonPath) -> Response:
    """Who would like to be asked; each name that is shown is recorded."""
    backend = backend_of(request)

    def look() -> tuple[LessonView, tuple[checkins.HelpRequest, ...]]:
        view = lesson_view(backend, caller, lesson_id)
        with backend.identity.work(_teacher(caller)) as work:
            return view, checkins.calls(work, backend.settings, lesson_id)

    view, found = await run_in_pool(look)
    return page(request, "help_requests.html", {"lesson": view, "calls": found})


@router.post("/calls")
async def seen(
    request: Request,
    caller: Teacher,
    lesson_id: LessonPath,
    said: Seen,
) -> Response:
    """The teacher has seen a call."""
    backend = backend_of(request)

    def do() -> None:
        with backend.identity.work(_teacher(caller)) as work:
            checkins.seen(work, backend.settings, lesson_id, said.call)

    await run_in_pool(do)
    return RedirectResponse(f"/lessons/{lesson_id}/calls", status_code=SEE_OTHER)


def standing_in(backend: Backend, lesson_id: str) -> checkins.CheckinStatus:
    """How the check-in of a lesson stands; blocks."""
    identity = backend.identity
    with identity.records.reading() as session:
        return checkins.standing_of(session, backend.settings, lesson_id, identity.clock())


async def _done(
    request: Request, caller: Principal, lesson_id: str, do: Callable[[], None]
) -> Response:
    try:
        await run_in_pool(do)
    except CheckinError as error:
        return await _refused(request, caller, lesson_id, error)
    if wants_fragment(request):
        return await _block(request, caller, lesson_id)
    return RedirectResponse(f"/lessons/{lesson_id}#checkin", status_code=SEE_OTHER)


async def _refused(
    request: Request, caller: Principal, lesson_id: str, error: CheckinError
) -> Response:
    if not wants_fragment(request):
        raise error
    return await _block(request, caller, lesson_id, problem=error)


async def _block(
    request: Request, caller: Principal, lesson_id: str, problem: HomeroomError | None = None
) -> Response:
    backend = backend_of(request)
    context: dict[str, Any] = {
        "lesson": await run_in_pool(lesson_view, backend, caller, lesson_id),
        "standing": await run_in_pool(standing_in, backend, lesson_id),
        "problem": problem,
    }
    return page(request, "_checkin.html", context, status=409 if problem else 200)


def _teacher(caller: Principal) -> str:
    if caller.user_id is None:
        raise NotAllowed("who holds a check-in must be a teacher of the roster.")
    return caller.user_id


def _address(backend: Backend) -> str:
    """Where phones go, as people type it."""
    return public_base(backend.settings.live).removeprefix("https://") + "/c"


def _qr(backend: Backend, code: str) -> str:
    """The address with the code, as an SVG without any style of its own."""
    made = segno.make(f"{public_base(backend.settings.live)}/c/{code}", error="m", micro=False)
    return made.svg_inline(scale=8, border=2, light="#fff", omitsize=True, svgclass="qr")
