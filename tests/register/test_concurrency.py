"""Killed processes and concurrent teachers: nothing is lost, and nothing stored twice."""

import json
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from cluster.errors import HomeroomError, RegisterChanged
from cluster.records.db.models import LessonRow
from cluster.register.service import RegisterService
from cluster.register.states import EntryState
from cluster.register.types import FaceMatch
from cluster.security.audit_actions import AuditAction
from cluster.security.keys import KeyStore
from tests.databases import sqlite_url
from tests.plugins.hypothesis_profiles import examples
from tests.register.confirm_and_kill import MASTER
from tests.register.school import CLASS, LESSON, MONDAY, School, create_school, student, teacher

pytestmark = [pytest.mark.slow, pytest.mark.durable, pytest.mark.unmeasured]

ROOT = Path(__file__).resolve().parents[2]
KILLS = examples(60)


def test_kills_of_a_confirmation_at_any_point_lose_and_double_nothing(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    from cluster.records.db.database import Records

    file = tmp_path / "records.sqlite"
    file.write_bytes(migrated_sqlite.read_bytes())
    records = Records(sqlite_url(file))
    create_school(records, KeyStore(tmp_path / "keys", MASTER), tmp_path)
    with records.writing() as session:
        for turn in range(KILLS):
            session.add(
                LessonRow(
                    id=f"killed-{turn}",
                    class_sourced_id=CLASS,
                    room_id=f"room-{turn}",
                    starts_at=MONDAY - timedelta(minutes=1),
                    ends_at=MONDAY + timedelta(minutes=44),
                )
            )
    records.close()
    command = [sys.executable, "-m", "tests.register.confirm_and_kill", str(file), str(tmp_path)]
    done = subprocess.run(
        [*command, str(KILLS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=5 * KILLS,
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["before"] + counts["during"] + counts["after"] == KILLS
    assert min(counts["before"], counts["during"], counts["after"]) > KILLS / 10
    assert counts["audit_entries"] >= 4 * KILLS


def test_of_two_concurrent_confirmations_one_is_rejected(
    school: School,
) -> None:
    school.open()
    with school.audited.work("system:roll-call") as work:
        matches = [FaceMatch(student(n), True, school.clock.now) for n in range(1, 9)]
        version = RegisterService(work, school.settings).propose(LESSON, matches).version
    start, outcomes = threading.Barrier(2), []

    def confirm() -> None:
        start.wait()
        try:
            with school.audited.work(teacher(1)) as work:
                RegisterService(work, school.settings).confirm(LESSON, version=version)
            outcomes.append("confirmed")
        except HomeroomError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=confirm) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [RegisterChanged.__name__, "confirmed"]
    view = school.show()
    assert {entry.mark.state for entry in view.entries} == {EntryState.CONFIRMED}
    assert view.version == version + 1
    school.verify()


def test_concurrent_writers_extend_one_audit_chain(school: School) -> None:
    def write() -> None:
        for _ in range(10):
            with school.audited.work("operator:test") as work:
                work.audit(AuditAction.ROSTER_LIST)

    before = school.verify()
    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert school.verify() == before + 40
