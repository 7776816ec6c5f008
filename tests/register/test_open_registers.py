"""The registers that cameras may serve now, and opening them when their lesson starts (R6)."""

from datetime import timedelta
from typing import Any

from cluster.records.db.models import LessonRow
from cluster.records.repos.open_registers import OpenRegister
from cluster.records.repos.registers import register_of
from cluster.register.open_registers import (
    ACTOR,
    filter_by_face_policy,
    find_open_registers,
    open_due_registers,
    rooms_with_live_camera,
)
from cluster.register.service import RegisterService
from cluster.register.states import Status
from tests.register.school import CLASS, LESSON, MONDAY, School, student, teacher

ROOMS = ["room-1"]


def opened_by(school: School, lesson: str = LESSON) -> Any:
    with school.audited.records.reading() as session:
        row = register_of(session, lesson)
        return row.opened_by if row else None


def test_a_register_is_open_until_its_closing_time(school: School) -> None:
    assert find_open_registers(school.audited, ROOMS) == []
    school.open()
    (found,) = find_open_registers(school.audited, ROOMS)
    assert (found.lesson_id, found.class_id, found.room_id) == (LESSON, CLASS, "room-1")
    assert found.closes_at == MONDAY + timedelta(minutes=10)
    assert find_open_registers(school.audited, ["room-2"]) == []
    assert find_open_registers(school.audited, []) == []
    school.clock.advance(minutes=10)
    assert find_open_registers(school.audited, ROOMS) == []


def test_a_register_closed_by_a_teacher_is_not_open(school: School) -> None:
    school.open()
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).close(LESSON)
    assert find_open_registers(school.audited, ROOMS) == []


def test_a_register_is_opened_once_when_its_lesson_starts(school: School) -> None:
    school.clock.advance(minutes=-1)
    assert open_due_registers(school.audited, school.settings, ROOMS) == 0
    school.clock.advance(minutes=1)
    assert open_due_registers(school.audited, school.settings, ROOMS) == 1
    assert open_due_registers(school.audited, school.settings, ROOMS) == 0
    assert opened_by(school) == ACTOR
    assert [one.lesson_id for one in find_open_registers(school.audited, ROOMS)] == [LESSON]


def test_lessons_that_started_earlier_or_elsewhere_are_not_opened(school: School) -> None:
    assert open_due_registers(school.audited, school.settings, ["room-2"]) == 0
    school.clock.advance(minutes=10)
    assert open_due_registers(school.audited, school.settings, ROOMS) == 0
    assert opened_by(school) is None


def test_a_register_closed_by_a_teacher_is_not_reopened(school: School) -> None:
    school.open()
    school.clock.advance(minutes=1)
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).close(LESSON)
    assert open_due_registers(school.audited, school.settings, ROOMS) == 0


def test_a_register_marked_before_the_lesson_is_opened_and_keeps_its_marks(
    school: School,
) -> None:
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).mark(LESSON, {student(1): Status.EXCUSED})
    assert open_due_registers(school.audited, school.settings, ROOMS) == 1
    marked = {entry.student_id: entry.mark.status for entry in school.show().entries}
    assert marked[student(1)] == Status.EXCUSED


def test_all_lessons_that_start_at_the_same_time_are_opened(school: School) -> None:
    with school.audited.records.writing() as session:
        session.add_all(
            LessonRow(
                id=f"at-once-{room}",
                class_sourced_id=CLASS,
                room_id=room,
                starts_at=MONDAY,
                ends_at=MONDAY + timedelta(minutes=45),
            )
            for room in ("room-2", "room-3")
        )
    rooms = ["room-2", "room-3"]
    assert open_due_registers(school.audited, settings_with_rooms(school, rooms), rooms) == 2


def test_of_classes_that_are_taught_together_one_register_may_use_faces(school: School) -> None:
    text = school.policy.read_text().replace('["class-1"]', '["class-1", "class-2"]')
    school.policy.write_text(text)
    registers = [
        OpenRegister("b", "class-2", "room-1", MONDAY),
        OpenRegister("a", "class-1", "room-1", MONDAY),
        OpenRegister("c", "class-2", "room-2", MONDAY),
        OpenRegister("d", "class-3", "room-3", MONDAY),
    ]
    found = filter_by_face_policy(school.settings, registers)
    assert [one.lesson_id for one in found] == ["a", "c"]


def settings_with_rooms(school: School, rooms: list[str]) -> Any:
    first = school.settings.rooms[0]
    more = [first.model_copy(update={"id": room}) for room in rooms]
    return type(school.settings).model_validate(
        {
            "schools": [one.model_dump() for one in school.settings.schools],
            "rooms": [one.model_dump() for one in (first, *more)],
        }
    )


def test_a_room_is_live_if_one_of_its_cameras_has_an_address(school: School) -> None:
    cameras = [
        {"id": "read", "room": "room-1", "address": "rtsp://127.0.0.1/1"},
        {"id": "archived", "room": "room-2"},
    ]
    settings = settings_with_rooms(school, ["room-2"])
    both = type(settings).model_validate({**settings.model_dump(), "cameras": cameras})
    assert rooms_with_live_camera(both) == {"room-1"}
    assert rooms_with_live_camera(settings) == frozenset()
