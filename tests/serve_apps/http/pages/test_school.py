"""A school leader's page: rooms, lessons and cameras of own schools, never a person."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from cluster.calibration.drift import CameraDrift, Drift
from cluster.errors import ServiceDown
from cluster.records.db.models import LessonRow
from cluster.records.repos.registers import lesson_of
from cluster.register.service import RegisterService
from cluster.register.states import Status
from cluster.security.roles import Role
from cluster.settings import Settings
from cluster.streams.capture.health import StreamMetrics
from cluster.streams.source.state import StreamReason, StreamState
from tests.register.school import CLASS, LESSON, MONDAY, student, teacher
from tests.serve_apps.http.api_client import (
    CAMERA_SECRET,
    ApiClient,
    UserClient,
    camera_status,
    open_api_client,
)
from tests.serve_apps.http.pages.html import (
    are_in_order,
    get_html,
    headings,
    rows,
    send,
    text_of,
)

PATHS = ("/school", "/school/hill/attention", "/school/hill/lessons")


def page_of(api_client: ApiClient) -> str:
    return get_html(api_client.leader, "/school")


def card_of(html: str, room_id: str) -> str:
    """Return the visible text of a room's card."""
    (card,) = re.findall(rf'<li [^>]*data-room="{room_id}".*?</li>', html, re.DOTALL)
    return text_of(card)


def attention(html: str) -> str:
    (found,) = re.findall(r'<section class="attention".*?</section>', html, re.DOTALL)
    return text_of(found)


def take_register(api_client: ApiClient, lesson: str = LESSON) -> None:
    with api_client.school.audited.work(teacher(1)) as work:
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
    api_client.rooms.set_room("room-1", 24)
    assert card_of(page_of(api_client), "room-1") == "Room 1 classroom People 24 ● live"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("late", "late: the counts are outdated"),
        ("down", "the camera is down"),
        ("off", "no camera here"),
    ],
)
def test_a_room_shows_the_state_of_its_counts(api_client: ApiClient, state: str, text: str) -> None:
    api_client.rooms.set_room("room-1", 24, state=state)
    card = card_of(page_of(api_client), "room-1")
    assert card.endswith(text)
    assert "live" not in card


def test_a_small_group_is_shown_as_a_number_with_a_hint(api_client: ApiClient) -> None:
    api_client.rooms.set_room("room-1", 6)
    card = card_of(page_of(api_client), "room-1")
    assert "6" in card
    assert "Too few people: only their number is shown." in card


def test_a_bus_shows_how_many_are_on_board(api_client: ApiClient) -> None:
    api_client.rooms.set_room("bus", 12)
    html = page_of(api_client)
    assert "On each bus now" in text_of(html)
    assert card_of(html, "bus") == "Bus school bus On board 12 ● live"


def test_rooms_and_lessons_of_other_schools_are_not_shown(api_client: ApiClient) -> None:
    api_client.rooms.set_room("room-2", 24)
    with api_client.school.audited.records.writing() as session:
        lesson: LessonRow = lesson_of(session, "lesson-2")
        lesson.room_id = "room-2"
    html = page_of(api_client)
    assert "room-2" not in html
    assert "Room 2" not in html
    assert "Dale" not in html
    assert "7C-SCI" not in html


def test_a_leader_of_several_schools_sees_a_section_of_each(api_client: ApiClient) -> None:
    html = get_html(api_client.as_role(Role.SCHOOL_LEADER, schools=["hill", "dale"]), "/school")
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", html) == ["Hillside", "Dale"]
    assert are_in_order(headings(html))
    assert card_of(html, "room-2").startswith("Room 2")


def test_a_leader_without_a_school_sees_a_hint(api_client: ApiClient) -> None:
    html = get_html(api_client.as_role(Role.SCHOOL_LEADER, schools=["elsewhere"]), "/school")
    assert "No school is assigned to you yet." in text_of(html)


def test_lessons_of_today_are_listed_with_time_room_and_register_progress(
    api_client: ApiClient,
) -> None:
    assert rows(page_of(api_client)) == [
        "09:00–09:45 now 7B-SCI Room 1 not taken",
        "10:00–10:45 7C-SCI Room 1 not taken",
    ]
    api_client.school.open()
    assert rows(page_of(api_client))[0].endswith("open")
    take_register(api_client)
    api_client.school.clock.advance(minutes=11)
    assert rows(page_of(api_client))[0].endswith("Room 1 taken")


def test_a_day_without_lessons_says_so(api_client: ApiClient) -> None:
    api_client.school.clock.advance(days=1)
    assert "There is no lesson in today's timetable." in text_of(page_of(api_client))


def test_started_lessons_need_attention_until_their_register_is_taken(
    api_client: ApiClient,
) -> None:
    found = attention(page_of(api_client))
    assert "1 lesson has started without a register" in found
    assert "7B-SCI Room 1, 09:00–09:45" in found
    assert "7C-SCI" not in found  # has not begun
    take_register(api_client)
    assert attention(page_of(api_client)) == "Needs attention ✓ Nothing needs your attention now."
    api_client.school.clock.advance(hours=3)
    assert "7C-SCI" in attention(page_of(api_client))  # over, and never taken


def test_cameras_with_problems_are_listed_with_room_and_reason(
    api_client: ApiClient,
) -> None:
    lost = camera_status(
        "cam-1",
        state=StreamState.RECONNECTING,
        reason=StreamReason.CONNECTION_LOST,
        detail=f"rtsp://viewer:{CAMERA_SECRET}@10.0.0.9/main",
    )
    api_client.rooms.statuses = [
        lost,
        camera_status("cam-frozen", metrics=StreamMetrics(frozen=True)),
        camera_status("cam-rate", metrics=StreamMetrics(rate_is_off=True)),
        camera_status("cam-well"),
        replace(
            camera_status("cam-dale", metrics=StreamMetrics(frozen=True)),
            room_id="room-2",
            school_id="dale",
        ),
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


@pytest.mark.parametrize("drift", sorted(set(Drift) - {Drift.NONE}))
def test_a_camera_whose_view_has_drifted_is_listed(api_client: ApiClient, drift: Drift) -> None:
    status = replace(camera_status("cam-1"), drift=CameraDrift(drift, MONDAY))
    api_client.rooms.statuses = [status]
    found = attention(page_of(api_client))
    assert "Room 1 cam-1: " in found
    assert "it sends no video" not in found
    assert "since 02/03/2026, 09:00" in found


def test_every_reason_of_a_camera_has_a_text(api_client: ApiClient) -> None:
    for reason in set(StreamReason) - {StreamReason.PICTURES_ARRIVE}:  # only of live streams
        api_client.rooms.statuses = [
            camera_status("cam-1", state=StreamState.FAILED, reason=reason),
        ]
        found = attention(page_of(api_client))
        assert "cam-1: " in found
        assert "it sends no video" not in found, reason


def test_the_page_is_shown_without_counts_while_the_rooms_do_not_answer(
    broken_rooms: ApiClient,
) -> None:
    html = page_of(broken_rooms)
    text = text_of(html)
    assert "The live counts are unavailable now." in text
    assert "The status of the cameras is unavailable now." in text
    assert card_of(html, "room-1") == "Room 1 classroom People – ? status unknown"
    assert "Nothing needs your attention now." not in text
    assert "7B-SCI" in text


def test_no_student_is_on_the_page(api_client: ApiClient) -> None:
    take_register(api_client)
    api_client.school.open()
    for path in PATHS:
        html = get_html(api_client.leader, path)
        assert "Given" not in html
        assert not re.search(r"\b[0-9a-f]{32}\b", html)
        assert '"/lessons' not in html
        assert "/register" not in html
        assert LESSON not in html


@pytest.mark.parametrize("part", ["attention", "lessons"])
def test_fragments_are_for_leaders_of_the_school_alone(api_client: ApiClient, part: str) -> None:
    found = get_html(api_client.leader, f"/school/hill/{part}")
    assert "<html" not in found
    assert "7B-SCI" in found
    get_html(api_client.leader, f"/school/dale/{part}", 403)
    get_html(api_client.leader, f"/school/elsewhere/{part}", 403)


def test_attention_is_listed_above_the_rooms(api_client: ApiClient) -> None:
    found = re.findall(r"<h3[^>]*>(.*?)</h3>", page_of(api_client))
    assert found == ["Needs attention", "In the rooms now", "On each bus now", "Lessons today"]


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.SCHOOL_LEADER])
def test_other_roles_are_denied(api_client: ApiClient, role: Role) -> None:
    for path in PATHS:
        get_html(api_client.as_role(role, schools=["hill"]), path, 403)


def test_an_anonymous_visitor_is_redirected_to_the_sign_in(api_client: ApiClient) -> None:
    nobody = UserClient(api_client.client, "")
    answer = send(nobody, "GET", "/school", 303, headers={"Authorization": ""})
    assert answer.headers["Location"] == "/sign-in?next=/school"


def test_names_of_rooms_and_classes_are_escaped(api_client: ApiClient) -> None:
    settings = api_client.school.settings.model_dump(mode="json")
    settings["rooms"][0]["name"] = "<b>x"
    settings["cameras"] = []
    api_client.school.settings = Settings.model_validate(settings)
    with open_api_client(api_client.school) as other:
        other.rooms.set_room("room-1", 24)
        other.rooms.statuses = [camera_status("cam-1", metrics=StreamMetrics(frozen=True))]
        html = page_of(other)
    assert html.count("&lt;b&gt;x") >= 3
    assert "<b>x" not in html


def test_the_page_is_in_the_browsers_language(api_client: ApiClient) -> None:
    english = send(api_client.leader, "GET", "/school", 200, headers={"Accept-Language": "en"})
    assert english.headers["Content-Language"] == "en"
    chinese = send(
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


def test_the_number_of_queries_does_not_depend_on_the_number_of_lessons(
    api_client: ApiClient,
) -> None:
    def count_queries() -> int:
        count = 0

        def counted(*_: object) -> None:
            nonlocal count
            count += 1

        engine = api_client.school.audited.records.engine
        event.listen(engine, "before_cursor_execute", counted)
        try:
            get_html(api_client.leader, "/school/hill/lessons")
        finally:
            event.remove(engine, "before_cursor_execute", counted)
        return count

    count_queries()  # the sign-in is cached from now on
    few = count_queries()
    with api_client.school.audited.records.writing() as session:
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
        take_register(api_client, f"more-{number}")
    assert count_queries() == few
    assert len(rows(page_of(api_client))) == 31
