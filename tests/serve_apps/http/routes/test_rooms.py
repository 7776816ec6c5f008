"""Rooms over HTTP: who sees which, and what is suppressed (R3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cluster.activity.published import PublishedWindow
from cluster.security.roles import Role
from serve_apps.clients.types import RoomSnapshot
from serve_apps.http.schemas.rooms import room_body, window_body
from tests.register.school import MONDAY
from tests.serve_apps.http.api_client import ApiClient, at, window_of

pytestmark = pytest.mark.sqlite


def ids(answer: dict[str, Any]) -> list[str]:
    return [room["room_id"] for room in answer["rooms"]]


def say_all(api_client: ApiClient) -> None:
    for name in ("room-1", "room-2", "bus"):
        api_client.rooms.set_room(name, 20)


def test_a_leader_sees_the_rooms_of_own_schools_alone(api_client: ApiClient) -> None:
    say_all(api_client)
    assert ids(api_client.leader.get("/api/rooms")) == ["bus", "room-1"]
    both = api_client.as_role(Role.SCHOOL_LEADER, schools=["hill", "dale"])
    assert ids(both.get("/api/rooms")) == ["bus", "room-1", "room-2"]
    api_client.leader.get("/api/rooms/room-2", 403)


def test_a_teacher_sees_a_room_while_an_own_lesson_is_on_there(api_client: ApiClient) -> None:
    say_all(api_client)
    teacher = api_client.teacher
    assert ids(teacher.get("/api/rooms")) == ["room-1"]
    assert teacher.get("/api/rooms/room-1")["people"] == 20
    teacher.get("/api/rooms/room-2", 403)
    api_client.school.clock.advance(minutes=46)
    assert ids(teacher.get("/api/rooms")) == []
    teacher.get("/api/rooms/room-1", 403)


def test_a_teacher_sees_a_room_shortly_before_the_lesson(api_client: ApiClient) -> None:
    say_all(api_client)
    other = api_client.as_role(Role.TEACHER, number=2)  # their lesson begins at ten
    api_client.school.clock.advance(minutes=49)
    other.get("/api/rooms/room-1", 403)
    api_client.school.clock.advance(minutes=2)
    other.get("/api/rooms/room-1")


def test_a_teacher_does_not_see_what_another_class_did_in_the_room(api_client: ApiClient) -> None:
    api_client.rooms.finish("room-1", 20, at=MONDAY + timedelta(minutes=10))
    api_client.rooms.finish("room-1", 20, at=MONDAY + timedelta(minutes=62))
    api_client.school.clock.advance(minutes=63)
    path = "/api/rooms/room-1/windows"
    seen = api_client.as_role(Role.TEACHER, number=2).get(path, params={"minutes": 60})
    assert [at(one["window_start"]).minute for one in seen["windows"]] == [2]
    led = api_client.leader.get(path, params={"minutes": 60})
    assert len(led["windows"]) == 2


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ANALYST, Role.DATA_PROTECTION])
def test_others_see_no_room(api_client: ApiClient, role: Role) -> None:
    api_client.as_role(role).get("/api/rooms", 403)
    api_client.as_role(role).get("/api/rooms/room-1", 403)


def test_counts_have_an_age_and_a_number_of_frames(api_client: ApiClient) -> None:
    api_client.rooms.set_room("room-1", 20)
    api_client.school.clock.advance(seconds=2.5)
    room = api_client.leader.get("/api/rooms/room-1")
    assert at(room["as_of"]) == MONDAY
    assert room["age_seconds"] == 2.5
    assert (room["frames"], room["window_seconds"], room["state"]) == (20, 10, "live")


def test_shares_are_formatted_for_display(api_client: ApiClient) -> None:
    api_client.rooms.set_room("room-1", 20)
    shares = api_client.leader.get("/api/rooms/room-1")["shares"]
    assert shares["head_down"] == {"share": 0.05, "text": "≤5%"}
    assert shares["standing"] == {"share": 0.95, "text": "≥95%"}
    assert shares["writing"] == {"share": 0.25, "text": "25%"}
    assert shares["desk_work"] == {"share": 0.5, "text": "50%"}


def test_parts_of_desk_work_are_null_where_they_are_not_published(api_client: ApiClient) -> None:
    together = replace(window_of(20), reading_share=None, writing_share=None)
    api_client.rooms.set_room("room-1", 20, window=together)
    shares = api_client.leader.get("/api/rooms/room-1")["shares"]
    assert (shares["reading"], shares["writing"]) == (None, None)
    assert shares["desk_work"] == {"share": 0.5, "text": "50%"}


def test_a_headcount_has_bounds_and_the_newest_frame_lies_in_them(api_client: ApiClient) -> None:
    api_client.rooms.set_room("room-1", 20)
    api_client.rooms.finish("room-1", 20)
    room = api_client.leader.get("/api/rooms/room-1")
    assert (room["people_low"], room["people_high"]) == (19, 23)
    (window,) = api_client.leader.get("/api/rooms/room-1/windows")["windows"]
    assert (window["people_low"], window["people_high"]) == (19, 23)
    api_client.rooms.set_room("room-1", 25, window=replace(window_of(20), people_max=25))
    room = api_client.leader.get("/api/rooms/room-1")
    assert (room["people_low"], room["people_high"]) == (19, 25)


def test_a_headcount_without_a_score_has_no_bounds(api_client: ApiClient) -> None:
    unknown = replace(window_of(20), people_low=None, people_high=None)
    api_client.rooms.set_room("room-1", 20, window=unknown)
    room = api_client.leader.get("/api/rooms/room-1")
    assert (room["people"], room["people_low"], room["people_high"]) == (20, None, None)


def test_a_small_group_gives_a_headcount_alone(api_client: ApiClient) -> None:
    api_client.rooms.set_room("room-1", 6)
    api_client.rooms.finish("room-1", 6)
    room = api_client.leader.get("/api/rooms/room-1")
    assert (room["people"], room["suppressed"]) == (6, True)
    assert (room["hands_up"], room["shares"]) == (None, None)
    (window,) = api_client.leader.get("/api/rooms/room-1/windows")["windows"]
    assert (window["people_max"], window["hand_raises"], window["shares"]) == (6, None, None)


def test_a_vehicle_gives_a_headcount_even_if_a_deployment_sends_more(api_client: ApiClient) -> None:
    bus = api_client.school.settings.rooms_by_id["bus"]
    window = window_of(30)
    snapshot = RoomSnapshot("bus", "live", "live", MONDAY, 30, 4, window, "cam-1", None, 1)
    body = room_body(bus, snapshot, MONDAY)
    assert (body.people, body.hands_up, body.shares, body.suppressed) == (30, None, None, True)
    published = PublishedWindow(
        window=window, camera_id="cam-1", room_id="bus", school_id="hill", event_id=2
    )
    finished = window_body(bus, published)
    assert (finished.hand_raises, finished.shares, finished.suppressed) == (None, None, True)


def test_hands_of_a_suppressed_window_are_suppressed(api_client: ApiClient) -> None:
    room = api_client.school.settings.rooms_by_id["room-1"]
    snapshot = RoomSnapshot("room-1", "live", "live", MONDAY, 6, 4, window_of(6), "cam-1", None, 1)
    assert room_body(room, snapshot, MONDAY).hands_up is None


def test_a_room_without_frames_has_a_reason(api_client: ApiClient) -> None:
    api_client.rooms.rooms["room-1"] = RoomSnapshot(
        "room-1", "down", "wrong_credentials", None, None, None, None, None, None, 4
    )
    room = api_client.leader.get("/api/rooms/room-1")
    assert (room["state"], room["reason"]) == ("down", "wrong_credentials")
    assert (room["people"], room["as_of"], room["age_seconds"]) == (None, None, None)


def test_unknown_rooms_are_not_found_and_rooms_without_counts_are_unavailable(
    api_client: ApiClient,
) -> None:
    assert api_client.leader.get("/api/rooms/no-such", 404)["error"]["code"] == "not_found"
    assert api_client.leader.get("/api/rooms/room-1", 503)["error"]["code"] == "service_down"


def test_rooms_are_paged(api_client: ApiClient) -> None:
    say_all(api_client)
    first = api_client.leader.get("/api/rooms", params={"limit": 1})
    second = api_client.leader.get("/api/rooms", params={"limit": 1, "cursor": first["next"]})
    assert (ids(first), ids(second), second["next"]) == (["bus"], ["room-1"], None)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/rooms", {"limit": 0}),
        ("/api/rooms", {"limit": 201}),
        ("/api/rooms", {"cursor": "!!"}),
        ("/api/rooms", {"cursor": "A"}),
        ("/api/rooms/room-1/windows", {"minutes": 61}),
        ("/api/rooms/-x", {}),
    ],
)
def test_invalid_requests_are_rejected(
    api_client: ApiClient, path: str, parameters: dict[str, Any]
) -> None:
    error = api_client.leader.get(path, 422, params=parameters)["error"]
    assert error["code"] == "request_invalid"
    assert error["fields"]
