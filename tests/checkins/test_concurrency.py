"""Concurrent answers, and a process that is killed: an answer counts once, or not at all."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.checkins import Feeling, new_device_token
from cluster.errors import AlreadyAnswered, HomeroomError
from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.security.audit import HeadFile
from cluster.security.keys import KeyStore
from cluster.security.master_key import LocalMasterKey
from tests.checkins.classroom import CLASS_SIZE, Classroom, K, create_classroom, settings_of
from tests.databases import sqlite_url
from tests.kill_points import KillPoint, Stage, run_and_kill
from tests.register.school import Clock

pytestmark = [pytest.mark.slow, pytest.mark.durable, pytest.mark.unmeasured]

MASTER = LocalMasterKey(b"m" * 32)
KILLS_DURING_COMMIT = 20


def run_at_once(tasks: list[Callable[[], None]]) -> list[str]:
    """Run tasks in threads that start together; returns `counted` or the error of each."""
    start, outcomes = threading.Barrier(len(tasks)), []

    def run(task: Callable[[], None]) -> None:
        start.wait()
        try:
            task()
            outcomes.append("counted")
        except HomeroomError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_two_concurrent_answers_of_a_device_one_counts(room: Classroom) -> None:
    code = room.start().view.code or ""
    for turn in range(1, 6):
        device = new_device_token()
        tasks = [lambda: room.answer(code, Feeling.SAD, device)] * 2  # noqa: B023 (run at once)
        assert run_at_once(tasks) == [AlreadyAnswered.__name__, "counted"]
        assert room.view().answers == turn


def test_of_two_concurrent_answers_with_a_slip_one_counts(room: Classroom) -> None:
    room.configure(agreement_classes=["*"])
    room.agree(*range(1, 7))
    for turn, slip in enumerate(room.start().slips, start=1):
        tasks = [lambda: room.answer(slip, Feeling.SAD)] * 2  # noqa: B023 (run at once)
        assert run_at_once(tasks) == [AlreadyAnswered.__name__, "counted"]
        assert room.view().answers == turn


def test_concurrent_answers_beyond_the_class_are_rejected(room: Classroom) -> None:
    code = room.start().view.code or ""
    tasks = [lambda: room.answer(code, Feeling.HAPPY)] * (CLASS_SIZE + 3)
    assert run_at_once(tasks).count("counted") == CLASS_SIZE
    view = room.view()
    assert view.answers == CLASS_SIZE
    assert view.snapshot is not None
    assert view.snapshot.answers == 20


def test_two_concurrent_starts_return_the_same_checkin(room: Classroom) -> None:
    started: list[str] = []
    assert (
        run_at_once([lambda: started.append(room.start().view.code or "")] * 2) == ["counted"] * 2
    )
    assert len(set(started)) == 1


@pytest.fixture
def file(tmp_path: Path, migrated_sqlite: Path) -> Path:
    copy = tmp_path / "killed.sqlite"
    copy.write_bytes(migrated_sqlite.read_bytes())
    return copy


def opened(file: Path) -> Classroom:
    """Return the class with connections of this process."""
    keys, head = KeyStore(file.parent / "keys", MASTER), HeadFile(file.parent / "keys")
    records = Records(sqlite_url(file))
    audited = AuditedRecords(records, keys, head, district="district", clock=Clock())
    return Classroom(audited, settings_of(5), Clock())


def test_a_kill_at_any_point_leaves_no_half_answer(file: Path) -> None:
    records = Records(sqlite_url(file))
    create_classroom(records, KeyStore(file.parent / "keys", MASTER), file.parent, students=60)
    records.close()
    room = opened(file)
    code = room.start().view.code or ""
    room.audited.close()
    answers = 0

    def kill_an_answer(point: KillPoint) -> tuple[bool, bool]:
        """Kill at a point, check what is stored, and answer again: whether reached, and counted."""
        nonlocal answers
        device = new_device_token()

        def prepare() -> Callable[[], None]:
            room = opened(file)
            return lambda: room.answer(code, Feeling.SAD, device)

        is_reached = run_and_kill(point, prepare)
        room = opened(file)
        counted = room.view().answers - answers
        assert counted in (0, 1)
        try:
            room.answer(code, Feeling.SAD, device)
            assert counted == 0, "the answer was counted without its device"
        except AlreadyAnswered:
            assert counted == 1, "the device was stored without its answer"
        answers += 1
        view = room.view()
        assert view.answers == answers
        assert (view.snapshot.answers if view.snapshot else 0) == answers // K * K
        room.audited.close()
        return is_reached, counted == 1

    statements = 0
    while kill_an_answer(KillPoint(Stage.STATEMENT, statements + 1)) == (True, False):
        statements += 1
    assert statements > 5, "the answer's transaction has more statements"
    assert kill_an_answer(KillPoint(Stage.STATEMENT, statements + 1)) == (False, True)
    assert kill_an_answer(KillPoint(Stage.COMMIT)) == (True, False)
    assert kill_an_answer(KillPoint(Stage.COMMITTED)) == (True, True)
    for milliseconds in range(KILLS_DURING_COMMIT):
        is_reached, _ = kill_an_answer(KillPoint(Stage.COMMIT, delay_seconds=milliseconds / 2000))
        assert is_reached
