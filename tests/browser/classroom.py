"""A made-up class of 24 and its lesson on served pages; tests set the counts of the room.

with run_classroom(folder) as classroom:
    classroom.set_people(24)
    classroom.url, classroom.token()
"""

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_bytes

from cluster import checkins
from cluster.activity.suppression import ActivityWindow
from cluster.activity.windows import window_start_of
from cluster.checkins import Feeling
from cluster.records.db.database import Records
from cluster.records.db.models import User
from cluster.records.repos.people import PersonDetails, seal_details
from cluster.register import badges
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.register.types import FaceMatch, RegisterView
from cluster.security.keys import KeyStore
from cluster.security.master_key import KEY_BYTES, LocalMasterKey
from cluster.security.roles import Role
from serve_apps.http.services.room_broadcast import StreamLimits
from tests.databases import sqlite_url
from tests.register.school import (
    LESSON,
    MONDAY,
    Clock,
    School,
    create_school,
    student,
    teacher,
)
from tests.serve_apps.http.api_client import (
    ApiClient,
    open_api_client,
    served,
    settings_of,
    window_of,
)

ROOM = "room-1"
PAGE = f"/lessons/{LESSON}"
NAMES = (
    *("Robin Vale", "Ade Frost", "Mika Lund", "Sam Ortiz", "Noor Hale", "Kit Marsh", "Lian Chu"),
    *("Toma Reed", "Ivo Brandt", "Ula Stone", "Remi Falk", "Nia Brook", "Jun Perry", "Ola Wick"),
    *("Pia Dorn", "Max Abel", "Eli Moor", "Zoe Kern", "Ari Flynn", "Bea Holm", "Cy Adler"),
    *("Dov Lane", "Fay Quist", "Gus Thorn"),
)
"""Of students 1 to 24; made up."""

MINUTES_INTO_THE_LESSON = 8
WINDOW_SECONDS = 10
RECHECK_SECONDS = 2.0
"""Between two checks of a stream's sign-in: shorter than usual, so that tests need not wait."""


def with_activity(window: ActivityWindow) -> ActivityWindow:
    """Return the window with the shares of a working class; the rest sits and listens."""
    if window.suppressed:
        return window
    return replace(
        window,
        hand_raised_share=0.08,
        desk_work_share=0.58,
        reading_share=None,  # until the score tells them apart
        writing_share=None,
        head_down_share=0.05,
        standing_share=0.05,
        unclear_share=0.1,
    )


@dataclass
class RunningClock(Clock):
    """Starts at the set time and runs on."""

    started: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self.started)


@dataclass
class Classroom:
    """Served pages, and what tests change behind them.

    Attributes:
        api_client: The application, and what is behind it.
        url: Base URL of the pages.
    """

    api_client: ApiClient
    url: str
    code: str = ""
    """The code of the check-in, once it is started."""

    @property
    def school(self) -> School:
        return self.api_client.school

    @property
    def now(self) -> datetime:
        return self.school.clock()

    def token(self, role: Role = Role.TEACHER, *, number: int = 1) -> str:
        """Return a token of a teacher of the class, or of another role."""
        schools = ["hill"] if role is Role.SCHOOL_LEADER else []
        return self.api_client.token(role, schools=schools, number=number)

    def set_people(self, people: int, **more: object) -> None:
        """Set the people in the room now; `state` and others as `RoomSnapshot` has them."""
        window = with_activity(window_of(people, at=self.now))
        self.api_client.rooms.set_room(
            ROOM, people, **{"as_of": self.now, "window": window, **more}
        )

    def lose_camera(self) -> None:
        """Take the camera down: the number of people is unknown."""
        self.set_people(0, state="down", reason="connection_lost", window=None)
        snapshot = self.api_client.rooms.rooms[ROOM]
        self.api_client.rooms.rooms[ROOM] = replace(snapshot, people=None, hands_up=None)

    def add_windows(self, people: int = 23, minutes: int = MINUTES_INTO_THE_LESSON) -> None:
        """Add windows with about so many people for the last minutes."""
        start = window_start_of(self.now - timedelta(minutes=minutes))
        for number in range(minutes * 60 // WINDOW_SECONDS):
            at = start + timedelta(seconds=WINDOW_SECONDS * number)
            self.api_client.rooms.finish(ROOM, people + round(1.5 * math.sin(number / 4)), at=at)

    def open_register(self) -> RegisterView:
        """Open the register as the teacher."""
        return self.school.open()

    def mark(self, status: Status, *numbers: int) -> RegisterView:
        """Mark students as the teacher."""
        with self.school.audited.work(teacher(1)) as work:
            marks = {student(number): status for number in numbers}
            return RegisterService(work, self.school.settings).mark(LESSON, marks)

    def propose(self, *numbers: int, unsure: Sequence[int] = ()) -> RegisterView:
        """Propose students as present, as the face recogniser does."""
        seen = MONDAY + timedelta(minutes=2)
        sighted = [FaceMatch(student(number), True, seen) for number in numbers]
        sighted += [FaceMatch(student(number), False, seen) for number in unsure]
        with self.school.audited.work("system:registers") as work:
            return RegisterService(work, self.school.settings).propose(LESSON, sighted)

    def confirm(self) -> RegisterView:
        """Confirm all proposals, as a colleague elsewhere does."""
        with self.school.audited.work(teacher(1)) as work:
            service = RegisterService(work, self.school.settings)
            return service.confirm(LESSON, version=service.show(LESSON).version)

    def start_checkin(self, *feelings: Feeling) -> None:
        """Start a check-in as the teacher, and answer it from phones."""
        with self.school.audited.work(teacher(1)) as work:
            self.code = checkins.start(work, self.school.settings, LESSON).view.code or ""
        for feeling in feelings:
            with self.school.audited.work(checkins.STUDENT_ACTOR) as work:
                device = checkins.new_device_token()
                checkins.answer(work, self.school.settings, self.code, device, feeling)

    def count_answers(self) -> int:
        """Return how many have answered the running check-in."""
        with self.school.audited.records.reading() as session:
            found = checkins.get_running(session, self.school.settings, LESSON, self.now)
        return found.answers if found else 0

    def request_help(self) -> None:
        """Request help anonymously."""
        with self.school.audited.work(checkins.STUDENT_ACTOR) as work:
            checkins.request_help(
                work, self.school.settings, self.code, checkins.new_device_token()
            )

    def issue_badge(self, number: int) -> str:
        """Issue a badge and return what a scanner reads from it."""
        with self.school.audited.work("operator:test") as work:
            return badges.issue(work, student(number), 30).token

    def statuses(self) -> dict[str, str]:
        """Return the status of each student, by name."""
        entries = self.school.show().entries
        numbers = {student(number): name for number, name in enumerate(NAMES, 1)}
        return {numbers[entry.student_id]: entry.mark.status.value for entry in entries}


@contextmanager
def run_classroom(folder: Path, migrated: Path | None = None) -> Iterator[Classroom]:
    """Serve the pages of a class for the duration of the block.

    Args:
        folder: For its records and keys.
        migrated: A migrated SQLite file without rows, to save the migration.
    """
    file = folder / "records.sqlite"
    if migrated is not None:
        shutil.copyfile(migrated, file)
    records = Records(sqlite_url(file))
    try:
        if migrated is None:
            records.migrate()
        limits = StreamLimits(recheck_seconds=RECHECK_SECONDS)
        with (
            open_api_client(_school(records, folder), limits) as api_client,
            served(api_client.app) as url,
        ):
            yield Classroom(api_client, url)
    finally:
        records.close()


def _school(records: Records, folder: Path) -> School:
    keys = KeyStore(folder / "keys", LocalMasterKey(token_bytes(KEY_BYTES)))
    school = create_school(records, keys, folder, students=len(NAMES))
    with records.writing() as session:
        for number, name in enumerate(NAMES, 1):
            given, family = name.split()
            row = session.get_one(User, student(number))
            details = PersonDetails(given, family, identifier=f"N{number}")
            row.sealed = seal_details(keys, student(number), details)
    school.settings = settings_of(folder, school)
    school.clock = RunningClock(MONDAY + timedelta(minutes=MINUTES_INTO_THE_LESSON))
    school.audited.clock = school.clock
    return school
