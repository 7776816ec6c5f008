"""The readers of a cluster: Ray actors that outlive the deployment that started them.

They are detached and named, so that a rooms deployment that is rolled over or killed finds them
again and loses no window. A reader to which nobody listens for two minutes ends by itself.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util import list_named_actors

from cluster.settings import Settings
from cluster.streams.job import CameraJob
from cluster.streams.reader import StreamReader
from cluster.vision.face_engines import face_cutter
from serve_apps.clients import ServeRegisters, ServeRooms
from serve_apps.model_settings import for_models
from serve_apps.pose_client import ServePose

logger = logging.getLogger(__name__)

NAMESPACE = "homeroom"
PREFIX = "reader-"
CALL_SECONDS = 10.0
STOP_SECONDS = 60.0
MOST_FAILURES = 6
"""A reader that does not answer for about a minute is ended."""

START_SECONDS = 60.0
CAMERAS = "cameras"
"""A resource that nodes may declare: how many cameras may be read there. Where no node does, any
may be."""

CPUS_A_CAMERA = 0.001
"""What a reader asks Ray for: little, so that none waits for ever on a machine with many cameras.
Late frames are dropped there rather than cameras left out."""


@dataclass(frozen=True, slots=True)
class Services:
    """Whom readers talk to."""

    pose: ServePose
    rooms: ServeRooms
    registers: ServeRegisters


class Readers:
    """Starts, finds and ends readers.

    Args:
        services: Given to each.
        version: Readers of another version are replaced.
        reader: What a reader is.
    """

    def __init__(
        self, services: Services, version: str, reader: type[StreamReader] = StreamReader
    ) -> None:
        self._reader = reader
        self._services = services
        self._version = version
        self._actors: dict[str, ActorHandle] = {}
        self._failures: dict[str, int] = {}
        self._known: dict[str, Mapping[str, CameraJob]] = {}

    def new_name(self) -> str:
        """A name that no reader ever had."""
        return f"{PREFIX}{self._version}-{secrets.token_hex(4)}"

    def is_ours(self, reader_id: str) -> bool:
        """Whether a reader runs this version's code."""
        return reader_id.startswith(f"{PREFIX}{self._version}-")

    async def look(self) -> dict[str, Mapping[str, CameraJob]]:
        """What each living reader reads; one that is slow to answer, what it read last."""
        for found in await asyncio.to_thread(list_named_actors, all_namespaces=True):
            name = str(found["name"])
            if found["namespace"] == NAMESPACE and name.startswith(PREFIX):
                self._adopt(name)
        names = list(self._actors)
        answers = await asyncio.gather(*(self._call(n, "ping") for n in names))
        for name, answer in zip(names, answers, strict=True):
            if answer is not None:
                self._known[name] = answer
        # One that is slow to answer keeps its cameras, or they would be read twice.
        self._known = {n: known for n, known in self._known.items() if n in self._actors}
        return dict(self._known)

    async def begin(self, reader_id: str, settings: Settings) -> bool:
        """Start a reader; whether it runs."""
        options: dict[str, Any] = {
            "name": reader_id,
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "num_cpus": round(CPUS_A_CAMERA * settings.live.cameras_per_reader, 3),
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,  # the reconciling loop starts another, with its cameras
            "max_concurrency": 100,
        }
        if CAMERAS in ray.cluster_resources():
            options["resources"] = {CAMERAS: settings.live.cameras_per_reader}
        remote = ray.remote(self._reader).options(**options)
        self._actors[reader_id] = remote.remote(
            reader_id,
            pose=self._services.pose,
            sink=self._services.rooms,
            registers=self._services.registers,
            cutter=partial(face_cutter, for_models(settings)),
            late_seconds=settings.live.late_seconds,
        )
        if await self._call(reader_id, "start", seconds=START_SECONDS) is None:
            self._kill(reader_id)
            return False
        return True

    async def assign(self, reader_id: str, jobs: Sequence[CameraJob]) -> bool:
        """Give a reader its cameras; whether it took them."""
        return await self._call(reader_id, "assign", list(jobs), default=True) is not None

    async def cut_faces(
        self, reader_id: str, camera_id: str, ticket: str, until: datetime | None
    ) -> None:
        """Pass on a lease, or the end of a ticket; see `StreamReader.cut_faces`."""
        await self._call(reader_id, "cut_faces", camera_id, ticket, until, default=True)

    async def end(self, reader_id: str) -> None:
        """Let a reader finish its windows, then end it."""
        await self._call(reader_id, "stop", seconds=STOP_SECONDS, default=True)
        self._kill(reader_id)

    def _adopt(self, name: str) -> None:
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
        seconds: float = CALL_SECONDS,
        default: Any = None,
    ) -> Any:
        """A reader's answer, or `default` for an empty one; None where it has none to give."""
        actor = self._actors.get(reader_id)
        if actor is None:
            return None
        try:
            answer = await asyncio.wait_for(
                getattr(actor, method).remote(*arguments), timeout=seconds
            )
        except RayTaskError as error:  # it lives, and answered with an error
            logger.warning("%s failed at %s: %s", reader_id, method, type(error.cause).__name__)
            return None
        except RayActorError:
            self._kill(reader_id)
            return None
        except (RayError, TimeoutError) as error:
            logger.warning("%s does not answer to %s: %s", reader_id, method, type(error).__name__)
            self._failures[reader_id] = self._failures.get(reader_id, 0) + 1
            if self._failures[reader_id] >= MOST_FAILURES:
                self._kill(reader_id)
            return None
        self._failures.pop(reader_id, None)
        return default if answer is None else answer

    def _kill(self, reader_id: str) -> None:
        actor = self._actors.pop(reader_id, None)
        self._failures.pop(reader_id, None)
        self._known.pop(reader_id, None)
        if actor is not None:
            ray.kill(actor, no_restart=True)
