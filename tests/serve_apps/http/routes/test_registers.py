"""Registers over HTTP: for teachers of the class alone, with protection against lost updates."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cluster.register import badges
from cluster.register.service import RegisterService
from cluster.register.types import FaceMatch
from cluster.security.roles import Role
from tests.register.school import LESSON, MONDAY, student
from tests.serve_apps.http.api_client import ApiClient, at

PATH = f"/api/lessons/{LESSON}/register"


def statuses(register: dict[str, Any]) -> dict[str, str]:
    return {entry["student_id"]: entry["status"] for entry in register["entries"]}


def propose(api_client: ApiClient, *numbers: int) -> None:
    school = api_client.school
    with school.audited.work("system:faces") as work:
        sighted = [
            FaceMatch(student(n), is_certain=True, seen_at=school.clock.now) for n in numbers
        ]
        RegisterService(work, school.settings).propose(LESSON, sighted)


def badge_of(api_client: ApiClient, number: int) -> str:
    with api_client.school.audited.work("operator:test") as work:
        return badges.issue(work, student(number), 10).token


def test_a_teacher_opens_marks_and_closes(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    opened = teacher.post(f"{PATH}/open")
    assert (opened["is_open"], len(opened["entries"])) == (True, 8)
    marked = teacher.post(f"{PATH}/marks", json={"marks": {student(3): "late"}})
    assert statuses(marked)[student(3)] == "late"
    assert marked["version"] > opened["version"]
    closed = teacher.post(f"{PATH}/close")
    assert not closed["is_open"]
    assert teacher.get(PATH) == closed


def test_entries_have_names_and_the_access_is_recorded(api_client: ApiClient) -> None:
    api_client.teacher.post(f"{PATH}/open")
    register = api_client.teacher.get(PATH)
    assert [entry["name"] for entry in register["entries"]] == [
        f"Given student-{n} Family" for n in range(1, 9)
    ]
    assert api_client.audited()[-1] == "register.show"


def test_proposals_are_confirmed_by_the_version_that_the_teacher_has_seen(
    api_client: ApiClient,
) -> None:
    teacher = api_client.teacher
    teacher.post(f"{PATH}/open")
    propose(api_client, 1, 2)
    seen = teacher.get(PATH)
    assert seen["proposals"] == 2
    propose(api_client, 3)
    error = teacher.post(f"{PATH}/confirm", 409, json={"version": seen["version"]})["error"]
    assert error["code"] == "register_changed"
    version = teacher.get(PATH)["version"]
    some = teacher.post(f"{PATH}/confirm", json={"version": version, "students": [student(1)]})
    assert some["proposals"] == 2
    assert teacher.post(f"{PATH}/confirm", json={"version": some["version"]})["proposals"] == 0
    entry = next(e for e in teacher.get(PATH)["entries"] if e["student_id"] == student(1))
    assert (entry["status"], entry["method"], entry["state"]) == ("present", "face", "confirmed")
    assert at(entry["arrived_at"]) == MONDAY


def test_the_version_may_be_sent_as_an_etag(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    teacher.post(f"{PATH}/open")
    propose(api_client, 1)
    etag = teacher.answer("GET", PATH).headers["ETag"]
    stale = {"If-Match": '"1"'}
    teacher.post(f"{PATH}/confirm", 409, json={}, headers=stale)
    teacher.post(f"{PATH}/marks", 409, json={"marks": {student(1): "late"}}, headers=stale)
    teacher.post(f"{PATH}/all-present", 409, json={}, headers=stale)
    answer = teacher.answer("POST", f"{PATH}/confirm", json={}, headers={"If-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {}),
        ({}, {"If-Match": "*"}),
        ({}, {"If-Match": "7"}),
        ({"version": 3}, {"If-Match": '"4"'}),
        ({"version": -1}, {}),
        ({"version": 2**40}, {}),
        ({"version": 1, "students": []}, {}),
        ({"version": 1, "students": ["x"]}, {}),
        ({"version": 1, "more": 1}, {}),
    ],
)
def test_a_confirmation_needs_one_version(
    api_client: ApiClient, body: dict[str, Any], headers: dict[str, str]
) -> None:
    api_client.teacher.post(f"{PATH}/open")
    api_client.teacher.post(f"{PATH}/confirm", 422, json=body, headers=headers)


def test_all_present_keeps_confirmed_entries_and_exceptions(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    teacher.post(f"{PATH}/marks", json={"marks": {student(2): "excused"}})
    said = {"except": {student(1): "absent"}}
    found = statuses(teacher.post(f"{PATH}/all-present", json=said))
    assert (found[student(1)], found[student(2)]) == ("absent", "excused")
    assert [found[student(n)] for n in range(3, 9)] == ["present"] * 6


def test_a_badge_is_accepted_while_the_register_is_open(api_client: ApiClient) -> None:
    teacher, badge = api_client.teacher, {"badge": badge_of(api_client, 4)}
    teacher.post(f"{PATH}/badges", 404, json=badge)
    teacher.post(f"{PATH}/open")
    assert statuses(teacher.post(f"{PATH}/badges", json=badge))[student(4)] == "present"
    api_client.school.clock.advance(minutes=11)
    assert teacher.post(f"{PATH}/badges", 409, json=badge)["error"]["code"] == "register_refused"


def test_a_badge_after_a_mark_answers_that_it_changed_nothing(api_client: ApiClient) -> None:
    teacher, badge = api_client.teacher, {"badge": badge_of(api_client, 4)}
    teacher.post(f"{PATH}/open")
    teacher.post(f"{PATH}/marks", json={"marks": {student(4): "absent"}})
    answer = teacher.post(f"{PATH}/badges", json=badge)
    assert answer["badge"] == {"student_id": student(4), "changed": False}
    assert statuses(answer)[student(4)] == "absent"
    answer = teacher.post(f"{PATH}/badges", json={"badge": badge_of(api_client, 5)})
    assert answer["badge"] == {"student_id": student(5), "changed": True}
    assert teacher.get(PATH)["badge"] is None


def test_an_invalid_badge_is_rejected_and_audited(api_client: ApiClient) -> None:
    api_client.teacher.post(f"{PATH}/open")
    error = api_client.teacher.post(f"{PATH}/badges", 422, json={"badge": "WyJ4Il0.forged"})[
        "error"
    ]
    assert error["code"] == "badge_refused"
    assert api_client.audited()[-1] == "refused"


def test_a_teacher_of_another_class_cannot_read_badges(api_client: ApiClient) -> None:
    api_client.teacher.post(f"{PATH}/open")
    other = api_client.as_role(Role.TEACHER, number=2)
    before = api_client.teacher.get(PATH)
    for badge in (badge_of(api_client, 4), "WyJ4Il0.forged"):
        error = other.post(f"{PATH}/badges", 403, json={"badge": badge})["error"]
        assert error["code"] == "not_allowed"
    assert api_client.teacher.get(PATH)["entries"] == before["entries"]


EVERYTHING = [
    ("POST", "/open", None),
    ("GET", "", None),
    ("GET", "/version", None),
    ("POST", "/marks", {"marks": {student(1): "present"}}),
    ("POST", "/marks", {"marks": {student(1): "present"}, "version": 99}),
    ("POST", "/all-present", {}),
    ("POST", "/all-present", {"version": 99}),
    ("POST", "/confirm", {"version": 1}),
    ("POST", "/badges", {"badge": "x"}),
    ("POST", "/close", None),
    ("GET", "/history", None),
    ("GET", "/export", None),
    ("GET", "/export?format=edfi", None),
]


@pytest.mark.parametrize(("method", "what", "body"), EVERYTHING)
def test_only_teachers_of_the_class_may_use_a_register(
    api_client: ApiClient, method: str, what: str, body: Any
) -> None:
    api_client.teacher.post(f"{PATH}/open")
    before = api_client.teacher.get(PATH)
    other = api_client.as_role(Role.TEACHER, number=2)
    error = other.send(method, PATH + what, 403, json=body)["error"]
    assert error["code"] == "not_allowed"
    assert api_client.audited()[-1] == "refused"
    for role in (Role.SCHOOL_LEADER, Role.OPERATOR, Role.ANALYST, Role.DATA_PROTECTION):
        api_client.as_role(role, schools=["hill"]).send(method, PATH + what, 403, json=body)
    assert api_client.teacher.get(PATH) == before


def test_the_history_lists_changes_in_pages(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    teacher.post(f"{PATH}/open")
    propose(api_client, 1)
    teacher.post(f"{PATH}/marks", json={"marks": {student(1): "late", student(2): "absent"}})
    first = teacher.get(f"{PATH}/history", params={"limit": 2})
    second = teacher.get(f"{PATH}/history", params={"limit": 2, "cursor": first["next"]})
    changes = first["changes"] + second["changes"]
    assert (len(first["changes"]), len(changes), second["next"]) == (2, 3, None)
    assert changes[0]["changed_by"] == "system:faces"
    assert changes[1]["was"] == {"status": "present", "method": "face", "state": "proposed"}
    assert changes[1]["became"]["status"] == "late"
    assert api_client.audited()[-1] == "register.history"
    teacher.get(f"{PATH}/history", 422, params={"cursor": "cm9vbQ"})


def test_an_export_has_only_confirmed_entries(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    teacher.post(f"{PATH}/open")
    propose(api_client, 1)
    teacher.post(f"{PATH}/marks", json={"marks": {student(2): "late"}})
    answer = teacher.answer("GET", f"{PATH}/export")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["status"] for row in rows[:3]] == ["not_recorded", "late", "not_recorded"]
    events = teacher.get(f"{PATH}/export", params={"format": "edfi"})["events"]
    assert [event["attendanceEventCategoryDescriptor"][-5:] for event in events] == ["Tardy"]
    assert api_client.audited().count("register.export") == 2
    assert "proposed" not in answer.text + json.dumps(events)


def test_of_two_concurrent_changes_one_is_rejected(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    version = teacher.post(f"{PATH}/open")["version"]

    def mark(status: str) -> int:
        body = {"marks": {student(1): status}, "version": version}
        return teacher.answer("POST", f"{PATH}/marks", json=body).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(mark, ["present", "absent"])) == [200, 409]


def test_a_student_of_another_class_cannot_be_marked(api_client: ApiClient) -> None:
    stranger = "f" * 32
    api_client.teacher.post(f"{PATH}/marks", 404, json={"marks": {stranger: "present"}})


@pytest.mark.parametrize(
    "body",
    [
        {"marks": {}},
        {"marks": {"student-1": "present"}},
        {"marks": {student(1): "asleep"}},
        {"marks": {student(1): "present"}, "activity": "reading"},
        {"marks": {f"{n:032x}": "present" for n in range(1001)}},
        {},
        [],
    ],
)
def test_invalid_marks_are_rejected(api_client: ApiClient, body: Any) -> None:
    error = api_client.teacher.post(f"{PATH}/marks", 422, json=body)["error"]
    assert error["code"] == "request_invalid"
    assert "asleep" not in json.dumps(error)


def test_a_register_of_an_unknown_lesson_is_not_found(api_client: ApiClient) -> None:
    api_client.teacher.get("/api/lessons/no-such/register", 404)
    api_client.teacher.get(PATH, 404)


def test_the_version_changes_without_access_to_identity_data(api_client: ApiClient) -> None:
    teacher = api_client.teacher
    assert teacher.get(f"{PATH}/version", 404)["error"]["code"] == "not_found"
    opened = teacher.post(f"{PATH}/open")
    propose(api_client, 1, 2)
    audited = api_client.audited()
    version = teacher.get(f"{PATH}/version")
    assert api_client.audited() == audited
    assert version["version"] > opened["version"]
    assert (version["is_open"], version["proposals"]) == (True, 2)
    register = teacher.get(PATH)
    assert version == {name: register[name] for name in version}
    assert not [text for text in (student(1), "student-1", "Given") if text in str(version)]
    api_client.school.clock.advance(minutes=11)
    assert not teacher.get(f"{PATH}/version")["is_open"]
    teacher.get("/api/lessons/no-such/register/version", 404)


def test_the_version_is_read_without_a_write_lock(api_client: ApiClient) -> None:
    api_client.teacher.post(f"{PATH}/open")
    caller = api_client.teacher
    caller.get(f"{PATH}/version")  # the sign-in is cached from now on
    with api_client.school.audited.records.writing(), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(caller.get, f"{PATH}/version").result(timeout=5)
    assert answer["is_open"]
