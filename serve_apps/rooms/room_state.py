"""The state of every room in memory, and its changes since an event id.

    reports of readers ─> RoomState ─> RoomSnapshot, PublishedWindow, CameraStatus, Changes
                              ├─ CameraState    (newest report and counts of each camera)
                              ├─ WindowHistory  (finished windows of each room)
                              ├─ RoomShares     (which camera's shares are published, R3)
                              └─ ChangeFeed     (event ids, waiting)

Headcounts are those of the camera that sees most, shares those of one camera all day. Time is
passed in, nothing is read or written.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.calibration.drift import CameraDrift, Drift
from cluster.district import Timetable
from cluster.settings import Camera, Settings
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamReason
from cluster.warehouse.published_shares import RoomDay, ShareCamera
from serve_apps.clients.types import CameraStatus, Changes, RoomSnapshot, RoomStatus
from serve_apps.rooms.camera_state import CameraState, lost_health, room_status_of
from serve_apps.rooms.change_feed import ChangeFeed
from serve_apps.rooms.room_shares import RoomShares
from serve_apps.rooms.window_history import WindowHistory

MAX_RESUMED_WINDOWS = 1000
"""A client that resumes and missed more windows gets none of them, and starts from scratch."""


class RoomState:
    """The rooms of an installation. For one event loop.

    Args:
        settings: They define rooms and cameras.
        now: UTC; event ids start here.
    """

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings = settings
        self._cameras_of = _cameras_by_room(settings)
        self._timetable = Timetable()
        self._shares = RoomShares(settings)
        self._feed = ChangeFeed(now)
        self._cameras: dict[str, CameraState] = {}
        self._rooms: dict[str, RoomSnapshot] = {}
        self._histories: dict[str, WindowHistory] = defaultdict(WindowHistory)
        self._event_cameras: dict[str, str | None] = {}
        self._undecided: set[str] = set()

    @property
    def last_id(self) -> int:
        """Id of the newest event."""
        return self._feed.last_id

    def reconfigure(self, settings: Settings, timetable: Timetable, now: datetime) -> None:
        """Apply other settings or lessons; state of removed rooms and cameras is dropped."""
        self._shares.reconfigure(settings)
        self._settings, self._timetable = settings, timetable
        self._cameras_of = _cameras_by_room(settings)
        for camera_id in set(self._cameras) - set(settings.cameras_by_id):
            del self._cameras[camera_id]
        for room_id in set(self._rooms) - set(settings.rooms_by_id):
            del self._rooms[room_id]
            self._histories.pop(room_id, None)
            self._event_cameras.pop(room_id, None)
            self._undecided.discard(room_id)
        self.refresh(now)

    def restore(self, windows: Iterable[PublishedWindow]) -> None:
        """Fill the rooms' histories with windows from before a restart."""
        for window in sorted(windows, key=lambda w: w.window.window_start):
            self._add_window(window)

    def proposed_share_cameras(self) -> dict[RoomDay, ShareCamera]:
        """Return the cameras that are to give shares, of rooms where none has been chosen yet."""
        proposed: dict[RoomDay, ShareCamera] = {}
        for room_id in self._undecided:
            cameras = [camera.id for camera in self._cameras_of.get(room_id, [])]
            choice = self._shares.propose(room_id, self._histories[room_id], cameras)
            if choice is not None:
                day, camera_id = choice
                proposed[room_id, day] = ShareCamera(camera_id, "live")
        self._undecided.clear()  # until the next window
        return proposed

    def set_share_cameras(self, chosen: Mapping[RoomDay, ShareCamera]) -> None:
        """Publish the shares of these cameras, which are stored: other ones never will be."""
        self._shares.choose(chosen)

    def apply_drifts(self, drifts: Mapping[str, CameraDrift], now: datetime) -> None:
        """Record which cameras show something else than at first, by id; all others do not."""
        changed = []
        for camera_id, state in self._cameras.items():
            drift = drifts.get(camera_id, CameraDrift())
            if drift != state.drift:
                state.drift = drift
                changed.append(camera_id)
        self._update(self._rooms_of(changed), now)

    def apply_report(
        self, report: Report, windows: Sequence[PublishedWindow], now: datetime
    ) -> None:
        """Apply a reader's report, and add those of its windows that are new."""
        for camera in report.cameras:
            self._apply_camera_report(report, camera, now)
        for window in windows:
            self._add_window(window)
        self._update(self._rooms_of(c.health.camera_id for c in report.cameras), now)

    def mark_lost(
        self, camera_ids: Collection[str], now: datetime, *, overdue: Collection[str] = ()
    ) -> None:
        """Record that no reader hosts these cameras now.

        Args:
            camera_ids: The cameras.
            now: UTC.
            overdue: Those of them that have waited for a reader longer than one takes to start.
        """
        for camera_id in camera_ids:
            state = self._cameras.get(camera_id)
            health = lost_health(camera_id, state, now, is_overdue=camera_id in overdue)
            if state is None:
                self._cameras[camera_id] = CameraState(CameraReport(health))
            elif state.reader_id is not None or state.report.health.reason is not health.reason:
                state.mark_lost(health)
        self._update(self._rooms_of(camera_ids), now)

    def refresh(self, now: datetime) -> None:
        """Update every room: counts become late also when no report arrives."""
        self._update(self._settings.rooms_by_id, now)

    def snapshots(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """Return the rooms' snapshots, in the requested order; unknown rooms are left out."""
        return [self._rooms[room_id] for room_id in room_ids if room_id in self._rooms]

    def windows(self, room_id: str, since: datetime) -> list[PublishedWindow]:
        """Return a room's finished windows, each ten seconds once, oldest first."""
        history = self._histories.get(room_id)
        groups = [] if history is None else history.by_start(since)
        return [self._shares.combine(group) for group in groups]

    def cameras(self) -> list[CameraStatus]:
        """Return the status of all cameras that have an address, by id."""
        statuses = []
        for camera_id, state in sorted(self._cameras.items()):
            camera = self._settings.cameras_by_id.get(camera_id)
            if camera is not None and camera.address is not None:
                statuses.append(state.status(self._settings.rooms_by_id[camera.room]))
        return statuses

    def changes(self, after: int, room_ids: Collection[str] | None = None) -> Changes:
        """Return what changed after an event id.

        Args:
            after: The event id.
            room_ids: The rooms of a client that resumes; None: all rooms, for the broadcast.
        """
        if room_ids is not None:
            return self._missed_changes(frozenset(room_ids), after)
        return Changes(
            last_id=self.last_id,
            rooms=_changed_after(after, self._rooms.values()),
            windows=tuple(self._visible_windows(after))[::-1],
            complete=self._feed.covers(after),
        )

    async def changes_after(
        self, after: int | None, wait_seconds: float, room_ids: Collection[str] | None = None
    ) -> Changes:
        """Return what changed after an event id; wait for something to change.

        Args:
            after: The event id; None: only future changes.
            wait_seconds: The longest wait; after it there are no changes.
            room_ids: See `changes`.
        """
        since = self.last_id if after is None else after
        await self._feed.wait(since, wait_seconds)
        return self.changes(since, room_ids)

    def _missed_changes(self, room_ids: frozenset[str], after: int) -> Changes:
        """Return the changes of some rooms; incomplete, and empty, where there are too many."""
        missed: list[PublishedWindow] = []
        incomplete = Changes(self.last_id, (), (), complete=False)
        if not self._feed.covers(after):
            return incomplete
        for window in self._visible_windows(after):
            if window.room_id in room_ids:
                missed.append(window)
                if len(missed) > MAX_RESUMED_WINDOWS:
                    return incomplete
        rooms = _changed_after(after, self.snapshots(sorted(room_ids)))
        return Changes(self.last_id, rooms, tuple(reversed(missed)), complete=True)

    def _visible_windows(self, after: int) -> Iterable[PublishedWindow]:
        """Yield the windows after an event id, of one camera of each room, newest first.

        It is the camera that gives the room's shares while that delivers, else the one that sees
        most, with headcounts.
        """
        for window in self._feed.newest_windows(after):
            if window.room_id not in self._rooms:
                continue
            if self._event_cameras.get(window.room_id) in (None, window.camera_id):
                yield self._shares.combine([window])

    def _update(self, room_ids: Iterable[str], now: datetime) -> None:
        """Recompute the snapshots of rooms; each that differs is an event."""
        for room_id in room_ids:
            room = self._snapshot(room_id, now)
            previous = self._rooms.get(room_id)
            if previous is None or replace(room, event_id=previous.event_id) != previous:
                self._rooms[room_id] = replace(room, event_id=self._feed.next_id())

    def _rooms_of(self, camera_ids: Iterable[str]) -> set[str]:
        cameras = self._settings.cameras_by_id
        return {cameras[camera_id].room for camera_id in camera_ids if camera_id in cameras}

    def _apply_camera_report(self, report: Report, camera: CameraReport, now: datetime) -> None:
        camera_id = camera.health.camera_id
        if camera_id in self._settings.cameras_by_id:
            state = self._cameras.setdefault(camera_id, CameraState(camera))
            state.apply_report(camera, reader_id=report.reader_id, node=report.node, now=now)

    def _add_window(self, window: PublishedWindow) -> None:
        if window.room_id not in self._settings.rooms_by_id:
            return
        history = self._histories[window.room_id]
        if window not in history:  # a reader that got no acknowledgement sends it again
            length = timedelta(minutes=self._settings.live.history_minutes)
            history.add(self._feed.publish(window), length)
            if not window.window.suppressed and not self._shares.is_chosen(window):
                self._undecided.add(window.room_id)

    def _snapshot(self, room_id: str, now: datetime) -> RoomSnapshot:
        cameras = self._cameras_of.get(room_id, [])
        lesson = self._timetable.lesson_at(room_id, now)
        lesson_id = lesson.lesson_id if lesson else None
        current, state, reason = self._current_counts(cameras, now)
        if not current:
            self._event_cameras[room_id] = None
            drift = Drift.COVERED if reason == Drift.COVERED else Drift.NONE
            return RoomSnapshot(
                room_id, state, reason, None, None, None, None, None, lesson_id, 0, drift
            )
        camera_id, share_camera, window = self._shares.combine_live(room_id, current)
        counts = current[camera_id]
        is_counting = share_camera in current
        self._event_cameras[room_id] = share_camera if is_counting else camera_id
        hands_up = None if window.suppressed else current[str(share_camera)].hands_up
        return RoomSnapshot(
            room_id,
            state,
            reason,
            counts.as_of,
            counts.people,
            hands_up,
            window,
            camera_id,
            lesson_id,
            0,
            self._cameras[camera_id].drift.kind,
        )

    def _current_counts(
        self, cameras: Sequence[Camera], now: datetime
    ) -> tuple[dict[str, LiveCounts], RoomStatus, str]:
        """Return the counts of the cameras that are most current, and the room's status."""
        if not cameras:
            return {}, "off", "no_address"
        stall_seconds = self._settings.live.stall_seconds
        candidates: dict[RoomStatus, dict[str, LiveCounts]] = {"live": {}, "late": {}}
        down = str(StreamReason.NO_READER)
        for camera in cameras:
            state = self._cameras.get(camera.id)
            status, reason = room_status_of(camera, state, now, stall_seconds=stall_seconds)
            if status == "down" or state is None or state.counts is None:
                down = reason if down != Drift.COVERED else down  # that somebody can change
            else:
                candidates[status][camera.id] = state.counts
        for status in ("live", "late"):
            if candidates[status]:
                return candidates[status], status, status
        return {}, "down", down


def _changed_after(after: int, rooms: Iterable[RoomSnapshot]) -> tuple[RoomSnapshot, ...]:
    changed = (room for room in rooms if room.event_id > after)
    return tuple(sorted(changed, key=lambda room: room.event_id))


def _cameras_by_room(settings: Settings) -> Mapping[str, list[Camera]]:
    """The cameras that have an address, by room."""
    cameras: dict[str, list[Camera]] = defaultdict(list)
    for camera in settings.cameras:
        if camera.address is not None:
            cameras[camera.room].append(camera)
    return cameras
