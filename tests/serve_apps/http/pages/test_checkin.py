"""Check-ins on pages: who may answer, what is shown, and what stays private."""

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
from serve_apps.http.middleware import limits
from tests.register.school import MONDAY
from tests.serve_apps.http.api_client import ApiClient
from tests.serve_apps.http.pages.classroom import (
    PAGE,
    STUDENTS,
    Phone,
    classroom,
    code_on,
    page_of,
    submit,
)


@pytest.fixture
def class_client(records: Records, keys: KeyStore, tmp_path: Path) -> Iterator[ApiClient]:
    with classroom(records, keys, tmp_path) as api_client:
        yield api_client


@pytest.fixture
def code(class_client: ApiClient) -> str:
    """The code of a running check-in."""
    submit(class_client, "check-in/start")
    return code_on(page_of(class_client))


def answer_from_phones(class_client: ApiClient, code: str, feelings: list[Feeling]) -> None:
    for feeling in feelings:
        answer = Phone(class_client.client).answer(code, feeling)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/{code}/thanks")


def shown_counts(page: str) -> dict[str, str]:
    """Return the counts on the lesson page, by feeling."""
    table = page.partition('class="bars feelings"')[2].partition("</table>")[0]
    rows = re.findall(r"</svg> ([\w ]+)</th>\s*<td[^>]*>([^<]+)</td>", table)
    return dict(rows)


def test_counts_appear_at_the_tenth_answer_and_not_before(
    class_client: ApiClient, code: str
) -> None:
    answer_from_phones(class_client, code, [Feeling.HAPPY] * 5 + [Feeling.SAD] * 4)
    page = page_of(class_client)
    assert not shown_counts(page)
    assert "Counts appear at 10 answers" in page
    assert '<span class="number large">9</span>' in page
    answer_from_phones(class_client, code, [Feeling.AFRAID])
    assert shown_counts(page_of(class_client)) == {
        "surprised": "≤5%",
        "sad": "4 (40%)",
        "angry": "≤5%",
        "happy": "5 (50%)",
        "put off": "≤5%",
        "afraid": "1 (10%)",
        "neutral": "≤5%",
    }


def test_the_eleventh_answer_changes_the_number_of_answers_alone(
    class_client: ApiClient, code: str
) -> None:
    answer_from_phones(class_client, code, [Feeling.HAPPY, Feeling.SAD] * 5)
    before = shown_counts(page_of(class_client))
    answer_from_phones(class_client, code, [Feeling.ANGRY])
    page = page_of(class_client)
    assert shown_counts(page) == before
    assert '<span class="number large">11</span>' in page


def test_a_phone_answers_once(class_client: ApiClient, code: str) -> None:
    phone = Phone(class_client.client)
    assert phone.answer(code, Feeling.HAPPY).status_code == 303
    again = phone.answer(code, Feeling.SAD)
    assert (again.status_code, "answered already" in again.text) == (409, True)
    assert '<span class="number large">1</span>' in page_of(class_client)


def test_no_more_answers_are_accepted_than_students_are_enrolled(
    class_client: ApiClient, code: str
) -> None:
    answer_from_phones(class_client, code, [Feeling.HAPPY] * STUDENTS)
    assert Phone(class_client.client).answer(code, Feeling.SAD).status_code == 404


def test_the_cookie_of_a_phone_expires_with_the_check_in(
    class_client: ApiClient, code: str
) -> None:
    answer = Phone(class_client.client).get(f"/c/{code}")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert {"HttpOnly", "SameSite=lax", f"Path=/c/{code}"} <= set(cookie.split("; "))
    (age,) = re.findall(r"Max-Age=(\d+)", cookie)
    assert int(age) <= timedelta(minutes=45).total_seconds()
    other = Phone(class_client.client)
    other.get(f"/c/{code}")
    first = Phone(class_client.client)
    first.get(f"/c/{code}")
    assert first.cookies != other.cookies


def test_a_typed_code_is_normalized(class_client: ApiClient, code: str) -> None:
    typed = f"{code[:3].lower()}-{code[3:]}"
    answer = Phone(class_client.client).get(f"/c?code={typed}")
    assert answer.headers["Location"] == f"/c/{code}"


@pytest.mark.parametrize("path", ["/c/222222", "/c/x", "/c?code=000000", "/c/222222/call"])
def test_an_unknown_code_is_reported(class_client: ApiClient, code: str, path: str) -> None:
    assert code
    answer = Phone(class_client.client).get(path)
    assert answer.status_code == 404
    assert "No check-in is open under this code" in answer.text


@pytest.fixture
def five_guesses(monkeypatch: pytest.MonkeyPatch) -> int:
    """The limit of wrong codes, lowered: a slow machine takes over a minute for 600 requests."""
    monkeypatch.setattr(limits, "GUESSES_PER_MINUTE", 5)
    return 5


def test_too_many_wrong_codes_block_even_the_right_one(
    five_guesses: int, class_client: ApiClient, code: str
) -> None:
    phone = Phone(class_client.client)
    for _ in range(five_guesses):
        assert phone.get("/c/222222").status_code == 404
    assert phone.get("/c/222222").status_code == 429
    assert phone.get(f"/c/{code}").status_code == 429


def test_a_form_of_another_site_is_denied(class_client: ApiClient, code: str) -> None:
    phone = Phone(class_client.client)
    phone.get(f"/c/{code}")
    answer = class_client.client.request(
        "POST",
        f"/c/{code}",
        data={"feeling": "sad"},
        headers={"Origin": "https://evil.example", "Accept": "text/html"},
    )
    assert answer.status_code == 403


def test_a_form_with_very_many_fields_is_denied(class_client: ApiClient, code: str) -> None:
    phone = Phone(class_client.client)
    phone.get(f"/c/{code}")
    many = {f"field-{number}": "x" for number in range(50)}
    assert phone.post(f"/c/{code}", feeling="sad", **many).status_code == 403
    assert phone.post(f"/c/{code}", feeling="sad", unknown="x").status_code == 303


def test_an_empty_answer_and_an_unknown_feeling_are_rejected(
    class_client: ApiClient, code: str
) -> None:
    phone = Phone(class_client.client)
    phone.get(f"/c/{code}")
    assert phone.post(f"/c/{code}").status_code == 422
    assert phone.post(f"/c/{code}", feeling="bored").status_code == 422
    assert '<span class="number large">0</span>' in page_of(class_client)


def test_the_name_of_a_help_request_is_shown_to_the_teacher_alone(
    class_client: ApiClient, code: str
) -> None:
    phone = Phone(class_client.client)
    answer = phone.answer(code, Feeling.SAD, not_well="true")
    assert answer.headers["Location"] == f"/c/{code}/call"
    assert "student-3" in phone.get(f"/c/{code}/call").text
    phone.request_help(code, "student-3")
    class_client.school.clock.advance(seconds=1)
    block = page_of(class_client, f"{PAGE}/check-in")
    assert "1 student has asked for help" in block
    assert "student-3" not in block
    assert "student-3" not in page_of(class_client, f"{PAGE}/board")
    assert "student-3" in page_of(class_client, f"{PAGE}/calls")
    assert "checkin.show_call" in class_client.audited()


def test_help_can_be_requested_after_an_answer(class_client: ApiClient, code: str) -> None:
    phone = Phone(class_client.client)
    phone.answer(code, Feeling.HAPPY)
    again = phone.post(f"/c/{code}", feeling="happy", not_well="true")
    assert again.headers["Location"] == f"/c/{code}/call"
    phone.request_help(code, "student-3")
    assert "1 student has asked for help" in page_of(class_client, f"{PAGE}/check-in")
    assert '<span class="number large">1</span>' in page_of(class_client)


def test_the_class_list_is_shown_only_to_phones_that_opened_the_question(
    class_client: ApiClient, code: str
) -> None:
    answer = Phone(class_client.client).get(f"/c/{code}/call")
    assert (answer.status_code, "student-" in answer.text) == (404, False)
    assert "checkin.class_list" not in class_client.audited()


def test_a_lower_case_code_redirects_to_the_normalized_one(
    class_client: ApiClient, code: str
) -> None:
    answer = Phone(class_client.client).get(f"/c/{code.lower()}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/{code}")


def test_a_leader_who_also_teaches_sees_only_check_ins_of_own_classes(
    class_client: ApiClient, code: str
) -> None:
    assert code
    both = class_client.as_role(Role.TEACHER, Role.SCHOOL_LEADER, schools=["hill"], number=2)
    for path in ("", "/check-in", "/board", "/calls", "/events", "/register", "/chart"):
        assert both.answer("GET", f"{PAGE}{path}").status_code == 403, path
    listed = both.answer("GET", "/lessons", headers={"Accept": "text/html"}).text
    assert PAGE not in listed
    assert "/lessons/lesson-2" in listed


def test_an_anonymous_help_request_is_acknowledged(class_client: ApiClient, code: str) -> None:
    phone = Phone(class_client.client)
    phone.get(f"/c/{code}")
    assert phone.post(f"/c/{code}", not_well="true").headers["Location"] == f"/c/{code}/call"
    phone.post(f"/c/{code}/call", student="")
    page = page_of(class_client, f"{PAGE}/calls")
    assert "A student, without a name" in page
    (call,) = re.findall(r'name="call" value="(\w{32})"', page)
    submit(class_client, "calls", call=call)
    assert "seen" in page_of(class_client, f"{PAGE}/calls")
    assert "asked for help." not in page_of(class_client, f"{PAGE}/check-in")


def test_after_the_lesson_nothing_can_be_answered_or_seen(
    class_client: ApiClient, code: str
) -> None:
    phone = Phone(class_client.client)
    phone.answer(code, Feeling.SAD, not_well="true")
    phone.request_help(code, "student-3")
    class_client.school.clock.now = MONDAY + timedelta(minutes=46)
    assert Phone(class_client.client).get(f"/c/{code}").status_code == 404
    assert "student-3" not in page_of(class_client, f"{PAGE}/calls")
    assert "The check-in has ended: 1 answer." in page_of(class_client)


def test_an_ended_check_in_keeps_its_counts_and_cannot_be_restarted(
    class_client: ApiClient, code: str
) -> None:
    answer_from_phones(class_client, code, [Feeling.HAPPY, Feeling.SAD] * 5)
    submit(class_client, "check-in/end")
    assert shown_counts(page_of(class_client))["sad"] == "5 (50%)"
    submit(class_client, "check-in/start", status=409)
    assert Phone(class_client.client).get(f"/c/{code}").status_code == 404


def test_check_ins_are_denied_to_everybody_but_teachers_of_the_class(
    class_client: ApiClient, code: str
) -> None:
    assert code
    submit(class_client, "check-in/end", status=403, number=2)
    for caller in (
        class_client.as_role(Role.TEACHER, number=2),
        class_client.leader,
        class_client.as_role(Role.ANALYST),
    ):
        for path in ("check-in", "board", "calls"):
            assert caller.answer("GET", f"{PAGE}/{path}").status_code == 403
    assert class_client.client.request("GET", f"{PAGE}/calls").status_code == 401


def test_the_board_shows_code_and_qr_and_no_name(class_client: ApiClient, code: str) -> None:
    page = page_of(class_client, f"{PAGE}/board")
    assert f"{code[:3]} {code[3:]}" in page
    assert 'class="qr"' in page
    assert "student-" not in page


def test_the_question_is_in_the_language_of_the_phone(class_client: ApiClient, code: str) -> None:
    page = Phone(class_client.client, language="zh-CN").get(f"/c/{code}").text
    assert '<html lang="zh">' in page
    assert "难过" in page


def test_check_ins_that_are_switched_off_cannot_be_started(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    with classroom(records, keys, tmp_path, off_in_classes=["class-1"]) as class_client:
        assert "switched off" in page_of(class_client)
        submit(class_client, "check-in/start", status=403)


def test_where_guardians_must_agree_slips_are_made_for_those_who_did(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    with classroom(records, keys, tmp_path, agreement_classes=["*"]) as class_client:
        with class_client.school.audited.work("operator:test") as work:
            for number in (1, 2):
                checkins.agreements.agree(work, f"student-{number}", f"guardian-{number}")
        page = submit(class_client, "check-in/start", status=200)
        slips = [first + last for first, last in re.findall(r'code">(\w{3}) (\w{3})<', page)]
        assert len(slips) == 2
        assert "student-1 Family" in page
        assert "student-3" not in page
        assert not any(slip in page_of(class_client) for slip in slips)
        reissued = submit(class_client, "check-in/start", status=200)
        assert Phone(class_client.client).get(f"/c/{slips[0]}").status_code == 404
        slips = [first + last for first, last in re.findall(r'code">(\w{3}) (\w{3})<', reissued)]
        assert len(slips) == 2
        answer_from_phones(class_client, slips[0], [Feeling.HAPPY])
        submit(class_client, "check-in/start", status=303)
        assert Phone(class_client.client).answer(slips[0], Feeling.SAD).status_code == 409
        assert "counts will not be shown" in page_of(class_client)
