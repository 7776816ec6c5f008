"""The pages that axe checks and screenshots show: a `PageCase` for each.

A new page adds one: its name, path, role and set-up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.checkins import Feeling
from cluster.register.states import Status
from cluster.security.roles import Role
from tests.browser.chromium import BrowserSession
from tests.browser.classroom import PAGE, Classroom


def keep_initial_state(classroom: Classroom) -> None:
    """Leave the lesson as it starts."""
    assert classroom.url


def take_half_of_register(classroom: Classroom) -> None:
    """Open the register and mark some students."""
    classroom.open_register()
    classroom.mark(Status.PRESENT, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12)
    classroom.mark(Status.LATE, 23)
    classroom.mark(Status.ABSENT, 17)


def add_proposals(classroom: Classroom) -> None:
    """Take half of the register, and propose others from faces."""
    take_half_of_register(classroom)
    classroom.school.consent(19, 20, 21, 22)
    classroom.propose(19, 20, 21, unsure=[22])


def show_small_group(classroom: Classroom) -> None:
    """Set fewer people than activity may be published for."""
    classroom.set_people(4)


def take_camera_down(classroom: Classroom) -> None:
    """Take the camera down."""
    classroom.lose_camera()


def make_counts_late(classroom: Classroom) -> None:
    """Let the counts be outdated."""
    classroom.set_people(24, state="late", reason="late")


def run_checkin(classroom: Classroom) -> None:
    """Add proposals, twelve answers to a check-in, and a help request."""
    add_proposals(classroom)
    happy, neutral, sad = Feeling.HAPPY, Feeling.NEUTRAL, Feeling.SAD
    classroom.start_checkin(*[happy] * 5, *[neutral] * 3, sad, Feeling.PUT_OFF, happy, sad)
    classroom.request_help()


@dataclass(frozen=True, slots=True)
class PageCase:
    """A page, and how to set it up.

    Attributes:
        name: Of its screenshots.
        path: Its path; `{code}` is replaced by the check-in's code.
        role: Who opens it; None without a sign-in.
        set_up: Prepares the classroom.
        is_in_docs: Its screenshots are part of the documentation.
    """

    name: str
    path: str
    role: Role | None = Role.TEACHER
    set_up: Callable[[Classroom], None] = field(default=keep_initial_state)
    is_in_docs: bool = False

    def open_in(self, session: BrowserSession, classroom: Classroom) -> None:
        """Set the classroom up, and open the page in a session."""
        self.set_up(classroom)
        if self.role is not None:
            session.sign_in_directly(classroom.token(self.role))
        session.goto(self.path.format(code=classroom.code))
        session.page.wait_for_load_state("load")


PAGES = (
    PageCase("sign-in", "/sign-in", None, is_in_docs=True),
    PageCase("lessons", "/lessons"),
    PageCase("lesson", PAGE, set_up=run_checkin, is_in_docs=True),
    PageCase("lesson-proposed", PAGE, set_up=add_proposals),
    PageCase("board", f"{PAGE}/board", set_up=run_checkin, is_in_docs=True),
    PageCase("help-requests", f"{PAGE}/calls", set_up=run_checkin),
    PageCase("check-in", "/c/{code}", None, set_up=run_checkin, is_in_docs=True),
    PageCase("lesson-not-started", PAGE),
    PageCase("lesson-open", PAGE, set_up=take_half_of_register),
    PageCase("lesson-few", PAGE, set_up=show_small_group),
    PageCase("lesson-late", PAGE, set_up=make_counts_late),
    PageCase("lesson-down", PAGE, set_up=take_camera_down),
    PageCase("error", "/no-such-page"),
    PageCase("home", "/", Role.ANALYST),
    PageCase("school", "/school", Role.SCHOOL_LEADER, set_up=add_proposals, is_in_docs=True),
    PageCase(
        "data-protection",
        "/data-protection",
        Role.DATA_PROTECTION,
        set_up=add_proposals,
        is_in_docs=True,
    ),
    PageCase("audit", "/data-protection/audit", Role.DATA_PROTECTION, set_up=add_proposals),
    PageCase("check-in-code", "/c", None),
)
