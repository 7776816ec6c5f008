"""`/c`: what a student sees on a phone, without an account and without a script.

    /c  the code is typed ─> /c/{code}  one of seven feelings ─> thanks
                                 └ "I don't feel well" ─> /c/{code}/call, with a name or without

A phone carries one cookie for this check-in alone, which ends with it: it says that the phone has
answered, and nothing else. Wrong codes are counted, so that guessing them ends soon.
"""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from cluster import checkins
from cluster.checkins.codes import DEVICE_BYTES, read_code
from cluster.checkins.feelings import Feeling
from cluster.errors import CheckinClosed, CheckinError, CheckinOff
from cluster.records.db.unit_of_work import UnitOfWork
from serve_apps.http.auth.authentication import door_of
from serve_apps.http.auth.cookies import check_origin
from serve_apps.http.auth.install import PUBLIC
from serve_apps.http.backend import Backend, backend_of
from serve_apps.http.middleware.headers import is_https
from serve_apps.http.pages.forms import FormBody, form
from serve_apps.http.pages.rendering import page
from serve_apps.http.threads import run_in_pool

SEE_OTHER: Final = 303
COOKIE: Final = "homeroom-checkin"
NO_COOKIE: Final = "cookie"
STATUSES: Final[dict[type[CheckinError], int]] = {CheckinClosed: 404, CheckinOff: 403}

router = APIRouter(prefix="/c", include_in_schema=False, dependencies=[PUBLIC])

Code = Annotated[str, Path(max_length=32)]


class AnswerForm(FormBody):
    """What a student says."""

    feeling: Feeling | None = None
    not_well: bool = False


class CallForm(FormBody):
    """Who would like to be asked; nobody in particular unless they choose."""

    student: str = Field("", pattern=r"^([0-9a-f]{64})?$")


Answer = Annotated[AnswerForm, form(AnswerForm)]
Calling = Annotated[CallForm, form(CallForm)]


@router.get("")
async def code_page(request: Request, code: str = "") -> Response:
    """Where the code is typed."""
    if code:
        read = read_code(code)
        if read is not None:
            return RedirectResponse(f"/c/{read}", status_code=SEE_OTHER)
        return page(request, "checkin_code.html", {"problem": "checkin_closed"}, status=404)
    return page(request, "checkin_code.html", {"problem": ""})


@router.get("/{code}")
async def ask(request: Request, code: Code) -> Response:
    """The question, where a check-in is open under the code; at its one address, for the cookie."""
    read = read_code(code)
    if read is not None and read != code:
        return RedirectResponse(f"/c/{read}", status_code=SEE_OTHER)
    return await _answered(request, code, lambda found: _question(request, code, found))


@router.post("/{code}")
async def answer(request: Request, code: Code, said: Answer) -> Response:
    """One answer of this phone."""
    feeling = said.feeling
    if feeling is None and not said.not_well:
        return await _answered(
            request, code, lambda found: _question(request, code, found, "choose")
        )
    next_page = "call" if said.not_well else "thanks"
    back = RedirectResponse(f"/c/{read_code(code) or 'x'}/{next_page}", status_code=SEE_OTHER)
    if feeling is None:
        return back

    def say(work: UnitOfWork, backend: Backend) -> None:
        checkins.answer(work, backend.settings, code, _device_of(request, code), feeling)

    response = await _said(request, say, back)
    # Whoever would like to be asked is not turned away because the phone has answered before.
    return back if said.not_well else response


@router.get("/{code}/thanks")
async def thanks(request: Request, code: Code) -> Response:
    """The answer has come."""
    return page(request, "checkin_thanks.html", {"is_call": False, "code": code})


@router.get("/{code}/call")
async def who(request: Request, code: Code) -> Response:
    """Who would like to be asked may say a name, or none."""

    def look(work: UnitOfWork, backend: Backend) -> Response:
        _device_of(request, code)  # names are shown to phones that came by the question
        students = checkins.class_list(work, backend.settings, code)
        return page(request, "help_request.html", {"code": code, "students": students})

    return await _in_work(request, look)


@router.post("/{code}/call")
async def call(request: Request, code: Code, said: Calling) -> Response:
    """Tell the teacher that somebody would like to be asked."""

    def ring(work: UnitOfWork, backend: Backend) -> None:
        device = _device_of(request, code)
        checkins.call(work, backend.settings, code, device, said.student or None)

    done = page(request, "checkin_thanks.html", {"is_call": True, "code": code})
    return await _said(request, ring, done)


def _question(
    request: Request, code: str, found: checkins.OpenCheckin, problem: str = ""
) -> Response:
    context = {"code": code, "feelings": list(Feeling), "problem": problem}
    response = page(request, "checkin_question.html", context, status=422 if problem else 200)
    if _token_in(request) is None:
        live, clock = backend_of(request).settings.live, backend_of(request).identity.clock
        response.set_cookie(
            COOKIE,
            checkins.new_device().hex(),
            max_age=max(1, int((found.ends_at - clock()).total_seconds())),
            path=f"/c/{read_code(code)}",
            secure=is_https(live),
            httponly=True,
            samesite="lax",  # a phone that comes by a link has answered, too
        )
    return response


def _token_in(request: Request) -> bytes | None:
    try:
        token = bytes.fromhex(request.cookies.get(COOKIE, ""))
    except ValueError:
        return None
    return token if len(token) == DEVICE_BYTES else None


def _device_of(request: Request, code: str) -> bytes:
    """The phone's token; one that keeps no cookies must open the page again."""
    token = _token_in(request)
    if token is None:
        raise CheckinClosed(f"the page of {code} was opened too long ago.", where=NO_COOKIE)
    return token


async def _answered(
    request: Request, code: str, show: Callable[[checkins.OpenCheckin], Response]
) -> Response:
    """A page of a check-in that is open; where there is none, the page that says so."""
    backend = backend_of(request)
    door_of(request).must_be_free_to_guess(request)

    def look() -> checkins.OpenCheckin:
        identity = backend.identity
        with identity.records.reading() as session:
            return checkins.by_code(session, backend.settings, code, identity.clock())

    try:
        found = await run_in_pool(look)
    except CheckinError as error:
        return _no_checkin(request, error)
    return show(found)


async def _said(
    request: Request, say: Callable[[UnitOfWork, Backend], None], done: Response
) -> Response:
    def work_on_it(work: UnitOfWork, backend: Backend) -> Response:
        say(work, backend)
        return done

    return await _in_work(request, work_on_it)


async def _in_work(request: Request, do: Callable[[UnitOfWork, Backend], Response]) -> Response:
    backend = backend_of(request)
    door_of(request).must_be_free_to_guess(request)
    if request.method == "POST":
        check_origin(request, backend.settings.live)

    def work_on_it() -> Response:
        with backend.identity.work(checkins.STUDENTS) as work:
            return do(work, backend)

    try:
        return await run_in_pool(work_on_it)
    except CheckinError as error:
        return _no_checkin(request, error)


def _no_checkin(request: Request, error: CheckinError) -> Response:
    """Why it cannot be answered; a code that opens nothing is counted as a guess."""
    if isinstance(error, CheckinClosed) and error.where != NO_COOKIE:
        door_of(request).count_guess(request)
    status = STATUSES.get(type(error), 409)
    return page(request, "checkin_code.html", {"problem": error.code}, status=status)
