"""Which rooms a caller may see, and since when."""

from dataclasses import replace
from datetime import timedelta

from cluster.security.roles import Principal, Role
from serve_apps.http.auth.visibility import get_visible_room, get_visible_rooms
from serve_apps.http.backend import Backend
from tests.register.school import MONDAY, School, teacher
from tests.serve_apps.http.api_client import FakePose, FakeRooms

EARLY = timedelta(minutes=10)
TEACHER = Principal(teacher(1), frozenset({Role.TEACHER}), user_id=teacher(1))


def backend_of(school: School) -> Backend:
    return Backend(school.settings, school.audited, FakeRooms(), FakePose())


def test_a_teacher_sees_a_room_from_shortly_before_the_lesson_to_its_end(school: School) -> None:
    backend, clock = backend_of(school), school.clock
    visible = {}
    for minutes in (-11, -9, 0, 44, 46):
        clock.now = MONDAY + timedelta(minutes=minutes)
        visible[minutes] = dict(get_visible_rooms(backend, TEACHER))
    since = {"room-1": MONDAY - EARLY}
    assert visible == {-11: {}, -9: since, 0: since, 44: since, 46: {}}


def test_a_leader_sees_rooms_without_a_limit_in_time(school: School) -> None:
    backend = backend_of(school)
    both = replace(
        TEACHER, roles=frozenset({Role.TEACHER, Role.SCHOOL_LEADER}), schools=frozenset({"hill"})
    )
    assert get_visible_rooms(backend, both) == {"room-1": None, "bus": None}
    assert get_visible_room(backend, both, "room-1")[1] is None
    assert get_visible_room(backend, TEACHER, "room-1")[1] == MONDAY - EARLY


def test_schools_of_a_principal_matter_for_leaders_alone(school: School) -> None:
    analyst = Principal("a", frozenset({Role.ANALYST}), frozenset({"hill"}))
    assert get_visible_rooms(backend_of(school), analyst) == {}


def test_a_user_id_matters_for_teachers_alone(school: School) -> None:
    analyst = replace(TEACHER, roles=frozenset({Role.ANALYST}))
    assert get_visible_rooms(backend_of(school), analyst) == {}
