"""The rooms of the installation: who reads which camera, what each room shows, where windows go.

    settings ─> reconciling loop ─> readers (Ray actors, on any node)
                                       │ reports, four a second
                                       v
                Rooms ─> Board (now, history, events) ─> HTTP API
                  └───> journal (a disk, before it is acknowledged) ─> lake, a part a minute

One replica, on the head node. Killed, it comes back, finds the readers where they were, and takes
from them the windows that it had not acknowledged. Run it alone:

    serve run serve_apps.app:build settings=homeroom.toml
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from ray import serve

import cluster
from cluster.district import Timetable, load_timetable
from cluster.errors import HomeroomError, JournalError, ServiceDown
from cluster.records.db.database import open_records
from cluster.records.timetable.importer import timetable_from_records
from cluster.runtime.logging import configure_logs
from cluster.settings import Settings
from cluster.streams.job import CameraJob
from cluster.streams.reader.actor import StreamReader
from cluster.streams.reader.report import Ack, FinishedWindow, Report
from cluster.streams.source.address import plan_of
from cluster.vision.pose.estimator import model_cache_dir
from cluster.vision.pose.weights import WeightsFile, find_pose_weights
from cluster.warehouse.lake import Lake, utc_now
from cluster.warehouse.live.flush import flush
from cluster.warehouse.live.journal import KEPT_HOURS, Journal, LiveWindow
from serve_apps import metrics
from serve_apps.clients.deployments import RegistersClient, RoomsClient
from serve_apps.clients.pose import PoseModelClient
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot, ToldWindow
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.rooms.installation import installation_id
from serve_apps.rooms.placement import place
from serve_apps.rooms.reader_metrics import RoomMetrics
from serve_apps.rooms.reader_pool import ReaderPool, Services
from serve_apps.rooms.settings_watcher import SettingsWatcher
from serve_apps.watched_board import WatchedRoomState

logger = logging.getLogger(__name__)

JOURNAL = "live/journal.sqlite"
LOOK_SECONDS = 2.0
TICK_SECONDS = 1.0
FLUSH_SECONDS = 10.0
LESSONS_SECONDS = 30.0
JOURNAL_TRIES = 60
PATIENCE_SECONDS = 15.0
"""A camera without a reader for so long waits for a place: readers start within seconds."""

LESSONS_AROUND = timedelta(days=1)


@serve.deployment(
    name="Rooms",
    num_replicas=1,
    max_ongoing_requests=2000,
    health_check_period_s=5,
    health_check_timeout_s=30,
    graceful_shutdown_timeout_s=10,
    logging_config=SERVE_LOGGING,
)
class Rooms:
    """The deployment.

    Args:
        settings_path: The settings file.
        reader: What a reader is; benchmarks have one of simulated cameras.
    """

    async def __init__(  # type: ignore[misc] # Serve awaits it
        self, settings_path: str | None, reader: type[StreamReader] = StreamReader
    ) -> None:
        configure_logs()
        self._file = SettingsWatcher(settings_path)
        settings = self._file.settings
        self._weights: WeightsFile = await asyncio.to_thread(
            find_pose_weights, settings.weights, model_cache_dir(settings)
        )
        self._journal = await _open_journal(settings)
        self._lake = Lake(settings.lake_dir)
        self._timetable = Timetable()
        self._board = WatchedRoomState(settings, utc_now())
        since = utc_now() - timedelta(minutes=settings.live.history_minutes)
        self._board.remember(self._journal.recent(since))
        self._readers = ReaderPool(
            _services(),
            installation=installation_id(settings, serve.get_replica_context().app_name),
            version=cluster.__version__.replace(".", "-"),
            reader=reader,
        )
        self._reads: dict[str, Mapping[str, CameraJob]] = {}
        self._lost_since: dict[str, float] = {}
        self._metrics = RoomMetrics()
        self._is_draining = False
        self._problem = ""
        try:  # windows that waited for this replica belong to lessons
            await self._look_at_lessons()
        except HomeroomError as error:
            logger.warning("lessons are not known yet: %s", error)
        self._tasks = [
            asyncio.get_running_loop().create_task(loop)
            for loop in (
                self._again(LESSONS_SECONDS, self._look_at_lessons),
                self._again(LOOK_SECONDS, self._reconcile),
                self._again(TICK_SECONDS, self._tick),
                self._again(FLUSH_SECONDS, self._flush),
            )
        ]

    def __del__(self) -> None:
        """Give the journal to whoever comes next; readers go on, and wait for it."""
        for task in getattr(self, "_tasks", ()):
            task.cancel()
        readers = getattr(self, "_readers", None)
        if readers is not None:
            readers.let_go()
        journal = getattr(self, "_journal", None)
        if journal is not None:
            journal.close()

    def check_health(self) -> None:
        """Serve starts the replica anew where a loop has ended.

        Raises:
            RuntimeError: One has.
        """
        ended = [task for task in self._tasks if task.done() and not self._is_draining]
        if ended:
            raise RuntimeError("a loop of the rooms deployment has ended") from (
                None if ended[0].cancelled() else ended[0].exception()
            )

    async def report(self, report: Report) -> Ack:
        """Take a reader's report; its windows are on the disk when this answers.

        Raises:
            ServiceDown: The reader belongs to another installation, that ran here before.
        """
        if not self._readers.is_own(report.reader_id):
            raise ServiceDown("these rooms are of another installation than the reader.")
        self._readers.heard(report.reader_id)
        windows = [self._live(window) for window in report.windows]
        up_to = 0
        if windows:
            try:
                new = await asyncio.to_thread(self._journal.append, windows)
                if new:
                    metrics.windows_finished().inc(new)
                up_to, self._problem = report.windows[-1].number, ""
            except JournalError as error:
                self._problem = str(error)
                logger.error("windows wait in the readers: %s", error)
        self._metrics.take(report)
        self._board.take(report, windows, utc_now())
        return Ack(up_to)

    async def now(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """The rooms' numbers."""
        return self._board.now(room_ids)

    async def windows(self, room_id: str, minutes: int) -> list[ToldWindow]:
        """The finished windows of a room's last minutes."""
        return self._board.windows(room_id, utc_now() - timedelta(minutes=minutes))

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """What happened after an event id, in these rooms; waits for something to happen."""
        return await self._board.changes_after(after, wait_seconds, room_ids)

    async def cameras(self) -> list[CameraStatus]:
        """All cameras that are read, by id."""
        return self._board.cameras()

    async def journal(self) -> JournalStatus:
        """Where finished windows are."""
        waiting, oldest = await asyncio.to_thread(self._journal.waiting)
        aside = "".join(
            f"a damaged journal was moved aside: {path}." for path in self._journal.moved_aside
        )
        problem = self._problem or self._file.problem or aside
        return JournalStatus(waiting, oldest, problem)

    async def cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        """Have faces cut in a room under a ticket until a moment in UTC; None ends the ticket."""
        await asyncio.gather(
            *(
                self._readers.cut_faces(reader_id, camera.id, ticket, until)
                for camera in self._file.settings.cameras
                if camera.room == room_id
                for reader_id, reads in self._reads.items()
                if camera.id in reads
            )
        )

    async def drain(self) -> None:
        """End all readers for good: they finish their windows, which go to the journal."""
        self._is_draining = True
        for task in self._tasks:
            task.cancel()
        await self._readers.end_all()
        await self._flush()

    def _live(self, window: FinishedWindow) -> LiveWindow:
        lesson = self._timetable.lesson_at(window.room_id, window.window.window_start)
        return LiveWindow(
            camera_id=window.camera_id,
            room_id=window.room_id,
            school_id=window.school_id,
            lesson_id=lesson.lesson_id if lesson else None,
            window=window.window,
            model=self._weights.model_id,
        )

    async def _again(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do something again and again; a failure is logged, and it is tried again."""
        while True:
            try:
                await work()
            except HomeroomError as error:
                logger.warning("%s: %s", work.__name__.strip("_"), error)
            await asyncio.sleep(seconds)

    async def _tick(self) -> None:
        self._board.tick(utc_now())

    async def _look_at_lessons(self) -> None:
        self._timetable = await asyncio.to_thread(_lessons, self._file.settings, utc_now())
        self._board.use(self._file.settings, self._timetable, utc_now())

    async def _flush(self) -> None:
        settings = self._file.settings
        flushed = await asyncio.to_thread(
            flush, self._journal, self._lake, settings, now=utc_now(), weights=self._weights
        )
        if flushed.reason:
            logger.info("windows wait in the journal: %s", flushed.reason)

    async def _reconcile(self) -> None:
        """Bring what readers read to what the settings ask for."""
        if await asyncio.to_thread(self._file.look):
            self._board.use(self._file.settings, self._timetable, utc_now())
        jobs = self._jobs()
        self._readers.kill_silent()
        most = await asyncio.to_thread(self._readers.cameras_per_reader, self._file.settings)
        reads = await self._readers.look()
        starting = self._readers.starting()
        self._say_lost(set(jobs) - {c for r in reads.values() for c in r})
        plan = place(
            jobs,
            {r: list(read) for r, read in reads.items() if self._readers.is_current(r)},
            cameras_per_reader=most,
            new_names=[self._readers.new_name() for _ in jobs],
            starting=starting,
        )
        await asyncio.gather(
            *(
                self._bring(reader_id, [jobs[c] for c in sorted(cameras)], reads.get(reader_id))
                for reader_id, cameras in plan.cameras.items()
                if reader_id not in starting
            )
        )
        # Readers of an older version go after their cameras have found another.
        now = await self._readers.look()
        found = {c for r, read in now.items() if self._readers.is_current(r) for c in read}
        leaving = plan.superfluous | {
            reader_id
            for reader_id, read in now.items()
            if not self._readers.is_current(reader_id) and (set(read) & set(jobs)) <= found
        }
        await asyncio.gather(*(self._readers.end(reader_id) for reader_id in leaving))
        gone = set(self._reads)
        self._reads = await self._readers.look()
        self._metrics.forget(gone - set(self._reads))
        status = await self.journal()
        self._metrics.states(self._board.cameras(), len(self._reads), status.waiting)

    async def _bring(
        self, reader_id: str, jobs: list[CameraJob], reads: Mapping[str, CameraJob] | None
    ) -> None:
        if reads is None:
            self._readers.begin(reader_id, self._file.settings, jobs)
        elif {job.plan.camera_id: job for job in jobs} != dict(reads):
            await self._readers.assign(reader_id, jobs)

    def _jobs(self) -> dict[str, CameraJob]:
        settings, jobs = self._file.settings, {}
        for camera in settings.cameras:
            try:
                plan = plan_of(settings, camera)
            except HomeroomError as error:
                logger.warning("camera %s is not read: %s", camera.id, error)
                continue
            if plan is None:
                continue
            room = settings.rooms_by_id[camera.room]
            zone = camera.teacher_zone
            jobs[camera.id] = CameraJob(
                plan=plan,
                room_id=room.id,
                school_id=room.school,
                input_size=camera.input_size,
                k=settings.privacy.k,
                headcount_only=room.kind == "vehicle",
                teacher_zone=tuple(zone) if zone is not None else None,
            )
        return jobs

    def _say_lost(self, cameras: set[str]) -> None:
        """Cameras without a reader; an operator is told which of them wait long for one."""
        now = time.monotonic()
        self._lost_since = {camera: self._lost_since.get(camera, now) for camera in cameras}
        waiting = {c for c, since in self._lost_since.items() if now - since > PATIENCE_SECONDS}
        self._board.lose(sorted(cameras), utc_now(), waiting=waiting)


async def _open_journal(settings: Settings) -> Journal:
    """Open the journal; a replica that is rolled over may hold it for some seconds more."""
    for attempt in range(JOURNAL_TRIES):
        try:
            return await asyncio.to_thread(
                Journal, settings.data_dir / JOURNAL, kept_hours=_kept_hours(settings)
            )
        except JournalError:
            if attempt == JOURNAL_TRIES - 1:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError  # the last attempt returns or raises


def _kept_hours(settings: Settings) -> float:
    """The journal fills the rooms' history after a restart, so it keeps at least as much."""
    return max(KEPT_HOURS, settings.live.history_minutes / 60 + 1)


def _services() -> Services:
    """Handles of the other deployments of this application."""
    app = serve.get_replica_context().app_name
    return Services(
        pose=PoseModelClient(serve.get_deployment_handle("PoseModel", app)),
        rooms=RoomsClient(serve.get_deployment_handle("Rooms", app)),
        registers=RegistersClient(serve.get_deployment_handle("Registers", app)),
    )


def _lessons(settings: Settings, now: datetime) -> Timetable:
    """The lessons of the settings' timetable and of the records, around now."""
    lessons = list(load_timetable(settings).lessons)
    records = open_records(settings)
    try:
        with records.reading() as session:
            known = {lesson.lesson_id for lesson in lessons}
            found = timetable_from_records(session, now - LESSONS_AROUND, now + LESSONS_AROUND)
            lessons += [lesson for lesson in found.lessons if lesson.lesson_id not in known]
    finally:
        records.close()
    return Timetable(lessons)
