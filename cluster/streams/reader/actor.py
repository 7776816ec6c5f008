"""The reader: several cameras in one process, from frames to published counts.

    CameraSource ─┐                                 ┌─> LiveCounter ─> LiveCounts ─┐
    CameraSource ─┼─> InferenceLoop <─> pose model ─┤         └─> windows ─> Outbox ┴─> Report
    CameraSource ─┘                                 └─> FaceChipSender ─> registers, under a lease

`StreamReader` runs as a Ray actor (`serve_apps.rooms.reader_pool` starts it). Full-size frames
never leave it; downscaled ones go to the pose model in memory, those of all its cameras together
(R8). Face chips are cut only while a register renews a lease every few seconds (R6).
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from cluster.activity.live import LiveCounter
from cluster.activity.suppression import ActivityWindow
from cluster.errors import HomeroomError, ServiceDown
from cluster.runtime.ray_local import ensure_node_spills_to_memory
from cluster.runtime.scheduling import use_batch_scheduling
from cluster.streams.capture.camera import CameraSource
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.watchdog import Watchdog
from cluster.streams.reader.assigned_camera import AssignedCamera
from cluster.streams.reader.clock import UtcClock
from cluster.streams.reader.face_chips import FaceChipSender
from cluster.streams.reader.inference import InferenceLoop
from cluster.streams.reader.interfaces import ChipSink, FaceCutterFactory, PoseFinder, ReportSink
from cluster.streams.reader.report import Outbox, Report
from cluster.streams.source.config import CameraConfig
from cluster.vision.people import People

logger = logging.getLogger(__name__)

REPORT_SECONDS = 0.5
"""A report is sent when frames were counted, and after this long without any."""

MIN_REPORT_SECONDS = 0.2
RETRY_SECONDS = 1.0
GRACE_SECONDS = 3.0
"""A window without a later frame is finished this long after its end: a frame may be in flight."""

MAX_STOP_ATTEMPTS = 40
MAX_UNACKNOWLEDGED_SECONDS = 120.0
"""A reader whose reports are not acknowledged for this long exits, so that no camera is read in
vain."""

MAX_ABANDONED_THREADS = 3
"""A process with more hanging threads exits, and is replaced."""


class StreamReader:
    """Reads several cameras, counts their people, and reports.

    Args:
        reader_id: Its id.
        pose: The pose model.
        sink: Receives its reports.
        registers: Receives face chips.
        cutter: Loads the face cutter.
        late_seconds: A frame that waited longer for the pose model is dropped.
    """

    camera_source: Callable[[CameraConfig, Callable[[LiveFrame], None]], CameraSource] = (
        CameraSource
    )

    def __init__(
        self,
        reader_id: str,
        *,
        pose: PoseFinder,
        sink: ReportSink,
        registers: ChipSink,
        cutter: FaceCutterFactory,
        late_seconds: float,
    ) -> None:
        self._id = reader_id
        self._sink = sink
        self._faces = FaceChipSender(registers, cutter, self._spawn)
        self._inference = InferenceLoop(
            pose,
            late_seconds,
            input_size_of=self._input_size_of,
            deliver=self._process_results,
            spawn=self._spawn,
        )
        self._is_started = False
        self._is_stopped = False
        self._cameras: dict[str, AssignedCamera] = {}
        self._clock = UtcClock()
        self._outbox = Outbox()
        self._has_counted = asyncio.Event()
        self._watchdog = Watchdog(lambda: [c.source for c in list(self._cameras.values())])
        self._tasks: set[asyncio.Task[None]] = set()
        self._acknowledged_at = time.monotonic()

    async def start(self) -> int:
        """Start the loops, once; returns the process id.

        Raises:
            RayError: Ray on this node would spill frames to a disk (R8).
        """
        if not self._is_started:
            await asyncio.to_thread(ensure_node_spills_to_memory)
            use_batch_scheduling()  # before the cameras' threads are started
            self._is_started = True
            self._watchdog.start()
            for loop in (self._inference.run(), self._report_loop()):
                self._spawn(loop).add_done_callback(self._exit_after_loop)
        return os.getpid()

    async def assign(self, configs: Sequence[CameraConfig]) -> None:
        """Read exactly these cameras from now on; unchanged ones continue without interruption.

        Raises:
            ServiceDown: This reader was stopped.
        """
        if self._is_stopped:
            raise ServiceDown("this reader was stopped.")
        await self.start()  # the deployment that launched it may have crashed before it did so
        self._acknowledged_at = time.monotonic()
        wanted = {config.camera_id: config for config in configs}
        await asyncio.gather(
            *(
                self._release(camera_id)
                for camera_id, camera in list(self._cameras.items())
                if wanted.get(camera_id) != camera.config
            )
        )
        for camera_id, config in wanted.items():
            if camera_id not in self._cameras:
                self._start_camera(config)

    async def cut_faces(self, camera_id: str, ticket: str, until: datetime | None) -> None:
        """Cut face chips of a camera under a ticket.

        Args:
            camera_id: Id of the camera.
            ticket: Opaque id that is sent with the chips.
            until: UTC; a time in the past changes nothing. None ends the ticket for good, on every
                camera.
        """
        if until is None:
            self._faces.end(ticket)
        elif camera_id in self._cameras:
            remaining = (until - self._clock.now()).total_seconds()
            self._faces.renew(camera_id, ticket, remaining)
        self._request_full_size()

    async def ping(self) -> Mapping[str, CameraConfig]:
        """Return what it reads. Does not count as an acknowledgement of its reports."""
        return {camera_id: camera.config for camera_id, camera in self._cameras.items()}

    async def stop(self) -> None:
        """Stop: finish the windows in progress, and send all that are not acknowledged."""
        self._is_stopped = True
        await asyncio.gather(*(self._release(camera_id) for camera_id in list(self._cameras)))
        for _ in range(MAX_STOP_ATTEMPTS):
            try:
                await self._send_report()
            except HomeroomError:
                await asyncio.sleep(RETRY_SECONDS)
            if not self._outbox.windows:
                break
        for task in self._tasks:
            task.cancel()
        self._watchdog.stop()

    def _start_camera(self, config: CameraConfig) -> None:
        source = type(self).camera_source(config, self._inference.put)
        counter = LiveCounter(
            config.rate,
            k=config.k,
            headcount_only=config.headcount_only,
            teacher_zone=config.teacher_zone,
            factor=config.factor,
        )
        source.start()  # before it is recorded: a camera that cannot start is not read
        self._cameras[config.camera_id] = AssignedCamera(config, source, counter)

    async def _release(self, camera_id: str) -> None:
        camera = self._cameras.pop(camera_id, None)
        if camera is None:
            return
        self._faces.remove_camera(camera_id)
        await asyncio.to_thread(camera.source.stop)
        self._inference.remove_camera(camera_id)
        self._keep_windows(camera, camera.counter.finish())

    def _input_size_of(self, camera_id: str) -> int | None:
        camera = self._cameras.get(camera_id)
        return camera.config.input_size if camera is not None else None

    def _process_results(
        self, frames: Sequence[LiveFrame], results: Sequence[People] | None
    ) -> None:
        for index, frame in enumerate(frames):
            camera = self._cameras.get(frame.camera_id)
            if camera is None:
                continue
            if results is None:
                camera.frames_dropped += 1
            else:
                taken_at = self._clock.to_utc(frame.taken_at)
                self._keep_windows(camera, camera.count(frame, results[index], taken_at))
                self._faces.submit(frame, results[index], taken_at)
                self._has_counted.set()

    def _keep_windows(self, camera: AssignedCamera, windows: Sequence[ActivityWindow]) -> None:
        config = camera.config
        for window in windows:
            self._outbox.add(config.camera_id, config.room_id, config.school_id, window, k=config.k)

    async def _report_loop(self) -> None:
        while True:
            await asyncio.sleep(MIN_REPORT_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(REPORT_SECONDS - MIN_REPORT_SECONDS):
                    await self._has_counted.wait()
            self._has_counted.clear()
            self._request_full_size()
            closed_before = self._clock.now() - timedelta(seconds=GRACE_SECONDS)
            for camera in self._cameras.values():
                self._keep_windows(camera, camera.counter.close_before(closed_before))
            try:
                await self._send_report()
            except HomeroomError as error:
                logger.warning("the report was not acknowledged: %s", error.code)
                await asyncio.sleep(RETRY_SECONDS)
            self._exit_if_useless()

    async def _send_report(self) -> None:
        now = time.monotonic()
        cameras = tuple(
            camera.report(now, frames_late=self._inference.count_late(camera_id))
            for camera_id, camera in self._cameras.items()
            if camera.is_due(now)
        )
        report = Report(self._id, os.uname().nodename, cameras, self._outbox.next_batch())
        ack = await self._sink.report(report)
        self._acknowledged_at = time.monotonic()
        self._outbox.acknowledge(ack.up_to)

    def _request_full_size(self) -> None:
        """Request full-size frames of the cameras with an active lease, and of no others."""
        for camera_id, camera in self._cameras.items():
            camera.source.request_full_size(self._faces.has_lease(camera_id))

    def _exit_if_useless(self) -> None:
        """Exit where reports are not acknowledged, or cameras are not watched any more."""
        silent_seconds = time.monotonic() - self._acknowledged_at
        causes = {
            "its reports are not acknowledged": silent_seconds > MAX_UNACKNOWLEDGED_SECONDS,
            "too many threads hang": (
                self._watchdog.count_abandoned_threads() > MAX_ABANDONED_THREADS
            ),
            "its watchdog has crashed": self._watchdog.has_crashed(),
        }
        cause = next((cause for cause, is_true in causes.items() if is_true), None)
        if cause is not None and not self._is_stopped:
            logger.error("this reader exits: %s", cause)
            os._exit(1)

    def _exit_after_loop(self, task: "asyncio.Task[None]") -> None:
        """Exit where a loop ended: a reader without it reads in vain, and is replaced."""
        if not self._is_stopped:
            error = None if task.cancelled() else task.exception()
            logger.critical("a loop of this reader ended", exc_info=error)
            os._exit(1)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget_task)
        return task

    def _forget_task(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a task of this reader failed", exc_info=task.exception())
