"""Confirms registers in child processes, and kills them somewhere in between.

    python -m tests.register.confirming SQLITE_FILE FOLDER TIMES

For each time: propose, fork a child that confirms, kill it after a random moment, look at what is
left, and finish it. The moments follow the machine: later after a kill that came before the commit,
sooner after one that came behind it. Prints how many there were of each.
"""

import json
import os
import random
import signal
import sys
import time
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
from tests.register.school import Clock, School, student, teacher

MASTER = LocalMasterKey(b"m" * 32)
STUDENTS = 8
LONGEST_SECONDS = 0.025
"""Of the first wait for a kill; `STEP` times as long after a kill that came too soon."""

STEP = 1.2


def settings_with(rooms: int) -> Settings:
    """A room for each lesson, for all are on at one time."""
    return Settings.model_validate(
        {
            "schools": [{"id": "hill", "name": "Hillside", "timezone": "Europe/London"}],
            "rooms": [{"id": f"room-{n}", "school": "hill", "name": "Room"} for n in range(rooms)],
        }
    )


def opened(file: Path, folder: Path, rooms: int) -> School:
    """The school, with connections of this process."""
    records = Records(sqlite_url(file))
    identity = AuditedRecords(
        records,
        KeyStore(folder / "keys", MASTER),
        HeadFile(folder / "keys"),
        district="district",
        clock=Clock(),
    )
    return School(identity, settings_with(rooms), Clock(), folder / "policy.toml")


def confirm(school: School, lesson: str, version: int) -> None:
    """What the teacher does."""
    with school.identity.work(teacher(1)) as work:
        RegisterService(work, school.settings).confirm(lesson, version=version)


def confirm_in_a_child(
    file: Path, folder: Path, times: int, lesson: str, version: int, wait_seconds: float
) -> None:
    """Fork, let the child confirm, and kill it after a while."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        school = opened(file, folder, times)
        with school.identity.records.reading():
            os.write(tell, b"x")
        confirm(school, lesson, version)
        time.sleep(10)
        os._exit(0)
    os.read(ready, 1)
    time.sleep(wait_seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)


def main(file: Path, folder: Path, times: int) -> None:
    """Do it, and print what came of it."""
    chance = random.Random(20260302)
    counts = {"before": 0, "after": 0}
    longest = LONGEST_SECONDS
    for turn in range(times):
        lesson = f"killed-{turn}"
        school = opened(file, folder, times)
        school.open(lesson)
        seen = [FaceMatch(student(n), True, school.clock.now) for n in range(1, STUDENTS + 1)]
        with school.identity.work("system:roll-call") as work:
            version = RegisterService(work, school.settings).propose(lesson, seen).version
        school.identity.close()
        confirm_in_a_child(file, folder, times, lesson, version, chance.uniform(0, longest))
        school = opened(file, folder, times)
        states = {entry.mark.state for entry in school.show(lesson).entries}
        assert len(states) == 1, f"half of it was confirmed: {states}"
        try:
            confirm(school, lesson, version)
            assert states == {EntryState.PROPOSED}
            counts["before"] += 1
            longest *= STEP
        except RegisterError:
            assert states == {EntryState.CONFIRMED}
            counts["after"] += 1
            longest /= STEP
        with school.identity.records.reading() as session:
            row = register_of(session, lesson)
            assert row is not None
            history = changes_of(session, row.id)
        assert len(history) == 2 * STUDENTS, "an entry was lost, or stands twice"
        school.identity.close()
    school = opened(file, folder, times)
    counts["audit_entries"] = school.verify()
    school.identity.close()
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
