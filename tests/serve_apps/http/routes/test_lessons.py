"""Lessons over HTTP: who sees which, and the progress of their registers."""

from typing import Any

import pytest

from cluster.records.db.models import LessonRow
from cluster.records.repos.registers import lesson_of
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.security.roles import Role
from tests.register.school import LESSON, MONDAY, student, teacher
from tests.serve_apps.http.api_client import ApiClient, at

SUMMARY = f"/api/lessons/{LESSON}/register/summary"


def ids(answer: dict[str, Any]) -> list[str]:
    return [lesson["lesson_id"] for lesson in answer["lessons"]]


def test_a_teacher_sees_lessons_of_own_classes(api_client: ApiClient) -> None:
    assert ids(api_client.teacher.get("/api/lessons")) == ["lesson-1"]
    assert ids(api_client.as_role(Role.TEACHER, number=2).get("/api/lessons")) == ["lesson-2"]


def test_a_leader_sees_lessons_of_own_schools_without_students(api_client: ApiClient) -> None:
    found = api_client.leader.get("/api/lessons")
    assert ids(found) == ["lesson-1", "lesson-2"]
    assert "student" not in str(found)
    assert ids(api_client.as_role(Role.SCHOOL_LEADER, schools=["dale"]).get("/api/lessons")) == []


def test_a_lesson_has_a_room_and_times(api_client: ApiClient) -> None:
    (lesson,) = api_client.teacher.get("/api/lessons")["lessons"]
    assert at(lesson["starts_at"]) == MONDAY
    assert (lesson["class_title"], lesson["room_id"], lesson["school_id"], lesson["is_on"]) == (
        "7B-SCI",
        "room-1",
        "hill",
        True,
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"date": "2026-03-02"}, 2),
        ({"date": "2026-03-03"}, 0),
        ({"date": "0001-01-01"}, 0),
        ({"date": "9999-12-31"}, 0),
        ({"room_id": "room-1"}, 2),
        ({"room_id": "room-2"}, 0),
        ({"school_id": "hill"}, 2),
        ({"school_id": "dale"}, 0),
    ],
)
def test_lessons_are_filtered_by_day_room_and_school(
    api_client: ApiClient, filters: dict[str, str], found: int
) -> None:
    assert len(api_client.leader.get("/api/lessons", params=filters)["lessons"]) == found


def test_lessons_are_paged_by_their_start(api_client: ApiClient) -> None:
    first = api_client.leader.get("/api/lessons", params={"limit": 1})
    second = api_client.leader.get("/api/lessons", params={"limit": 1, "cursor": first["next"]})
    assert (ids(first), ids(second), second["next"]) == (["lesson-1"], ["lesson-2"], None)


def test_a_leader_sees_the_progress_of_a_register(api_client: ApiClient) -> None:
    leader, school = api_client.leader, api_client.school
    assert leader.get(SUMMARY) == {"lesson_id": LESSON, "register": "not_taken"}
    school.open()
    assert leader.get(SUMMARY)["register"] == "open"
    school.clock.advance(minutes=11)
    assert leader.get(SUMMARY)["register"] == "not_taken"
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).mark(LESSON, {student(1): Status.ABSENT})
    assert leader.get(SUMMARY)["register"] == "taken"


def test_lessons_of_others_are_denied(api_client: ApiClient) -> None:
    api_client.as_role(Role.SCHOOL_LEADER, schools=["dale"]).get(SUMMARY, 403)
    api_client.as_role(Role.TEACHER, number=2).get(SUMMARY, 403)
    api_client.leader.get("/api/lessons/no-such/register/summary", 404)


def test_a_lesson_in_a_room_that_the_settings_no_longer_have_is_hidden(
    api_client: ApiClient,
) -> None:
    with api_client.school.audited.records.writing() as session:
        lesson: LessonRow = lesson_of(session, LESSON)
        lesson.room_id = "gone"
    assert ids(api_client.teacher.get("/api/lessons")) == []
    api_client.teacher.get(SUMMARY, 403)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ANALYST, Role.DATA_PROTECTION])
def test_others_see_no_lesson(api_client: ApiClient, role: Role) -> None:
    api_client.as_role(role).get("/api/lessons", 403)
    api_client.as_role(role).get(SUMMARY, 403)
