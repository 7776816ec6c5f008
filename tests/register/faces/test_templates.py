"""Templates and face recognition: only with consent (R5), only in an open register (R6)."""

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
    embedding_of,
    guardian,
    student,
    teacher,
)


def decrypted(school: School, *numbers: int, engine: str = ENGINE) -> list[FaceTemplate]:
    with school.audited.work("system:test") as work:
        return decrypt_templates(work, [student(n) for n in numbers], engine)


def stored(school: School) -> set[str]:
    with school.audited.records.reading() as session:
        return {row.student_id for row in rows.of_students(session)}


def test_a_stored_template_can_be_decrypted(school: School) -> None:
    school.consent(1)
    school.store(1)
    (template,) = decrypted(school, 1)
    np.testing.assert_array_equal(template.embedding, embedding_of(1))


def test_without_consent_nothing_is_stored(school: School) -> None:
    with pytest.raises(NotAllowed, match="no guardian has consented"):
        school.store(1)
    assert not stored(school)


def test_templates_of_another_engine_are_not_decrypted(school: School) -> None:
    school.consent(1)
    school.store(1)
    assert decrypted(school, 1, engine="numbers-2") == []


def change(school: School, sql: str, **values: str) -> None:
    with school.audited.records.writing() as session:
        session.execute(text(sql), values)


@pytest.mark.parametrize("place", [0, 11, 12, 40, -1])
def test_a_flipped_bit_is_rejected(school: School, place: int) -> None:
    school.consent(1)
    school.store(1)
    with school.audited.records.writing() as session:
        (row,) = rows.of_students(session)
        changed = bytearray(row.sealed)
        changed[place] ^= 1
        row.sealed = bytes(changed)
    assert decrypted(school, 1) == []
    assert rejected(school) == [student(1)]


def rejected(school: School) -> list[str | None]:
    """Return the students whose templates the audit log reports as changed or moved."""
    with school.audited.records.reading() as session:
        found = audit_log.entries(session)
        return [entry.subject for entry in found if entry.action == "face.template_refused"]


def test_a_changed_template_does_not_affect_the_rest_of_the_class(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.audited.records.writing() as session:
        first, _ = rows.of_students(session)
        first.sealed = b"changed"
    assert [template.student_id for template in decrypted(school, 1, 2)] == [student(2)]


def test_a_row_moved_to_another_student_is_not_decrypted(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.audited.records.writing() as session:
        first, second = rows.of_students(session)
        first.sealed, second.sealed = second.sealed, first.sealed
    assert decrypted(school, 1, 2) == []
    assert rejected(school) == [student(1), student(2)]


def test_a_row_moved_together_with_its_key_is_not_decrypted(school: School, tmp_path: Path) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    keys = tmp_path / "keys" / "students"
    shutil.copyfile(keys / f"{student(1)}.wrapped", keys / f"{student(2)}.wrapped")
    with school.audited.records.writing() as session:
        first, second = rows.of_students(session)
        second.sealed = first.sealed
    assert decrypted(school, 2) == []


def test_a_row_moved_to_another_engine_or_district_is_not_decrypted(school: School) -> None:
    school.consent(1)
    school.store(1)
    change(school, "UPDATE templates SET engine = 'numbers-2'")
    assert decrypted(school, 1, engine="numbers-2") == []
    change(school, "UPDATE templates SET engine = 'numbers-1'")
    school.audited.district = "elsewhere"
    assert decrypted(school, 1) == []


def test_a_withdrawal_destroys_the_template_at_once(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.audited.work("operator:test") as work:
        result = record_withdrawal(work, "student-1", "guardian-1")
    assert result.template_destroyed
    assert stored(school) == {student(2)}
    assert not school.audited.keys.has(student_key(student(1)))


def test_a_students_objection_overrides_a_grant(school: School) -> None:
    school.consent(1)
    school.store(1)
    with school.audited.work("operator:test") as work:
        assert record_objection(work, "student-1", "student-1").template_destroyed
    school.consent(1)
    with pytest.raises(NotAllowed, match="objects"):
        school.store(1)


def test_a_guardian_of_another_student_may_not_object(school: School) -> None:
    with pytest.raises(NotAllowed), school.audited.work("operator:test") as work:
        record_objection(work, "student-1", "guardian-2")


def test_the_template_of_an_expired_consent_is_destroyed(school: School) -> None:
    """R10: what has expired is deleted."""
    school.consent(1, days=30)
    school.consent(2, days=60)
    school.store(1, 2)
    school.clock.advance(days=30)
    with school.audited.work("system:test") as work:
        assert destroy_unpermitted(work, school.permission) == [student(1)]
    assert stored(school) == {student(2)}


def test_an_unreadable_policy_stops_comparisons_and_destroys_nothing(
    school: School,
) -> None:
    school.consent(1)
    school.store(1)
    school.policy.write_text("not toml [")
    with school.audited.work("system:test") as work:
        assert destroy_unpermitted(work, school.permission) == []
        assert not school.permission.may_keep(work.session, student(1), MONDAY).allowed


def test_rotated_keys_replace_the_old_ones(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    with school.audited.records.reading() as session:
        old = {row.student_id: row.sealed for row in rows.of_students(session)}
    with school.audited.work("operator:test") as work:
        assert rotate_keys(work) == 2
    with school.audited.work("operator:test") as work:
        finish_rotation(work)
    assert len(decrypted(school, 1, 2)) == 2
    with school.audited.records.writing() as session:
        for row in rows.of_students(session):
            row.sealed = old[row.student_id]
    assert decrypted(school, 1) == []


def test_an_interrupted_rotation_loses_nothing(school: School) -> None:
    school.consent(1)
    school.store(1)

    def rotate_and_fail() -> None:
        with school.audited.work("operator:test") as work:
            rotate_keys(work)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate_and_fail()
    assert len(decrypted(school, 1)) == 1
    with school.audited.work("operator:test") as work:
        rotate_keys(work)
    assert len(decrypted(school, 1)) == 1


def test_erasing_a_student_makes_a_restored_backup_useless(
    school: School,
) -> None:
    school.consent(1)
    school.store(1)
    with school.audited.records.reading() as session:
        (row,) = rows.of_students(session)
        backup = (row.student_id, row.engine, row.sealed, row.key_version, row.grant_seq)
    school.open()
    with school.audited.work("operator:test") as work:
        receipt = erase(work, "student-1", keep_entries=False)
    assert receipt.template_destroyed
    assert receipt.entries_deleted == 1
    assert not stored(school)
    assert student(1) not in {entry.student_id for entry in school.show().entries}
    assert school.verify() >= receipt.audit_seq
    with pytest.raises(KeyMissing):
        school.audited.keys.version(student_key(backup[0]), backup[3])


def test_by_policy_entries_of_an_erased_student_are_kept_under_the_id(
    school: School,
) -> None:
    school.open()
    with school.audited.work("operator:test") as work:
        receipt = erase(work, "student-1", keep_entries=True)
    assert (receipt.entries_deleted, receipt.entries_kept) == (0, 1)
    with school.audited.records.reading() as session:
        assert not session.execute(text("SELECT 1 FROM users WHERE sourced_id='student-1'")).all()


def recogniser_of(school: School) -> FaceRecogniser:
    return FaceRecogniser(school.audited, school.settings, school.permission, school.engine, LESSON)


def process(school: School, recogniser: FaceRecogniser, *numbers: int) -> bool:
    return recogniser.process_frame(
        school.clock.now, lambda: [chip_of(number) for number in numbers]
    )


def process_frames(
    school: School, recogniser: FaceRecogniser, *numbers: int, frames: int = 8
) -> None:
    for _ in range(frames):
        process(school, recogniser, *numbers)
        school.clock.advance(seconds=1)


def test_only_students_with_consent_are_proposed(school: School) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    school.open()
    recogniser = recogniser_of(school)
    process_frames(school, recogniser, 1, 2, 3)
    marks = {entry.student_id: entry.mark for entry in recogniser.propose().entries}
    assert {s for s, m in marks.items() if m.state is EntryState.PROPOSED} == {
        student(1),
        student(2),
    }
    assert marks[student(3)].status is Status.NOT_RECORDED
    assert marks[student(3)].method is None


def test_without_consent_in_the_class_no_chip_is_cut(school: School) -> None:
    school.open()

    def cut() -> list[object]:
        raise AssertionError("a face was cut")

    assert not recogniser_of(school).process_frame(school.clock.now, cut)  # type: ignore[arg-type]
    assert school.engine.embedded == 0


def test_after_the_register_closes_faces_are_not_compared(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    recogniser = recogniser_of(school)
    assert process(school, recogniser, 1)
    school.clock.advance(minutes=10)
    assert not process(school, recogniser, 1)
    assert school.engine.embedded == 1
    with pytest.raises(RegisterError):
        recogniser.propose()


def test_an_objection_during_the_register_removes_the_student_and_their_proposals(
    school: School,
) -> None:
    school.consent(1, 2)
    school.store(1, 2)
    school.open()
    recogniser = recogniser_of(school)
    process_frames(school, recogniser, 1, 2)
    recogniser.propose()
    with school.audited.work("operator:test") as work:
        assert record_objection(work, "student-1", "guardian-1").proposals_taken_back == 1
    process_frames(school, recogniser, 1, 2)
    marks = {entry.student_id: entry.mark for entry in recogniser.propose().entries}
    assert marks[student(1)].method is None
    assert marks[student(2)].state is EntryState.PROPOSED


def test_switching_off_the_policy_takes_effect_at_once(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    recogniser = recogniser_of(school)
    assert process(school, recogniser, 1)
    school.policy.write_text(
        school.policy.read_text().replace("switched_on = true", "switched_on = false")
    )
    assert not process(school, recogniser, 1)


def test_the_grant_of_a_removed_guardian_does_not_count(school: School) -> None:
    school.consent(1)
    school.store(1)
    change(school, "DELETE FROM guardians WHERE guardian_id = :one", one=guardian(1))
    school.open()
    assert not process(school, recogniser_of(school), 1)


def test_a_guardian_of_two_students_consents_for_each_separately(school: School) -> None:
    change(school, "INSERT INTO guardians VALUES (:a, :b)", a=student(2), b=guardian(1))
    school.consent(1)
    school.store(1)
    with pytest.raises(NotAllowed):
        school.store(2)


def test_access_to_a_register_or_templates_is_recorded(school: School) -> None:
    school.consent(1)
    school.store(1)
    school.open()
    before = school.verify()
    decrypted(school, 1)
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).show(LESSON)
    assert school.verify() == before + 2


def test_consents_expire_within_a_year(school: School) -> None:
    with pytest.raises(NotAllowed, match="within a year"):
        school.consent(1, days=366)
    with pytest.raises(NotAllowed, match="within a year"):
        school.consent(1, days=0)


def test_a_withdrawal_waits_for_a_concurrent_store_and_destroys_the_template(
    school: School,
) -> None:
    school.consent(1)
    is_checked, outcomes = threading.Event(), []

    def withdraw_meanwhile() -> None:
        is_checked.wait()
        with school.audited.work("operator:other") as work:
            outcomes.append(record_withdrawal(work, "student-1", "guardian-1").template_destroyed)

    thread = threading.Thread(target=withdraw_meanwhile)
    thread.start()
    with school.audited.work("operator:test") as work:
        assert school.permission.may_keep(work.session, student(1), work.now).allowed
        is_checked.set()
        time.sleep(0.3)
        store_template(work, school.permission, student(1), ENGINE, embedding_of(1))
    thread.join()
    assert outcomes == [True]
    assert not stored(school)


def test_a_former_guardian_withdraws_only_their_own_consent(school: School) -> None:
    change(school, "INSERT INTO guardians VALUES (:a, :b)", a=student(1), b=guardian(2))
    with school.audited.work("operator:test") as work:
        ends = school.clock.now + timedelta(days=30)
        record_grant(work, "student-1", "guardian-2", notice_version=NOTICE, expires_at=ends)
    change(school, "DELETE FROM guardians WHERE guardian_id = :b AND student_id = :a",
           a=student(1), b=guardian(2))  # fmt: skip
    school.consent(1)
    school.store(1)
    with school.audited.work("operator:test") as work:
        assert not record_withdrawal(work, "student-1", "guardian-2").template_destroyed
    assert stored(school) == {student(1)}


def test_a_denied_access_is_recorded(school: School) -> None:
    school.open()
    with pytest.raises(NotAllowed), school.audited.work(teacher(2)) as work:
        RegisterService(work, school.settings).show(LESSON)
    with school.audited.records.reading() as session:
        *_, last = audit_log.entries(session)
    assert (last.actor, last.action, last.subject) == (teacher(2), "refused", LESSON)


def test_denial_reasons_count_students(school: School) -> None:
    school.consent(1, 2)
    school.store(1)
    school.open()
    recogniser = recogniser_of(school)
    assert process(school, recogniser, 1)
    assert recogniser.denial_reasons() == {"no_grant": 6, "no_template": 1}
