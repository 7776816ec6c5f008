"""Taking attendance by hand, by badge and by faces (R6, R7): who may, and when."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from cluster.errors import (
    BadgeRefused,
    NotAllowed,
    NotFound,
    RecordsError,
    RegisterChanged,
    RegisterError,
)
from cluster.records.db import audit_log
from cluster.records.db.models import Enrollment, LessonRow, User
from cluster.records.repos.people import PersonDetails, seal_details
from cluster.register import badges
from cluster.register.export import to_csv, to_ed_fi
from cluster.register.faces.consent import ConsentReason
from cluster.register.service import RegisterService
from cluster.register.states import (
    ALLOWED,
    BLANK,
    UNSURE,
    EntryState,
    Mark,
    Method,
    Status,
    is_allowed,
)
from cluster.register.types import BadgeScan, FaceMatch, RegisterView
from cluster.settings import Settings
from tests.register.school import LESSON, MONDAY, School, student, teacher

PROPOSED = Mark(Status.PRESENT, Method.FACE, EntryState.PROPOSED)


def mark_in(view: RegisterView, number: int) -> Mark:
    (entry,) = [entry for entry in view.entries if entry.student_id == student(number)]
    return entry.mark


def propose(school: School, *numbers: int, is_certain: bool = True) -> RegisterView:
    with school.audited.work("system:roll-call") as work:
        matches = [FaceMatch(student(number), is_certain, school.clock.now) for number in numbers]
        return RegisterService(work, school.settings).propose(LESSON, matches)


def mark(school: School, version: int | None = None, by: int = 1, **marks: Status) -> RegisterView:
    with school.audited.work(teacher(by)) as work:
        chosen = {student(int(name[1:])): status for name, status in marks.items()}
        return RegisterService(work, school.settings).mark(LESSON, chosen, version=version)


def test_a_new_register_has_nothing_recorded(school: School) -> None:
    view = school.open()
    assert len(view.entries) == 8
    assert all(entry.mark == BLANK for entry in view.entries)
    assert view.is_open
    assert view.closes_at == MONDAY + timedelta(minutes=10)


def test_a_teacher_marks_by_hand_without_faces(school: School) -> None:
    school.open()
    view = mark(school, s1=Status.PRESENT, s2=Status.ABSENT, s3=Status.EXCUSED)
    assert mark_in(view, 1) == Mark(Status.PRESENT, Method.TEACHER, EntryState.CONFIRMED)
    assert mark_in(view, 2).status is Status.ABSENT
    assert mark_in(view, 4) == BLANK
    assert school.verify() > 0


def test_marking_by_hand_needs_no_open_register(school: School) -> None:
    school.clock.advance(hours=5)
    view = mark(school, s1=Status.PRESENT)
    assert mark_in(view, 1).status is Status.PRESENT
    assert not view.is_open


def test_only_a_teacher_of_the_class_takes_its_register(school: School) -> None:
    with pytest.raises(NotAllowed), school.audited.work(teacher(2)) as work:
        RegisterService(work, school.settings).open(LESSON)
    school.open()
    with pytest.raises(NotAllowed):
        mark(school, by=2, s1=Status.PRESENT)


def test_a_student_of_another_class_is_rejected(school: School) -> None:
    with school.audited.work(teacher(2)) as work:
        RegisterService(work, school.settings).mark("lesson-2", {student(1): Status.PRESENT})
    with pytest.raises(NotFound), school.audited.work(teacher(2)) as work:
        RegisterService(work, school.settings).mark("lesson-2", {student(2): Status.PRESENT})


def test_a_student_in_two_classes_has_an_entry_in_each(school: School) -> None:
    school.open()
    mark(school, s1=Status.PRESENT)
    with school.audited.work(teacher(2)) as work:
        view = RegisterService(work, school.settings).mark("lesson-2", {student(1): Status.ABSENT})
    assert mark_in(view, 1).status is Status.ABSENT
    assert mark_in(school.show(), 1).status is Status.PRESENT


def test_a_register_is_opened_once(school: School) -> None:
    school.open()
    with pytest.raises(RegisterError, match="opened before"):
        school.open()


@pytest.mark.parametrize("minutes", [-11, 45, 600])
def test_a_register_opens_only_while_its_lesson_runs(school: School, minutes: float) -> None:
    school.clock.advance(minutes=minutes)
    with pytest.raises(RegisterError, match="the lesson is from"):
        school.open()


def test_a_machine_proposes_and_the_teacher_confirms(school: School) -> None:
    school.open()
    view = propose(school, 1, 2)
    assert mark_in(view, 1) == PROPOSED
    assert mark_in(view, 3) == BLANK
    with school.audited.work(teacher(1)) as work:
        view = RegisterService(work, school.settings).confirm(LESSON, version=view.version)
    assert mark_in(view, 1) == Mark(Status.PRESENT, Method.FACE, EntryState.CONFIRMED)
    assert {entry.changed_by for entry in view.entries if entry.student_id == student(1)} == {
        teacher(1)
    }


def test_an_uncertain_face_match_is_unsure_and_records_nothing(school: School) -> None:
    school.open()
    assert mark_in(propose(school, 1, is_certain=False), 1) == UNSURE
    assert mark_in(propose(school, 1), 1) == PROPOSED


def test_a_machine_never_changes_a_confirmed_entry(school: School) -> None:
    school.open()
    mark(school, s1=Status.ABSENT)
    assert mark_in(propose(school, 1), 1).status is Status.ABSENT


def test_faces_and_badges_are_accepted_only_while_the_register_is_open(school: School) -> None:
    school.open()
    school.clock.advance(minutes=10)
    with pytest.raises(RegisterError, match="not open"):
        propose(school, 1)
    with pytest.raises(RegisterError, match="not open"), school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).record_badge(LESSON, student(1))
    assert mark_in(mark(school, s1=Status.LATE), 1).status is Status.LATE


@pytest.mark.parametrize(("minutes", "status"), [(5, Status.PRESENT), (5.1, Status.LATE)])
def test_an_arrival_after_the_grace_period_is_late(
    school: School, minutes: float, status: Status
) -> None:
    school.open()
    school.clock.advance(minutes=minutes)
    assert mark_in(propose(school, 1), 1).status is status


def test_a_later_sighting_does_not_make_a_punctual_student_late(school: School) -> None:
    school.open()
    propose(school, 1)
    school.clock.advance(minutes=7)
    assert mark_in(propose(school, 1), 1) == PROPOSED
    token = issue(school, 1)
    assert mark_in(show_badge(school, token), 1).status is Status.PRESENT


def test_a_register_marked_by_hand_can_still_be_opened_once(school: School) -> None:
    school.clock.advance(minutes=-30)
    mark(school, s1=Status.EXCUSED)
    school.clock.advance(minutes=30)
    view = school.open()
    assert view.is_open
    assert mark_in(view, 1).status is Status.EXCUSED
    assert mark_in(propose(school, 2), 2) == PROPOSED
    with pytest.raises(RegisterError, match="opened before"):
        school.open()


def test_a_student_who_joins_after_the_register_was_created_can_be_recorded(
    school: School,
) -> None:
    with school.audited.records.writing() as session:
        session.get_one(Enrollment, f"class-1/{student(1)}").begin_date = date(2026, 3, 3)
    assert student(1) not in {entry.student_id for entry in school.open().entries}
    with school.audited.records.writing() as session:
        session.get_one(Enrollment, f"class-1/{student(1)}").begin_date = None
    assert mark_in(mark(school, s1=Status.PRESENT), 1).status is Status.PRESENT


def test_confirming_an_outdated_version_is_rejected(
    school: School,
) -> None:
    school.open()
    version = propose(school, 1, 2).version
    mark(school, version=version, s3=Status.PRESENT)
    with pytest.raises(RegisterChanged), school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).confirm(LESSON, version=version)
    assert mark_in(school.show(), 1) == PROPOSED


def test_the_history_has_who_when_and_the_mark_before(school: School) -> None:
    school.open()
    propose(school, 1)
    school.clock.advance(minutes=1)
    mark(school, s1=Status.LATE)
    with school.audited.work(teacher(1)) as work:
        first, second = RegisterService(work, school.settings).history(LESSON)
    assert first["changed_by"] == "system:roll-call"
    assert second["changed_by"] == teacher(1)
    assert second["changed_at"] == MONDAY + timedelta(minutes=1)
    assert second["was"] == {"status": "present", "method": "face", "state": "proposed"}
    assert second["became"]["status"] == "late"


def test_a_closed_register_accepts_corrections_by_hand(school: School) -> None:
    school.open()
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).close(LESSON)
    with pytest.raises(RegisterError):
        propose(school, 1)
    assert mark_in(mark(school, s1=Status.EXCUSED), 1).status is Status.EXCUSED


def test_a_lesson_belongs_to_the_date_at_its_school_and_may_pass_midnight(
    school: School,
) -> None:
    """In Sydney it is the 3rd while it is the 2nd in UTC; the lesson starts there on the 2nd."""
    school.settings = Settings.model_validate(
        {
            "schools": [{"id": "hill", "name": "Hillside", "timezone": "Australia/Sydney"}],
            "rooms": [{"id": "room-1", "school": "hill", "name": "Room 1"}],
            "registers": {"policy": school.policy},
        }
    )
    starts_at = datetime(2026, 3, 2, 12, 50, tzinfo=UTC)  # 23:50 on the 2nd in Sydney
    with school.audited.records.writing() as session:
        session.add(
            LessonRow(
                id="night",
                class_sourced_id="class-1",
                room_id="room-1",
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=45),
            )
        )
        for number, first, last in ((1, date(2026, 3, 3), None), (2, None, date(2026, 3, 3))):
            row = session.get_one(Enrollment, f"class-1/{student(number)}")
            row.begin_date, row.end_date = first, last
    school.consent(1, 2)
    school.clock.now = starts_at + timedelta(minutes=20)  # the 3rd, there
    view = school.open("night")
    assert student(2) in {entry.student_id for entry in view.entries}
    assert student(1) not in {entry.student_id for entry in view.entries}
    with school.audited.records.reading() as session:
        both = [student(1), student(2)]
        decisions = school.permission.may_compare(session, both, "night", school.clock.now)
    assert decisions[student(2)].allowed
    assert decisions[student(1)].reason is ConsentReason.NOT_ENROLLED


def issue(school: School, number: int) -> str:
    with school.audited.work("operator:test") as work:
        return badges.issue(work, student(number), days=30).token


def show_badge(school: School, token: str) -> RegisterView:
    with school.audited.work(teacher(1)) as work:
        return RegisterService(work, school.settings).record_badge(
            LESSON, badges.verify(work, token)
        )


def test_a_badge_confirms_without_a_face(school: School) -> None:
    token = issue(school, 1)
    school.open()
    view = show_badge(school, token)
    assert mark_in(view, 1) == Mark(Status.PRESENT, Method.BADGE, EntryState.CONFIRMED)


def test_a_badge_reveals_nothing_and_cannot_be_forged(school: School) -> None:
    token = issue(school, 1)
    assert "student" not in token
    school.open()
    for wrong in ("", "x", token[:-2] + "AA", "a" * 10_000, token.replace(".", "")):
        with pytest.raises(BadgeRefused):
            show_badge(school, wrong)


def test_a_new_badge_invalidates_the_old_one_and_badges_expire(school: School) -> None:
    old = issue(school, 1)
    new = issue(school, 1)
    school.open()
    with pytest.raises(BadgeRefused, match="replaced"):
        show_badge(school, old)
    assert mark_in(show_badge(school, new), 1).status is Status.PRESENT
    school.clock.advance(days=31)
    with pytest.raises(BadgeRefused, match="expired"):
        show_badge(school, new)


def test_a_sheet_of_badges_names_students_and_is_self_contained(
    school: School,
) -> None:
    with school.audited.work("operator:test") as work:
        page = badges.render_sheet(work, [badges.issue(work, student(1), 30)])
    assert "Given student-1" in page
    assert "<svg" in page
    assert "src=" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_an_export_has_only_confirmed_entries(school: School) -> None:
    school.open()
    propose(school, 1)
    view = mark(school, s2=Status.ABSENT, s3=Status.PRESENT)
    with school.audited.work(teacher(1)) as work:
        rows = list(csv.DictReader(io.StringIO(to_csv(work, view))))
        events = to_ed_fi(work, school.settings, view)
    exported = {row["student_sourced_id"]: row["status"] for row in rows}
    assert exported["student-1"] == "not_recorded"
    assert exported["student-2"] == "absent"
    assert [event["studentReference"]["studentUniqueId"] for event in events] == [
        "Nstudent-2",
        "Nstudent-3",
    ]
    assert events[0] == {
        "attendanceEventCategoryDescriptor": (
            "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence"
        ),
        "classPeriods": [
            {"classPeriodReference": {"classPeriodName": "09:00-09:45", "schoolId": 77}}
        ],
        "eventDate": "2026-03-02",
        "sectionReference": {
            "localCourseCode": "SCI7",
            "schoolId": 77,
            "schoolYear": 2026,
            "sectionIdentifier": "7B-SCI",
            "sessionName": "2025-26",
        },
        "studentReference": {"studentUniqueId": "Nstudent-2"},
    }


def test_a_name_with_a_spreadsheet_formula_is_escaped(school: School) -> None:
    view = mark(school, s1=Status.PRESENT)
    with school.audited.records.writing() as session:
        user = session.get_one(User, student(1))
        details = PersonDetails("=HYPERLINK(1)", "+Family")
        user.sealed = seal_details(school.audited.keys, user.id, details)
    with school.audited.work(teacher(1)) as work:
        cells = [cell for row in csv.reader(io.StringIO(to_csv(work, view))) for cell in row]
    assert "'=HYPERLINK(1) +Family" in cells
    assert not any(cell.startswith(("=", "+", "@")) for cell in cells)


marks = st.builds(
    Mark,
    st.sampled_from(Status),
    st.one_of(st.none(), st.sampled_from(Method)),
    st.one_of(st.none(), st.sampled_from(EntryState)),
)


@given(marks, marks)
def test_no_machine_marks_absent_confirms_or_reverts(was: Mark, becomes: Mark) -> None:
    if not is_allowed(was, becomes) or becomes.method is not Method.FACE:
        return
    assert becomes.status not in {Status.ABSENT, Status.EXCUSED}
    assert becomes.state is not EntryState.CONFIRMED
    assert was.state is not EntryState.CONFIRMED


def test_the_table_covers_every_state_and_method() -> None:
    assert set(ALLOWED) == {(s, m) for s in (None, *EntryState) for m in Method}


def test_the_database_rejects_an_absence_by_a_machine(
    school: School,
) -> None:
    school.open()
    with (
        pytest.raises(RecordsError, match="rejected"),
        school.audited.records.writing() as session,
    ):
        session.execute(text("UPDATE entries SET status = 'absent', method = 'face'"))


def test_a_teacher_of_another_class_scans_no_badge_and_learns_nothing_of_it(school: School) -> None:
    token = issue(school, 1)
    school.open()
    for scanned in (token, token[:-2] + "AA"):
        with pytest.raises(NotAllowed), school.audited.work(teacher(2)) as work:
            RegisterService(work, school.settings).scan_badge(LESSON, scanned)
    with pytest.raises(NotAllowed), school.audited.work(teacher(2)) as work:
        RegisterService(work, school.settings).record_badge(LESSON, student(1))
    assert mark_in(school.show(), 1) == BLANK


def test_a_badge_leaves_one_audit_entry_in_every_case(school: School) -> None:
    token = issue(school, 1)
    school.open()
    for case, action in enumerate(["register.badge", "register.show"]):
        if case:
            mark(school, s1=Status.ABSENT)  # a badge never changes a confirmed entry
        before_scan = len(actions(school))
        with school.audited.work(teacher(1)) as work:
            RegisterService(work, school.settings).scan_badge(LESSON, token)
        assert actions(school)[before_scan:] == [action], case


def test_a_badge_tells_what_it_changed_or_that_it_changed_nothing(school: School) -> None:
    token = issue(school, 1)
    school.open()
    assert school.show().badge is None
    for changed in (True, False):
        with school.audited.work(teacher(1)) as work:
            view = RegisterService(work, school.settings).scan_badge(LESSON, token)
        assert view.badge == BadgeScan(student(1), changed=changed)
    mark(school, s1=Status.ABSENT)
    with school.audited.work(teacher(1)) as work:
        view = RegisterService(work, school.settings).scan_badge(LESSON, token)
    assert view.badge == BadgeScan(student(1), changed=False)
    assert mark_in(view, 1) == Mark(Status.ABSENT, Method.TEACHER, EntryState.CONFIRMED)


def actions(school: School) -> list[str]:
    """Return the actions in the audit log, oldest first."""
    with school.audited.records.reading() as session:
        return [entry.action for entry in audit_log.entries(session)]
