"""What sign-ins and registers wait while a roster is imported, into SQLite.

    a process that imports          this process, both all the while
    ────────────────────            ──────────────────────────────────────────────
    read, compare, encrypt          a sign-in      begins a session in the records
    apply                           a register     marks one student

The import is compared with one that holds the writers' lock from its first row to its last.
"""

import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from cluster.clock import utc_now
from cluster.errors import RecordsBusy
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork, open_audited_records
from cluster.records.repos.people import students_of_class, user_of
from cluster.records.repos.sign_ins import begin_session
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import import_roster, import_roster_in
from cluster.records.roster.oneroster import open_roster
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.security.roles import Principal, Role
from cluster.settings import Settings

ACTOR = "operator:bench"
TEACHER, CLASS, LESSON = "user-0", "class-0", "lesson"
PAUSE_SECONDS = 0.05


@dataclass
class Waits:
    """How long one kind of work took, each time.

    Attributes:
        name: The work.
        seconds: Of each.
        refused: How many were given up, because the records were busy for too long.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def __str__(self) -> str:
        ordered = sorted(self.seconds)
        median, slow = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        return (
            f"  {self.name:<10}{len(ordered):>6} done  median {median * 1000:6.0f} ms  "
            f"p99 {slow * 1000:7.0f} ms  longest {ordered[-1] * 1000:7.0f} ms  "
            f"{self.refused} refused"
        )


def measure_beside(folder: Path) -> None:
    """Import the roster of `large` into records with that of `small`, and print what waited."""
    for label, mode in (("prepared, then applied", "staged"), ("lock held all the while", "held")):
        home = folder / mode
        settings = _settings(home)
        with open_audited_records(settings) as audited:
            _import(audited, folder / "small", mode="held")
            teacher, students = _add_lesson(audited)
            sign_ins, registers = Waits("sign-ins"), Waits("registers")
            done = threading.Event()
            workers = [
                _repeat(done, sign_ins, partial(_sign_in, audited, teacher)),
                _repeat(done, registers, partial(_mark, audited, settings, teacher, students)),
            ]
            command = [sys.executable, "-m", "bench.roster_beside", str(home), str(folder), mode]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            done.set()
            for worker in workers:
                worker.join()
        print(f"{label}: {answer['rows']} rows in {answer['seconds']:.1f} s", flush=True)
        print(sign_ins, registers, sep="\n", flush=True)


def _settings(home: Path) -> Settings:
    home.mkdir(exist_ok=True)
    return Settings.model_validate(
        {
            "data_dir": home / "data",
            "security": {"keys_dir": home / "keys"},
            "schools": [{"id": "school", "name": "School", "timezone": "UTC"}],
            "rooms": [{"id": "room", "school": "school", "name": "Room"}],
        }
    )


def _import(audited: AuditedRecords, roster: Path, *, mode: str) -> ImportResult:
    if mode == "staged":
        return import_roster(audited, ACTOR, roster, finish=lambda *_: None)
    with open_roster(roster) as source, audited.work(ACTOR) as work:
        return import_roster_in(work.session, audited.keys, source, now=work.now)


def _add_lesson(audited: AuditedRecords) -> tuple[str, list[str]]:
    """Add a lesson that is on now; return its teacher and its students."""
    with audited.records.writing() as session:
        now = audited.clock()
        session.add(
            LessonRow(
                id=LESSON,
                class_sourced_id=CLASS,
                room_id="room",
                starts_at=now - timedelta(minutes=1),
                ends_at=now + timedelta(hours=2),
            )
        )
        return user_of(session, TEACHER).id, students_of_class(session, CLASS, now.date())


def _sign_in(audited: AuditedRecords, teacher: str) -> None:
    with audited.work(teacher) as work:
        _begin(work, teacher)


def _begin(work: UnitOfWork, teacher: str) -> None:
    principal = Principal(teacher, frozenset({Role.TEACHER}), user_id=teacher)
    begin_session(work, principal, expires_in=timedelta(hours=1))


def _mark(audited: AuditedRecords, settings: Settings, teacher: str, students: list[str]) -> None:
    with audited.work(teacher) as work:
        RegisterService(work, settings).mark(LESSON, {students[0]: Status.PRESENT})


def _repeat(done: threading.Event, waits: Waits, work: Callable[[], None]) -> threading.Thread:
    """Start a thread that works again and again, and measures how long each time takes."""

    def run() -> None:
        while not done.is_set():
            began = time.monotonic()
            try:
                work()
            except RecordsBusy:
                waits.refused += 1
            waits.seconds.append(time.monotonic() - began)
            time.sleep(PAUSE_SECONDS)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def main() -> None:
    """Import in this process, and print how long it took."""
    home, folder, mode = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    with open_audited_records(_settings(home), utc_now) as audited:
        began = time.monotonic()
        result = _import(audited, folder / "large", mode=mode)
    print(json.dumps({"seconds": time.monotonic() - began, "rows": result.total}))


if __name__ == "__main__":
    main()
