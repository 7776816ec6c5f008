"""What every room shows now, and what happened since an event id.

    reports of readers ─> Board ─> RoomSnapshot, ToldWindow, CameraStatus, Changes

Pure: time is passed in, nothing is read or written. Event ids grow with every change of any room,
also over a restart, because they begin at the clock's milliseconds.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from cluster.activity.live import LiveNumbers
from cluster.district import Timetable
from cluster.settings import Camera, Settings
from cluster.streams.reader.config import CameraHealth
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamReason, StreamState
from cluster.warehouse.live.journal import LiveWindow
from serve_apps.clients.types import CameraStatus, Changes, RoomSnapshot, RoomStatus, ToldWindow

LATE_AFTER = timedelta(seconds=3)
"""Numbers that are older, though the camera delivers, are called late."""

LATE_AFTER_KEY_FRAMES = timedelta(seconds=15)
LATENCY_SPAN = timedelta(seconds=30)
"""Latencies are told of pictures that were reported in so long."""

WAITS = (
    "no node has had a place for its reader for a while (CPU, or the resource `cameras`), or "
    "readers do not start there."
)
MOST_CHANGES = 10_000
"""Finished windows that are kept for resumption, besides each room's history."""


MOST_RESUMED = 1000
"""Of these, what is told to one client that comes again; who missed more begins anew."""


@dataclass(slots=True)
class _CameraBoard:
    """What is known of a camera."""

    report: CameraReport
    reader_id: str | None = None
    node: str | None = None
    numbers: LiveNumbers | None = None
    latencies: deque[tuple[datetime, float]] = field(default_factory=deque)

    def latency_p95(self) -> float | None:
        """Seconds from picture to number that 95% of the latest pictures stayed below."""
        if not self.latencies:
            return None
        return round(float(np.percentile([seconds for _, seconds in self.latencies], 95)), 3)


class RoomState:
    """The rooms of an installation.

    Args:
        settings: They know rooms and cameras.
        now: UTC; event ids begin here.
    """

    def __init__(self, settings: Settings, now: datetime) -> None:
        self._settings = settings
        self._cameras_of = _cameras_of(settings)
        self._timetable = Timetable()
        self._last_id = int(now.timestamp() * 1000)
        self._first_id = self._last_id
        self._cameras: dict[str, _CameraBoard] = {}
        self._rooms: dict[str, RoomSnapshot] = {}
        self._windows: dict[str, deque[ToldWindow]] = defaultdict(deque)
        self._keys: dict[str, set[tuple[str, datetime]]] = defaultdict(set)
        self._recent: deque[ToldWindow] = deque(maxlen=MOST_CHANGES)

    @property
    def last_id(self) -> int:
        """The newest event's id."""
        return self._last_id

    def use(self, settings: Settings, timetable: Timetable, now: datetime) -> None:
        """Take other settings or lessons; rooms and cameras that are gone are forgotten."""
        self._settings, self._timetable = settings, timetable
        self._cameras_of = _cameras_of(settings)
        for camera_id in set(self._cameras) - set(settings.cameras_by_id):
            del self._cameras[camera_id]
        for room_id in set(self._rooms) - set(settings.rooms_by_id):
            del self._rooms[room_id]
            self._windows.pop(room_id, None)
            self._keys.pop(room_id, None)
        self.tick(now)

    def remember(self, windows: Iterable[LiveWindow]) -> None:
        """Fill the rooms' history from before a restart."""
        for window in sorted(windows, key=lambda w: w.window.window_start):
            self._keep(window)

    def take(self, report: Report, windows: Sequence[LiveWindow], now: datetime) -> None:
        """Take a reader's report, and of its windows those that are new."""
        for camera in report.cameras:
            self._take_camera(report, camera, now)
        for window in windows:
            self._keep(window)
        self._look(self._rooms_of(c.health.camera_id for c in report.cameras), now)

    def lose(
        self, camera_ids: Collection[str], now: datetime, *, waiting: Collection[str] = ()
    ) -> None:
        """Say of cameras that no reader has them now.

        Args:
            camera_ids: Which.
            now: UTC.
            waiting: Those of them that have waited for a reader longer than one takes to start.
        """
        for camera_id in camera_ids:
            known = self._cameras.get(camera_id)
            was_read = known is not None and (
                known.reader_id is not None or known.report.health.state is not StreamState.STARTING
            )
            state = StreamState.RECONNECTING if was_read else StreamState.STARTING
            reason, detail = StreamReason.READER_LOST if was_read else StreamReason.ASSIGNED, ""
            if camera_id in waiting:
                reason, detail = StreamReason.NO_READER, WAITS
            health = CameraHealth(camera_id, state, reason, now, detail)
            if known is None:
                self._cameras[camera_id] = _CameraBoard(CameraReport(health))
            elif known.reader_id is not None or known.report.health.reason is not reason:
                known.report = replace(known.report, health=health)
                known.reader_id = known.node = None
        self._look(self._rooms_of(camera_ids), now)

    def tick(self, now: datetime) -> None:
        """Look at every room: numbers grow old also when nobody reports."""
        self._look(self._settings.rooms_by_id, now)

    def _look(self, room_ids: Iterable[str], now: datetime) -> None:
        """Look at rooms; one that shows something else than before is an event."""
        for room_id in room_ids:
            room = self._room_now(room_id, now)
            known = self._rooms.get(room_id)
            if known is None or replace(room, event_id=known.event_id) != known:
                self._rooms[room_id] = replace(room, event_id=self._next_id())

    def _rooms_of(self, camera_ids: Iterable[str]) -> set[str]:
        known = self._settings.cameras_by_id
        return {known[camera_id].room for camera_id in camera_ids if camera_id in known}

    def now(self, room_ids: Sequence[str]) -> list[RoomSnapshot]:
        """The rooms' numbers, in the order asked for."""
        return [self._rooms[room_id] for room_id in room_ids if room_id in self._rooms]

    def windows(self, room_id: str, since: datetime) -> list[ToldWindow]:
        """A room's finished windows, oldest first: of each ten seconds the camera that saw most."""
        best: dict[datetime, ToldWindow] = {}
        for told in self._windows.get(room_id, ()):
            known = best.get(told.window.window_start)
            if known is None or told.window.people_mean > known.window.people_mean:
                best[told.window.window_start] = told
        return [best[start] for start in sorted(best) if start >= since]

    def changes(self, after: int, room_ids: Collection[str] | None = None) -> Changes:
        """What happened after an event id: in these rooms, for a client that comes again."""
        if room_ids is not None:
            return self._changes_of(frozenset(room_ids), after)
        return Changes(
            last_id=self._last_id,
            rooms=tuple(
                sorted(
                    (room for room in self._rooms.values() if room.event_id > after),
                    key=lambda room: room.event_id,
                )
            ),
            windows=tuple(
                told
                for told in self._recent
                if told.event_id > after and self._speaks(told.room_id, told.camera_id)
            ),
            complete=self._reaches(after),
        )

    def _changes_of(self, room_ids: frozenset[str], after: int) -> Changes:
        """What happened in some rooms; incomplete, and empty, where it is much."""
        missed: list[ToldWindow] = []
        if not self._reaches(after):
            return Changes(self._last_id, (), (), complete=False)
        for told in reversed(self._recent):  # the newest first: it ends where the client left
            if told.event_id <= after:
                break
            if told.room_id in room_ids and self._speaks(told.room_id, told.camera_id):
                missed.append(told)
                if len(missed) > MOST_RESUMED:
                    return Changes(self._last_id, (), (), complete=False)
        rooms = [room for room in self.now(sorted(room_ids)) if room.event_id > after]
        return Changes(
            self._last_id,
            tuple(sorted(rooms, key=lambda room: room.event_id)),
            tuple(reversed(missed)),
            complete=True,
        )

    def cameras(self) -> list[CameraStatus]:
        """All cameras that have an address, by id."""
        statuses = []
        for camera_id, board in sorted(self._cameras.items()):
            camera = self._settings.cameras_by_id.get(camera_id)
            if camera is None or camera.address is None:
                continue
            room = self._settings.rooms_by_id[camera.room]
            statuses.append(
                CameraStatus(
                    health=board.report.health,
                    room_id=room.id,
                    school_id=room.school,
                    reader_id=board.reader_id,
                    node=board.node,
                    frames_late=board.report.frames_late,
                    frames_dropped=board.report.frames_dropped,
                    latency_p95_seconds=board.latency_p95(),
                )
            )
        return statuses

    def _speaks(self, room_id: str, camera_id: str) -> bool:
        """Whether a camera is the one whose numbers its room shows."""
        room = self._rooms.get(room_id)
        return room is not None and room.camera_id in (None, camera_id)

    def _reaches(self, after: int) -> bool:
        """Whether everything after an id is still at hand."""
        oldest = self._recent[0].event_id if len(self._recent) == MOST_CHANGES else self._first_id
        return oldest <= after <= self._last_id

    def _take_camera(self, report: Report, camera: CameraReport, now: datetime) -> None:
        camera_id = camera.health.camera_id
        if camera_id not in self._settings.cameras_by_id:
            return
        board = self._cameras.setdefault(camera_id, _CameraBoard(camera))
        board.report, board.reader_id, board.node = camera, report.reader_id, report.node
        board.latencies.extend((now, seconds) for seconds in camera.latencies)
        while board.latencies and now - board.latencies[0][0] > LATENCY_SPAN:
            board.latencies.popleft()
        if camera.numbers is not None:
            board.numbers = camera.numbers

    def _keep(self, live: LiveWindow) -> None:
        if live.room_id not in self._settings.rooms_by_id:
            return
        history = self._windows[live.room_id]
        key = (live.camera_id, live.window.window_start)
        if key in self._keys[live.room_id]:
            return  # its reader did not hear the answer
        self._keys[live.room_id].add(key)
        told = ToldWindow(
            live.room_id, live.camera_id, live.lesson_id, live.window, self._next_id()
        )
        history.append(told)
        length = timedelta(minutes=self._settings.live.history_minutes)
        newest = max(told.window.window_start, history[-1].window.window_start)
        while newest - history[0].window.window_start > length:
            gone = history.popleft()
            self._keys[live.room_id].discard((gone.camera_id, gone.window.window_start))
        self._recent.append(told)

    def _room_now(self, room_id: str, now: datetime) -> RoomSnapshot:
        cameras = self._cameras_of.get(room_id, [])
        lesson = self._timetable.lesson_at(room_id, now)
        lesson_id = lesson.lesson_id if lesson else None
        best, state, reason = self._best(cameras, now)
        if best is None:
            return RoomSnapshot(room_id, state, reason, None, None, None, None, None, lesson_id, 0)
        camera_id, numbers = best
        return RoomSnapshot(
            room_id,
            state,
            reason,
            numbers.as_of,
            numbers.people,
            numbers.hands_up,
            numbers.window,
            camera_id,
            lesson_id,
            0,
        )

    def _best(
        self, cameras: Sequence[Camera], now: datetime
    ) -> tuple[tuple[str, LiveNumbers] | None, RoomStatus, str]:
        """The camera that shows a room best, with the state of the room's numbers and why."""
        if not cameras:
            return None, "off", "no_address"
        shown: dict[RoomStatus, list[tuple[float, str, LiveNumbers]]] = {"live": [], "late": []}
        down = str(StreamReason.NO_READER)
        for camera in cameras:
            board = self._cameras.get(camera.id)
            state, reason = self._state_of(camera, board, now)
            if state == "down" or board is None or board.numbers is None:
                down = reason
            else:
                numbers = board.numbers
                shown[state].append((numbers.window.people_mean, camera.id, numbers))
        for state in ("live", "late"):
            if shown[state]:
                _, camera_id, numbers = max(shown[state], key=lambda one: one[:2])
                return (camera_id, numbers), state, "late" if state == "late" else "live"
        return None, "down", down

    def _state_of(
        self, camera: Camera, board: _CameraBoard | None, now: datetime
    ) -> tuple[RoomStatus, str]:
        if board is None:
            return "down", str(StreamReason.NO_READER)
        health = board.report.health
        if board.numbers is None:
            return "down", str(health.reason)
        age = now - board.numbers.as_of
        limit = LATE_AFTER_KEY_FRAMES if camera.decode == "key_frames" else LATE_AFTER
        if age <= limit:
            return "live", "live"
        stalled = timedelta(seconds=self._settings.live.stall_seconds) + limit
        if age <= stalled:
            return "late", "late"
        return "down", str(
            StreamReason.NO_PICTURE if health.state is StreamState.LIVE else health.reason
        )

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _cameras_of(settings: Settings) -> Mapping[str, list[Camera]]:
    """The cameras that are read live, by room."""
    cameras: dict[str, list[Camera]] = defaultdict(list)
    for camera in settings.cameras:
        if camera.address is not None:
            cameras[camera.room].append(camera)
    return cameras
