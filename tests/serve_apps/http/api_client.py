"""The API over a made-up school: real records and sign-ins, rooms whose counts a test sets.

The fixture `api_client` of `conftest.py` opens it in the test's own process.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.records.repos.sign_ins import issue, revoke
from cluster.security.roles import Principal, Role
from cluster.settings import Settings
from cluster.streams.capture.health import CameraHealth
from cluster.streams.source.state import StreamReason, StreamState
from cluster.vision.people import BgrImage, People
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot
from serve_apps.http import threads
from serve_apps.http.app import create_app
from serve_apps.http.backend import Backend
from serve_apps.http.services.room_broadcast import StreamLimits
from tests.register.school import MONDAY, School, teacher

BASE = "http://127.0.0.1"
PATIENCE_SECONDS = 30.0
CAMERA_SECRET = "c4n4ry-p4ss"  # noqa: S105 (made up)


def window_of(
    people: int, *, at: datetime = MONDAY, suppressed: bool | None = None
) -> ActivityWindow:
    """A window of so many people; suppressed below ten unless said."""
    hidden = people < 10 if suppressed is None else suppressed
    share = None if hidden else 0.25
    return ActivityWindow(
        window_start=at,
        frames=20,
        people_max=people,
        people_mean=float(people),
        suppressed=hidden,
        hand_raised_share=share,
        desk_work_share=None if hidden else 0.5,
        reading_share=share,
        writing_share=share,
        head_down_share=None if hidden else 0.05,
        standing_share=None if hidden else 0.95,
        unclear_share=share,
        hand_raises=None if hidden else 3,
        people_low=max(0, people - 1),
        people_high=people + 3,
    )


@dataclass
class FakeRooms:
    """The rooms deployment, with the numbers that a test says."""

    last_id: int = 0
    forgotten: int = 0
    """Changes up to here are no longer at hand."""
    rooms: dict[str, RoomSnapshot] = field(default_factory=dict)
    finished: list[PublishedWindow] = field(default_factory=list)
    statuses: list[CameraStatus] = field(default_factory=list)
    failing: Exception | None = None
    asked_for_changes: int = 0
    asked_to_resume: list[Sequence[str] | None] = field(default_factory=list)
    """The rooms of each question for what was missed."""
    meanwhile: Callable[[], object] | None = None
    """Happens once, while somebody asks what was missed."""

    def set_room(self, room_id: str, people: int, **more: object) -> RoomSnapshot:
        """A room changes."""
        self.last_id += 1
        window = window_of(people)
        hands = None if window.suppressed else 2
        room = RoomSnapshot(
            room_id, "live", "live", MONDAY, people, hands, window, "cam-1", None, self.last_id
        )
        self.rooms[room_id] = replace(room, **more)  # type: ignore[arg-type]
        return self.rooms[room_id]

    def finish(self, room_id: str, people: int, *, at: datetime = MONDAY) -> PublishedWindow:
        """A window of a room is over."""
        self.last_id += 1
        finished = PublishedWindow(
            window=window_of(people, at=at),
            camera_id="cam-1",
            room_id=room_id,
            school_id="hill",
            event_id=self.last_id,
        )
        self.finished.append(finished)
        return finished

    async def snapshots(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        if self.failing:
            raise self.failing
        return [self.rooms[one] for one in room_ids if one in self.rooms]

    async def windows(self, room_id: str, minutes: int) -> list[PublishedWindow]:  # noqa: ARG002
        return [one for one in self.finished if one.room_id == room_id]

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        self.asked_for_changes += 1
        if after is not None and not wait_seconds:
            self.asked_to_resume.append(room_ids)
        if self.failing:
            raise self.failing
        if self.meanwhile and after is not None and not wait_seconds:
            happen, self.meanwhile = self.meanwhile, None
            asked = self.asked_for_changes
            happen()
            # Until those who listen were told; the loop tells no event.
            while self.asked_for_changes == asked:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        begun = self.last_id if after is None else after
        ends = time.monotonic() + wait_seconds
        while self.last_id == begun and time.monotonic() < ends:
            await asyncio.sleep(0.01)
            if self.failing:
                raise self.failing
        return Changes(
            self.last_id,
            tuple(one for one in self.rooms.values() if one.event_id > begun),
            tuple(one for one in self.finished if one.event_id > begun),
            self.forgotten <= begun <= self.last_id,
        )

    async def cameras(self) -> list[CameraStatus]:
        return self.statuses

    async def journal_status(self) -> JournalStatus:
        return JournalStatus(3, MONDAY, "")


@dataclass
class FakePose:
    """The pose model, which finds whom a test says."""

    people: People = field(default_factory=People.empty)
    failing: Exception | None = None
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    async def find(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:  # noqa: ARG002
        if self.failing:
            raise self.failing
        self.shapes += [frame.shape for frame in frames]
        return [self.people for _ in frames]


def camera_status(camera_id: str, **more: object) -> CameraStatus:
    """A camera that does well."""
    health = CameraHealth(camera_id, StreamState.LIVE, StreamReason.PICTURES_ARRIVE, MONDAY)
    return CameraStatus(replace(health, **more), "room-1", "hill", "reader-1", "node-1")  # type: ignore[arg-type]


@dataclass
class InProcessClient:
    """Calls an application in this process, as from a program that waits for each answer."""

    portal: BlockingPortal
    http: httpx.AsyncClient

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request, and wait."""

        async def send() -> httpx.Response:
            return await self.http.request(method, path, **more)

        return self.portal.call(send)


@contextmanager
def client_of(app: FastAPI) -> Iterator[InProcessClient]:
    """A client of an application, whose lifespan it is."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(
            httpx.AsyncClient(transport=transport, base_url=BASE)
        ) as http,
    ):
        yield InProcessClient(portal, http)


@dataclass
class ApiClient:
    """The API, what is behind it, and tokens for whoever asks."""

    school: School
    rooms: FakeRooms
    pose: FakePose
    app: FastAPI
    client: "InProcessClient"

    def token(self, *roles: Role, schools: Sequence[str] = (), number: int = 1) -> str:
        """A token for roles; teachers are `teacher(number)`."""
        is_teacher = Role.TEACHER in roles
        principal = Principal(
            teacher(number) if is_teacher else f"{roles[0].value}:test",
            frozenset(roles),
            frozenset(schools),
            teacher(number) if is_teacher else None,
        )
        with self.school.audited.work("operator:test") as work:
            return issue(work, principal, expires_in=timedelta(days=1)).text

    def revoke(self, token: str) -> None:
        """End a token."""
        with self.school.audited.work("operator:test") as work:
            revoke(work, token.removeprefix("hr_").rpartition(".")[0])

    def as_role(self, *roles: Role, schools: Sequence[str] = (), number: int = 1) -> "UserClient":
        """Return a client that is signed in with these roles."""
        return UserClient(self.client, self.token(*roles, schools=schools, number=number))

    @property
    def teacher(self) -> "UserClient":
        return self.as_role(Role.TEACHER)

    @property
    def leader(self) -> "UserClient":
        return self.as_role(Role.SCHOOL_LEADER, schools=["hill"])

    def audited(self) -> list[str]:
        """Actions in the audit log, oldest first."""
        from cluster.records.db import audit_log

        with self.school.audited.records.reading() as session:
            return [entry.action for entry in audit_log.entries(session)]


@dataclass
class UserClient:
    """A client that sends a user's token."""

    client: "InProcessClient"
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
        """Ask, and expect a status."""
        return self.send("GET", path, status, **more)

    def post(self, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
        """Send, and expect a status."""
        return self.send("POST", path, status, **more)

    def send(self, method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        """Send with any method."""
        answer = self.answer(method, path, **more)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def answer(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The whole answer."""
        headers = {**self.headers, **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)


def settings_of(folder: Path, school: School) -> Settings:
    """Two schools; a camera with a password; footage below `footage`."""
    return Settings.model_validate(
        {
            "data_dir": str(folder / "data"),
            "schools": [
                {"id": "hill", "name": "Hillside", "timezone": "Europe/London"},
                {"id": "dale", "name": "Dale", "timezone": "Europe/London"},
            ],
            "rooms": [
                {"id": "room-1", "school": "hill", "name": "Room 1"},
                {"id": "room-2", "school": "dale", "name": "Room 2"},
                {"id": "bus", "school": "hill", "name": "Bus", "kind": "vehicle"},
            ],
            "cameras": [
                {
                    "id": "cam-1",
                    "room": "room-1",
                    "address": f"rtsp://viewer:{CAMERA_SECRET}@10.0.0.9/main",
                }
            ],
            "registers": {"policy": school.policy},
            "access": {"requests_per_minute": 100_000},
            "archive": {"footage_roots": [str(folder / "footage"), "s3://lessons/2026"]},
        }
    )


@contextmanager
def open_api_client(school: School, limits: StreamLimits | None = None) -> Iterator[ApiClient]:
    """The API over a school."""
    rooms, pose = FakeRooms(), FakePose()
    app = create_app(Backend(school.settings, school.audited, rooms, pose), limits)
    with client_of(app) as client:
        yield ApiClient(school, rooms, pose, app, client)
    wait_for_threads()


def wait_for_threads() -> None:
    """Wait for work that goes on in threads although its request was cancelled.

    A connection that is still in use when the records close would be left open.
    """
    barrier = threading.Barrier(threads.MAX_THREADS + 1)
    for _ in range(threads.MAX_THREADS):
        threads._pool.submit(barrier.wait, PATIENCE_SECONDS)
    barrier.wait(PATIENCE_SECONDS)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """An application behind a real server; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on")
    )
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)
        listening.close()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something, and fail if it does not come."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)


def at(text: str) -> datetime:
    """A moment in an answer; all of them end in Z."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text).astimezone(UTC)
