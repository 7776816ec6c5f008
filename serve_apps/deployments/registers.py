"""The registers deployment: runs a face session for each open register that may use faces.

    records: open registers ─> policy, consent ─> FaceSession ─ lease ─> Rooms ─> reader
                                                      ^                             │
    FaceModel <─ chips ── FaceRecogniser <────────────┴──────── see(chips) <────────┘
        └─ embeddings ─> matched in memory ─> proposals ─> records ─> the teacher decides

One replica, on the head node, where the records and keys are. It never learns what anybody does
(R2): nothing that counts activity is imported here, directly or through others. Registers by hand
and by badge do not depend on it (R4): they work while it is down, and proposals resume after.

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

NAME, ROOMS, FACE_MODEL = "Registers", "Rooms", "FaceModel"
STARTING = "starting"
POLL_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0
MAX_THREADS = 32
ROOMS_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class RegistersStatus:
    """The state of live registers, in counts alone.

    Attributes:
        open: Open registers in rooms with a live camera.
        comparing: Those for which faces are being cut.
        frames_compared: Since the replica started.
        frames_dropped: Since the replica started: too many, no longer allowed, or without a valid
            ticket.
        problem: The code of the error that stops the polling of registers, `starting` before the
            first poll; empty where there is none.
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
        SettingsError: The settings are invalid.
    """

    async def __init__(self, settings_path: str | Path | None) -> None:  # type: ignore[misc]
        self._settings = load_settings(settings_path)
        self._app = serve.get_replica_context().app_name
        self._resources = ExitStack()
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="registers")
        self._audited: AuditedRecords | None = None
        self._face_model: FaceModelClient | None = None
        self._rooms: DeploymentHandle | None = None
        self._sessions: dict[str, FaceSession] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._open, self._compared, self._dropped, self._problem = 0, 0, 0, STARTING
        self._poll_task = asyncio.get_running_loop().create_task(self._poll_forever())

    def __del__(self) -> None:
        """Stop; leases expire by themselves when they are not renewed."""
        for task in (getattr(self, "_poll_task", None), *getattr(self, "_tasks", {}).values()):
            if task is not None:
                task.cancel()
        if hasattr(self, "_threads"):
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._resources.close()

    async def submit_chips(self, ticket: str, captured_at: datetime, chips: list[FaceChip]) -> None:
        """Pass the face chips of one frame to their session; drop them without a valid ticket.

        Args:
            ticket: Of the lease that the chips were cut under.
            captured_at: When the frame was captured, UTC.
            chips: Cut by the engine that the settings name.
        """
        sessions = self._sessions.values()
        session = next((s for s in sessions if s.ticket and s.ticket == ticket), None)
        if session is None:
            self._dropped += 1
            metrics.register_frames().inc(tags={"outcome": "no_ticket"})
        else:
            session.offer(captured_at, chips)

    async def status(self) -> RegistersStatus:
        """Return the state of live registers."""
        sessions = self._sessions.values()
        return RegistersStatus(
            open=self._open,
            comparing=sum(bool(session.ticket) for session in sessions),
            frames_compared=self._compared + sum(session.compared for session in sessions),
            frames_dropped=self._dropped + sum(session.dropped for session in sessions),
            problem=self._problem,
        )

    async def check_health(self) -> None:
        """Fail where the polling loop has ended, so that Serve replaces the replica.

        Raises:
            ServiceDown: It has ended.
        """
        if self._poll_task.done():
            cause = None if self._poll_task.cancelled() else self._poll_task.exception()
            logger.error("the loop of the registers has ended", exc_info=cause)
            raise ServiceDown("the loop of the registers has ended.") from cause

    async def _poll_forever(self) -> None:
        pause = POLL_SECONDS
        while True:
            try:
                await self._poll()
                pause, self._problem = POLL_SECONDS, ""
            except HomeroomError as error:
                pause, self._problem = min(2 * pause, MAX_BACKOFF_SECONDS), error.code
                logger.warning("registers are polled again in %.0f s: %s", pause, error)
            await asyncio.sleep(pause)

    async def _poll(self) -> None:
        """Start a session for each register that may use faces, and end all others."""
        audited = self._audited
        if audited is None:
            audited = self._audited = await self._in_thread(self._open_audited)
        open_registers, with_faces = await self._in_thread(self._find_registers, audited)
        wanted = {register.lesson_id: register for register in with_faces}
        ended = [
            lesson_id
            for lesson_id, task in self._tasks.items()
            if task.done() or self._sessions[lesson_id].register != wanted.get(lesson_id)
        ]
        await asyncio.gather(*(self._end_session(lesson_id) for lesson_id in ended))
        self._open = len(open_registers)
        metrics.registers_open().set(self._open)
        for lesson_id, register in wanted.items():
            if lesson_id not in self._tasks:
                await self._start_session(audited, register)
        metrics.registers_comparing().set(sum(bool(s.ticket) for s in self._sessions.values()))

    def _open_audited(self) -> AuditedRecords:
        """Open the records for the lifetime of the replica.

        Raises:
            RecordsError: They cannot be opened.
            KeyUnusable: The keys cannot be loaded.
        """
        return self._resources.enter_context(open_audited_records(self._settings))

    def _find_registers(
        self, audited: AuditedRecords
    ) -> tuple[list[OpenRegister], list[OpenRegister]]:
        """Return the open registers, and those of them that may use faces."""
        rooms = rooms_with_live_camera(self._settings)
        if self._settings.registers.open_with_lesson:
            open_due_registers(audited, self._settings, rooms)
        found = find_open_registers(audited, rooms)
        return found, filter_by_face_policy(self._settings, found)

    async def _start_session(self, audited: AuditedRecords, register: OpenRegister) -> None:
        face_model = self._face_model
        if face_model is None:
            handle = await self._in_thread(_handle_of, FACE_MODEL, self._app)
            face_model = FaceModelClient(handle, asyncio.get_running_loop())
            self._face_model = face_model
        new_recogniser = partial(
            FaceRecogniser,
            audited,
            self._settings,
            FacePermissions(self._settings),
            face_model,
            register.lesson_id,
        )
        session = FaceSession(
            register, new_recogniser, self._cut_faces, self._in_thread, audited.clock
        )
        self._sessions[register.lesson_id] = session
        self._tasks[register.lesson_id] = asyncio.get_running_loop().create_task(session.run())

    async def _end_session(self, lesson_id: str) -> None:
        """End a session, and drop everything that it holds."""
        task, session = self._tasks.pop(lesson_id), self._sessions.pop(lesson_id)
        task.cancel()
        await asyncio.wait([task])
        self._compared += session.compared
        self._dropped += session.dropped
        if not task.cancelled() and task.exception() is not None:
            logger.error("a register's face session failed", exc_info=task.exception())

    async def _cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        rooms: DeploymentHandle = self._rooms or await self._in_thread(_handle_of, ROOMS, self._app)
        self._rooms = rooms
        async with translate_serve_errors("rooms", seconds=ROOMS_TIMEOUT_SECONDS):
            await rooms.cut_faces.remote(room_id, ticket, until)

    async def _in_thread(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))


def _handle_of(name: str, app: str) -> DeploymentHandle:
    """Return the handle of another deployment of the application.

    It is looked up by name: the two deployments call each other, so neither can be bound first.

    Raises:
        ServiceDown: There is no such deployment.
    """
    try:
        return serve.get_deployment_handle(name, app)
    except (KeyError, RayServeException) as error:
        raise ServiceDown(f"there is no deployment {name} in the application.") from error
