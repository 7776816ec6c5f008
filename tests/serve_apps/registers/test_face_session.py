"""One register's faces: what happens to its lease and its proposals when others fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import ServiceBusy, ServiceDown
from cluster.records.db.database import Records
from cluster.register.faces.recognition_session import FaceRecogniser
from cluster.register.open_registers import may_use_faces, open_now
from cluster.register.states import EntryState
from cluster.security.keys import KeyStore
from cluster.vision.people import FloatArray
from serve_apps.registers import face_session
from serve_apps.registers.face_session import FaceSession
from tests.register.school import (
    ENGINE,
    LESSON,
    NumberFaces,
    School,
    chip_of,
    found_school,
    student,
)
from tests.serve_apps.serving import until


class Unreliable(NumberFaces):
    """A face model that can be away."""

    away = True

    @property
    def version(self) -> str:  # type: ignore[override]
        if self.away:
            raise ServiceDown("the face model does not answer.")
        return ENGINE

    def embed(self, chips: Any) -> FloatArray:
        if self.away:
            raise ServiceBusy("the queue of the face model is full.")
        return super().embed(chips)


@dataclass
class Rooms:
    """Where leases are asked for; it can be away."""

    leases: list[tuple[str, datetime | None]] = field(default_factory=list)
    away: bool = False

    async def cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        if self.away:
            raise ServiceDown("rooms does not answer.")
        assert room_id == "room-1"
        self.leases.append((ticket, until))


@dataclass
class Taking:
    """A register being taken."""

    call: FaceSession
    rooms: Rooms
    task: "asyncio.Task[None]"

    async def leased(self) -> str:
        async def newest() -> str:
            return self.rooms.leases[-1][0] if self.rooms.leases else ""

        return str(await until(newest, "a lease"))


@pytest.fixture
def school(
    records: Records, keys: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> School:
    monkeypatch.setattr(face_session, "LEASE_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(face_session, "PROPOSE_EVERY_SECONDS", 0.02)
    made = found_school(records, keys, tmp_path)
    made.consent(1, 2)
    made.store(1, 2)
    made.open()
    return made


@asynccontextmanager
async def taking(school: School, engine: NumberFaces) -> AsyncIterator[Taking]:
    (register,) = may_use_faces(school.settings, open_now(school.identity, ["room-1"]))
    rooms = Rooms()
    roll_call = partial(
        FaceRecogniser, school.identity, school.settings, school.permission, engine, LESSON
    )
    call = FaceSession(register, roll_call, rooms.cut_faces, asyncio.to_thread, school.clock)
    task = asyncio.get_running_loop().create_task(call.run())
    try:
        yield Taking(call, rooms, task)
    finally:
        task.cancel()
        await asyncio.wait([task])


def proposed(school: School) -> set[str]:
    return {e.student_id for e in school.show().entries if e.mark.state == EntryState.PROPOSED}


async def seen_until_proposed(school: School, one: Taking) -> None:
    async def seen() -> bool:
        school.clock.turn(seconds=2)
        one.call.offer(school.clock.now, [chip_of(1)])
        compared = one.call.compared

        async def looked() -> bool:
            return one.call.compared > compared

        await until(looked, "a frame to be compared")
        return student(1) in await asyncio.to_thread(proposed, school)

    await until(seen, "a proposal")


def test_proposals_come_and_the_lease_ends_with_the_register(school: School) -> None:
    async def lesson() -> None:
        async with taking(school, NumberFaces()) as one:
            ticket = await one.leased()
            await seen_until_proposed(school, one)
            school.clock.turn(minutes=20)
            await asyncio.wait_for(one.task, 30)
            assert one.rooms.leases[-1] == (ticket, None)
            assert one.call.ticket == ""

    asyncio.run(lesson())


def test_a_lease_never_lasts_longer_than_the_register(school: School) -> None:
    async def lesson() -> None:
        async with taking(school, NumberFaces()) as one:
            await one.leased()
            closes_at = one.call.register.closes_at
            school.clock.now = closes_at - timedelta(seconds=2)

            async def short() -> bool:
                return one.rooms.leases[-1][1] == closes_at

            await until(short, "a lease that ends with the register")
            assert all(until is None or until <= closes_at for _, until in one.rooms.leases)

    asyncio.run(lesson())


def test_nothing_is_cut_while_the_face_model_is_away_and_it_resumes(school: School) -> None:
    async def lesson() -> None:
        engine = Unreliable()
        async with taking(school, engine) as one:
            await asyncio.sleep(0.2)
            assert one.rooms.leases == []
            engine.away = False
            await one.leased()
            engine.away = True
            one.call.offer(school.clock.now, [chip_of(1)])

            async def dropped() -> bool:
                return one.call.dropped == 1

            await until(dropped, "the frame to be dropped")
            engine.away = False
            await seen_until_proposed(school, one)

    asyncio.run(lesson())


def test_proposals_resume_when_the_rooms_come_back(school: School) -> None:
    async def lesson() -> None:
        async with taking(school, NumberFaces()) as one:
            await one.leased()
            one.rooms.away = True
            await asyncio.sleep(0.1)
            before = len(one.rooms.leases)
            one.rooms.away = False

            async def renewed() -> bool:
                return len(one.rooms.leases) > before

            await until(renewed, "another lease")
            await seen_until_proposed(school, one)

    asyncio.run(lesson())


def test_without_a_template_nothing_is_cut(
    records: Records, keys: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_session, "LEASE_EVERY_SECONDS", 0.02)
    school = found_school(records, keys, tmp_path)
    school.consent(1)
    school.open()
    before = school.verify()

    async def lesson() -> None:
        async with taking(school, NumberFaces()) as one:
            await asyncio.sleep(0.3)
            assert one.rooms.leases == []

    asyncio.run(lesson())
    assert school.verify() == before + 1  # the templates were looked for once, not every second


def test_only_the_newest_frames_wait(school: School) -> None:
    async def lesson() -> None:
        async with taking(school, NumberFaces()) as one:
            await one.leased()
            for _ in range(10):
                one.call.offer(school.clock.now, [chip_of(1)])
            assert one.call.dropped == 8

    asyncio.run(lesson())


def test_of_a_class_that_the_policy_does_not_name_no_face_is_used(school: School) -> None:
    open_ones = open_now(school.identity, ["room-1"])
    assert [one.lesson_id for one in may_use_faces(school.settings, open_ones)] == [LESSON]
    policy = school.policy.read_text()
    school.policy.write_text(policy.replace('"class-1"', '"class-9"'))
    assert may_use_faces(school.settings, open_ones) == []
    school.policy.write_text(policy.replace("switched_on = true", "switched_on = false"))
    assert may_use_faces(school.settings, open_ones) == []
    school.policy.unlink()
    assert may_use_faces(school.settings, open_ones) == []
