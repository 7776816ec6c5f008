"""Check-ins on pages: who may answer, what is shown, and what nobody learns."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cluster import checkins
from cluster.checkins.feelings import Feeling
from cluster.records.db.database import Records
from cluster.security.keys import KeyStore
from cluster.security.roles import Role
from serve_apps.http.middleware.limits import GUESSES_PER_MINUTE
from tests.register.school import MONDAY
from tests.serve_apps.http.api_client import ApiClient
from tests.serve_apps.http.pages.classroom import (
    PAGE,
    STUDENTS,
    Phone,
    classroom,
    code_on,
    page_of,
    tap,
)


@pytest.fixture
def room(records: Records, keys: KeyStore, tmp_path: Path) -> Iterator[ApiClient]:
    with classroom(records, keys, tmp_path) as api_client:
        yield api_client


@pytest.fixture
def code(room: ApiClient) -> str:
    """Of a check-in that is on."""
    tap(room, "check-in/start")
    return code_on(page_of(room))


def phones(room: ApiClient, code: str, feelings: list[Feeling]) -> None:
    for feeling in feelings:
        answer = Phone(room.client).answer(code, feeling)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/{code}/thanks")


def told(page: str) -> dict[str, str]:
    """The counts on the lesson page, by word."""
    table = page.partition('class="bars feelings"')[2].partition("</table>")[0]
    rows = re.findall(r"</svg> ([\w ]+)</th>\s*<td[^>]*>([^<]+)</td>", table)
    return dict(rows)


def test_counts_appear_at_the_tenth_answer_and_not_before(room: ApiClient, code: str) -> None:
    phones(room, code, [Feeling.HAPPY] * 5 + [Feeling.SAD] * 4)
    page = page_of(room)
    assert not told(page)
    assert "Counts appear at 10 answers" in page
    assert '<span class="number large">9</span>' in page
    phones(room, code, [Feeling.AFRAID])
    assert told(page_of(room)) == {
        "surprised": "≤5%",
        "sad": "4 (40%)",
        "angry": "≤5%",
        "happy": "5 (50%)",
        "put off": "≤5%",
        "afraid": "1 (10%)",
        "neutral": "≤5%",
    }


def test_the_eleventh_answer_changes_the_number_of_answers_alone(
    room: ApiClient, code: str
) -> None:
    phones(room, code, [Feeling.HAPPY, Feeling.SAD] * 5)
    before = told(page_of(room))
    phones(room, code, [Feeling.ANGRY])
    page = page_of(room)
    assert told(page) == before
    assert '<span class="number large">11</span>' in page


def test_a_phone_answers_once(room: ApiClient, code: str) -> None:
    phone = Phone(room.client)
    assert phone.answer(code, Feeling.HAPPY).status_code == 303
    again = phone.answer(code, Feeling.SAD)
    assert (again.status_code, "answered already" in again.text) == (409, True)
    assert '<span class="number large">1</span>' in page_of(room)


def test_no_more_answers_are_taken_than_students_are_enrolled(room: ApiClient, code: str) -> None:
    phones(room, code, [Feeling.HAPPY] * STUDENTS)
    assert Phone(room.client).answer(code, Feeling.SAD).status_code == 404


def test_a_phone_carries_nothing_that_lasts(room: ApiClient, code: str) -> None:
    answer = Phone(room.client).get(f"/c/{code}")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=lax", f"Path=/c/{code}"} <= set(cookie.split("; "))
    (age,) = re.findall(r"Max-Age=(\d+)", cookie)
    assert int(age) <= timedelta(minutes=45).total_seconds()
    other = Phone(room.client)
    other.get(f"/c/{code}")
    first = Phone(room.client)
    first.get(f"/c/{code}")
    assert first.cookies != other.cookies


def test_a_code_is_read_as_people_type_it(room: ApiClient, code: str) -> None:
    typed = f"{code[:3].lower()}-{code[3:]}"
    answer = Phone(room.client).get(f"/c?code={typed}")
    assert answer.headers["Location"] == f"/c/{code}"


@pytest.mark.parametrize("path", ["/c/222222", "/c/x", "/c?code=000000", "/c/222222/call"])
def test_a_code_that_opens_nothing_is_told_as_one(room: ApiClient, code: str, path: str) -> None:
    assert code
    answer = Phone(room.client).get(path)
    assert answer.status_code == 404
    assert "No check-in is open under this code" in answer.text


def test_who_guesses_too_often_waits_even_with_the_right_code(room: ApiClient, code: str) -> None:
    phone = Phone(room.client)
    for _ in range(GUESSES_PER_MINUTE):
        assert phone.get("/c/222222").status_code == 404
    assert phone.get("/c/222222").status_code == 429
    assert phone.get(f"/c/{code}").status_code == 429


def test_a_page_of_another_site_cannot_answer(room: ApiClient, code: str) -> None:
    phone = Phone(room.client)
    phone.get(f"/c/{code}")
    answer = room.client.request(
        "POST",
        f"/c/{code}",
        data={"feeling": "sad"},
        headers={"Origin": "https://evil.example", "Accept": "text/html"},
    )
    assert answer.status_code == 403


def test_nothing_chosen_is_said_and_a_feeling_that_is_none_is_refused(
    room: ApiClient, code: str
) -> None:
    phone = Phone(room.client)
    phone.get(f"/c/{code}")
    assert phone.post(f"/c/{code}").status_code == 422
    assert phone.post(f"/c/{code}", feeling="bored").status_code == 422
    assert '<span class="number large">0</span>' in page_of(room)


def test_who_does_not_feel_well_is_named_to_the_teacher_alone_and_elsewhere_to_nobody(
    room: ApiClient, code: str
) -> None:
    phone = Phone(room.client)
    answer = phone.answer(code, Feeling.SAD, not_well="true")
    assert answer.headers["Location"] == f"/c/{code}/call"
    assert "student-3" in phone.get(f"/c/{code}/call").text
    phone.call(code, "student-3")
    room.school.clock.turn(seconds=1)
    block = page_of(room, f"{PAGE}/check-in")
    assert "1 student has asked for help" in block
    assert "student-3" not in block
    assert "student-3" not in page_of(room, f"{PAGE}/board")
    assert "student-3" in page_of(room, f"{PAGE}/calls")
    assert "checkin.show_call" in room.audited()


def test_who_has_answered_can_still_ask_to_be_asked(room: ApiClient, code: str) -> None:
    phone = Phone(room.client)
    phone.answer(code, Feeling.HAPPY)
    again = phone.post(f"/c/{code}", feeling="happy", not_well="true")
    assert again.headers["Location"] == f"/c/{code}/call"
    phone.call(code, "student-3")
    assert "1 student has asked for help" in page_of(room, f"{PAGE}/check-in")
    assert '<span class="number large">1</span>' in page_of(room)


def test_the_names_of_a_class_are_shown_to_no_phone_that_did_not_open_the_question(
    room: ApiClient, code: str
) -> None:
    answer = Phone(room.client).get(f"/c/{code}/call")
    assert (answer.status_code, "student-" in answer.text) == (404, False)
    assert "checkin.class_list" not in room.audited()


def test_an_address_in_small_letters_leads_to_the_one_address(room: ApiClient, code: str) -> None:
    answer = Phone(room.client).get(f"/c/{code.lower()}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/{code}")


def test_a_leader_who_also_teaches_sees_the_check_ins_of_own_classes_alone(
    room: ApiClient, code: str
) -> None:
    assert code
    both = room.as_role(Role.TEACHER, Role.SCHOOL_LEADER, schools=["hill"], number=2)
    for path in ("", "/check-in", "/board", "/calls", "/events", "/register", "/chart"):
        assert both.answer("GET", f"{PAGE}{path}").status_code == 403, path
    listed = both.answer("GET", "/lessons", headers={"Accept": "text/html"}).text
    assert PAGE not in listed
    assert "/lessons/lesson-2" in listed


def test_a_call_without_a_name_is_seen_and_marked(room: ApiClient, code: str) -> None:
    phone = Phone(room.client)
    phone.get(f"/c/{code}")
    assert phone.post(f"/c/{code}", not_well="true").headers["Location"] == f"/c/{code}/call"
    phone.post(f"/c/{code}/call", student="")
    page = page_of(room, f"{PAGE}/calls")
    assert "A student, without a name" in page
    (call,) = re.findall(r'name="call" value="(\w{32})"', page)
    tap(room, "calls", call=call)
    assert "seen" in page_of(room, f"{PAGE}/calls")
    assert "asked for help." not in page_of(room, f"{PAGE}/check-in")


def test_when_the_lesson_is_over_nothing_of_it_can_be_answered_or_seen(
    room: ApiClient, code: str
) -> None:
    phone = Phone(room.client)
    phone.answer(code, Feeling.SAD, not_well="true")
    phone.call(code, "student-3")
    room.school.clock.now = MONDAY + timedelta(minutes=46)
    assert Phone(room.client).get(f"/c/{code}").status_code == 404
    assert "student-3" not in page_of(room, f"{PAGE}/calls")
    assert "The check-in has ended: 1 answer." in page_of(room)


def test_an_ended_check_in_shows_what_was_told_and_cannot_be_started_anew(
    room: ApiClient, code: str
) -> None:
    phones(room, code, [Feeling.HAPPY, Feeling.SAD] * 5)
    tap(room, "check-in/end")
    assert told(page_of(room))["sad"] == "5 (50%)"
    tap(room, "check-in/start", status=409)
    assert Phone(room.client).get(f"/c/{code}").status_code == 404


def test_who_does_not_teach_the_class_starts_and_sees_nothing(room: ApiClient, code: str) -> None:
    assert code
    tap(room, "check-in/end", status=403, number=2)
    for caller in (room.as_role(Role.TEACHER, number=2), room.leader, room.as_role(Role.ANALYST)):
        for path in ("check-in", "board", "calls"):
            assert caller.answer("GET", f"{PAGE}/{path}").status_code == 403
    assert room.client.request("GET", f"{PAGE}/calls").status_code == 401


def test_the_board_shows_code_and_qr_and_no_name(room: ApiClient, code: str) -> None:
    page = page_of(room, f"{PAGE}/board")
    assert f"{code[:3]} {code[3:]}" in page
    assert 'class="qr"' in page
    assert "student-" not in page


def test_a_student_is_asked_in_the_language_of_the_phone(room: ApiClient, code: str) -> None:
    page = Phone(room.client, language="zh-CN").get(f"/c/{code}").text
    assert '<html lang="zh">' in page
    assert "难过" in page


def test_switched_off_nothing_can_be_started(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    with classroom(records, keys, tmp_path, off_in_classes=["class-1"]) as room:
        assert "switched off" in page_of(room)
        tap(room, "check-in/start", status=403)


def test_where_guardians_must_agree_there_are_slips_for_those_who_did(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    with classroom(records, keys, tmp_path, agreement_classes=["*"]) as room:
        with room.school.identity.work("operator:test") as work:
            for number in (1, 2):
                checkins.agreements.agree(work, f"student-{number}", f"guardian-{number}")
        page = tap(room, "check-in/start", status=200)
        slips = [first + last for first, last in re.findall(r'code">(\w{3}) (\w{3})<', page)]
        assert len(slips) == 2
        assert "student-1 Family" in page
        assert "student-3" not in page
        assert not any(slip in page_of(room) for slip in slips)
        anew = tap(room, "check-in/start", status=200)
        assert Phone(room.client).get(f"/c/{slips[0]}").status_code == 404
        slips = [first + last for first, last in re.findall(r'code">(\w{3}) (\w{3})<', anew)]
        assert len(slips) == 2
        phones(room, slips[0], [Feeling.HAPPY])
        tap(room, "check-in/start", status=303)
        assert Phone(room.client).answer(slips[0], Feeling.SAD).status_code == 409
        assert "counts will not be shown" in page_of(room)
