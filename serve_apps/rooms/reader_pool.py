"""The readers of a cluster: Ray actors that outlive the deployment that started them.

They are detached and named, so that a rooms deployment that is rolled over or killed finds them
again and loses no window. A reader to which nobody listens for two minutes ends by itself. Their
names say to which installation they belong: others on the same cluster leave them alone.

    begin ─> starting, beside everything else ─> runs, reads its cameras
                └─ no node has a place for it in a minute: given up
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
from cluster.settings import Settings
from cluster.settings.redacted import for_models
from cluster.streams.job import CameraJob
from cluster.streams.reader.actor import StreamReader
from cluster.vision.faces.factory import create_face_cutter
from serve_apps.clients.deployments import RegistersClient, RoomsClient
from serve_apps.clients.pose import PoseModelClient

logger = logging.getLogger(__name__)

NAMESPACE = "homeroom"
PREFIX = "reader-"
CALL_SECONDS = 10.0
STOP_SECONDS = 60.0
MOST_FAILURES = 6
"""A reader that does not answer for about a minute is ended."""

START_SECONDS = 60.0
SILENT_SECONDS = 20.0
"""A living reader reports four times a second; one that has not for so long talks to another."""

CAMERAS = "cameras"
"""A resource that nodes may declare: how many cameras may be read there. Where no node does, any
may be."""

CPUS_A_CAMERA = 0.001
"""What a reader asks Ray for: little, so that none waits for ever on a machine with many cameras.
Late frames are dropped there rather than cameras left out."""


@dataclass(frozen=True, slots=True)
class Services:
    """Whom readers talk to."""

    pose: PoseModelClient
    rooms: RoomsClient
    registers: RegistersClient


@dataclass(frozen=True, slots=True)
class _Start:
    """A reader that is being started, and what it will read."""

    cameras: frozenset[str]
    task: "asyncio.Task[None]"


class ReaderPool:
    """Starts, finds and ends the readers of one installation.

    Args:
        services: Given to each.
        installation: Which one it is; see `serve_apps.rooms.installation`.
        version: Readers of another version are replaced.
        reader: What a reader is.
    """

    def __init__(
        self,
        services: Services,
        *,
        installation: str,
        version: str,
        reader: type[StreamReader] = StreamReader,
    ) -> None:
        self._reader = reader
        self._services = services
        self._own = f"{PREFIX}{installation}-"
        self._current = f"{self._own}{version}-"
        self._actors: dict[str, ActorHandle] = {}
        self._starts: dict[str, _Start] = {}
        self._failures: dict[str, int] = {}
        self._known: dict[str, Mapping[str, CameraJob]] = {}
        self._heard: dict[str, float] = {}

    def new_name(self) -> str:
        """A name that no reader ever had."""
        return f"{self._current}{secrets.token_hex(4)}"

    def is_own(self, reader_id: str) -> bool:
        """Whether a reader belongs to this installation."""
        return reader_id.startswith(self._own)

    def is_current(self, reader_id: str) -> bool:
        """Whether a reader of this installation runs this version's code."""
        return reader_id.startswith(self._current)

    def starting(self) -> dict[str, Collection[str]]:
        """The cameras that readers will read that are being started."""
        return {name: start.cameras for name, start in self._starts.items() if start.cameras}

    async def look(self) -> dict[str, Mapping[str, CameraJob]]:
        """What each living reader reads; one that is slow to answer, what it read last.

        Those that are being started are not asked, and wait for nobody.
        """
        for found in await asyncio.to_thread(list_named_actors, all_namespaces=True):
            name = str(found["name"])
            if found["namespace"] == NAMESPACE and self.is_own(name):
                self._adopt(name)
        names = [name for name in self._actors if name not in self._starts]
        answers = await asyncio.gather(*(self._call(n, "ping") for n in names))
        for name, answer in zip(names, answers, strict=True):
            if answer is not None:
                self._known[name] = answer
            elif name in self._actors and name not in self._known:
                self._see_to(
                    name, None
                )  # begun by a replica before this one, and still without place
        # One that is slow to answer keeps its cameras, or they would be read twice.
        self._known = {n: known for n, known in self._known.items() if n in self._actors}
        return dict(self._known)

    def begin(self, reader_id: str, settings: Settings, jobs: Sequence[CameraJob]) -> None:
        """Start a reader beside everything else; it is given its cameras as soon as it runs.

        Args:
            reader_id: Its name, a new one.
            settings: Of the installation.
            jobs: The cameras; until it runs or is given up, `starting` tells of them.
        """
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
            options["resources"] = {CAMERAS: self.cameras_per_reader(settings)}
        remote = ray.remote(self._reader).options(**options)
        self._actors[reader_id] = remote.remote(
            reader_id,
            pose=self._services.pose,
            sink=self._services.rooms,
            registers=self._services.registers,
            cutter=partial(create_face_cutter, for_models(settings)),
            late_seconds=settings.live.late_seconds,
        )
        self._see_to(reader_id, jobs)

    def cameras_per_reader(self, settings: Settings) -> int:
        """How many cameras a reader hosts at most: no more than the largest node may read."""
        declared = [node["Resources"].get(CAMERAS, 0) for node in ray.nodes() if node["Alive"]]
        largest = int(max(declared, default=0))
        most = settings.live.cameras_per_reader
        return min(most, largest) if largest else most

    def heard(self, reader_id: str) -> None:
        """A reader has reported: it talks to this replica."""
        self._heard[reader_id] = time.monotonic()

    def kill_silent(self) -> None:
        """End readers that answer and do not report.

        They were started by a service that has ended since, and talk to what is no more: kept, they
        would hold their cameras until they end by themselves.
        """
        now = time.monotonic()
        for reader_id in list(self._known):
            since = self._heard.setdefault(reader_id, now)
            if now - since > SILENT_SECONDS:
                logger.warning("%s does not report: it is replaced", reader_id)
                self._kill(reader_id)

    async def assign(self, reader_id: str, jobs: Sequence[CameraJob]) -> bool:
        """Give a reader its cameras; whether it took them."""
        return await self._call(reader_id, "assign", list(jobs), default=True) is not None

    async def cut_faces(
        self, reader_id: str, camera_id: str, ticket: str, until: datetime | None
    ) -> None:
        """Pass on a lease, or the end of a ticket; see `StreamReader.cut_faces`."""
        await self._call(reader_id, "cut_faces", camera_id, ticket, until, default=True)

    async def end(self, reader_id: str) -> None:
        """Let a reader finish its windows, then end it; one that is being started has none."""
        start = self._starts.pop(reader_id, None)
        if start is not None:
            start.task.cancel()
        else:
            await self._call(reader_id, "stop", seconds=STOP_SECONDS, default=True)
        self._kill(reader_id)

    async def end_all(self) -> None:
        """End all readers of this installation, and of no other."""
        await self.look()
        await asyncio.gather(*(self.end(reader_id) for reader_id in list(self._actors)))

    def let_go(self) -> None:
        """Leave the readers to whoever comes next."""
        for start in self._starts.values():
            start.task.cancel()

    def _see_to(self, reader_id: str, jobs: Sequence[CameraJob] | None) -> None:
        """Wait beside until a reader runs, and give it its cameras, if they are known."""
        task = asyncio.get_running_loop().create_task(self._start(reader_id, jobs))
        cameras = frozenset(job.plan.camera_id for job in jobs or ())
        self._starts[reader_id] = _Start(cameras, task)
        task.add_done_callback(partial(self._started, reader_id))

    async def _start(self, reader_id: str, jobs: Sequence[CameraJob] | None) -> None:
        if await self._call(reader_id, "start", seconds=START_SECONDS) is None:
            logger.warning(
                "%s is given up: no node had a place for it, or it could not start there", reader_id
            )
            self._kill(reader_id)
            return
        if jobs is not None:
            await self.assign(reader_id, jobs)
        if self._starts.pop(reader_id, None) is not None and jobs is not None:
            # Until it is asked, its cameras count as taken.
            self._known[reader_id] = {job.plan.camera_id: job for job in jobs}

    def _started(self, reader_id: str, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("%s could not be started", reader_id, exc_info=task.exception())
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
            ours = isinstance(error.cause, HomeroomError)
            why = error.cause if ours else type(error.cause).__name__
            logger.warning("%s failed at %s: %s", reader_id, method, why)
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
        self._starts.pop(reader_id, None)
        self._failures.pop(reader_id, None)
        self._known.pop(reader_id, None)
        self._heard.pop(reader_id, None)
        if actor is not None:
            ray.kill(actor, no_restart=True)
