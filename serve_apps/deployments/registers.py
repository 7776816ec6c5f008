"""Live registers: whose faces may be compared now, and what comes of it.

    records: which registers are open? ─> policy, consent ─> FaceSession ─ lease ─> Rooms ─> reader
                                                                ^                           │
    FaceModel <─ chips ── FaceRecogniser <─ see(ticket, moment, chips)┴───── face chips <─────────┘
        └─ embeddings ─> matched in memory ─> proposals ─> records ─> the teacher decides

One replica, on the head node, where the records and keys are. It never learns what anybody does:
nothing that counts activity is imported here, directly or through others. Registers by hand and by
badge do not pass here; whatever fails, they go on, and proposals resume when it is over.

    serve run serve_apps.app:build settings=homeroom.toml
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from ray import serve
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from cluster.errors import HomeroomError, ServiceDown
from cluster.records.db.unit_of_work import AuditedRecords, open_audited_records
from cluster.records.repos.open_registers import OpenRegister
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.recognition_session import FaceRecogniser
from cluster.register.open_registers import (
    filter_by_face_policy,
    find_open_registers,
    open_due_registers,
    rooms_with_live_camera,
)
from cluster.settings import load_settings
from cluster.vision.faces.base import FaceChip
from serve_apps import metrics
from serve_apps.clients.errors import translate_serve_errors
from serve_apps.clients.faces import FaceModelClient
from serve_apps.registers.face_session import FaceSession

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

NAME, ROOMS, FACES = "Registers", "Rooms", "FaceModel"
STARTING = "starting"
LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
THREADS = 32
ROOMS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class RegistersStatus:
    """How live registers do; counts alone.

    Attributes:
        open: Registers that are open now, in rooms with a live camera.
        comparing: Those for which faces are cut now.
        frames_compared: Since the replica started.
        frames_dropped: Likewise: too many, not allowed any more, or under no valid ticket.
        problem: The code of what keeps registers from being looked at, `starting` before the
            first look; empty where nothing does.
    """

    open: int
    comparing: int
    frames_compared: int
    frames_dropped: int
    problem: str = ""


@serve.deployment(
    name=NAME,
    num_replicas=1,
    max_ongoing_requests=200,
    max_queued_requests=200,
    health_check_period_s=5,
    health_check_timeout_s=30,
    graceful_shutdown_timeout_s=10,
)
class Registers:
    """The deployment.

    Args:
        settings_path: The settings file.

    Raises:
        SettingsError: The settings are wrong.
    """

    async def __init__(self, settings_path: str | Path | None) -> None:  # type: ignore[misc]
        self._settings = load_settings(settings_path)
        self._app = serve.get_replica_context().app_name
        self._open_things = ExitStack()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="registers")
        self._identity: AuditedRecords | None = None
        self._faces: FaceModelClient | None = None
        self._rooms: DeploymentHandle | None = None
        self._calls: dict[str, FaceSession] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open, self._compared, self._dropped, self._problem = 0, 0, 0, STARTING
        self._loop_task = asyncio.get_running_loop().create_task(self._look_again_and_again())

    def __del__(self) -> None:
        """Stop; leases that nobody renews run out by themselves."""
        for task in (getattr(self, "_loop_task", None), *getattr(self, "_tasks", {}).values()):
            if task is not None:
                task.cancel()
        if hasattr(self, "_pool"):
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._open_things.close()

    async def see(self, ticket: str, moment: datetime, chips: list[FaceChip]) -> None:
        """Take the face chips of one frame; under no valid ticket, they are dropped.

        Args:
            ticket: Of the lease that the chips were cut under.
            moment: When the frame was taken, UTC.
            chips: Cut by the engine that the settings name.
        """
        call = next((c for c in self._calls.values() if c.ticket and c.ticket == ticket), None)
        if call is None:
            self._dropped += 1
            metrics.register_frames().inc(tags={"outcome": "no_ticket"})
        else:
            call.offer(moment, chips)

    async def status(self) -> RegistersStatus:
        """How live registers do."""
        calls = self._calls.values()
        return RegistersStatus(
            open=self._open,
            comparing=sum(bool(call.ticket) for call in calls),
            frames_compared=self._compared + sum(call.compared for call in calls),
            frames_dropped=self._dropped + sum(call.dropped for call in calls),
            problem=self._problem,
        )

    async def check_health(self) -> None:
        """Serve starts the replica anew where its loop has ended.

        Raises:
            ServiceDown: It has.
        """
        if self._loop_task.done():
            why = None if self._loop_task.cancelled() else self._loop_task.exception()
            logger.error("the loop of the registers has ended", exc_info=why)
            raise ServiceDown("the loop of the registers has ended.") from why

    async def _look_again_and_again(self) -> None:
        pause = LOOK_SECONDS
        while True:
            try:
                await self._look()
                pause, self._problem = LOOK_SECONDS, ""
            except HomeroomError as error:
                pause, self._problem = min(2 * pause, LONGEST_PAUSE_SECONDS), error.code
                logger.warning("registers are not looked at for %.0f s: %s", pause, error)
            await asyncio.sleep(pause)

    async def _look(self) -> None:
        """Begin a face call for each register that may use faces, and end those of others."""
        identity = self._identity
        if identity is None:
            identity = self._identity = await self._in_thread(self._open_identity)
        found, usable = await self._in_thread(self._find_registers, identity)
        wanted = {register.lesson_id: register for register in usable}
        over = [
            lesson_id
            for lesson_id, task in self._tasks.items()
            if task.done() or self._calls[lesson_id].register != wanted.get(lesson_id)
        ]
        await asyncio.gather(*(self._end(lesson_id) for lesson_id in over))
        self._open = len(found)
        metrics.registers_open().set(self._open)
        for lesson_id, register in wanted.items():
            if lesson_id not in self._tasks:
                await self._begin(identity, register)
        metrics.registers_comparing().set(sum(bool(c.ticket) for c in self._calls.values()))

    def _open_identity(self) -> AuditedRecords:
        """Open the records; they stay open.

        Raises:
            RecordsError: They cannot be opened.
            KeyUnusable: The keys cannot be had.
        """
        return self._open_things.enter_context(open_audited_records(self._settings))

    def _find_registers(
        self, identity: AuditedRecords
    ) -> tuple[list[OpenRegister], list[OpenRegister]]:
        """The registers that are open, and those of them that may use faces."""
        rooms = rooms_with_live_camera(self._settings)
        if self._settings.registers.open_with_lesson:
            open_due_registers(identity, self._settings, rooms)
        found = find_open_registers(identity, rooms)
        return found, filter_by_face_policy(self._settings, found)

    async def _begin(self, identity: AuditedRecords, register: OpenRegister) -> None:
        faces = self._faces
        if faces is None:
            handle = await self._in_thread(_handle_of, FACES, self._app)
            faces = self._faces = FaceModelClient(handle, asyncio.get_running_loop())
        new_roll_call = partial(
            FaceRecogniser,
            identity,
            self._settings,
            FacePermissions(self._settings),
            faces,
            register.lesson_id,
        )
        call = FaceSession(
            register, new_roll_call, self._cut_faces, self._in_thread, identity.clock
        )
        self._calls[register.lesson_id] = call
        self._tasks[register.lesson_id] = asyncio.get_running_loop().create_task(call.run())

    async def _end(self, lesson_id: str) -> None:
        """Let go of a register, and of all that was known of it."""
        task, call = self._tasks.pop(lesson_id), self._calls.pop(lesson_id)
        task.cancel()
        await asyncio.wait([task])
        self._compared += call.compared
        self._dropped += call.dropped
        if not task.cancelled() and task.exception() is not None:
            logger.error("a register's face call failed", exc_info=task.exception())

    async def _cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        rooms: DeploymentHandle = self._rooms or await self._in_thread(_handle_of, ROOMS, self._app)
        self._rooms = rooms
        async with translate_serve_errors("rooms", seconds=ROOMS_SECONDS):
            await rooms.cut_faces.remote(room_id, ticket, until)

    async def _in_thread(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(work, *args, **kwargs))


def _handle_of(name: str, app: str) -> DeploymentHandle:
    """Another deployment of the same application: found by name, as the two need each other.

    Raises:
        ServiceDown: There is none.
    """
    try:
        return serve.get_deployment_handle(name, app)
    except (KeyError, RayServeException) as error:
        raise ServiceDown(f"there is no deployment {name} in the application.") from error
