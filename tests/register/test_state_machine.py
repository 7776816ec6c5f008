"""A state machine over consent, registers and erasure: no face is processed without permission.

The model has a few lines: when each student's consent expires, who objects, and whether a register
is open. Everything that the program does is compared with it (R4, R5, R6).
"""

import atexit
import secrets
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cluster.errors import HomeroomError, NotAllowed, NotFound
from cluster.records.db.database import Records
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.repos import templates as rows
from cluster.records.repos.registers import entries_of_student
from cluster.register.erasure import erase
from cluster.register.faces.consent_ledger import (
    LedgerResult,
    record_objection,
    record_withdrawal,
)
from cluster.register.faces.recognition_session import FaceRecogniser
from cluster.register.faces.templates import (
    decrypt_templates,
    destroy_unpermitted,
    finish_rotation,
    rotate_keys,
)
from cluster.register.service import RegisterService
from cluster.security.audit import HeadFile
from cluster.security.keys import STUDENT_KEYS, KeyStore
from cluster.security.master_key import LocalMasterKey
from cluster.settings import Settings
from tests.databases import sqlite_url
from tests.plugins.hypothesis_profiles import examples
from tests.register.school import (
    CLASS,
    ENGINE,
    Clock,
    School,
    chip_of,
    create_school,
    student,
    teacher,
)

pytestmark = [pytest.mark.slow, pytest.mark.unmeasured]

STUDENT_COUNT = 3
MASTER = LocalMasterKey(b"m" * 32)
numbers = st.integers(1, STUDENT_COUNT)

RecordEntry = Callable[[UnitOfWork, str, str], LedgerResult]


@cache
def template_school() -> Path:
    """Create a school once, to be copied for each example."""
    folder = Path(tempfile.mkdtemp(prefix="homeroom-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    records = Records(sqlite_url(folder / "records.sqlite"))
    records.migrate()
    create_school(records, KeyStore(folder / "keys", MASTER), folder, students=STUDENT_COUNT)
    records.scrub()
    records.close()
    return folder


class RegisterStateMachine(RuleBasedStateMachine):
    """Actions of guardians, students, a teacher and the clock, in any order."""

    @initialize()
    def create(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="homeroom-test-"))
        shutil.copytree(template_school(), self.folder, dirs_exist_ok=True)
        keys = KeyStore(self.folder / "keys", MASTER)
        records = Records(sqlite_url(self.folder / "records.sqlite"))
        clock = Clock()
        head = HeadFile(self.folder / "keys")
        audited = AuditedRecords(records, keys, head, district="district", clock=clock)
        policy = self.folder / "policy.toml"
        settings = settings_with_room(policy)
        self.school = School(audited, settings, clock, policy)
        self.granted_until = dict.fromkeys(range(1, STUDENT_COUNT + 1), clock.now)
        self.objecting: dict[int, set[str]] = {n: set() for n in self.granted_until}
        self.erased: set[int] = set()
        self.lesson = ""
        self.closes_at = clock.now
        self.recogniser: FaceRecogniser | None = None

    def has_consent(self, number: int) -> bool:
        """Whether a student's face may be processed, by the model."""
        return (
            number not in self.erased
            and not self.objecting[number]
            and self.school.clock.now < self.granted_until[number]
        )

    def is_open(self) -> bool:
        return self.school.clock.now < self.closes_at

    @rule(number=numbers, days=st.integers(1, 365))
    def grant(self, number: int, days: int) -> None:
        try:
            self.school.consent(number, days=days)
        except NotFound:
            assert number in self.erased
            return
        self.objecting[number].discard(f"guardian-{number}")
        until = self.school.clock.now + timedelta(days=days)
        self.granted_until[number] = max(self.granted_until[number], until)

    @rule(number=numbers, by_student=st.booleans())
    def add_objection(self, number: int, by_student: bool) -> None:
        person = f"{'student' if by_student else 'guardian'}-{number}"
        if self.revoke(record_objection, number, person):
            self.objecting[number].add(person)

    @rule(number=numbers, by_student=st.booleans())
    def withdraw(self, number: int, by_student: bool) -> None:
        person = f"{'student' if by_student else 'guardian'}-{number}"
        if self.revoke(record_withdrawal, number, person):
            self.objecting[number].discard(person)

    def revoke(self, record: RecordEntry, number: int, person: str) -> bool:
        try:
            with self.school.audited.work("operator:test") as work:
                record(work, f"student-{number}", person)
        except NotFound:
            assert number in self.erased
            return False
        self.granted_until[number] = self.school.clock.now
        assert student(number) not in self.stored()
        return True

    @rule(number=numbers)
    def register_face(self, number: int) -> None:
        try:
            self.school.store(number)
        except NotAllowed:
            assert not self.has_consent(number)
        else:
            assert self.has_consent(number)

    @rule(days=st.sampled_from([1, 30, 365]))
    def register_all(self, days: int) -> None:
        for number in self.granted_until:
            self.grant(number, days)
            self.register_face(number)

    @rule(number=numbers, by_student=st.booleans())
    def object_during_a_register(self, number: int, by_student: bool) -> None:
        self.open()
        self.process_frames(3)
        self.add_objection(number, by_student)
        self.process_frames(3)

    @rule(minutes=st.sampled_from([1, 5, 11, 60 * 24, 60 * 24 * 100]))
    def advance_clock(self, minutes: int) -> None:
        self.school.clock.advance(minutes=minutes)

    @rule()
    def purge(self) -> None:
        with self.school.audited.work("system:test") as work:
            destroy_unpermitted(work, self.school.permission)
        assert all(self.has_consent(n) for n in self.granted_until if student(n) in self.stored())

    @rule()
    def rotate_keys(self) -> None:
        before = self.stored()
        with self.school.audited.work("operator:test") as work:
            rotate_keys(work)
        with self.school.audited.work("operator:test") as work:
            finish_rotation(work)
            decrypted = decrypt_templates(work, sorted(before), ENGINE)
        assert {template.student_id for template in decrypted} == before

    @rule()
    def open(self) -> None:
        now = self.school.clock.now
        self.lesson = f"lesson-{secrets.token_hex(4)}"
        with self.school.audited.records.writing() as session:
            session.add(
                LessonRow(
                    id=self.lesson,
                    class_sourced_id=CLASS,
                    room_id=self.lesson,
                    starts_at=now,
                    ends_at=now + timedelta(minutes=45),
                )
            )
        self.school.settings = settings_with_room(self.school.policy, self.lesson)
        self.closes_at = self.school.open(self.lesson).closes_at
        self.recogniser = FaceRecogniser(
            self.school.audited,
            self.school.settings,
            self.school.permission,
            self.school.engine,
            self.lesson,
        )

    @rule()
    def close(self) -> None:
        if not self.is_open():
            return
        with self.school.audited.work(teacher(1)) as work:
            RegisterService(work, self.school.settings).close(self.lesson)
        self.closes_at = self.school.clock.now

    @rule(seconds=st.integers(1, 4))
    def process_frames(self, seconds: int) -> None:
        if self.recogniser is None:
            return
        for _ in range(3):
            before = self.school.engine.embedded
            self.recogniser.process_frame(
                self.school.clock.now, lambda: [chip_of(n) for n in range(STUDENT_COUNT + 2)]
            )
            if self.school.engine.embedded > before:
                assert self.is_open()
                assert any(self.has_consent(n) for n in self.granted_until)
            self.school.clock.advance(seconds=seconds)
        for proposal in self.recogniser.proposals():
            number = int(proposal.student_id, 16)
            assert number in self.granted_until
        try:
            view = self.recogniser.propose()
        except HomeroomError:
            return
        for entry in view.entries:
            if entry.mark.method is not None and entry.changed_at == self.school.clock.now:
                assert self.has_consent(int(entry.student_id, 16))

    @rule(number=numbers)
    def erase(self, number: int) -> None:
        try:
            with self.school.audited.work("operator:test") as work:
                erase(work, f"student-{number}", keep_entries=False)
        except NotFound:
            assert number in self.erased
        self.erased.add(number)
        with self.school.audited.records.reading() as session:
            assert entries_of_student(session, student(number)) == []

    def stored(self) -> set[str]:
        with self.school.audited.records.reading() as session:
            return {row.student_id for row in rows.of_students(session)}

    @invariant()
    def every_stored_template_has_consent_and_a_key(self) -> None:
        keys = {
            name.removeprefix(f"{STUDENT_KEYS}/")
            for name in self.school.audited.keys.names()
            if name.startswith(STUDENT_KEYS)
        }
        stored = self.stored()
        assert keys == stored
        for number in self.granted_until:
            if student(number) in stored:
                assert number not in self.erased
                assert not self.objecting[number]

    def teardown(self) -> None:
        if hasattr(self, "school"):
            self.school.verify()
            self.school.audited.close()
            shutil.rmtree(self.folder)


def settings_with_room(policy: Path, room: str = "room-1") -> Settings:
    return Settings.model_validate(
        {
            "schools": [{"id": "hill", "name": "Hillside", "timezone": "Europe/London"}],
            "rooms": [{"id": room, "school": "hill", "name": "Room"}],
            "registers": {"policy": policy},
        }
    )


TestRegisterStateMachine = RegisterStateMachine.TestCase
TestRegisterStateMachine.settings = hypothesis_settings(
    max_examples=examples(30), stateful_step_count=40, deadline=None
)
