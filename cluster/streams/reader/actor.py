"""Several cameras in one process: pictures in, numbers that may be told out.

    CameraSource ─┐                    ┌─> People ─> LiveCounter ─> LiveCounts ──┐
    CameraSource ─┼─> LatestFrameQueue ─> pose model                └─> windows ─> Outbox ─> report
    CameraSource ─┘        └─ late: dropped, counted          │
                                       └─> face chips, while a lease runs ─> registers

`StreamReader` runs as a Ray actor (`serve_apps.rooms.reader_pool` starts it). Full-size frames
never leave it; shrunken ones go to the pose model in memory, the frames of all its cameras
together. Face chips are cut only while somebody renews a lease every few seconds
(`reader.face_chips`).
"""

import asyncio
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cluster.activity.live import LiveCounter, LiveCounts
from cluster.activity.room import AnalysedFrame
from cluster.activity.suppression import ActivityWindow
from cluster.errors import HomeroomError, ServiceBusy, ServiceDown
from cluster.runtime.ray_local import refuse_spilling_here
from cluster.runtime.scheduling import use_batch_scheduling
from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.job import CameraJob
from cluster.streams.reader.clock import UtcClock
from cluster.streams.reader.config import CameraPlan, LiveFrame
from cluster.streams.reader.face_chips import FaceChips
from cluster.streams.reader.frame_queue import LatestFrameQueue
from cluster.streams.reader.interfaces import ChipSink, CutterMaker, PoseFinder, ReportSink
from cluster.streams.reader.report import CameraReport, Outbox, Report
from cluster.vision.people import People

logger = logging.getLogger(__name__)

CALLS_IN_FLIGHT = 2
"""Calls of the pose model at once: bounds the frames in the object store."""

FRAMES_A_CALL = 8
"""What waits in a call can neither be dropped nor be overtaken by what is newer."""

GATHER_SECONDS = 0.02
REPORT_SECONDS = 0.5
"""A report goes out when frames were counted, and after so long without any."""

HEALTH_SECONDS = 1.0
"""A camera of which no frame was counted is in the first report after so long."""

LEAST_REPORT_SECONDS = 0.2
RETRY_SECONDS = 1.0
GRACE_SECONDS = 3.0
"""A window without a later frame is finished so long after its end: a frame may be on its way."""

STOP_TRIES = 40
ALONE_SECONDS = 120.0
"""A reader to which nobody listens for so long ends: no camera is read without a reason."""

MOST_ABANDONED = 3
"""A process with more threads that hang for ever is replaced."""

MOST_UNTOLD = 1000


@dataclass(slots=True)
class _Camera:
    """A camera at work."""

    job: CameraJob
    thread: CameraSource
    counter: LiveCounter
    numbers: LiveCounts | None = None
    counted: int = 0
    dropped: int = 0
    untold: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_UNTOLD))
    """When the pictures were taken that were counted since the last report."""

    told_at: float = -math.inf

    def has_news(self, now: float) -> bool:
        """Whether it belongs into a report now."""
        return self.numbers is not None or now - self.told_at >= HEALTH_SECONDS


class StreamReader:
    """Reads several cameras.

    Args:
        reader_id: Its name.
        pose: The pose model.
        sink: Told the numbers.
        registers: Compares faces.
        cutter: Loads what cuts face chips.
        late_seconds: A frame that waited longer is dropped.
    """

    camera_thread: Callable[[CameraPlan, Callable[[LiveFrame], None]], CameraSource] = CameraSource

    def __init__(
        self,
        reader_id: str,
        *,
        pose: PoseFinder,
        sink: ReportSink,
        registers: ChipSink,
        cutter: CutterMaker,
        late_seconds: float,
    ) -> None:
        self._id = reader_id
        self._pose = pose
        self._sink = sink
        self._faces = FaceChips(registers, cutter, self._keep)
        self._is_stopped = False
        self._cameras: dict[str, _Camera] = {}
        self._clock = UtcClock()
        self._outbox = Outbox()
        self._wake = asyncio.Event()
        self._has_counted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox = LatestFrameQueue(late_seconds, self._woken, self._kind_of)
        self._watchdog = Watchdog(lambda: [c.thread for c in list(self._cameras.values())])
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = time.monotonic()

    async def start(self) -> int:
        """Begin; gives the process id. Called again, it changes nothing.

        Raises:
            RayError: This node's Ray would write frames to a disk (rule 8).
        """
        if self._loop is None:
            await asyncio.to_thread(refuse_spilling_here)
            use_batch_scheduling()  # before the cameras' threads are started
            self._loop = asyncio.get_running_loop()
            self._watchdog.start()
            for loop in (self._send(), self._tell()):
                self._keep(loop).add_done_callback(self._loop_ended)
        return os.getpid()

    async def assign(self, jobs: Sequence[CameraJob]) -> None:
        """Read these cameras from now on; those that stay as they are go on undisturbed.

        Raises:
            ServiceDown: This reader was stopped.
        """
        if self._is_stopped:
            raise ServiceDown("this reader was stopped.")
        await self.start()  # whoever was to start it may have died before
        self._heard = time.monotonic()
        wanted = {job.plan.camera_id: job for job in jobs}
        await asyncio.gather(
            *(
                self._release(camera_id)
                for camera_id, camera in list(self._cameras.items())
                if wanted.get(camera_id) != camera.job
            )
        )
        for camera_id, job in wanted.items():
            if camera_id not in self._cameras:
                self._begin(job)

    async def cut_faces(self, camera_id: str, ticket: str, until: datetime | None) -> None:
        """Cut face chips of a camera under a ticket.

        Args:
            camera_id: Which.
            ticket: Says nothing; chips go out under it.
            until: UTC; a moment that has passed changes nothing. None ends the ticket for good,
                on every camera.
        """
        if until is None:
            self._faces.end(ticket)
        elif camera_id in self._cameras:
            remaining = (until - self._clock.now()).total_seconds()
            self._faces.renew(camera_id, ticket, remaining)
        self._want_full()

    async def ping(self) -> Mapping[str, CameraJob]:
        """What it reads. Answering keeps nobody alive: only reports that are taken do."""
        return {camera_id: camera.job for camera_id, camera in self._cameras.items()}

    async def stop(self) -> None:
        """End: finish the windows in progress, and tell all that were not taken yet."""
        self._is_stopped = True
        await asyncio.gather(*(self._release(camera_id) for camera_id in list(self._cameras)))
        for _ in range(STOP_TRIES):
            try:
                await self._report_once()
            except HomeroomError:
                await asyncio.sleep(RETRY_SECONDS)
            if not self._outbox.windows:
                break
        for task in self._tasks:
            task.cancel()
        self._watchdog.stop()

    def _begin(self, job: CameraJob) -> None:
        thread = type(self).camera_thread(job.plan, self._inbox.put)
        counter = LiveCounter(
            job.plan.rate,
            k=job.k,
            headcount_only=job.headcount_only,
            teacher_zone=job.teacher_zone,
        )
        thread.start()  # one that cannot start is not taken for one that is read
        self._cameras[job.plan.camera_id] = _Camera(job, thread, counter)

    async def _release(self, camera_id: str) -> None:
        camera = self._cameras.pop(camera_id, None)
        if camera is None:
            return
        self._faces.forget(camera_id)
        await asyncio.to_thread(camera.thread.stop)
        self._inbox.forget(camera_id)
        for window in camera.counter.finish():
            self._outbox.add(camera_id, camera.job.room_id, camera.job.school_id, window)

    def _woken(self) -> None:
        """A frame came in; called from a camera's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _send(self) -> None:
        """Frames to the model, a few calls at once; answers are counted in the order of asking."""
        slots = asyncio.Semaphore(CALLS_IN_FLIGHT)
        before: asyncio.Task[None] | None = None
        while True:
            await slots.acquire()
            frames = await self._next_frames()
            before = self._keep(self._find(frames, before, slots))

    async def _next_frames(self) -> list[LiveFrame]:
        while True:
            frames = self._inbox.take(time.monotonic(), FRAMES_A_CALL)
            if frames:
                return frames
            self._wake.clear()
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)  # the other cameras' frames go along

    async def _find(
        self,
        frames: list[LiveFrame],
        before: asyncio.Task[None] | None,
        slots: asyncio.Semaphore,
    ) -> None:
        found: list[People] | None = None
        try:
            job = self._job_of(frames)
            if job is not None:
                found = await self._pose.find([f.pixels for f in frames], job.input_size)
        except (ServiceBusy, ServiceDown) as error:
            logger.debug("frames dropped: %s", error.code)
        except HomeroomError as error:
            logger.warning("the pose model failed: %s", error)
        finally:
            if before is not None:
                await asyncio.wait([before])
            slots.release()
        for index, frame in enumerate(frames):
            camera = self._cameras.get(frame.camera_id)
            if camera is None:
                continue
            if found is None:
                camera.dropped += 1
            else:
                self._count(camera, frame, found[index])
                self._has_counted.set()

    def _kind_of(self, frame: LiveFrame) -> tuple[object, ...]:
        """Frames of one kind may go in one call."""
        camera = self._cameras.get(frame.camera_id)
        return (*frame.pixels.shape, camera.job.input_size if camera else 0)

    def _job_of(self, frames: list[LiveFrame]) -> CameraJob | None:
        """How the frames of a call are analysed; None where their cameras have gone."""
        known = (self._cameras.get(frame.camera_id) for frame in frames)
        return next((camera.job for camera in known if camera is not None), None)

    def _count(self, camera: _Camera, frame: LiveFrame, people: People) -> None:
        moment = self._clock.utc(frame.taken_at)
        height, width = frame.pixels.shape[:2]
        numbers, finished = camera.counter.update(AnalysedFrame(moment, people, (width, height)))
        camera.numbers = numbers
        camera.counted += 1
        camera.untold.append(frame.taken_at)
        self._finish(camera, finished)
        self._faces.offer(frame, people, moment)

    def _finish(self, camera: _Camera, windows: Sequence[ActivityWindow]) -> None:
        for window in windows:
            job = camera.job
            self._outbox.add(job.plan.camera_id, job.room_id, job.school_id, window)

    async def _tell(self) -> None:
        """Report, again and again."""
        while True:
            await asyncio.sleep(LEAST_REPORT_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(REPORT_SECONDS - LEAST_REPORT_SECONDS):
                    await self._has_counted.wait()
            self._has_counted.clear()
            self._want_full()
            closed = self._clock.now() - timedelta(seconds=GRACE_SECONDS)
            for camera in self._cameras.values():
                self._finish(camera, camera.counter.close_before(closed))
            try:
                await self._report_once()
            except HomeroomError as error:
                logger.warning("nobody takes the numbers: %s", error.code)
                await asyncio.sleep(RETRY_SECONDS)
            self._end_if_lost()

    async def _report_once(self) -> None:
        now = time.monotonic()
        cameras = tuple(
            self._camera_report(camera, now)
            for camera in self._cameras.values()
            if camera.has_news(now)
        )
        report = Report(
            self._id,
            os.uname().nodename,
            cameras,
            self._outbox.next(),
            self._clock.jumps,
            self._outbox.lost,
        )
        accepted = await self._sink.report(report)
        self._heard = time.monotonic()
        self._outbox.acknowledge(accepted.up_to)

    def _camera_report(self, camera: _Camera, now: float) -> CameraReport:
        numbers, camera.numbers = camera.numbers, None
        camera.told_at = now
        latencies = tuple(now - taken_at for taken_at in camera.untold)
        camera.untold.clear()
        camera_id = camera.job.plan.camera_id
        return CameraReport(
            camera.thread.health(),
            numbers,
            frames_counted=camera.counted,
            frames_late=self._inbox.late[camera_id],
            frames_dropped=camera.dropped,
            latencies=latencies,
        )

    def _want_full(self) -> None:
        """Have full-size pictures while, and only while, a lease of the camera runs."""
        for camera_id, camera in self._cameras.items():
            camera.thread.want_full(self._faces.are_wanted(camera_id))

    def _end_if_lost(self) -> None:
        """End the process where nobody listens, or where cameras are not looked after any more."""
        whys = {
            "nobody listens": time.monotonic() - self._heard > ALONE_SECONDS,
            "threads hang": self._watchdog.abandoned_threads() > MOST_ABANDONED,
            "its watchdog has died": self._watchdog.has_died(),
        }
        why = next((why for why, is_so in whys.items() if is_so), None)
        if why is not None and not self._is_stopped:
            logger.error("this reader ends: %s", why)
            os._exit(1)

    def _loop_ended(self, task: "asyncio.Task[None]") -> None:
        """A reader without its loops reads for nobody: end it, and it is started anew."""
        if not self._is_stopped:
            fault = None if task.cancelled() else task.exception()
            logger.critical("a reader's loop ended", exc_info=fault)
            os._exit(1)

    def _keep(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a task of the reader failed", exc_info=task.exception())
