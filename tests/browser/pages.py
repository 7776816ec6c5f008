"""The pages that are looked at by axe and photographed: a line for each.

A new page adds a line: its name, whose it is, where, and what happened before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cluster.checkins import Feeling
from cluster.register.states import Status
from cluster.security.roles import Role
from tests.browser.chromium import Window
from tests.browser.classroom import PAGE, Classroom


def nothing(room: Classroom) -> None:
    """The lesson is as it begins."""
    assert room.url


def half_taken(room: Classroom) -> None:
    """The register is open; some have been marked."""
    room.open()
    room.mark(Status.PRESENT, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12)
    room.mark(Status.LATE, 23)
    room.mark(Status.ABSENT, 17)


def proposed(room: Classroom) -> None:
    """Besides, the camera proposes some."""
    half_taken(room)
    room.school.consent(19, 20, 21, 22)
    room.propose(19, 20, 21, unsure=[22])


def few(room: Classroom) -> None:
    """Fewer people than may be told of are in the room."""
    room.say(4)


def down(room: Classroom) -> None:
    """The camera has died."""
    room.lose_camera()


def late(room: Classroom) -> None:
    """The numbers are old."""
    room.say(24, state="late", reason="late")


def checked_in(room: Classroom) -> None:
    """Besides, twelve have answered a check-in, and one asked for help."""
    proposed(room)
    happy, neutral, sad = Feeling.HAPPY, Feeling.NEUTRAL, Feeling.SAD
    room.start_checkin(*[happy] * 5, *[neutral] * 3, sad, Feeling.PUT_OFF, happy, sad)
    room.call()


@dataclass(frozen=True, slots=True)
class PageCase:
    """A page, and how it comes about.

    Attributes:
        name: Of its pictures.
        path: Where it is; `{code}` is the check-in's.
        role: Who looks; None: nobody has signed in.
        before: What happened before.
        is_in_docs: Its pictures belong to the documentation.
    """

    name: str
    path: str
    role: Role | None = Role.TEACHER
    before: Callable[[Classroom], None] = field(default=nothing)
    is_in_docs: bool = False

    def show(self, window: Window, room: Classroom) -> None:
        """Bring a window there."""
        self.before(room)
        if self.role is not None:
            window.let_in(room.token(self.role))
        window.goto(self.path.format(code=room.code))
        window.page.wait_for_load_state("load")


PAGES = (
    PageCase("sign-in", "/sign-in", None, is_in_docs=True),
    PageCase("lessons", "/lessons"),
    PageCase("lesson", PAGE, before=checked_in, is_in_docs=True),
    PageCase("lesson-proposed", PAGE, before=proposed),
    PageCase("board", f"{PAGE}/board", before=checked_in, is_in_docs=True),
    PageCase("calls", f"{PAGE}/calls", before=checked_in),
    PageCase("check-in", "/c/{code}", None, before=checked_in, is_in_docs=True),
    PageCase("lesson-not-begun", PAGE),
    PageCase("lesson-open", PAGE, before=half_taken),
    PageCase("lesson-few", PAGE, before=few),
    PageCase("lesson-late", PAGE, before=late),
    PageCase("lesson-down", PAGE, before=down),
    PageCase("trouble", "/no-such-page"),
    PageCase("tools", "/", Role.ANALYST),
    PageCase("school", "/school", Role.SCHOOL_LEADER, before=proposed, is_in_docs=True),
    PageCase(
        "data-protection",
        "/data-protection",
        Role.DATA_PROTECTION,
        before=proposed,
        is_in_docs=True,
    ),
    PageCase("audit", "/data-protection/audit", Role.DATA_PROTECTION, before=proposed),
    PageCase("code", "/c", None),
)
