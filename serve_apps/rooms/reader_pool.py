"""The stream readers of a cluster: Ray actors that outlive the deployment that started them.

They are detached and named, so that a rooms deployment that is rolled over or killed finds them
again and loses no window. A reader whose reports nobody accepts for two minutes ends by itself.
Their names contain the installation, so that others on the same cluster leave them alone.

    launch ─> starting, in the background ─> running, reads its cameras
                └─ not scheduled on any node within a minute: given up
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util import list_named_actors

from cluster.errors import HomeroomError
from cluster.settings import Settings, environment_without_settings
from cluster.settings.redacted import without_secrets
from cluster.streams.reader.actor import StreamReader
from cluster.streams.source.config import CameraConfig
from cluster.vision.faces.factory import create_face_cutter
from serve_apps.clients.deployments import RegistersClient, RoomsClient
from serve_apps.clients.pose import PoseModelClient

logger = logging.getLogger(__name__)

NAMESPACE = "homeroom"
PREFIX = "reader-"
CALL_TIMEOUT_SECONDS = 10.0
STOP_TIMEOUT_SECONDS = 60.0
MAX_FAILURES = 6
"""Calls in a row that a reader may leave unanswered, about a minute of them, before it is ended."""

START_TIMEOUT_SECONDS = 60.0
SILENCE_TIMEOUT_SECONDS = 20.0
"""Readers report four times a second; one silent for longer reports to another deployment."""

CAMERAS = "cameras"
"""A resource that nodes may declare: how many cameras they may read. Where no node declares it,
every node may read any number."""

CPUS_PER_CAMERA = 0.001
"""What a reader asks Ray for: little, so that none is unschedulable on a machine with many cameras.
An overloaded machine drops late frames instead of leaving cameras unread."""


@dataclass(frozen=True, slots=True)
class ReaderClients:
    """The clients of the deployments that readers call."""

    pose: PoseModelClient
    rooms: RoomsClient
    registers: RegistersClient


@dataclass(frozen=True, slots=True)
class _Start:
    """A reader that is starting, and the cameras that it will read."""

    cameras: frozenset[str]
    task: "asyncio.Task[None]"


class ReaderPool:
    """Launches, finds and stops the readers of one installation.

    Args:
        clients: Passed to each reader.
        installation: Its id; see `serve_apps.rooms.installation`.
        version: Readers of another version are replaced.
        reader: The actor's class.
    """

    def __init__(
        self,
        clients: ReaderClients,
        *,
        installation: str,
        version: str,
        reader: type[StreamReader] = StreamReader,
    ) -> None:
        self._reader = reader
        self._clients = clients
        self._own_prefix = f"{PREFIX}{installation}-"
        self._current_prefix = f"{self._own_prefix}{version}-"
        self._actors: dict[str, ActorHandle] = {}
        self._starts: dict[str, _Start] = {}
        self._failures: dict[str, int] = {}
        self._assignments: dict[str, Mapping[str, CameraConfig]] = {}
        self._reported_at: dict[str, float] = {}

    def new_reader_id(self) -> str:
        """Return a name that no reader ever had."""
        return f"{self._current_prefix}{secrets.token_hex(4)}"

    def owns(self, reader_id: str) -> bool:
        """Whether a reader belongs to this installation."""
        return reader_id.startswith(self._own_prefix)

    def is_current(self, reader_id: str) -> bool:
        """Whether a reader of this installation runs this version's code."""
        return reader_id.startswith(self._current_prefix)

    def starting(self) -> dict[str, Collection[str]]:
        """Return the readers that are starting, with the cameras that they will read."""
        return {name: start.cameras for name, start in self._starts.items() if start.cameras}

    async def poll(self) -> dict[str, Mapping[str, CameraConfig]]:
        """Return the cameras of each running reader; of one that times out, the last known ones.

        Readers that are starting are not called, and delay nobody.
        """
        for found in await asyncio.to_thread(list_named_actors, all_namespaces=True):
            name = str(found["name"])
            if found["namespace"] == NAMESPACE and self.owns(name):
                self._attach(name)
        names = [name for name in self._actors if name not in self._starts]
        answers = await asyncio.gather(*(self._call(n, "ping") for n in names))
        for name, answer in zip(names, answers, strict=True):
            if answer is not None:
                self._assignments[name] = answer
            elif name in self._actors and name not in self._assignments:
                # Launched by an earlier replica, and still not scheduled.
                self._await_start(name, None)
        # A reader that times out keeps its cameras, or they would be read twice.
        self._assignments = {n: a for n, a in self._assignments.items() if n in self._actors}
        return dict(self._assignments)

    def launch(self, reader_id: str, settings: Settings, configs: Sequence[CameraConfig]) -> None:
        """Start a reader in the background; it gets its cameras as soon as it runs.

        Args:
            reader_id: Its name, a new one.
            settings: Of the installation.
            configs: The cameras; `starting` lists them until the reader runs or is given up.
        """
        options: dict[str, Any] = {
            "name": reader_id,
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "num_cpus": round(CPUS_PER_CAMERA * settings.live.cameras_per_reader, 3),
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,  # the reconciling loop launches another, with its cameras
            "max_concurrency": 100,
            **environment_without_settings(),  # it decodes what strangers may send
        }
        if CAMERAS in ray.cluster_resources():
            options["resources"] = {CAMERAS: self.max_cameras_per_reader(settings)}
        remote = ray.remote(self._reader).options(**options)
        self._actors[reader_id] = remote.remote(
            reader_id,
            pose=self._clients.pose,
            sink=self._clients.rooms,
            registers=self._clients.registers,
            cutter=partial(create_face_cutter, without_secrets(settings)),
            late_seconds=settings.live.late_seconds,
        )
        self._await_start(reader_id, configs)

    def max_cameras_per_reader(self, settings: Settings) -> int:
        """Return how many cameras a reader may host: no more than the largest node may read."""
        declared = [node["Resources"].get(CAMERAS, 0) for node in ray.nodes() if node["Alive"]]
        largest = int(max(declared, default=0))
        limit = settings.live.cameras_per_reader
        return min(limit, largest) if largest else limit

    def record_report(self, reader_id: str) -> None:
        """Note that a reader has reported to this replica."""
        self._reported_at[reader_id] = time.monotonic()

    def evict_silent(self) -> None:
        """Kill readers that answer calls and do not report.

        A deployment that has ended since started them, and they report to it: kept, they would
        hold their cameras until they end by themselves.
        """
        now = time.monotonic()
        for reader_id in list(self._assignments):
            reported_at = self._reported_at.setdefault(reader_id, now)
            if now - reported_at > SILENCE_TIMEOUT_SECONDS:
                logger.warning("%s does not report: it is replaced", reader_id)
                self._kill(reader_id)

    async def assign(self, reader_id: str, configs: Sequence[CameraConfig]) -> bool:
        """Assign a reader its cameras, and return whether it accepted them."""
        return await self._call(reader_id, "assign", list(configs), default=True) is not None

    async def cut_faces(
        self, reader_id: str, camera_id: str, ticket: str, until: datetime | None
    ) -> None:
        """Forward a lease, or the end of a ticket, to a reader; see `StreamReader.cut_faces`."""
        await self._call(reader_id, "cut_faces", camera_id, ticket, until, default=True)

    async def stop(self, reader_id: str) -> None:
        """Let a reader finish its windows, then kill it; one that is starting has none."""
        start = self._starts.pop(reader_id, None)
        if start is not None:
            start.task.cancel()
        else:
            await self._call(reader_id, "stop", seconds=STOP_TIMEOUT_SECONDS, default=True)
        self._kill(reader_id)

    async def stop_all(self) -> None:
        """Stop all readers of this installation, and of no other."""
        await self.poll()
        await asyncio.gather(*(self.stop(reader_id) for reader_id in list(self._actors)))

    def detach(self) -> None:
        """Leave the readers running for the next replica."""
        for start in self._starts.values():
            start.task.cancel()

    def _await_start(self, reader_id: str, configs: Sequence[CameraConfig] | None) -> None:
        """Wait in the background until a reader runs, and assign its cameras where given."""
        task = asyncio.get_running_loop().create_task(self._start(reader_id, configs))
        cameras = frozenset(config.camera_id for config in configs or ())
        self._starts[reader_id] = _Start(cameras, task)
        task.add_done_callback(partial(self._on_start_done, reader_id))

    async def _start(self, reader_id: str, configs: Sequence[CameraConfig] | None) -> None:
        if await self._call(reader_id, "start", seconds=START_TIMEOUT_SECONDS) is None:
            logger.warning(
                "%s is given up: no node had a place for it, or it could not start there", reader_id
            )
            self._kill(reader_id)
            return
        if configs is not None:
            await self.assign(reader_id, configs)
        if self._starts.pop(reader_id, None) is not None and configs is not None:
            # Until the first poll, its cameras count as assigned.
            self._assignments[reader_id] = {config.camera_id: config for config in configs}

    def _on_start_done(self, reader_id: str, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("%s could not be started", reader_id, exc_info=task.exception())
            self._kill(reader_id)

    def _attach(self, name: str) -> None:
        if name not in self._actors:
            try:
                self._actors[name] = ray.get_actor(name, namespace=NAMESPACE)
            except ValueError:
                logger.debug("%s ended before it was found", name)

    async def _call(
        self,
        reader_id: str,
        method: str,
        *arguments: Any,
        seconds: float = CALL_TIMEOUT_SECONDS,
        default: Any = None,
    ) -> Any:
        """Return a reader's answer, `default` where that is None, or None where the call failed."""
        actor = self._actors.get(reader_id)
        if actor is None:
            return None
        try:
            answer = await asyncio.wait_for(
                getattr(actor, method).remote(*arguments), timeout=seconds
            )
        except RayTaskError as error:  # the actor is alive, and raised
            is_expected = isinstance(error.cause, HomeroomError)
            reason = error.cause if is_expected else type(error.cause).__name__
            logger.warning("%s failed at %s: %s", reader_id, method, reason)
            return None
        except RayActorError:
            self._kill(reader_id)
            return None
        except (RayError, TimeoutError) as error:
            logger.warning("%s does not answer to %s: %s", reader_id, method, type(error).__name__)
            self._failures[reader_id] = self._failures.get(reader_id, 0) + 1
            if self._failures[reader_id] >= MAX_FAILURES:
                self._kill(reader_id)
            return None
        self._failures.pop(reader_id, None)
        return default if answer is None else answer

    def _kill(self, reader_id: str) -> None:
        actor = self._actors.pop(reader_id, None)
        self._starts.pop(reader_id, None)
        self._failures.pop(reader_id, None)
        self._assignments.pop(reader_id, None)
        self._reported_at.pop(reader_id, None)
        if actor is not None:
            ray.kill(actor, no_restart=True)
