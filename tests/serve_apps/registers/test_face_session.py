"""A face session: what happens to its lease and its proposals when other services fail."""

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
from cluster.register.open_registers import filter_by_face_policy, find_open_registers
from cluster.register.states import EntryState
from cluster.security.keys import KeyStore
from cluster.vision.people import FloatArray
from serve_apps.registers import face_session
from serve_apps.registers.face_session import FaceSession
from tests.register.school import (
    ENGINE,
    LESSON,
    FakeFaceEngine,
    School,
    chip_of,
    create_school,
    student,
)
from tests.serve_apps.serving import until


class UnreliableFaces(FakeFaceEngine):
    """A face model that can be down."""

    is_down = True

    @property
    def version(self) -> str:  # type: ignore[override]
        if self.is_down:
            raise ServiceDown("the face model does not answer.")
        return ENGINE

    def embed(self, chips: Any) -> FloatArray:
        if self.is_down:
            raise ServiceBusy("the queue of the face model is full.")
        return super().embed(chips)


@dataclass
class FakeRooms:
    """Fakes the rooms deployment: records the leases; it can be down."""

    leases: list[tuple[str, datetime | None]] = field(default_factory=list)
    is_down: bool = False

    async def cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        if self.is_down:
            raise ServiceDown("rooms does not answer.")
        assert room_id == "room-1"
        self.leases.append((ticket, until))


@dataclass
class RunningSession:
    """A running session, and the rooms that it asks for chips."""

    session: FaceSession
    rooms: FakeRooms
    task: "asyncio.Task[None]"

    async def ticket(self) -> str:
        async def newest() -> str:
            return self.rooms.leases[-1][0] if self.rooms.leases else ""

        return str(await until(newest, "a lease"))


@pytest.fixture
def school(
    records: Records, keys: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> School:
    monkeypatch.setattr(face_session, "LEASE_RENEWAL_SECONDS", 0.02)
    monkeypatch.setattr(face_session, "PROPOSAL_INTERVAL_SECONDS", 0.02)
    made = create_school(records, keys, tmp_path)
    made.consent(1, 2)
    made.store(1, 2)
    made.open()
    return made


@asynccontextmanager
async def running_session(school: School, engine: FakeFaceEngine) -> AsyncIterator[RunningSession]:
    (register,) = filter_by_face_policy(
        school.settings, find_open_registers(school.audited, ["room-1"])
    )
    rooms = FakeRooms()
    new_recogniser = partial(
        FaceRecogniser, school.audited, school.settings, school.permission, engine, LESSON
    )
    session = FaceSession(
        register, new_recogniser, rooms.cut_faces, asyncio.to_thread, school.clock
    )
    task = asyncio.get_running_loop().create_task(session.run())
    try:
        yield RunningSession(session, rooms, task)
    finally:
        task.cancel()
        await asyncio.wait([task])


def proposed(school: School) -> set[str]:
    return {e.student_id for e in school.show().entries if e.mark.state == EntryState.PROPOSED}


async def offer_until_proposed(school: School, running: RunningSession) -> None:
    async def is_proposed() -> bool:
        school.clock.advance(seconds=2)
        running.session.offer(school.clock.now, [chip_of(1)])
        compared = running.session.compared

        async def was_compared() -> bool:
            return running.session.compared > compared

        await until(was_compared, "a frame to be compared")
        return student(1) in await asyncio.to_thread(proposed, school)

    await until(is_proposed, "a proposal")


def test_faces_are_proposed_and_the_lease_ends_with_the_register(school: School) -> None:
    async def scenario() -> None:
        async with running_session(school, FakeFaceEngine()) as running:
            ticket = await running.ticket()
            await offer_until_proposed(school, running)
            school.clock.advance(minutes=20)
            await asyncio.wait_for(running.task, 30)
            assert running.rooms.leases[-1] == (ticket, None)
            assert running.session.ticket == ""

    asyncio.run(scenario())


def test_a_lease_never_lasts_longer_than_the_register(school: School) -> None:
    async def scenario() -> None:
        async with running_session(school, FakeFaceEngine()) as running:
            await running.ticket()
            closes_at = running.session.register.closes_at
            school.clock.now = closes_at - timedelta(seconds=2)

            async def is_capped() -> bool:
                return running.rooms.leases[-1][1] == closes_at

            await until(is_capped, "a lease that ends with the register")
            assert all(until is None or until <= closes_at for _, until in running.rooms.leases)

    asyncio.run(scenario())


def test_no_faces_are_cut_while_the_face_model_is_down_and_it_resumes(school: School) -> None:
    async def scenario() -> None:
        engine = UnreliableFaces()
        async with running_session(school, engine) as running:
            await asyncio.sleep(0.2)
            assert running.rooms.leases == []
            engine.is_down = False
            await running.ticket()
            engine.is_down = True
            running.session.offer(school.clock.now, [chip_of(1)])

            async def dropped() -> bool:
                return running.session.dropped == 1

            await until(dropped, "the frame to be dropped")
            engine.is_down = False
            await offer_until_proposed(school, running)

    asyncio.run(scenario())


def test_proposals_resume_after_the_rooms_were_down(school: School) -> None:
    async def scenario() -> None:
        async with running_session(school, FakeFaceEngine()) as running:
            await running.ticket()
            running.rooms.is_down = True
            await asyncio.sleep(0.1)
            before = len(running.rooms.leases)
            running.rooms.is_down = False

            async def renewed() -> bool:
                return len(running.rooms.leases) > before

            await until(renewed, "another lease")
            await offer_until_proposed(school, running)

    asyncio.run(scenario())


def test_no_faces_are_cut_without_a_template(
    records: Records, keys: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_session, "LEASE_RENEWAL_SECONDS", 0.02)
    school = create_school(records, keys, tmp_path)
    school.consent(1)
    school.open()
    before = school.verify()

    async def scenario() -> None:
        async with running_session(school, FakeFaceEngine()) as running:
            await asyncio.sleep(0.3)
            assert running.rooms.leases == []

    asyncio.run(scenario())
    assert school.verify() == before + 1  # the templates were loaded once, not every second


def test_only_the_newest_frames_are_queued(school: School) -> None:
    async def scenario() -> None:
        async with running_session(school, FakeFaceEngine()) as running:
            await running.ticket()
            for _ in range(10):
                running.session.offer(school.clock.now, [chip_of(1)])
            assert running.session.dropped == 8

    asyncio.run(scenario())


def test_no_face_is_used_of_a_class_that_the_policy_does_not_name(school: School) -> None:
    registers = find_open_registers(school.audited, ["room-1"])
    assert [one.lesson_id for one in filter_by_face_policy(school.settings, registers)] == [LESSON]
    policy = school.policy.read_text()
    school.policy.write_text(policy.replace('"class-1"', '"class-9"'))
    assert filter_by_face_policy(school.settings, registers) == []
    school.policy.write_text(policy.replace("switched_on = true", "switched_on = false"))
    assert filter_by_face_policy(school.settings, registers) == []
    school.policy.unlink()
    assert filter_by_face_policy(school.settings, registers) == []
