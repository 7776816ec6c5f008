"""The registers deployment on a real Serve: chips are requested, compared and turned into proposals
while, and only while, the register is open and somebody has consented (R6)."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import serve

from cluster.settings import Settings
from cluster.settings.redacted import without_secrets
from cluster.vision.faces.base import FaceChip
from cluster.vision.faces.dlib_engine import DlibEngine
from cluster.vision.pose.estimator import PoseEstimator
from serve_apps.deployments.face_model import FaceModel, face_options
from serve_apps.deployments.registers import Registers
from tests.register.school import School, student
from tests.register.test_canary import forms
from tests.serve_apps.live_school import (
    Portraits,
    close_register,
    enrol,
    live_school,
    marks,
    open_register,
    proposed,
    withdraw_consent,
    write_settings,
)
from tests.serve_apps.serving import bound, deployed, until

pytestmark = pytest.mark.ray

ROOMS = ("room-a", "room-b", "room-c")
NAME = "Canarybird"


@dataclass(frozen=True)
class Lease:
    room_id: str
    ticket: str
    until: datetime | None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@serve.deployment(name="Rooms")
class FakeRooms:
    """Fakes the rooms deployment: records the leases."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []

    async def cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        self.leases.append(Lease(room_id, ticket, until))

    async def get_leases(self) -> list[Lease]:
        return list(self.leases)


@serve.deployment(name="Api")
class FakeApi:
    """The ingress that binds the other deployments."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts


@dataclass
class RunningRegisters:
    """The running deployments, and the school that they serve."""

    school: School
    rooms: Any
    registers: Any
    portraits: Portraits

    async def leases(self, room: str) -> list[Lease]:
        return [lease for lease in await self.rooms.get_leases.remote() if lease.room_id == room]

    async def ticket(self, room: str) -> str:
        """Wait for a lease of a room, and return its ticket."""

        async def newest() -> str:
            leases = await self.leases(room)
            return leases[-1].ticket if leases and leases[-1].until else ""

        return str(await until(newest, f"a lease in {room}"))

    async def lease_ended(self, room: str) -> None:
        async def ended() -> bool:
            leases = await self.leases(room)
            return bool(leases) and leases[-1].until is None

        await until(ended, f"the end of the lease in {room}")

    async def submit_chips(self, ticket: str, chips: list[FaceChip]) -> None:
        await self.registers.submit_chips.remote(ticket, datetime.now(UTC), chips)

    async def send_until_proposed(self, room: str, chips: list[FaceChip], number: int) -> None:
        """Send chips as a reader does, until a student is proposed."""
        ticket, lesson = await self.ticket(room), f"lesson-{room}"

        async def is_proposed() -> bool:
            await self.submit_chips(ticket, chips)
            found = await asyncio.to_thread(proposed, self.school, lesson)
            return student(number) in found

        await until(is_proposed, f"a proposal in {room}")


def application(path: Path, settings: Settings) -> Any:
    face = bound(FaceModel, without_secrets(settings), **face_options(settings))
    return bound(FakeApi, bound(FakeRooms), face, bound(Registers, str(path)))


@pytest.fixture(scope="module")
def portraits(samples: Path) -> Portraits:
    return Portraits(samples, DlibEngine(), PoseEstimator.from_settings(Settings()))


@pytest.fixture(scope="module")
def live(
    serve_port: int,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
    portraits: Portraits,
) -> Iterator[RunningRegisters]:
    folder = tmp_path_factory.mktemp("live")
    path = write_settings(folder, ROOMS)
    with live_school(path, ROOMS, name=NAME) as school:
        enrol(school, 1, portraits.template("obama.jpg"))
        enrol(school, 2, portraits.template("biden.jpg"))
        with deployed(application(path, school.settings), "live"):
            rooms, registers = (
                serve.get_deployment_handle(name, "live") for name in ("Rooms", "Registers")
            )
            yield RunningRegisters(school, rooms, registers, portraits)


def test_no_faces_are_cut_without_an_open_register(live: RunningRegisters) -> None:
    async def scenario() -> None:
        async def polled() -> bool:
            status = await live.registers.status.remote()
            return bool(status.problem == "" and status.open == 0)

        await until(polled, "the first poll")
        assert await live.rooms.get_leases.remote() == []

    asyncio.run(scenario())


def test_chips_under_an_unknown_ticket_are_dropped_and_counted(live: RunningRegisters) -> None:
    async def scenario() -> tuple[Any, Any]:
        before = await live.registers.status.remote()
        await live.submit_chips("unknown", live.portraits.chips("obama2.jpg"))
        await live.submit_chips("", live.portraits.chips("obama2.jpg"))
        return before, await live.registers.status.remote()

    before, after = asyncio.run(scenario())
    assert after.frames_dropped == before.frames_dropped + 2
    assert after.frames_compared == before.frames_compared


def test_a_student_with_consent_is_proposed_and_a_withdrawal_ends_it(
    live: RunningRegisters,
) -> None:
    lesson = "lesson-room-a"
    open_register(live.school, lesson)
    chips = live.portraits.chips("obama_and_biden.jpg")

    async def scenario() -> tuple[Any, Any]:
        await live.send_until_proposed("room-a", chips, number=1)
        leases = await live.leases("room-a")
        assert len({lease.ticket for lease in leases}) == 1
        assert all(lease.until for lease in leases)
        lengths = [(lease.until - lease.at).total_seconds() for lease in leases if lease.until]
        assert all(0 < length <= 5 for length in lengths)
        assert not any(word in leases[0].ticket for word in ("room", "lesson", "class"))
        for number in (1, 2):
            await asyncio.to_thread(withdraw_consent, live.school, number)
        await live.lease_ended("room-a")
        before = await live.registers.status.remote()
        for _ in range(3):
            await live.submit_chips(leases[0].ticket, chips)
            await asyncio.sleep(1)
        return before, await live.registers.status.remote()

    before, after = asyncio.run(scenario())
    assert after.frames_compared == before.frames_compared
    assert after.frames_dropped == before.frames_dropped + 3
    assert after.open == 1
    assert after.comparing == 0
    assert proposed(live.school, lesson) == set()
    assert {str(mark.status) for mark in marks(live.school, lesson).values()} == {"not_recorded"}


def test_consent_granted_while_the_register_is_open_takes_effect(live: RunningRegisters) -> None:
    enrol(live.school, 1, live.portraits.template("obama.jpg"))
    ticket = asyncio.run(live.ticket("room-a"))
    earlier = {lease.ticket for lease in asyncio.run(live.leases("room-a"))} - {ticket}
    assert len(earlier) == 1


def test_a_closed_register_ends_the_lease(live: RunningRegisters) -> None:
    open_register(live.school, "lesson-room-b")

    async def scenario() -> None:
        await live.send_until_proposed("room-b", live.portraits.chips("obama2.jpg"), number=1)
        ticket = await live.ticket("room-b")
        await asyncio.to_thread(close_register, live.school, "lesson-room-b")
        await live.lease_ended("room-b")
        before = await live.registers.status.remote()
        await live.submit_chips(ticket, live.portraits.chips("obama2.jpg"))
        after = await live.registers.status.remote()
        assert after.frames_dropped == before.frames_dropped + 1

    asyncio.run(scenario())
    # The proposals until then wait for the teacher, and nobody was marked absent (R7).
    found = marks(live.school, "lesson-room-b")
    assert str(found.pop(student(1)).status) == "present"
    assert {str(mark.status) for mark in found.values()} == {"not_recorded"}


def test_switching_the_policy_off_ends_the_lease(live: RunningRegisters) -> None:
    open_register(live.school, "lesson-room-c")
    policy = live.school.policy.read_text()

    async def scenario() -> None:
        await live.ticket("room-c")
        live.school.policy.write_text(policy.replace("switched_on = true", "switched_on = false"))
        await live.lease_ended("room-c")
        live.school.policy.write_text(policy)
        await live.ticket("room-c")

    asyncio.run(scenario())


def test_frames_beyond_the_capacity_displace_the_oldest(live: RunningRegisters) -> None:
    chips = live.portraits.chips("obama_and_biden.jpg")

    async def scenario() -> tuple[Any, Any]:
        ticket = await live.ticket("room-c")
        before = await live.registers.status.remote()
        for _ in range(20):
            await live.submit_chips(ticket, chips)
        return before, await until(lambda: all_processed(before), "all frames to be processed")

    async def all_processed(before: Any) -> Any:
        now = await live.registers.status.remote()
        compared = now.frames_compared - before.frames_compared
        dropped = now.frames_dropped - before.frames_dropped
        return (compared, dropped) if compared + dropped == 20 else None

    _, (compared, dropped) = asyncio.run(scenario())
    assert compared >= 1
    assert dropped >= 10


def test_no_face_data_or_name_is_written_to_a_disk(
    live: RunningRegisters, ray_folder: Path
) -> None:
    chip = live.portraits.chips("obama2.jpg")[0]
    template = live.portraits.template("obama.jpg")
    embedding = live.portraits.engine.embed([chip])[0]
    middle = np.ascontiguousarray(chip.pixels[75, 40:72]).tobytes()
    secrets = [
        *forms(NAME.encode()).values(),
        *forms(template.tobytes()[:64]).values(),
        *forms(embedding.tobytes()[:64]).values(),
        *forms(middle).values(),
        *(repr(float(value)).encode() for value in (*template[:4], *embedding[:4])),
        *(f"{value:.7f}".encode() for value in (*template[:4], *embedding[:4])),
    ]
    files = [file for file in ray_folder.rglob("*") if file.is_file()]
    contents = {file: file.read_bytes() for file in files}
    assert any(b"Registers" in content for content in contents.values())
    hits = [file for file, content in contents.items() if any(s in content for s in secrets)]
    assert hits == []
    assert live.school.verify() > 0


def test_a_register_opens_with_its_lesson_in_a_room_with_a_live_camera(
    serve_port: int,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    path = write_settings(tmp_path, ["room-a"], open_with_lesson=True)
    with live_school(path, ["room-a", "room-x"]) as school:
        app = bound(FakeApi, bound(FakeRooms), bound(Registers, str(path)))
        with deployed(app, "opens"):

            async def scenario() -> None:
                registers = serve.get_deployment_handle("Registers", "opens")

                async def is_open() -> bool:
                    return bool((await registers.status.remote()).open == 1)

                await until(is_open, "the register to be open")

            asyncio.run(scenario())
        assert set(marks(school, "lesson-room-a")) == {student(n) for n in range(1, 9)}


def test_opening_the_records_is_retried(
    serve_port: int,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    path = write_settings(tmp_path, ["room-a"])
    (tmp_path / "data").write_text("not a folder")
    with deployed(bound(FakeApi, bound(FakeRooms), bound(Registers, str(path))), "retries"):

        async def scenario() -> None:
            registers = serve.get_deployment_handle("Registers", "retries")

            async def problem() -> str:
                return str((await registers.status.remote()).problem)

            async def unusable() -> bool:
                return await problem() == "records_unusable"

            await until(unusable, "the problem")
            (tmp_path / "data").unlink()

            async def recovered() -> bool:
                return await problem() == ""

            await until(recovered, "the records to be opened")

        asyncio.run(scenario())


def test_the_registers_deployment_never_imports_activity_counting() -> None:
    code = "import sys, serve_apps.deployments.registers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "cluster.register.faces.recognition_session" in loaded
    assert [name for name in loaded if name.startswith("cluster.activity")] == []
