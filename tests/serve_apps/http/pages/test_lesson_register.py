"""The register on a lesson page, taken by forms alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.register import badges
from cluster.register.service import RegisterService
from cluster.register.views import Sighted
from cluster.security.keys import KeyStore
from cluster.security.roles import Role
from tests.register.school import LESSON, student
from tests.serve_apps.http.api_client import ApiClient
from tests.serve_apps.http.pages.classroom import PAGE, STUDENTS, classroom, page_of, tap


@pytest.fixture
def room(records: Records, keys: KeyStore, tmp_path: Path) -> Iterator[ApiClient]:
    with classroom(records, keys, tmp_path) as api_client:
        yield api_client


def propose(api_client: ApiClient, *numbers: int) -> int:
    school = api_client.school
    with school.identity.work("system:faces") as work:
        sighted = [Sighted(student(n), sure=True, seen_at=school.clock.now) for n in numbers]
        return RegisterService(work, school.settings).propose(LESSON, sighted).version


def pressed(page: str, number: int) -> str | None:
    """The status whose button is pressed for a student."""
    for status in ("present", "late", "absent", "excused"):
        button = page.partition(f'id="mark-{student(number)}-{status}"')[2].partition(">")[0]
        if 'aria-pressed="true"' in button:
            return status
    return None


def test_everybody_is_present_but_one_in_two_taps(room: ApiClient) -> None:
    tap(room, "register/open")
    tap(room, "register/mark", tap=f"{student(3)}:absent")
    tap(room, "register/rest-present")
    page = page_of(room)
    assert f"{STUDENTS - 1} of {STUDENTS} present" in page
    assert [pressed(page, n) for n in (2, 3, 4)] == ["present", "absent", "present"]


def test_a_tap_is_taken_back(room: ApiClient) -> None:
    tap(room, "register/open")
    tap(room, "register/mark", tap=f"{student(3)}:absent")
    room.school.clock.turn(seconds=1)
    tap(room, "register/undo")
    assert pressed(page_of(room), 3) is None


def test_a_register_is_taken_by_hand_without_being_opened(room: ApiClient) -> None:
    tap(room, "register/begin")
    page = page_of(room)
    assert "closed to badges and faces" in page
    tap(room, "register/mark", tap=f"{student(1)}:late")
    assert pressed(page_of(room), 1) == "late"


def test_a_proposal_is_marked_as_one_and_confirmed_by_the_version_that_was_seen(
    room: ApiClient,
) -> None:
    tap(room, "register/open")
    version = propose(room, 1, 2)
    page = page_of(room)
    assert "2 proposals to confirm" in page
    assert page.count("proposed by the camera: present") == 2
    assert pressed(page, 1) is None
    propose(room, 3)
    tap(room, "register/confirm", status=409, version=str(version))
    tap(room, "register/confirm", version=str(version + 1))
    assert pressed(page_of(room), 1) == "present"


def test_a_badge_is_typed_and_one_that_is_none_is_refused(room: ApiClient) -> None:
    tap(room, "register/open")
    with room.school.identity.work("operator:test") as work:
        token = badges.issue(work, student(5), 10).token
    tap(room, "register/badge", badge=f" {token} ")
    assert pressed(page_of(room), 5) == "present"
    tap(room, "register/badge", status=422, badge="nonsense")


@pytest.mark.parametrize("said", ["x", f"{student(1)}:asleep", f"{student(1)}", ""])
def test_a_tap_that_says_what_cannot_be_is_refused(room: ApiClient, said: str) -> None:
    tap(room, "register/open")
    tap(room, "register/mark", status=422, tap=said)


def test_a_script_gets_the_list_alone_and_a_problem_with_it(room: ApiClient) -> None:
    headers = {"X-Homeroom-Fragment": "1", "Accept": "text/html"}
    caller = room.teacher
    answer = caller.answer("POST", f"{PAGE}/register/open", headers=headers)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    again = caller.answer("POST", f"{PAGE}/register/open", headers=headers)
    assert again.status_code == 409
    assert "The register does not allow this now." in again.text
    assert "student-3" in again.text


def test_the_page_says_nothing_of_the_room_by_student(room: ApiClient) -> None:
    room.rooms.say("room-1", 24)
    tap(room, "register/open")
    page = page_of(room)
    register = page.partition('id="register"')[2]
    for word in ("Reading", "Writing", "Head down", "Standing", "Hand raised"):
        assert word in page
        assert word not in register


@pytest.mark.parametrize("action", ["open", "begin", "mark", "rest-present", "undo", "close"])
def test_who_does_not_teach_the_class_changes_nothing(room: ApiClient, action: str) -> None:
    tap(room, f"register/{action}", status=403, number=2, tap=f"{student(1)}:absent")
    assert room.leader.answer("POST", f"{PAGE}/register/{action}").status_code == 403
    assert room.client.request("POST", f"{PAGE}/register/{action}").status_code == 401


def test_a_change_with_a_cookie_needs_the_words_of_its_session(room: ApiClient) -> None:
    token = room.token(Role.TEACHER)
    entered = room.client.request(
        "POST",
        "/sign-in/token",
        data={"token": token, "next": PAGE},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert (entered.status_code, entered.headers["Location"]) == (303, PAGE)
    page = room.client.request("GET", PAGE).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert csrf
    for word, status in (("", 403), ("wrong", 403), (csrf, 303)):
        answer = room.client.request("POST", f"{PAGE}/register/open", data={"csrf": word})
        assert answer.status_code == status
