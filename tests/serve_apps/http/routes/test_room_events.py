"""Event streams through a real server: resumption, heartbeats, slow clients, revoked access."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from cluster.errors import ServiceDown
from cluster.security.roles import Role
from cluster.settings import Settings
from serve_apps.http.services.room_broadcast import RoomBroadcast, StreamLimits
from tests.register.school import MONDAY, School
from tests.serve_apps.http.api_client import (
    PATIENCE_SECONDS,
    ApiClient,
    open_api_client,
    served,
    wait_until,
)

pytestmark = pytest.mark.sqlite

PATH = "/api/rooms/events"
QUICK = StreamLimits(
    poll_seconds=0.2, retry_seconds=0.05, heartbeat_seconds=0.2, recheck_seconds=0.2
)


@dataclass
class Event:
    kind: str
    id: int | None
    data: Any


class Stream:
    """The events of a stream, as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()
        self.comments: list[str] = []

    def next(self) -> Event:
        """Return the next event; comments are collected apart."""
        found: dict[str, str] = {}
        ends = time.monotonic() + PATIENCE_SECONDS
        for line in self._lines:
            assert time.monotonic() < ends, "nothing but heartbeats"
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line:
                name, _, value = line.partition(":")
                found[name] = value.strip()
            elif "event" in found:
                number = int(found["id"]) if "id" in found else None
                return Event(found["event"], number, json.loads(found["data"]))
        raise AssertionError(f"the stream ended; comments: {self.comments}")

    def take(self, count: int) -> list[Event]:
        return [self.next() for _ in range(count)]

    def has_ended(self) -> bool:
        return not any(True for line in self._lines if line and not line.startswith(":"))


@dataclass
class Live:
    """The API behind a real server."""

    api_client: ApiClient
    address: str
    http: httpx.Client

    @property
    def broadcast(self) -> RoomBroadcast:
        found: RoomBroadcast = self.api_client.app.state.broadcast
        return found

    @contextmanager
    def stream(self, token: str, **more: Any) -> Iterator[Stream]:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        with self.http.stream("GET", self.address + PATH, headers=headers, **more) as response:
            if response.status_code != 200:
                response.read()
            assert response.status_code == 200, response.text
            yield Stream(response)

    def denied(self, token: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = self.http.get(self.address + PATH, headers=headers, **more)
        return answer.status_code, answer.json()["error"]["code"]


Open = Callable[..., Live]


@pytest.fixture
def live(school: School) -> Iterator[Open]:
    """Open the API behind a real server, with some limits."""
    with ExitStack() as stack:

        def opened(**limits: Any) -> Live:
            api_client = stack.enter_context(open_api_client(school, replace(QUICK, **limits)))
            address = stack.enter_context(served(api_client.app))
            http = stack.enter_context(httpx.Client(timeout=PATIENCE_SECONDS))
            return Live(api_client, address, http)

        yield opened


def test_a_stream_starts_with_the_current_state_and_continues_with_changes(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    service.api_client.rooms.set_room("room-2", 20)
    with service.stream(service.api_client.leader.token) as stream:
        first = stream.next()
        assert (first.kind, first.id, first.data["people"]) == ("room", 1, 20)
        service.api_client.rooms.set_room("room-2", 30)
        service.api_client.rooms.set_room("room-1", 21)
        second = stream.next()
        assert (second.kind, second.id, second.data["people"]) == ("room", 4, 21)
        service.api_client.rooms.finish("room-1", 22)
        third = stream.next()
        assert (third.kind, third.id, third.data["people_max"]) == ("window", 5, 22)


def test_an_event_has_the_same_body_as_the_response(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    with service.stream(service.api_client.leader.token) as stream:
        assert stream.next().data == service.api_client.leader.get("/api/rooms/room-1")


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_a_client_that_reconnects_gets_what_it_missed_and_nothing_twice(
    live: Open, way: str
) -> None:
    service = live()
    token, rooms = service.api_client.leader.token, service.api_client.rooms
    rooms.set_room("room-1", 20)
    with service.stream(token) as stream:
        seen = stream.next().id
    rooms.finish("room-1", 22)
    rooms.set_room("room-1", 23)
    rooms.set_room("room-1", 24)
    again: dict[str, Any] = {"headers": {"Last-Event-ID": str(seen)}}
    if way == "parameter":
        again = {"params": {"last_event_id": seen}}
    with service.stream(token, **again) as stream:
        window, room = stream.take(2)
        assert (window.kind, window.id) == ("window", 2)
        assert (room.kind, room.id, room.data["people"]) == ("room", 4, 24)
        rooms.set_room("room-1", 25)
        assert stream.next().id == 5


def test_a_change_during_a_reconnect_is_sent_once(live: Open) -> None:
    service = live()
    rooms = service.api_client.rooms
    rooms.set_room("room-1", 20)
    rooms.meanwhile = lambda: rooms.finish("room-1", 22)
    headers = {"Last-Event-ID": "1"}
    with service.stream(service.api_client.leader.token, headers=headers) as stream:
        assert stream.next().id == 2
        rooms.finish("room-1", 23)
        assert stream.next().id == 3


def test_an_id_that_is_too_old_is_a_gap_followed_by_the_current_state(live: Open) -> None:
    service = live()
    for people in (20, 21, 22):
        service.api_client.rooms.set_room("room-1", people)
    service.api_client.rooms.forgotten = 2
    headers = {"Last-Event-ID": "1"}
    with service.stream(service.api_client.leader.token, headers=headers) as stream:
        gap, room = stream.take(2)
        assert (gap.kind, gap.id) == ("gap", None)
        assert (room.kind, room.id, room.data["people"]) == ("room", 3, 22)


def test_a_stream_survives_event_ids_that_restart(live: Open) -> None:
    service = live()
    rooms = service.api_client.rooms
    rooms.last_id = 500
    rooms.set_room("room-1", 20)
    with service.stream(service.api_client.leader.token) as stream:
        assert stream.next().id == 501
        rooms.rooms.clear()
        rooms.last_id = 0
        rooms.set_room("room-1", 21)
        gap, room = stream.take(2)
        assert (gap.kind, room.id, room.data["people"]) == ("gap", 1, 21)
        rooms.set_room("room-1", 22)
        assert stream.next().id == 2


def test_heartbeats_are_sent_while_nothing_happens(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    with service.stream(service.api_client.leader.token) as stream:
        stream.next()
        for line in stream._lines:
            if "heartbeat" in line:
                break
        else:
            pytest.fail("no heartbeat")


def test_only_requested_rooms_are_sent(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    service.api_client.rooms.set_room("bus", 20)
    token = service.api_client.leader.token
    with service.stream(token, params={"room_id": "bus"}) as stream:
        first = stream.next()
        assert (first.data["room_id"], first.data["shares"]) == ("bus", None)
    assert service.denied(token, params={"room_id": ["bus", "room-2"]}) == (403, "not_allowed")
    assert service.denied(token, params={"room_id": "no-such"}) == (404, "not_found")


def test_a_stream_of_a_teacher_ends_with_the_lesson(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    token = service.api_client.teacher.token
    with service.stream(token) as stream:
        assert stream.next().kind == "room"
        service.api_client.school.clock.advance(minutes=46)
        end = stream.next()
        assert (end.kind, end.data) == ("end", {"reason": "not_allowed"})
        assert stream.has_ended()
    assert service.denied(token) == (403, "not_allowed")


def test_a_client_that_reconnects_polls_its_own_rooms_alone(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    token, headers = service.api_client.leader.token, {"Last-Event-ID": "0"}
    with service.stream(token, headers=headers) as stream:
        stream.next()
    with service.stream(token, headers=headers, params={"room_id": "room-1"}) as stream:
        stream.next()
    assert service.api_client.rooms.asked_to_resume == [["bus", "room-1"], ["room-1"]]


def with_other_settings(service: Live, **tables: list[dict[str, Any]]) -> None:
    """The settings file is changed while the service runs."""
    state = service.api_client.app.state
    current = state.backend.settings.model_dump(exclude_unset=True)
    state.backend = replace(state.backend, settings=Settings.model_validate({**current, **tables}))


def test_an_open_stream_follows_changed_settings(live: Open) -> None:
    service = live(recheck_seconds=600)
    rooms = service.api_client.rooms
    rooms.set_room("room-1", 20)
    with service.stream(service.api_client.leader.token, params={"room_id": "room-1"}) as stream:
        assert stream.next().data["shares"] is not None
        room = {"id": "room-1", "school": "hill", "name": "Bus 7", "kind": "vehicle"}
        with_other_settings(service, rooms=[room])
        rooms.set_room("room-1", 21)
        body = stream.next().data
        assert (body["name"], body["shares"]) == ("Bus 7", None)


@pytest.mark.parametrize("moved_to", ["dale", None], ids=["of another school", "gone"])
def test_a_room_that_is_removed_or_moved_to_another_school_ends_the_stream(
    live: Open, moved_to: str | None
) -> None:
    service = live(recheck_seconds=600)
    service.api_client.rooms.set_room("room-1", 20)
    with service.stream(service.api_client.leader.token, params={"room_id": "room-1"}) as stream:
        stream.next()
        name = "room-1" if moved_to else "room-9"
        rooms = [{"id": name, "school": moved_to or "hill", "name": "Room"}]
        with_other_settings(service, rooms=rooms, cameras=[])
        service.api_client.rooms.set_room("room-1", 21)
        end = stream.next()
        reason = "not_allowed" if moved_to else "not_found"
        assert (end.kind, end.data) == ("end", {"reason": reason})


def test_a_teacher_gets_no_windows_of_the_previous_class(live: Open) -> None:
    service = live()
    rooms = service.api_client.rooms
    rooms.finish("room-1", 20, at=MONDAY - timedelta(minutes=11))
    rooms.finish("room-1", 21, at=MONDAY)
    headers = {"Last-Event-ID": "0"}
    with service.stream(service.api_client.teacher.token, headers=headers) as stream:
        assert stream.next().id == 2


def test_a_stream_ends_when_its_token_is_revoked(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    token = service.api_client.leader.token
    with service.stream(token) as stream:
        stream.next()
        service.api_client.revoke(token)
        end = stream.next()
        assert (end.kind, end.data) == ("end", {"reason": "not_signed_in"})
        assert stream.has_ended()


def test_a_stream_ends_after_its_maximum_time(live: Open) -> None:
    service = live(max_seconds=0.5)
    with service.stream(service.api_client.leader.token) as stream:
        end = stream.next()
        assert (end.kind, end.data) == ("end", {"reason": "too_long"})


def test_a_stream_ends_when_the_rooms_fail_unexpectedly(live: Open) -> None:
    service = live()
    service.api_client.rooms.set_room("room-1", 20)
    with service.stream(service.api_client.leader.token) as stream:
        stream.next()
        service.api_client.rooms.failing = ZeroDivisionError()
        end = stream.next()
        assert (end.kind, end.data) == ("end", {"reason": "service_down"})


def test_unavailable_rooms_are_an_error_in_the_error_format(live: Open) -> None:
    service = live()
    service.api_client.rooms.failing = ServiceDown("rooms does not answer.")
    assert service.denied(service.api_client.leader.token) == (503, "service_down")


def test_streams_of_one_caller_are_limited_until_one_is_closed(live: Open) -> None:
    service = live(per_caller=1)
    service.api_client.rooms.set_room("room-1", 20)
    token = service.api_client.leader.token
    with service.stream(token) as stream:
        stream.next()
        assert service.denied(token) == (429, "too_many_requests")
    wait_until(lambda: service.broadcast.streams == 0)
    with service.stream(token) as stream:
        stream.next()


def test_a_client_that_reads_nothing_is_disconnected_and_does_not_delay_others(live: Open) -> None:
    service = live(send_timeout_seconds=0.5, windows=50)
    rooms, token = service.api_client.rooms, service.api_client.leader.token
    rooms.set_room("room-1", 20)
    host = urlsplit(service.address)
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        idle.connect((host.hostname, host.port))
        request = (
            f"GET {PATH} HTTP/1.1\r\nHost: {host.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        idle.sendall(request.encode())
        wait_until(lambda: service.broadcast.streams == 1)
        with service.stream(
            service.api_client.as_role(Role.SCHOOL_LEADER, schools=["hill"]).token
        ) as other:
            other.next()
            wait_until(lambda: service.broadcast.streams == 2)

            def flood() -> bool:
                for _ in range(40):
                    rooms.finish("room-1", 20)
                other.next()
                return service.broadcast.streams == 1

            wait_until(flood)
    wait_until(lambda: service.broadcast.streams == 0)


def test_a_stream_needs_a_role_and_a_room(live: Open) -> None:
    service = live()
    assert service.denied(service.api_client.as_role(Role.OPERATOR).token)[0] == 403
    assert service.denied(service.api_client.as_role(Role.TEACHER, number=2).token)[0] == 403
    assert service.denied("hr_nobody.x")[0] == 401
