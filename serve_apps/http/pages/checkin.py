"""`/c`: the check-in on a student's phone, without an account and without JavaScript.

    /c  type the code ─> /c/{code}  one of seven feelings ─> /c/{code}/thanks
                             └ "I don't feel well" ─> /c/{code}/call, with or without a name

A phone carries one cookie for this check-in alone, which ends with it. It is a random token that
keeps a phone from answering twice, and says nothing else. Unknown codes are counted, so that
guessing is rate-limited.
"""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field
from starlette.status import HTTP_303_SEE_OTHER

from cluster import checkins
from cluster.checkins.codes import DEVICE_BYTES, parse_code
from cluster.checkins.feelings import Feeling
from cluster.errors import CheckinClosed, CheckinError, CheckinOff
from cluster.records.db.unit_of_work import UnitOfWork
from serve_apps.http.auth.authentication import authentication_of
from serve_apps.http.auth.cookies import check_origin
from serve_apps.http.auth.install import PUBLIC
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.middleware.headers import is_https
from serve_apps.http.pages.forms import FormBody, form
from serve_apps.http.pages.rendering import render_page
from serve_apps.http.threads import run_in_pool

DEVICE_COOKIE: Final = "homeroom-checkin"
NO_COOKIE: Final = "cookie"
STATUSES: Final[dict[type[CheckinError], int]] = {CheckinClosed: 404, CheckinOff: 403}

router = APIRouter(prefix="/c", include_in_schema=False, dependencies=[PUBLIC])

Code = Annotated[str, Path(max_length=32)]


class AnswerForm(FormBody):
    """The answer of a student."""

    feeling: Feeling | None = None
    not_well: bool = False


class HelpRequestForm(FormBody):
    """Which student asks for help; empty for an anonymous request."""

    student: str = Field("", pattern=r"^([0-9a-f]{64})?$")


@router.get("")
async def code_page(request: Request, code: str = "") -> Response:
    """The form for the code; a valid code leads to its check-in."""
    if code:
        normalized = parse_code(code)
        if normalized is not None:
            return RedirectResponse(f"/c/{normalized}", status_code=HTTP_303_SEE_OTHER)
        return render_page(
            request, "checkin_code.html", {"problem": CheckinClosed.code}, status=404
        )
    return render_page(request, "checkin_code.html", {"problem": ""})


@router.get("/{code}")
async def question_page(request: Request, code: Code) -> Response:
    """The question of an open check-in; always at the normalized code, the path of the cookie."""
    normalized = parse_code(code)
    if normalized is not None and normalized != code:
        return RedirectResponse(f"/c/{normalized}", status_code=HTTP_303_SEE_OTHER)
    return await _with_open_checkin(
        request, code, lambda checkin: _render_question(request, code, checkin)
    )


@router.post("/{code}")
async def submit_answer(
    request: Request, code: Code, fields: Annotated[AnswerForm, form(AnswerForm)]
) -> Response:
    """Record one answer from this phone."""
    feeling = fields.feeling
    if feeling is None and not fields.not_well:
        return await _with_open_checkin(
            request, code, lambda checkin: _render_question(request, code, checkin, "choose")
        )
    next_page = "call" if fields.not_well else "thanks"
    redirect = RedirectResponse(
        f"/c/{parse_code(code) or 'x'}/{next_page}", status_code=HTTP_303_SEE_OTHER
    )
    if feeling is None:
        return redirect

    def record(work: UnitOfWork, backend: Backend) -> Response:
        device = _require_device_token(request, code)
        checkins.answer(work, backend.settings, code, device, feeling)
        return redirect

    response = await _run_audited(request, record)
    # A student who asks for help gets there even if the phone has answered before.
    return redirect if fields.not_well else response


@router.get("/{code}/thanks")
async def thanks_page(request: Request, code: Code) -> Response:
    """The confirmation of an answer."""
    return render_page(request, "checkin_thanks.html", {"is_help_request": False, "code": code})


@router.get("/{code}/call")
async def help_request_page(request: Request, code: Code) -> Response:
    """The form to ask the teacher for help, with or without a name."""

    def load(work: UnitOfWork, backend: Backend) -> Response:
        _require_device_token(request, code)  # names are shown only to phones that saw the question
        students = checkins.list_names(work, backend.settings, code)
        return render_page(request, "help_request.html", {"code": code, "students": students})

    return await _run_audited(request, load)


@router.post("/{code}/call")
async def request_help(
    request: Request, code: Code, fields: Annotated[HelpRequestForm, form(HelpRequestForm)]
) -> Response:
    """Ask the teacher for help."""

    def record(work: UnitOfWork, backend: Backend) -> Response:
        device = _require_device_token(request, code)
        checkins.request_help(work, backend.settings, code, device, fields.student or None)
        return render_page(request, "checkin_thanks.html", {"is_help_request": True, "code": code})

    return await _run_audited(request, record)


def _render_question(
    request: Request, code: str, checkin: checkins.OpenCheckin, problem: str = ""
) -> Response:
    context = {"code": code, "feelings": list(Feeling), "problem": problem}
    response = render_page(
        request, "checkin_question.html", context, status=422 if problem else 200
    )
    if _device_token(request) is None:
        live, clock = backend_of(request).settings.live, backend_of(request).audited.clock
        response.set_cookie(
            DEVICE_COOKIE,
            checkins.new_device_token().hex(),
            max_age=max(1, int((checkin.ends_at - clock()).total_seconds())),
            path=f"/c/{parse_code(code)}",
            secure=is_https(live),
            httponly=True,
            samesite="lax",  # a phone that follows a link from elsewhere keeps its cookie
        )
    return response


def _device_token(request: Request) -> bytes | None:
    try:
        token = bytes.fromhex(request.cookies.get(DEVICE_COOKIE, ""))
    except ValueError:
        return None
    return token if len(token) == DEVICE_BYTES else None


def _require_device_token(request: Request, code: str) -> bytes:
    """Return the phone's token.

    Raises:
        CheckinClosed: There is none; a phone that keeps no cookies must open the question again.
    """
    token = _device_token(request)
    if token is None:
        raise CheckinClosed(f"the page of {code} was opened too long ago.", where=NO_COOKIE)
    return token


async def _with_open_checkin(
    request: Request, code: str, render: Callable[[checkins.OpenCheckin], Response]
) -> Response:
    """Render a page of an open check-in, or the reason why there is none."""
    backend = backend_of(request)
    authentication_of(request).check_guess_limit(request)

    def load() -> checkins.OpenCheckin:
        audited = backend.audited
        with audited.records.reading() as session:
            return checkins.find_by_code(session, backend.settings, code, audited.clock())

    try:
        checkin = await run_in_pool(load)
    except CheckinError as error:
        return _render_checkin_error(request, error)
    return render(checkin)


async def _run_audited(
    request: Request, action: Callable[[UnitOfWork, Backend], Response]
) -> Response:
    """Run an action in an audited unit of work, or render why the check-in rejects it."""
    backend = backend_of(request)
    authentication_of(request).check_guess_limit(request)
    if request.method == "POST":
        check_origin(request, backend.settings.live)

    def run() -> Response:
        with backend.audited.work(checkins.STUDENT_ACTOR) as work:
            return action(work, backend)

    try:
        return await run_in_pool(run)
    except CheckinError as error:
        return _render_checkin_error(request, error)


def _render_checkin_error(request: Request, error: CheckinError) -> Response:
    """Say why a check-in cannot be answered; an unknown code counts as a guess."""
    if isinstance(error, CheckinClosed) and error.where != NO_COOKIE:
        authentication_of(request).count_failed_guess(request)
    status = STATUSES.get(type(error), 409)
    return render_page(request, "checkin_code.html", {"problem": error.code}, status=status)
