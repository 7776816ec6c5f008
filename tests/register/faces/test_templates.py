"""Templates: consent before anything, opened by nobody else, gone when they should be."""

import shutil
import threading
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from cluster.errors import KeyMissing, NotAllowed, RegisterError
from cluster.records.db import audit_log
from cluster.records.repos import templates as rows
from cluster.register.erasure import erase
from cluster.register.faces.consent_ledger import record_grant, record_objection, record_withdrawal
from cluster.register.faces.recognition_session import FaceRecogniser
from cluster.register.faces.templates import (
    FaceTemplate,
    decrypt_templates,
    destroy_unpermitted,
    finish_rotation,
    rotate_keys,
    store_template,
)
from cluster.register.service import RegisterService
from cluster.register.states import EntryState, Status
from cluster.security.keys import student_key
from tests.register.school import (
    ENGINE,
    LESSON,
    MONDAY,
    NOTICE,
    School,
    chip_of,
    face_of,
    guardian,
    student,
    teacher,
)


def opened(school: School, *numbers: int, engine: str = ENGINE) -> list[FaceTemplate]:
    with school.identity.work("system:test") as work:
        return decrypt_templates(work, [student(n) for n in numbers], engine)


def stored(school: School) -> set[str]:
    with school.identity.records.reading() as session:
        return {row.student_id for row in rows.of_students(session)}


def test_a_template_is_stored_and_opens_again(school: School) -> None:
    school.consent(1)
    school.store(1)
    (template,) = opened(school, 1)
    np.testing.assert_array_equal(template.embedding, face_of(1))


def test_without_consent_nothing_is_stored(school: School) -> None:
    with pytest.raises(NotAllowed, match="no guardian has consented"):
        school.store(1)
    assert not stored(school)


def test_templates_of_another_engine_are_not_looked_at(school: School) -> None:
    school.consent(1)
    school.store(1)
    assert opened(school, 1, engine="numbers-2") == []


def change(school: School, sql: str, **values: str) -> None:
    with school.identity.records.writing() as session:
        session.execute(text(sql), values)


@pytest.mark.parametrize("place", [0, 11, 12, 40, -1])
def test_a_flipped_bit_is_refused(school: School, place: int) -> None:
    school.consent(1)
    school.store(1)
    with school.identity.records.writing() as session:
        (row,) = rows.of_students(session)
        changed = bytearray(row.sealed)
        changed[place] ^= 1
        row.sealed = bytes(changed)
    assert opened(school, 1) == []
    assert refused(school) == [student(1)]


def refused(school: School) -> list[str | None]:
    """Whose templates the audit log calls changed or moved."""
    with school.identity.records.reading() as session:
        found = audit_log.entries(session)
        return [entry.subject for entry in found if entry.action == "face.template_refused"]


def test_a_changed_template_costs_the_rest_of_the_class_nothing(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.identity.records.writing() as session:
        first, _ = rows.of_students(session)
        first.sealed = b"changed"
    assert [template.student_id for template in opened(school, 1, 2)] == [student(2)]


def test_a_row_moved_to_another_student_does_not_open(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.identity.records.writing() as session:
        first, second = rows.of_students(session)
        first.sealed, second.sealed = second.sealed, first.sealed
    assert opened(school, 1, 2) == []
    assert refused(school) == [student(1), student(2)]


def test_a_row_moved_together_with_its_key_does_not_open(school: School, tmp_path: Path) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    keys = tmp_path / "keys" / "students"
    shutil.copyfile(keys / f"{student(1)}.wrapped", keys / f"{student(2)}.wrapped")
    with school.identity.records.writing() as session:
        first, second = rows.of_students(session)
        second.sealed = first.sealed
    assert opened(school, 2) == []


def test_a_row_said_to_be_of_another_engine_or_district_does_not_open(school: School) -> None:
    school.consent(1)
    school.store(1)
    change(school, "UPDATE templates SET engine = 'numbers-2'")
    assert opened(school, 1, engine="numbers-2") == []
    change(school, "UPDATE templates SET engine = 'numbers-1'")
    school.identity.district = "elsewhere"
    assert opened(school, 1) == []


def test_a_withdrawal_destroys_the_template_at_once(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.identity.work("operator:test") as work:
        spoken = record_withdrawal(work, "student-1", "guardian-1")
    assert spoken.template_destroyed
    assert stored(school) == {student(2)}
    assert not school.identity.keys.has(student_key(student(1)))


def test_the_student_can_object_and_it_wins(school: School) -> None:
    school.consent(1)
    school.store(1)
    with school.identity.work("operator:test") as work:
        assert record_objection(work, "student-1", "student-1").template_destroyed
    school.consent(1)
    with pytest.raises(NotAllowed, match="objects"):
        school.store(1)


def test_who_is_no_guardian_has_no_say(school: School) -> None:
    with pytest.raises(NotAllowed), school.identity.work("operator:test") as work:
        record_objection(work, "student-1", "guardian-2")


def test_an_expired_consent_takes_its_template_with_it(school: School) -> None:
    school.consent(1, days=30)
    school.consent(2, days=60)
    school.store(1, 2)
    school.clock.turn(days=30)
    with school.identity.work("system:test") as work:
        assert destroy_unpermitted(work, school.permission) == [student(1)]
    assert stored(school) == {student(2)}


def test_a_policy_that_cannot_be_read_stops_comparing_and_destroys_nothing(
    school: School,
) -> None:
    school.consent(1)
    school.store(1)
    school.policy.write_text("not toml [")
    with school.identity.work("system:test") as work:
        assert destroy_unpermitted(work, school.permission) == []
        assert not school.permission.may_keep(work.session, student(1), MONDAY).allowed


def test_keys_are_rotated_and_the_old_ones_open_nothing(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.identity.records.reading() as session:
        old = {row.student_id: row.sealed for row in rows.of_students(session)}
    with school.identity.work("operator:test") as work:
        assert rotate_keys(work) == 2
    with school.identity.work("operator:test") as work:
        finish_rotation(work)
    assert len(opened(school, 1, 2)) == 2
    with school.identity.records.writing() as session:
        for row in rows.of_students(session):
            row.sealed = old[row.student_id]
    assert opened(school, 1) == []


def test_a_rotation_that_is_interrupted_loses_nothing(school: School) -> None:
    school.consent(1)
    school.store(1)

    def killed_before_the_rows_are_committed() -> None:
        with school.identity.work("operator:test") as work:
            rotate_keys(work)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed_before_the_rows_are_committed()
    assert len(opened(school, 1)) == 1
    with school.identity.work("operator:test") as work:
        rotate_keys(work)
    assert len(opened(school, 1)) == 1


def test_an_erased_student_is_nowhere_and_a_restored_backup_opens_nothing(
    school: School,
) -> None:
    school.consent(1)
    school.store(1)
    with school.identity.records.reading() as session:
        (row,) = rows.of_students(session)
        backup = (row.student_id, row.engine, row.sealed, row.key_version, row.grant_seq)
    school.open()
    with school.identity.work("operator:test") as work:
        receipt = erase(work, "student-1", keep_entries=False)
    assert receipt.template_destroyed
    assert receipt.entries_deleted == 1
    assert not stored(school)
    assert student(1) not in {entry.student_id for entry in school.show().entries}
    assert school.verify() >= receipt.audit_seq
    with pytest.raises(KeyMissing):
        school.identity.keys.version(student_key(backup[0]), backup[3])


def test_by_policy_an_erased_students_entries_stay_under_an_id_that_ties_to_nobody(
    school: School,
) -> None:
    school.open()
    with school.identity.work("operator:test") as work:
        receipt = erase(work, "student-1", keep_entries=True)
    assert (receipt.entries_deleted, receipt.entries_kept) == (0, 1)
    with school.identity.records.reading() as session:
        assert not session.execute(text("SELECT 1 FROM users WHERE sourced_id='student-1'")).all()


def call(school: School) -> FaceRecogniser:
    return FaceRecogniser(
        school.identity, school.settings, school.permission, school.engine, LESSON
    )


def see(school: School, roll_call: FaceRecogniser, *numbers: int) -> bool:
    return roll_call.process_frame(
        school.clock.now, lambda: [chip_of(number) for number in numbers]
    )


def walk(school: School, roll_call: FaceRecogniser, *numbers: int, frames: int = 8) -> None:
    for _ in range(frames):
        see(school, roll_call, *numbers)
        school.clock.turn(seconds=1)


def test_those_who_agreed_are_proposed_and_nothing_is_said_of_the_others(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    school.open()
    roll_call = call(school)
    walk(school, roll_call, 1, 2, 3)
    marks = {entry.student_id: entry.mark for entry in roll_call.propose().entries}
    assert {s for s, m in marks.items() if m.state is EntryState.PROPOSED} == {
        student(1),
        student(2),
    }
    assert marks[student(3)].status is Status.NOT_RECORDED
    assert marks[student(3)].method is None


def test_without_any_consent_in_the_class_no_chip_is_even_cut(school: School) -> None:
    school.open()

    def cut() -> list[object]:
        raise AssertionError("a face was cut")

    assert not call(school).process_frame(school.clock.now, cut)  # type: ignore[arg-type]
    assert school.engine.embedded == 0


def test_when_the_register_closes_faces_are_no_longer_compared(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    roll_call = call(school)
    assert see(school, roll_call, 1)
    school.clock.turn(minutes=10)
    assert not see(school, roll_call, 1)
    assert school.engine.embedded == 1
    with pytest.raises(RegisterError):
        roll_call.propose()


def test_who_objects_in_the_middle_is_forgotten_and_proposals_are_taken_back(
    school: School,
) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    school.open()
    roll_call = call(school)
    walk(school, roll_call, 1, 2)
    roll_call.propose()
    with school.identity.work("operator:test") as work:
        assert record_objection(work, "student-1", "guardian-1").proposals_taken_back == 1
    walk(school, roll_call, 1, 2)
    marks = {entry.student_id: entry.mark for entry in roll_call.propose().entries}
    assert marks[student(1)].method is None
    assert marks[student(2)].state is EntryState.PROPOSED


def test_a_policy_switched_off_in_the_middle_is_felt_at_once(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    roll_call = call(school)
    assert see(school, roll_call, 1)
    school.policy.write_text(
        school.policy.read_text().replace("switched_on = true", "switched_on = false")
    )
    assert not see(school, roll_call, 1)


def test_a_guardian_who_leaves_the_roster_takes_the_consent_along(school: School) -> None:
    school.consent(1)
    school.store(1)
    change(school, "DELETE FROM guardians WHERE guardian_id = :one", one=guardian(1))
    school.open()
    assert not see(school, call(school), 1)


def test_a_guardian_of_two_students_speaks_for_each_alone(school: School) -> None:
    change(school, "INSERT INTO guardians VALUES (:a, :b)", a=student(2), b=guardian(1))
    school.consent(1)
    school.store(1)
    with pytest.raises(NotAllowed):
        school.store(2)


def test_a_look_at_the_register_or_at_templates_is_recorded(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    before = school.verify()
    opened(school, 1)
    with school.identity.work(teacher(1)) as work:
        RegisterService(work, school.settings).show(LESSON)
    assert school.verify() == before + 2


def test_consents_end_within_a_year(school: School) -> None:
    with pytest.raises(NotAllowed, match="within a year"):
        school.consent(1, days=366)
    with pytest.raises(NotAllowed, match="within a year"):
        school.consent(1, days=0)


def test_a_withdrawal_waits_for_a_template_that_is_being_stored_and_then_destroys_it(
    school: School,
) -> None:
    school.consent(1)
    asked, outcomes = threading.Event(), []

    def withdraw_meanwhile() -> None:
        asked.wait()
        with school.identity.work("operator:other") as work:
            outcomes.append(record_withdrawal(work, "student-1", "guardian-1").template_destroyed)

    thread = threading.Thread(target=withdraw_meanwhile)
    thread.start()
    with school.identity.work("operator:test") as work:
        assert school.permission.may_keep(work.session, student(1), work.now).allowed
        asked.set()
        time.sleep(0.3)
        store_template(work, school.permission, student(1), ENGINE, face_of(1))
    thread.join()
    assert outcomes == [True]
    assert not stored(school)


def test_a_former_guardian_ends_nobodys_consent_but_their_own(school: School) -> None:
    change(school, "INSERT INTO guardians VALUES (:a, :b)", a=student(1), b=guardian(2))
    with school.identity.work("operator:test") as work:
        ends = school.clock.now + timedelta(days=30)
        record_grant(work, "student-1", "guardian-2", notice_version=NOTICE, expires_at=ends)
    change(school, "DELETE FROM guardians WHERE guardian_id = :b AND student_id = :a",
           a=student(1), b=guardian(2))  # fmt: skip
    school.consent(1)
    school.store(1)
    with school.identity.work("operator:test") as work:
        assert not record_withdrawal(work, "student-1", "guardian-2").template_destroyed
    assert stored(school) == {student(1)}


def test_who_is_refused_leaves_a_trace(school: School) -> None:
    school.open()
    with pytest.raises(NotAllowed), school.identity.work(teacher(2)) as work:
        RegisterService(work, school.settings).show(LESSON)
    with school.identity.records.reading() as session:
        *_, last = audit_log.entries(session)
    assert (last.actor, last.action, last.subject) == (teacher(2), "refused", LESSON)


def test_it_is_told_why_faces_were_not_compared(school: School) -> None:
    school.consent(1, 2)
    school.store(1)
    school.open()
    roll_call = call(school)
    assert see(school, roll_call, 1)
    assert roll_call.denial_reasons() == {"no_grant": 6, "no_template": 1}
