"""Live registers on a real Serve: chips are asked for, compared and proposed while, and only
while, the register is open and somebody has agreed."""

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
    take_back_consent,
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
class LeaseBook:
    """Stands for the rooms deployment: writes down who asked for what."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []

    async def cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        self.leases.append(Lease(room_id, ticket, until))

    async def leased(self) -> list[Lease]:
        return list(self.leases)


@serve.deployment(name="Service")
class Service:
    """Holds the deployments of an application together."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts


@dataclass
class Live:
    """The running service, and the school that it serves."""

    school: School
    rooms: Any
    registers: Any
    portraits: Portraits

    async def leases(self, room: str) -> list[Lease]:
        return [lease for lease in await self.rooms.leased.remote() if lease.room_id == room]

    async def ticket(self, room: str) -> str:
        """The ticket under which faces are cut in a room, once there is one."""

        async def newest() -> str:
            leases = await self.leases(room)
            return leases[-1].ticket if leases and leases[-1].until else ""

        return str(await until(newest, f"a lease in {room}"))

    async def ended(self, room: str) -> None:
        async def over() -> bool:
            leases = await self.leases(room)
            return bool(leases) and leases[-1].until is None

        await until(over, f"the end of the lease in {room}")

    async def see(self, ticket: str, chips: list[FaceChip]) -> None:
        await self.registers.see.remote(ticket, datetime.now(UTC), chips)

    async def sent(self, room: str, chips: list[FaceChip], who: int) -> None:
        """Send chips as a reader does, until somebody is proposed."""
        ticket, lesson = await self.ticket(room), f"lesson-{room}"

        async def seen() -> bool:
            await self.see(ticket, chips)
            found = await asyncio.to_thread(proposed, self.school, lesson)
            return student(who) in found

        await until(seen, f"a proposal in {room}")


def application(path: Path, settings: Settings) -> Any:
    face = bound(FaceModel, without_secrets(settings), **face_options(settings))
    return bound(Service, bound(LeaseBook), face, bound(Registers, str(path)))


@pytest.fixture(scope="module")
def portraits(samples: Path) -> Portraits:
    return Portraits(samples, DlibEngine(), PoseEstimator.from_settings(Settings()))


@pytest.fixture(scope="module")
def live(
    serve_port: int,  # noqa: ARG001
    tmp_path_factory: pytest.TempPathFactory,
    portraits: Portraits,
) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    path = write_settings(folder, ROOMS)
    with live_school(path, ROOMS, name=NAME) as school:
        enrol(school, 1, portraits.template("obama.jpg"))
        enrol(school, 2, portraits.template("biden.jpg"))
        with deployed(application(path, school.settings), "live"):
            rooms, registers = (
                serve.get_deployment_handle(name, "live") for name in ("Rooms", "Registers")
            )
            yield Live(school, rooms, registers, portraits)


def test_without_an_open_register_nothing_is_cut(live: Live) -> None:
    async def told() -> None:
        async def looked() -> bool:
            status = await live.registers.status.remote()
            return bool(status.problem == "" and status.open == 0)

        await until(looked, "the registers to be looked at")
        assert await live.rooms.leased.remote() == []

    asyncio.run(told())


def test_chips_under_an_unknown_ticket_are_dropped_and_counted(live: Live) -> None:
    async def told() -> tuple[Any, Any]:
        before = await live.registers.status.remote()
        await live.see("made-up", live.portraits.chips("obama2.jpg"))
        await live.see("", live.portraits.chips("obama2.jpg"))
        return before, await live.registers.status.remote()

    before, after = asyncio.run(told())
    assert after.frames_dropped == before.frames_dropped + 2
    assert after.frames_compared == before.frames_compared


def test_who_agreed_and_is_seen_is_proposed_and_withdrawal_ends_it(live: Live) -> None:
    lesson = "lesson-room-a"
    open_register(live.school, lesson)
    chips = live.portraits.chips("obama_and_biden.jpg")

    async def lesson_goes_on() -> tuple[Any, Any]:
        await live.sent("room-a", chips, who=1)
        leases = await live.leases("room-a")
        assert len({lease.ticket for lease in leases}) == 1
        assert all(lease.until for lease in leases)
        lengths = [(lease.until - lease.at).total_seconds() for lease in leases if lease.until]
        assert all(0 < length <= 5 for length in lengths)
        assert not any(word in leases[0].ticket for word in ("room", "lesson", "class"))
        for number in (1, 2):
            await asyncio.to_thread(take_back_consent, live.school, number)
        await live.ended("room-a")
        before = await live.registers.status.remote()
        for _ in range(3):
            await live.see(leases[0].ticket, chips)
            await asyncio.sleep(1)
        return before, await live.registers.status.remote()

    before, after = asyncio.run(lesson_goes_on())
    assert after.frames_compared == before.frames_compared
    assert after.frames_dropped == before.frames_dropped + 3
    assert after.open == 1
    assert after.comparing == 0
    assert proposed(live.school, lesson) == set()
    assert {str(mark.status) for mark in marks(live.school, lesson).values()} == {"not_recorded"}


def test_a_consent_that_is_given_while_the_register_is_open_counts(live: Live) -> None:
    enrol(live.school, 1, live.portraits.template("obama.jpg"))
    ticket = asyncio.run(live.ticket("room-a"))
    old = {lease.ticket for lease in asyncio.run(live.leases("room-a"))} - {ticket}
    assert len(old) == 1


def test_a_closed_register_ends_the_lease(live: Live) -> None:
    open_register(live.school, "lesson-room-b")

    async def closed() -> None:
        await live.sent("room-b", live.portraits.chips("obama2.jpg"), who=1)
        ticket = await live.ticket("room-b")
        await asyncio.to_thread(close_register, live.school, "lesson-room-b")
        await live.ended("room-b")
        before = await live.registers.status.remote()
        await live.see(ticket, live.portraits.chips("obama2.jpg"))
        after = await live.registers.status.remote()
        assert after.frames_dropped == before.frames_dropped + 1

    asyncio.run(closed())
    # What was proposed until then waits for the teacher, and nobody was marked absent.
    found = marks(live.school, "lesson-room-b")
    assert str(found.pop(student(1)).status) == "present"
    assert {str(mark.status) for mark in found.values()} == {"not_recorded"}


def test_a_policy_that_is_switched_off_ends_the_lease(live: Live) -> None:
    open_register(live.school, "lesson-room-c")
    policy = live.school.policy.read_text()

    async def switched_off() -> None:
        await live.ticket("room-c")
        live.school.policy.write_text(policy.replace("switched_on = true", "switched_on = false"))
        await live.ended("room-c")
        live.school.policy.write_text(policy)
        await live.ticket("room-c")

    asyncio.run(switched_off())


def test_more_frames_than_can_be_compared_push_the_oldest_out(live: Live) -> None:
    chips = live.portraits.chips("obama_and_biden.jpg")

    async def flooded() -> tuple[Any, Any]:
        ticket = await live.ticket("room-c")
        before = await live.registers.status.remote()
        for _ in range(20):
            await live.see(ticket, chips)
        return before, await until(lambda: all_done(before), "all frames to be done")

    async def all_done(before: Any) -> Any:
        now = await live.registers.status.remote()
        compared = now.frames_compared - before.frames_compared
        dropped = now.frames_dropped - before.frames_dropped
        return (compared, dropped) if compared + dropped == 20 else None

    _, (compared, dropped) = asyncio.run(flooded())
    assert compared >= 1
    assert dropped >= 10


def test_nothing_of_a_face_or_a_name_is_on_any_disk(live: Live, ray_folder: Path) -> None:
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


def test_a_register_opens_with_its_lesson_where_a_camera_is_live(
    serve_port: int,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    path = write_settings(tmp_path, ["room-a"], open_with_lesson=True)
    with live_school(path, ["room-a", "room-x"]) as school:
        app = bound(Service, bound(LeaseBook), bound(Registers, str(path)))
        with deployed(app, "opens"):

            async def opened() -> None:
                registers = serve.get_deployment_handle("Registers", "opens")

                async def one() -> bool:
                    return bool((await registers.status.remote()).open == 1)

                await until(one, "the register to be open")

            asyncio.run(opened())
        assert set(marks(school, "lesson-room-a")) == {student(n) for n in range(1, 9)}


def test_records_that_cannot_be_opened_are_tried_again(
    serve_port: int,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    path = write_settings(tmp_path, ["room-a"])
    (tmp_path / "data").write_text("this is no folder")
    with deployed(bound(Service, bound(LeaseBook), bound(Registers, str(path))), "tries"):

        async def healed() -> None:
            registers = serve.get_deployment_handle("Registers", "tries")

            async def problem() -> str:
                return str((await registers.status.remote()).problem)

            async def unusable() -> bool:
                return await problem() == "records_unusable"

            await until(unusable, "the problem to be told")
            (tmp_path / "data").unlink()

            async def well() -> bool:
                return await problem() == ""

            await until(well, "the records to be opened")

        asyncio.run(healed())


def test_the_registers_never_reach_what_counts_activity() -> None:
    code = "import sys, serve_apps.deployments.registers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "cluster.register.faces.recognition_session" in loaded
    assert [name for name in loaded if name.startswith("cluster.activity")] == []
