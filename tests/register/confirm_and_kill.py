"""Confirms registers in child processes, and kills each of them at a point of its transaction.

    python -m tests.register.confirm_and_kill SQLITE_FILE FOLDER KILLS

A child is killed after each of its SQL statements, before and after COMMIT, and a random while
after COMMIT began. Each time, what is stored is checked, and the confirmation is finished. Prints
the number of kills before, during and after COMMIT.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.errors import RegisterError
from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.registers import changes_of, register_of
from cluster.register.service import RegisterService
from cluster.register.states import EntryState
from cluster.register.types import FaceMatch
from cluster.security.audit import HeadFile
from cluster.security.keys import KeyStore
from cluster.security.master_key import LocalMasterKey
from cluster.settings import Settings
from tests.databases import sqlite_url
from tests.kill_points import KillPoint, Stage, run_and_kill
from tests.register.school import Clock, School, student, teacher

MASTER = LocalMasterKey(b"m" * 32)
STUDENTS = 8
MAX_DELAY_SECONDS = 0.005
"""COMMIT and the signed head of the audit log after it take a few milliseconds."""


def settings_with(rooms: int) -> Settings:
    """Return settings with a room for each lesson, since all lessons run at the same time."""
    return Settings.model_validate(
        {
            "schools": [{"id": "hill", "name": "Hillside", "timezone": "Europe/London"}],
            "rooms": [{"id": f"room-{n}", "school": "hill", "name": "Room"} for n in range(rooms)],
        }
    )


def opened(file: Path, folder: Path, rooms: int) -> School:
    """Return the school with connections of this process."""
    records = Records(sqlite_url(file))
    audited = AuditedRecords(
        records,
        KeyStore(folder / "keys", MASTER),
        HeadFile(folder / "keys"),
        district="district",
        clock=Clock(),
    )
    return School(audited, settings_with(rooms), Clock(), folder / "policy.toml")


def confirm(school: School, lesson: str, version: int) -> None:
    """Confirm what is proposed, as the teacher does."""
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).confirm(lesson, version=version)


def propose(school: School, lesson: str) -> int:
    """Open a register, and propose all students; returns its version."""
    school.open(lesson)
    matches = [FaceMatch(student(n), True, school.clock.now) for n in range(1, STUDENTS + 1)]
    with school.audited.work("system:roll-call") as work:
        return RegisterService(work, school.settings).propose(lesson, matches).version


def later_points() -> Iterator[KillPoint]:
    """Yield the points from COMMIT on, again and again."""
    chance = random.Random(20260302)
    while True:
        yield KillPoint(Stage.COMMIT)
        yield KillPoint(Stage.COMMIT, delay_seconds=chance.uniform(0, MAX_DELAY_SECONDS))
        yield KillPoint(Stage.COMMITTED)


def kill_and_check(
    open_school: Callable[[], School], lesson: str, point: KillPoint
) -> tuple[bool, bool]:
    """Kill a confirmation, check the register, and finish it: whether reached, and committed."""
    school = open_school()
    version = propose(school, lesson)
    school.audited.close()

    def prepare() -> Callable[[], None]:
        school = open_school()
        return lambda: confirm(school, lesson, version)

    is_reached = run_and_kill(point, prepare)
    school = open_school()
    states = {entry.mark.state for entry in school.show(lesson).entries}
    assert len(states) == 1, f"half of it was confirmed: {states}"
    is_committed = states == {EntryState.CONFIRMED}
    try:
        confirm(school, lesson, version)
        assert not is_committed
    except RegisterError:
        assert is_committed
    with school.audited.records.reading() as session:
        row = register_of(session, lesson)
        assert row is not None
        history = changes_of(session, row.id)
    assert len(history) == 2 * STUDENTS, "a change was lost, or stored twice"
    school.audited.close()
    return is_reached, is_committed


def main(file: Path, folder: Path, kills: int) -> None:
    """Kill that many confirmations, and print at which stages."""

    def open_school() -> School:
        return opened(file, folder, kills)

    counts = {"before": 0, "during": 0, "after": 0}
    lessons = iter(f"killed-{number}" for number in range(kills))
    statement = 1
    while True:
        point = KillPoint(Stage.STATEMENT, statement)
        is_reached, is_committed = kill_and_check(open_school, next(lessons), point)
        assert is_committed != is_reached
        if not is_reached:
            break
        statement += 1
    counts["before"], counts["after"] = statement - 1, 1  # the last one had finished
    for lesson, point in zip(lessons, later_points(), strict=False):
        is_reached, is_committed = kill_and_check(open_school, lesson, point)
        assert is_reached
        if point.delay_seconds is not None:
            counts["during"] += 1
        else:
            assert is_committed == (point.stage is Stage.COMMITTED)
            counts["after" if is_committed else "before"] += 1
    school = open_school()
    counts["audit_entries"] = school.verify()
    school.audited.close()
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
