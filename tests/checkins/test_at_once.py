"""Two phones at one moment, and a process that is killed: an answer counts once, or not at all."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.checkins import Feeling, new_device
from cluster.errors import AlreadyAnswered, HomeroomError
from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.security.audit import HeadFile
from cluster.security.keys import KeyStore
from cluster.security.master_key import LocalMasterKey
from tests.checkins.classroom import CLASS_SIZE, Classroom, found_classroom, settings_of
from tests.databases import sqlite_url
from tests.register.school import Clock

pytestmark = [pytest.mark.slow, pytest.mark.durable]

MASTER = LocalMasterKey(b"m" * 32)
KILLS = 40


def at_once(tasks: list[Callable[[], None]]) -> list[str]:
    """Run them in threads that start together; how each ended."""
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


def test_of_two_answers_of_one_device_at_once_one_counts(room: Classroom) -> None:
    code = room.start().view.code or ""
    for turn in range(1, 6):
        device = new_device()
        tasks = [lambda: room.answer(code, Feeling.SAD, device)] * 2  # noqa: B023 (run at once)
        assert at_once(tasks) == [AlreadyAnswered.__name__, "counted"]
        assert room.view().answers == turn


def test_of_two_answers_with_one_slip_at_once_one_counts(room: Classroom) -> None:
    room.set(agreement_classes=["*"])
    room.agree(*range(1, 7))
    for turn, slip in enumerate(room.start().slips, start=1):
        tasks = [lambda: room.answer(slip, Feeling.SAD)] * 2  # noqa: B023 (run at once)
        assert at_once(tasks) == [AlreadyAnswered.__name__, "counted"]
        assert room.view().answers == turn


def test_a_whole_class_at_once_is_counted_and_no_more_than_it(room: Classroom) -> None:
    code = room.start().view.code or ""
    tasks = [lambda: room.answer(code, Feeling.HAPPY)] * (CLASS_SIZE + 3)
    assert at_once(tasks).count("counted") == CLASS_SIZE
    view = room.view()
    assert view.answers == CLASS_SIZE
    assert view.told is not None
    assert view.told.answers == 20


def test_of_two_who_start_at_once_both_have_the_same(room: Classroom) -> None:
    started: list[str] = []
    assert at_once([lambda: started.append(room.start().view.code or "")] * 2) == ["counted"] * 2
    assert len(set(started)) == 1


@pytest.fixture
def file(tmp_path: Path, migrated_sqlite: Path) -> Path:
    copy = tmp_path / "killed.sqlite"
    copy.write_bytes(migrated_sqlite.read_bytes())
    return copy


def opened(file: Path) -> Classroom:
    """The class, with connections of this process."""
    keys, head = KeyStore(file.parent / "keys", MASTER), HeadFile(file.parent / "keys")
    records = Records(sqlite_url(file))
    identity = AuditedRecords(records, keys, head, district="district", clock=Clock())
    return Classroom(identity, settings_of(5), Clock())


def answer_in_a_child(file: Path, code: str, device: bytes, wait_seconds: float) -> None:
    """Fork, let the child answer, and kill it after a while."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        room = opened(file)
        with room.identity.records.reading():
            os.write(tell, b"x")
        room.answer(code, Feeling.SAD, device)
        time.sleep(10)
        os._exit(0)
    os.read(ready, 1)
    time.sleep(wait_seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)


def test_a_kill_in_between_leaves_no_half_answer(file: Path) -> None:
    records = Records(sqlite_url(file))
    found_classroom(records, KeyStore(file.parent / "keys", MASTER), file.parent, students=60)
    records.close()
    room = opened(file)
    code = room.start().view.code or ""
    room.identity.close()
    killed = {"before": 0, "after": 0}
    for turn in range(KILLS):
        device = new_device()
        answer_in_a_child(file, code, device, turn % 20 * 3 / 1000)
        room = opened(file)
        counted = room.view().answers - turn
        assert counted in (0, 1)
        try:
            room.answer(code, Feeling.SAD, device)
            assert counted == 0, "it was counted without its device"
            killed["before"] += 1
        except AlreadyAnswered:
            assert counted == 1, "its device was noted without its answer"
            killed["after"] += 1
        assert room.view().answers == turn + 1
        told = room.view().told
        assert (told.answers if told else 0) == (turn + 1) // 5 * 5
        room.identity.close()
    assert killed["before"] > 2, "no kill came before the commit"
    assert killed["after"] > 2, "no kill came after the commit"
