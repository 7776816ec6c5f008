"""The rooms deployment: assigns cameras to readers, holds every room's state, stores windows.

    settings ─> reconciling loop ─> readers (Ray actors, on any node)
                                       │ reports, two to five a second
                                       v
                Rooms ─> RoomState (snapshots, history, events) ─> HTTP API
                  └───> journal (on disk before it is acknowledged) ─> lake, a part a minute

One replica, on the head node. After a crash it finds the readers still running, and receives again
the windows that it had not acknowledged. Run it alone:

    serve run serve_apps.app:build settings=homeroom.toml
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ray import serve

import cluster
from cluster.activity.published import PublishedWindow
from cluster.calibration.store import CalibrationStore
from cluster.calibration.view import ViewStore
from cluster.clock import utc_now
from cluster.district import Timetable
from cluster.errors import (
    HomeroomError,
    JournalError,
    LakeError,
    RosterError,
    ServiceDown,
    SettingsError,
)
from cluster.records.timetable.lessons import SettingsTimetable, read_timetable
from cluster.runtime.logging import configure_logging
from cluster.settings import Settings
from cluster.streams.reader.actor import StreamReader
from cluster.streams.reader.report import Ack, Report
from cluster.streams.source.config import CameraConfig, build_camera_config
from cluster.vision.pose.estimator import model_cache_dir
from cluster.vision.pose.weights import WeightsFile, find_pose_weights
from cluster.warehouse.lake import Lake
from cluster.warehouse.live.flush import flush
from cluster.warehouse.live.journal import RETENTION_HOURS, Journal
from cluster.warehouse.published_shares import PublishedShares
from serve_apps import metrics
from serve_apps.clients.deployments import RegistersClient, RoomsClient
from serve_apps.clients.pose import PoseModelClient
from serve_apps.clients.types import CameraStatus, Changes, JournalStatus, RoomSnapshot
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.rooms.input_sizes import LiveInputSizes
from serve_apps.rooms.installation import installation_id
from serve_apps.rooms.reader_metrics import RoomMetrics
from serve_apps.rooms.reader_pool import ReaderClients, ReaderPool
from serve_apps.rooms.reconciler import ReaderReconciler
from serve_apps.rooms.room_state import RoomState
from serve_apps.rooms.settings_watcher import SettingsWatcher
from serve_apps.rooms.view_drift import LiveViews

logger = logging.getLogger(__name__)

JOURNAL = "live/journal.sqlite"
LESSON_BEGUN = timedelta(minutes=10)
"""From then on, a room without light is taken for a covered camera."""

RECONCILE_SECONDS = 2.0
REFRESH_SECONDS = 1.0
FLUSH_SECONDS = 10.0
LESSONS_RELOAD_SECONDS = 30.0
MAX_JOURNAL_ATTEMPTS = 60
JOURNAL_RETRY_SECONDS = 0.5


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
        reader: The readers' actor class; benchmarks pass one with simulated cameras.
    """

    async def __init__(  # type: ignore[misc] # Serve awaits it
        self, settings_path: str | None, reader: type[StreamReader] = StreamReader
    ) -> None:
        configure_logging()
        self._watcher = SettingsWatcher(settings_path)
        settings = self._watcher.settings
        self._weights: WeightsFile = await asyncio.to_thread(
            find_pose_weights, settings.weights, model_cache_dir(settings)
        )
        self._journal = await _open_journal(settings)
        self._lake = Lake(settings.lake_dir)
        self._timetable = Timetable()
        self._timetable_file = SettingsTimetable()
        self._state = RoomState(settings, utc_now())
        since = utc_now() - timedelta(minutes=settings.live.history_minutes)
        self._published = PublishedShares(settings.lake_dir)
        await self._load_published()
        self._state.restore(self._journal.recent(since))
        self._pool = ReaderPool(
            _reader_clients(),
            installation=installation_id(settings, serve.get_replica_context().app_name),
            version=cluster.__version__.replace(".", "-"),
            reader=reader,
        )
        self._reconciler = ReaderReconciler(self._pool)
        self._input_sizes = LiveInputSizes(CalibrationStore.of(settings), self._weights.model_id)
        self._views = LiveViews(ViewStore.of(settings), self._weights.model_id)
        self._metrics = RoomMetrics()
        self._is_draining = False
        self._journal_problem = ""
        try:  # before the first report: windows are stored with their lessons
            await self._reload_lessons()
        except HomeroomError as error:
            logger.warning("lessons could not be loaded yet: %s", error)
        self._tasks = [
            asyncio.get_running_loop().create_task(loop)
            for loop in (
                self._run_periodically(LESSONS_RELOAD_SECONDS, self._reload_lessons),
                self._run_periodically(RECONCILE_SECONDS, self._reconcile),
                self._run_periodically(REFRESH_SECONDS, self._refresh),
                self._run_periodically(FLUSH_SECONDS, self._flush),
            )
        ]

    def __del__(self) -> None:
        """Close the journal for the next replica; readers keep running, and wait for it."""
        for task in getattr(self, "_tasks", ()):
            task.cancel()
        pool = getattr(self, "_pool", None)
        if pool is not None:
            pool.detach()
        journal = getattr(self, "_journal", None)
        if journal is not None:
            journal.close()

    def check_health(self) -> None:
        """Fail where a loop has ended, so that Serve replaces the replica.

        Raises:
            RuntimeError: A loop has ended.
        """
        ended = [task for task in self._tasks if task.done() and not self._is_draining]
        if ended:
            raise RuntimeError("a loop of the rooms deployment has ended") from (
                None if ended[0].cancelled() else ended[0].exception()
            )

    async def report(self, report: Report) -> Ack:
        """Process a reader's report; its windows are on disk when this returns.

        Raises:
            ServiceDown: The reader belongs to another installation that ran here before.
        """
        if not self._pool.owns(report.reader_id):
            raise ServiceDown("these rooms are of another installation than the reader.")
        self._pool.record_report(report.reader_id)
        await self._take_views(report)
        uncovered = self._views.uncovered(report.windows)
        windows = [self._with_lesson(window) for window in uncovered]
        up_to = 0
        if report.windows:
            try:
                added = await asyncio.to_thread(self._journal.append, windows) if windows else 0
                if added:
                    metrics.windows_finished().inc(added)
                up_to, self._journal_problem = report.windows[-1].number, ""
            except JournalError as error:
                self._journal_problem = str(error)
                logger.error("windows wait in the readers: %s", error)
        self._metrics.record_report(report)
        new_sizes = self._input_sizes.take_new(report, self._watcher.settings)
        if new_sizes:
            await asyncio.to_thread(self._input_sizes.store, new_sizes)
        self._state.apply_report(report, windows, utc_now())
        return Ack(up_to)

    async def _take_views(self, report: Report) -> None:
        """Compare what a report says of cameras' views with what they showed at first."""
        new = self._views.take_new(report, self._watcher.settings, self._has_lesson)
        if new:
            await asyncio.to_thread(self._views.store, new)
            self._state.apply_drifts(self._views.drifts, utc_now())

    def _has_lesson(self, room_id: str) -> bool:
        """Whether a lesson has been on in a room for some minutes: there should be light."""
        now = utc_now()
        times = (now - LESSON_BEGUN, now)
        return all(self._timetable.lesson_at(room_id, time) is not None for time in times)

    async def snapshots(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """Return the current state of rooms."""
        return self._state.snapshots(room_ids)

    async def windows(self, room_id: str, minutes: int) -> list[PublishedWindow]:
        """Return the finished windows of a room's last minutes."""
        return self._state.windows(room_id, utc_now() - timedelta(minutes=minutes))

    async def changes(
        self, after: int | None, wait_seconds: float, room_ids: Sequence[str] | None = None
    ) -> Changes:
        """Return what changed after an event id, in these rooms; wait for something to change."""
        return await self._state.changes_after(after, wait_seconds, room_ids)

    async def cameras(self) -> list[CameraStatus]:
        """Return the status of all cameras that are read, by id."""
        return self._state.cameras()

    async def journal_status(self) -> JournalStatus:
        """Return how many finished windows are not in the lake yet, and any problem."""
        waiting, oldest = await asyncio.to_thread(self._journal.pending)
        moved_aside = "".join(
            f"a damaged journal was moved aside: {path}." for path in self._journal.moved_aside
        )
        problem = self._journal_problem or self._watcher.problem or moved_aside
        return JournalStatus(waiting, oldest, problem)

    async def cut_faces(self, room_id: str, ticket: str, until: datetime | None) -> None:
        """Have faces cut in a room under a ticket until a time in UTC; None ends the ticket."""
        await asyncio.gather(
            *(
                self._pool.cut_faces(reader_id, camera.id, ticket, until)
                for camera in self._watcher.settings.cameras
                if camera.room == room_id
                for reader_id, assigned in self._reconciler.assignments.items()
                if camera.id in assigned
            )
        )

    async def drain(self) -> None:
        """Stop all readers for good: they finish their windows, which go to the journal."""
        self._is_draining = True
        for task in self._tasks:
            task.cancel()
        await self._pool.stop_all()
        await self._flush()

    def _with_lesson(self, window: PublishedWindow) -> PublishedWindow:
        """Return a reader's window with its lesson and model, and without the reader's number."""
        lesson = self._timetable.lesson_at(window.room_id, window.window.window_start)
        return replace(
            window,
            lesson_id=lesson.lesson_id if lesson else None,
            model=self._weights.model_id,
            number=0,
        )

    async def _run_periodically(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run something for ever with a pause in between; an error is logged and retried."""
        while True:
            try:
                await work()
            except HomeroomError as error:
                logger.warning("%s: %s", work.__name__.strip("_"), error)
            await asyncio.sleep(seconds)

    async def _load_published(self) -> None:
        """Load which cameras have given the rooms' shares."""
        now = utc_now()
        days = [(now + timedelta(days=days)).date() for days in (-1, 0, 1)]
        try:
            self._state.set_share_cameras(await asyncio.to_thread(self._published.cameras, days))
        except LakeError as error:  # then nothing is added to it either: headcounts alone
            logger.error("rooms give no shares: %s", error)

    async def _refresh(self) -> None:
        self._state.refresh(utc_now())
        proposed = self._state.proposed_share_cameras()
        if proposed:  # no share is published before its camera is on the disk (R3)
            fixed = await asyncio.to_thread(self._published.fix_cameras, proposed)
            self._state.set_share_cameras(fixed)
            self._state.refresh(utc_now())

    async def _reload_lessons(self) -> None:
        self._timetable = await asyncio.to_thread(
            _lessons, self._timetable_file, self._watcher.settings, utc_now()
        )
        self._state.reconfigure(self._watcher.settings, self._timetable, utc_now())

    async def _flush(self) -> None:
        settings = self._watcher.settings
        flushed = await asyncio.to_thread(
            flush, self._journal, self._lake, settings, now=utc_now(), weights=self._weights
        )
        if flushed.reason:
            logger.info("windows wait in the journal: %s", flushed.reason)

    async def _reconcile(self) -> None:
        """Change which cameras the readers read to what the settings ask for."""
        if await asyncio.to_thread(self._watcher.reload_if_changed):
            self._state.reconfigure(self._watcher.settings, self._timetable, utc_now())
        await asyncio.to_thread(self._input_sizes.reload, self._watcher.settings)
        await asyncio.to_thread(self._views.reload, self._watcher.settings)
        self._state.apply_drifts(self._views.drifts, utc_now())
        configs = self._camera_configs()
        unassigned, overdue = await self._reconciler.observe(configs)
        self._state.mark_lost(sorted(unassigned), utc_now(), overdue=overdue)
        ended = await self._reconciler.apply(configs, self._watcher.settings)
        self._metrics.forget(ended)
        readers = len(self._reconciler.assignments)
        status = await self.journal_status()
        self._metrics.set_gauges(self._state.cameras(), readers, status.waiting)

    def _camera_configs(self) -> dict[str, CameraConfig]:
        settings, configs = self._input_sizes.apply(self._watcher.settings), {}
        for camera in settings.cameras:
            try:
                factor = self._input_sizes.factor(
                    settings, camera, has_drifted=camera.id in self._views.drifts
                )
                config = build_camera_config(settings, camera, factor)
            except HomeroomError as error:
                logger.warning("camera %s is not read: %s", camera.id, error)
                continue
            if config is None:
                continue
            configs[camera.id] = config
        return configs


async def _open_journal(settings: Settings) -> Journal:
    """Open the journal; during a roll-over, the previous replica holds it for some seconds."""
    for attempt in range(MAX_JOURNAL_ATTEMPTS):
        try:
            return await asyncio.to_thread(
                Journal, settings.data_dir / JOURNAL, retention_hours=_retention_hours(settings)
            )
        except JournalError:
            if attempt == MAX_JOURNAL_ATTEMPTS - 1:
                raise
            await asyncio.sleep(JOURNAL_RETRY_SECONDS)
    raise AssertionError  # the last attempt returns or raises


def _retention_hours(settings: Settings) -> float:
    """Return how long the journal keeps windows: it restores the rooms' history after a restart."""
    return max(RETENTION_HOURS, settings.live.history_minutes / 60 + 1)


def _reader_clients() -> ReaderClients:
    """Return clients of the deployments of this application."""
    app = serve.get_replica_context().app_name
    return ReaderClients(
        pose=PoseModelClient(serve.get_deployment_handle("PoseModel", app)),
        rooms=RoomsClient(serve.get_deployment_handle("Rooms", app)),
        registers=RegistersClient(serve.get_deployment_handle("Registers", app)),
    )


def _lessons(file: SettingsTimetable, settings: Settings, now: datetime) -> Timetable:
    """The lessons of the records around now, once the settings' timetable is imported."""
    try:
        for bad in file.import_if_changed(settings, now=now):
            logger.warning("a lesson of the settings' timetable is left out: %s", bad)
    except (SettingsError, RosterError) as error:
        logger.warning("the settings' timetable is not imported: %s", error)
    return read_timetable(settings, around=now)
