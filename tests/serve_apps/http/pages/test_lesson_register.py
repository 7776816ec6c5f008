"""The register on a lesson page, taken with forms alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.records.db.database import Records
from cluster.register import badges
from cluster.register.service import RegisterService
from cluster.register.types import FaceMatch
from cluster.security.keys import KeyStore
from cluster.security.roles import Role
from tests.register.school import LESSON, student
from tests.serve_apps.http.api_client import ApiClient
from tests.serve_apps.http.pages.classroom import PAGE, STUDENTS, classroom, page_of, submit

pytestmark = pytest.mark.sqlite


@pytest.fixture
def class_client(records: Records, keys: KeyStore, tmp_path: Path) -> Iterator[ApiClient]:
    with classroom(records, keys, tmp_path) as api_client:
        yield api_client


def propose(api_client: ApiClient, *numbers: int) -> int:
    school = api_client.school
    with school.audited.work("system:faces") as work:
        sighted = [
            FaceMatch(student(n), is_certain=True, seen_at=school.clock.now) for n in numbers
        ]
        return RegisterService(work, school.settings).propose(LESSON, sighted).version


def pressed_status(page: str, number: int) -> str | None:
    """Return the status whose button is pressed for a student."""
    for status in ("present", "late", "absent", "excused"):
        button = page.partition(f'id="mark-{student(number)}-{status}"')[2].partition(">")[0]
        if 'aria-pressed="true"' in button:
            return status
    return None


def test_a_register_with_one_absence_takes_two_taps(class_client: ApiClient) -> None:
    submit(class_client, "register/open")
    submit(class_client, "register/mark", tap=f"{student(3)}:absent")
    submit(class_client, "register/rest-present")
    page = page_of(class_client)
    assert f"{STUDENTS - 1} of {STUDENTS} present" in page
    assert [pressed_status(page, n) for n in (2, 3, 4)] == ["present", "absent", "present"]


def test_a_tap_is_undone(class_client: ApiClient) -> None:
    submit(class_client, "register/open")
    submit(class_client, "register/mark", tap=f"{student(3)}:absent")
    class_client.school.clock.advance(seconds=1)
    submit(class_client, "register/undo")
    assert pressed_status(page_of(class_client), 3) is None


def test_a_register_is_taken_by_hand_without_being_opened(class_client: ApiClient) -> None:
    submit(class_client, "register/begin")
    page = page_of(class_client)
    assert "closed to badges and faces" in page
    submit(class_client, "register/mark", tap=f"{student(1)}:late")
    assert pressed_status(page_of(class_client), 1) == "late"


def test_proposals_are_confirmed_by_the_version_that_was_seen(
    class_client: ApiClient,
) -> None:
    submit(class_client, "register/open")
    version = propose(class_client, 1, 2)
    page = page_of(class_client)
    assert "2 proposals to confirm" in page
    assert page.count("proposed by the camera: present") == 2
    assert pressed_status(page, 1) is None
    propose(class_client, 3)
    submit(class_client, "register/confirm", status=409, version=str(version))
    submit(class_client, "register/confirm", version=str(version + 1))
    assert pressed_status(page_of(class_client), 1) == "present"


def test_a_typed_badge_is_recorded_and_an_unknown_one_rejected(class_client: ApiClient) -> None:
    submit(class_client, "register/open")
    with class_client.school.audited.work("operator:test") as work:
        token = badges.issue(work, student(5), 10).token
    submit(class_client, "register/badge", badge=f" {token} ")
    assert pressed_status(page_of(class_client), 5) == "present"
    submit(class_client, "register/badge", status=422, badge="nonsense")


def test_a_badge_after_a_mark_of_absent_says_that_it_changed_nothing(
    class_client: ApiClient,
) -> None:
    submit(class_client, "register/open")
    submit(class_client, "register/mark", tap=f"{student(5)}:absent")
    with class_client.school.audited.work("operator:test") as work:
        tokens = [badges.issue(work, student(number), 10).token for number in (5, 6)]
    texts = [
        class_client.teacher.answer(
            "POST",
            f"{PAGE}/register/badge",
            headers={"X-Homeroom-Fragment": "1", "Accept": "text/html"},
            data={"badge": token},
        ).text
        for token in tokens
    ]
    assert "the badge changed nothing. The entry stays as it was confirmed: absent." in texts[0]
    assert "present, by badge." in texts[1]


@pytest.mark.parametrize(
    ("number", "result", "text"),
    [
        (5, "unchanged", "The badge changed nothing. The entry that is marked stays"),
        (6, "changed", "The badge was recorded in the entry that is marked."),
    ],
)
def test_without_a_script_the_page_says_what_a_badge_did(
    class_client: ApiClient, number: int, result: str, text: str
) -> None:
    submit(class_client, "register/open")
    submit(class_client, "register/mark", tap=f"{student(5)}:absent")
    with class_client.school.audited.work("operator:test") as work:
        token = badges.issue(work, student(number), 10).token
    answer = class_client.teacher.answer(
        "POST", f"{PAGE}/register/badge", headers={"Accept": "text/html"}, data={"badge": token}
    )
    address, _, entry = answer.headers["location"].partition("#")
    assert (address, entry) == (f"{PAGE}?badge={result}", f"student-{student(number)}")
    page = page_of(class_client, address)
    assert text in page
    assert f'id="{entry}"' in page
    assert "The badge" not in page_of(class_client)


@pytest.mark.parametrize("mark", ["x", f"{student(1)}:asleep", f"{student(1)}", ""])
def test_an_invalid_mark_is_rejected(class_client: ApiClient, mark: str) -> None:
    submit(class_client, "register/open")
    submit(class_client, "register/mark", status=422, tap=mark)


def test_a_script_gets_the_list_alone_with_any_problem_above_it(class_client: ApiClient) -> None:
    headers = {"X-Homeroom-Fragment": "1", "Accept": "text/html"}
    caller = class_client.teacher
    answer = caller.answer("POST", f"{PAGE}/register/open", headers=headers)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    again = caller.answer("POST", f"{PAGE}/register/open", headers=headers)
    assert again.status_code == 409
    assert "The register does not allow this now." in again.text
    assert "student-3" in again.text


def test_activity_is_not_shown_in_the_register(class_client: ApiClient) -> None:
    class_client.rooms.set_room("room-1", 24)
    submit(class_client, "register/open")
    page = page_of(class_client)
    register = page.partition('id="register"')[2]
    for word in ("Reading", "Writing", "Head down", "Standing", "Hand raised"):
        assert word in page
        assert word not in register


@pytest.mark.parametrize("action", ["open", "begin", "mark", "rest-present", "undo", "close"])
def test_changes_are_denied_to_everybody_but_teachers_of_the_class(
    class_client: ApiClient, action: str
) -> None:
    submit(class_client, f"register/{action}", status=403, number=2, tap=f"{student(1)}:absent")
    assert class_client.leader.answer("POST", f"{PAGE}/register/{action}").status_code == 403
    assert class_client.client.request("POST", f"{PAGE}/register/{action}").status_code == 401


def test_a_change_with_a_cookie_needs_its_csrf_token(class_client: ApiClient) -> None:
    token = class_client.token(Role.TEACHER)
    signed_in = class_client.client.request(
        "POST",
        "/sign-in/token",
        data={"token": token, "next": PAGE},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, PAGE)
    page = class_client.client.request("GET", PAGE).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert csrf
    for field, status in (("", 403), ("wrong", 403), (csrf, 303)):
        answer = class_client.client.request("POST", f"{PAGE}/register/open", data={"csrf": field})
        assert answer.status_code == status
    for field, status in (("wrong", 403), (csrf, 303)):
        answer = class_client.client.request(
            "POST",
            f"{PAGE}/register/mark",
            data={"csrf": field, "tap": f"{student(1)}:late"},
        )
        assert answer.status_code == status
    assert pressed_status(page_of(class_client), 1) == "late"
