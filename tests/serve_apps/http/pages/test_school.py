"""A school leader's page: rooms, lessons and cameras of own schools, and never a person."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from cluster.errors import ServiceDown
from cluster.records.db.models import LessonRow
from cluster.records.repos.registers import lesson_of
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.security.roles import Role
from cluster.settings import Settings
from cluster.streams.source.state import Reason, StreamState
from tests.register.school import CLASS, LESSON, MONDAY, student, teacher
from tests.serve_apps.http.api_client import (
    CAMERA_SECRET,
    ApiClient,
    UserClient,
    camera_status,
    open_api_client,
)
from tests.serve_apps.http.pages.reading import (
    answered,
    are_in_order,
    headings,
    opened,
    rows,
    text_of,
)

PATHS = ("/school", "/school/hill/attention", "/school/hill/lessons")


def page_of(api_client: ApiClient) -> str:
    return opened(api_client.leader, "/school")


def card_of(html: str, room_id: str) -> str:
    """A room's card, as people read it."""
    (card,) = re.findall(rf'<li [^>]*data-room="{room_id}".*?</li>', html, re.DOTALL)
    return text_of(card)


def attention(html: str) -> str:
    (found,) = re.findall(r'<section class="attention".*?</section>', html, re.DOTALL)
    return text_of(found)


def take(api_client: ApiClient, lesson: str = LESSON) -> None:
    with api_client.school.identity.work(teacher(1)) as work:
        RegisterService(work, api_client.school.settings).mark(lesson, {student(1): Status.PRESENT})


@pytest.fixture
def broken_rooms(api_client: ApiClient) -> ApiClient:
    """The rooms deployment does not answer."""
    api_client.rooms.failing = ServiceDown("the rooms do not answer.")

    async def cameras() -> list[object]:
        raise ServiceDown("the rooms do not answer.")

    api_client.rooms.cameras = cameras  # type: ignore[method-assign,assignment]
    return api_client


def test_a_leader_sees_how_many_people_are_in_each_room(api_client: ApiClient) -> None:
    api_client.rooms.say("room-1", 24)
    assert card_of(page_of(api_client), "room-1") == "Room 1 classroom People 24 ● live"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("late", "late: the counts are outdated"),
        ("down", "the camera is down"),
        ("off", "no camera here"),
    ],
)
def test_a_room_says_how_far_to_trust_its_number(
    api_client: ApiClient, state: str, words: str
) -> None:
    api_client.rooms.say("room-1", 24, state=state)
    card = card_of(page_of(api_client), "room-1")
    assert card.endswith(words)
    assert "live" not in card


def test_a_small_group_is_a_number_and_a_hint(api_client: ApiClient) -> None:
    api_client.rooms.say("room-1", 6)
    card = card_of(page_of(api_client), "room-1")
    assert "6" in card
    assert "Too few people: only their number is shown." in card


def test_a_bus_says_how_many_are_on_board(api_client: ApiClient) -> None:
    api_client.rooms.say("bus", 12)
    html = page_of(api_client)
    assert "On each bus now" in text_of(html)
    assert card_of(html, "bus") == "Bus school bus On board 12 ● live"


def test_rooms_and_lessons_of_other_schools_are_not_there(api_client: ApiClient) -> None:
    api_client.rooms.say("room-2", 24)
    with api_client.school.identity.records.writing() as session:
        lesson: LessonRow = lesson_of(session, "lesson-2")
        lesson.room_id = "room-2"
    html = page_of(api_client)
    assert "room-2" not in html
    assert "Room 2" not in html
    assert "Dale" not in html
    assert "7C-SCI" not in html


def test_who_leads_several_schools_sees_a_section_of_each(api_client: ApiClient) -> None:
    html = opened(api_client.as_role(Role.SCHOOL_LEADER, schools=["hill", "dale"]), "/school")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", html) == ["Hillside", "Dale"]
    assert are_in_order(headings(html))
    assert card_of(html, "room-2").startswith("Room 2")


def test_who_leads_no_school_is_told_so(api_client: ApiClient) -> None:
    html = opened(api_client.as_role(Role.SCHOOL_LEADER, schools=["elsewhere"]), "/school")
    assert "No school is assigned to you yet." in text_of(html)


def test_lessons_of_today_say_where_when_and_whether_the_register_is_taken(
    api_client: ApiClient,
) -> None:
    assert rows(page_of(api_client)) == [
        "09:00–09:45 now 7B-SCI Room 1 not taken",
        "10:00–10:45 7C-SCI Room 1 not taken",
    ]
    api_client.school.open()
    assert rows(page_of(api_client))[0].endswith("open")
    take(api_client)
    api_client.school.clock.turn(minutes=11)
    assert rows(page_of(api_client))[0].endswith("Room 1 taken")


def test_a_day_without_lessons_says_so(api_client: ApiClient) -> None:
    api_client.school.clock.turn(days=1)
    assert "There is no lesson in today's timetable." in text_of(page_of(api_client))


def test_registers_of_lessons_that_have_begun_need_attention_until_they_are_taken(
    api_client: ApiClient,
) -> None:
    found = attention(page_of(api_client))
    assert "1 lesson has started without a register" in found
    assert "7B-SCI Room 1, 09:00–09:45" in found
    assert "7C-SCI" not in found  # has not begun
    take(api_client)
    assert attention(page_of(api_client)) == "Needs attention ✓ Nothing needs your attention now."
    api_client.school.clock.turn(hours=3)
    assert "7C-SCI" in attention(page_of(api_client))  # over, and never taken


def test_cameras_that_need_care_are_named_with_their_room_and_the_reason(
    api_client: ApiClient,
) -> None:
    lost = camera_status(
        "cam-1",
        state=StreamState.RECONNECTING,
        reason=Reason.CONNECTION_LOST,
        detail=f"rtsp://viewer:{CAMERA_SECRET}@10.0.0.9/main",
    )
    api_client.rooms.statuses = [
        lost,
        camera_status("cam-frozen", frozen=True),
        camera_status("cam-rate", rate_is_off=True),
        camera_status("cam-well"),
        replace(camera_status("cam-dale", frozen=True), room_id="room-2", school_id="dale"),
    ]
    html = page_of(api_client)
    found = attention(html)
    assert "3 cameras have a problem" in found
    assert "Room 1 cam-1: the connection was lost, since 02/03/2026, 09:00" in found
    assert "cam-frozen: its image has not changed for a long time" in found
    assert "cam-rate: its frame rate is not the announced one" in found
    assert "cam-well" not in html
    assert "cam-dale" not in html
    assert "10.0.0.9" not in html
    assert CAMERA_SECRET not in html


def test_every_reason_of_a_camera_has_words(api_client: ApiClient) -> None:
    for reason in set(Reason) - {Reason.PICTURES_ARRIVE}:  # that one is only said of live streams
        api_client.rooms.statuses = [
            camera_status("cam-1", state=StreamState.FAILED, reason=reason),
        ]
        found = attention(page_of(api_client))
        assert "cam-1: " in found
        assert "it sends no video" not in found, reason


def test_the_page_comes_without_numbers_while_the_rooms_are_away(broken_rooms: ApiClient) -> None:
    html = page_of(broken_rooms)
    text = text_of(html)
    assert "The live counts are unavailable now." in text
    assert "The status of the cameras is unavailable now." in text
    assert card_of(html, "room-1") == "Room 1 classroom People – ? status unknown"
    assert "Nothing needs your attention now." not in text
    assert "7B-SCI" in text


def test_nobody_of_a_class_is_on_the_page(api_client: ApiClient) -> None:
    take(api_client)
    api_client.school.open()
    for path in PATHS:
        html = opened(api_client.leader, path)
        assert "Given" not in html
        assert not re.search(r"\b[0-9a-f]{32}\b", html)
        assert '"/lessons' not in html
        assert "/register" not in html
        assert LESSON not in html


@pytest.mark.parametrize("part", ["attention", "lessons"])
def test_a_part_is_drawn_anew_for_leaders_of_the_school_alone(
    api_client: ApiClient, part: str
) -> None:
    found = opened(api_client.leader, f"/school/hill/{part}")
    assert "<html" not in found
    assert "7B-SCI" in found
    opened(api_client.leader, f"/school/dale/{part}", 403)
    opened(api_client.leader, f"/school/elsewhere/{part}", 403)


def test_what_needs_attention_stands_above_the_rooms(api_client: ApiClient) -> None:
    found = re.findall(r"<h3[^>]*>(.*?)</h3>", page_of(api_client))
    assert found == ["Needs attention", "In the rooms now", "On each bus now", "Lessons today"]


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.SCHOOL_LEADER])
def test_others_are_refused(api_client: ApiClient, role: Role) -> None:
    for path in PATHS:
        opened(api_client.as_role(role, schools=["hill"]), path, 403)


def test_who_has_not_signed_in_is_brought_to_the_sign_in(api_client: ApiClient) -> None:
    nobody = UserClient(api_client.client, "")
    answer = answered(nobody, "GET", "/school", 303, headers={"Authorization": ""})
    assert answer.headers["Location"] == "/sign-in?next=/school"


def test_a_name_of_a_room_or_class_is_text_whatever_is_in_it(api_client: ApiClient) -> None:
    told = api_client.school.settings.model_dump(mode="json")
    told["rooms"][0]["name"] = "<b>x"
    told["cameras"] = []
    api_client.school.settings = Settings.model_validate(told)
    with open_api_client(api_client.school) as other:
        other.rooms.say("room-1", 24)
        other.rooms.statuses = [camera_status("cam-1", frozen=True)]
        html = page_of(other)
    assert html.count("&lt;b&gt;x") >= 3
    assert "<b>x" not in html


def test_the_page_speaks_the_browsers_language(api_client: ApiClient) -> None:
    english = answered(api_client.leader, "GET", "/school", 200, headers={"Accept-Language": "en"})
    assert english.headers["Content-Language"] == "en"
    chinese = answered(
        api_client.leader, "GET", "/school", 200, headers={"Accept-Language": "zh-CN, en;q=0.5"}
    )
    assert chinese.headers["Content-Language"] == "zh"
    assert '<html lang="zh">' in chinese.text
    assert "3月2日" in chinese.text


def test_headings_are_in_order_and_tables_can_be_scrolled_with_the_keyboard(
    api_client: ApiClient,
) -> None:
    html = page_of(api_client)
    assert are_in_order(headings(html))
    for region in re.findall(r'<div class="scroll[^>]*>', html):
        assert 'tabindex="0"' in region
        assert 'role="region"' in region
        (names,) = re.findall(r'aria-labelledby="([^"]+)"', region)
        assert all(f'id="{name}"' in html for name in names.split())
    assert "<script>" not in html
    assert "style=" not in html


def test_many_lessons_take_no_more_questions_than_few(api_client: ApiClient) -> None:
    def asked() -> int:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        engine = api_client.school.identity.records.engine
        event.listen(engine, "before_cursor_execute", counted)
        try:
            opened(api_client.leader, "/school/hill/lessons")
        finally:
            event.remove(engine, "before_cursor_execute", counted)
        return count

    asked()  # the sign-in is remembered from now on
    few = asked()
    with api_client.school.identity.records.writing() as session:
        for number in range(1, 30):
            begins = MONDAY + timedelta(hours=1, minutes=10 * number)
            session.add(
                LessonRow(
                    id=f"more-{number}",
                    class_sourced_id=CLASS,
                    room_id="bus",
                    starts_at=begins,
                    ends_at=begins + timedelta(minutes=9),
                )
            )
    for number in range(1, 10):
        api_client.school.clock.now = MONDAY + timedelta(hours=1, minutes=10 * number)
        take(api_client, f"more-{number}")
    assert asked() == few
    assert len(rows(page_of(api_client))) == 31
