"""A room whose people are known, run through the real ways out of Homeroom, and what they state.

    people -> cameras, analyses -> live service, lake, warehouse -> answers -> linear statements

The people stand for themselves here; no picture is counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cluster.activity.desk_work import DESK_WORK, PARTS
from cluster.activity.durations import FrameCounts
from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import (
    ActivityWindow,
    Source,
    max_published_hands,
    suppress_window,
)
from cluster.activity.windows import WindowCounts
from cluster.district import Lesson, Timetable
from cluster.settings import Settings, load_settings
from cluster.streams.capture.health import CameraHealth
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamReason, StreamState
from cluster.vision.activity import Activity
from cluster.warehouse.lake import Lake, PartKey, PartMetadata
from cluster.warehouse.live.flush import live_run_id
from cluster.warehouse.publish import publish
from cluster.warehouse.published_shares import PublishedShares, keep_published
from cluster.warehouse.query import run_query
from cluster.warehouse.report import load_report
from cluster.warehouse.rows import window_row
from cluster.warehouse.saved_queries import bind_parameters, find_saved_query, run_saved_query
from serve_apps.http.schemas.rooms import Shares, room_body, window_body
from serve_apps.rooms.room_state import RoomState
from tests.conftest import write_settings
from tests.group_bounds import Atom, GroupSolver, Statement, groups_below

K = 10
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LESSON = Lesson("maths", "r1", "7B", NINE, NINE + timedelta(minutes=45))
WINDOWS, PER_WINDOW = 9, 3
FRAMES = WINDOWS * PER_WINDOW
NAMES = tuple(Shares.model_fields)
CAMERA_OF = {"a": "cam-a", "b": "cam-b", "a2": "cam-a", "c": "cam-c"}
"""Analyses: live ones of two cameras; the archive's of the first, and of one that came later."""

CAMERA = '[[cameras]]\nid = "{0}"\nroom = "r1"\naddress = "rtsp://127.0.0.1/{0}"\n'


def time_of(frame: int) -> datetime:
    window, number = divmod(frame, PER_WINDOW)
    return NINE + timedelta(seconds=10 * window + 1 + 3 * number)


@dataclass
class Room:
    """A room, what its cameras count, and what has been published of it."""

    atoms: tuple[Atom, ...]
    folder: Path
    stays: bool = False
    publishes_parts: bool = False
    missing: Mapping[str, Sequence[int]] = field(default_factory=dict)
    seed: int = 1
    published: list[Statement] = field(default_factory=list)
    analysis_of: dict[int, str] = field(default_factory=dict)
    """Window -> the analysis whose shares the warehouse gives."""

    def __post_init__(self) -> None:
        random = Random(self.seed)
        kinds = [*Activity]
        doing = [[random.choice(kinds) for _ in range(max(a.present))] for a in self.atoms]
        self.truth: list[list[list[Activity]]] = []
        for frame in range(FRAMES):
            if frame and not self.stays:
                doing = [
                    [random.choice(kinds) if random.random() < 0.3 else one for one in group]
                    for group in doing
                ]
            self.truth.append(
                [group[: a.present[frame]] for group, a in zip(doing, self.atoms, strict=True)]
            )
        self.settings = load_settings(
            write_settings(self.folder, k=K, more="".join(map(CAMERA.format, ("cam-a", "cam-b"))))
        )
        self.lake = Lake(self.settings.lake_dir)

    def count(self, analysis: str, frame: int) -> FrameCounts:
        """What an analysis counts in a frame."""
        seen = [
            one
            for atom, group in zip(self.atoms, self.truth[frame], strict=True)
            if analysis in atom.analyses
            for one in group
        ]
        activities = {activity: seen.count(activity) for activity in Activity}
        raises = activities[Activity.HAND_RAISED] // 2
        return FrameCounts(float(frame), len(seen), activities, raises)

    def frames(self, analysis: str, start: datetime, end: datetime) -> list[int]:
        """The frames of an analysis after a time, up to another."""
        lost = self.missing.get(analysis, ())
        return [
            frame
            for frame in range(FRAMES)
            if start < time_of(frame) <= end and frame // PER_WINDOW not in lost
        ]

    def window(self, analysis: str, start: datetime) -> ActivityWindow:
        """Ten seconds of an analysis, after suppression."""
        frames = self.frames(analysis, start, start + timedelta(seconds=10))
        counts = [self.count(analysis, frame) for frame in frames]
        return suppress_window(
            WindowCounts(start, counts),
            k=K,
            headcount_only=False,
            publishes_parts=self.publishes_parts,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The shares that say something: where its parts are published, desk work is their sum."""
        hidden = (DESK_WORK,) if self.publishes_parts else PARTS
        return tuple(name for name in NAMES if name not in hidden)

    def finished(self, analysis: str, number: int) -> PublishedWindow | None:
        start = NINE + timedelta(seconds=10 * number)
        window = self.window(analysis, start)
        if not window.frames:
            return None
        return PublishedWindow(
            window=window,
            camera_id=CAMERA_OF[analysis],
            room_id="r1",
            school_id="hill",
            model="m",
        )

    def report(self, analysis: str, frame: int) -> Report:
        """The live counts after a frame, as a reader computes them."""
        now = time_of(frame)
        health = CameraHealth(
            CAMERA_OF[analysis], StreamState.LIVE, StreamReason.PICTURES_ARRIVE, now
        )
        if frame // PER_WINDOW in self.missing.get(analysis, ()):
            return Report("r", "n", (CameraReport(health),), ())
        counts, window = (
            self.count(analysis, frame),
            self.window(analysis, now - timedelta(seconds=10)),
        )
        hands = None
        if not window.suppressed and counts.people >= K:
            raised = counts.activities[Activity.HAND_RAISED]
            hands = min(raised, max_published_hands(counts.people))
        live = LiveCounts(now, counts.people, hands, window)
        return Report("r", "n", (CameraReport(health, live),), ())

    # What somebody learns.

    def learn(
        self, shares: Mapping[str, float | None], end: datetime, hands: int | None = None
    ) -> str:
        """Note what shares of the ten seconds up to a time state, and whose they are."""
        for analysis, late in ((name, late) for late in range(PER_WINDOW) for name in CAMERA_OF):
            until = end - timedelta(seconds=3 * late)
            window = self.window(analysis, until - timedelta(seconds=10))
            if window.suppressed or any(getattr(window, f"{n}_share") != shares[n] for n in NAMES):
                continue
            frames = self.large(analysis, until - timedelta(seconds=10), until)
            people = sum(self.count(analysis, frame).people for frame in frames)
            weights = tuple((analysis, frame, 1.0) for frame in frames)
            for name in self.names:
                share = shares[name]
                assert share is not None
                low = 0.0 if share <= 0.05 else share - 0.005
                high = 1.0 if share >= 0.95 else share + 0.005
                self.published.append(Statement(name, weights, low * people, high * people))
            if hands is not None:
                newest = (analysis, max(self.frames(analysis, NINE, until)), 1.0)
                self.published.append(Statement("hand_raised", (newest,), hands, hands))
            return analysis
        raise AssertionError(f"shares of nobody's: {shares} up to {end}")

    def large(self, analysis: str, start: datetime, end: datetime) -> list[int]:
        frames = self.frames(analysis, start, end)
        return [frame for frame in frames if self.count(analysis, frame).people >= K]

    def learn_window(self, row: Mapping[str, Any]) -> str | None:
        """Note what a window states: a row, or the body of a window or event."""
        if row["suppressed"]:
            return None
        shares = row.get("shares") or {n: row[f"{n}_share"] for n in NAMES}
        plain = {n: s["share"] if isinstance(s, dict) else s for n, s in shares.items()}
        end = row["window_start"] + timedelta(seconds=10)
        analysis = self.learn(plain, end)
        if row["hand_raises"] is not None and not self.stays:
            frames = self.large(analysis, row["window_start"], end)
            weights = tuple((analysis, frame, 1.0) for frame in frames)
            raises = float(row["hand_raises"])
            self.published.append(Statement("hand_raises", weights, raises, raises))
        return analysis

    def learn_lesson(self, row: Mapping[str, Any]) -> None:
        """Note what a lesson's means state of the windows that are in them."""
        starts = {n: NINE + timedelta(seconds=10 * n) for n in self.analysis_of}
        windows = {n: self.window(a, starts[n]) for n, a in self.analysis_of.items()}
        people = sum(window.people_mean for window in windows.values())
        for name in self.names if windows else ():
            weights, low, high = [], 0.0005, 0.0005
            for number, analysis in self.analysis_of.items():
                frames = self.large(
                    analysis, starts[number], starts[number] + timedelta(seconds=10)
                )
                total = sum(self.count(analysis, frame).people for frame in frames)
                part = windows[number].people_mean / people
                weights += [(analysis, frame, part / total) for frame in frames]
                share = getattr(windows[number], f"{name}_share")
                low += part * (share if share <= 0.05 else 0.005)
                high += part * (1 - share if share >= 0.95 else 0.005)
            mean = row[f"{name}_share"]
            self.published.append(Statement(name, tuple(weights), mean - low, mean + high))

    # The ways out.

    def run_live(self, *cameras: str) -> None:
        """Run the live service through the lesson; read every answer and event."""
        state, store = RoomState(self.settings, NINE), PublishedShares(self.settings.lake_dir)
        state.set_share_cameras(store.cameras())
        after, room = state.last_id, self.settings.rooms_by_id["r1"]
        for frame in range(FRAMES):
            now = time_of(frame)
            ends = (frame + 1) % PER_WINDOW == 0
            done = [self.finished(c, frame // PER_WINDOW) for c in cameras if ends]
            for camera in cameras:
                of_camera = [w for w in done if w and w.camera_id == CAMERA_OF[camera]]
                state.apply_report(self.report(camera, frame), of_camera, now)
            proposed = state.proposed_share_cameras()
            state.set_share_cameras(store.fix_cameras(proposed) if proposed else {})
            state.refresh(now)
            changes = state.changes(after)
            after = changes.last_id
            for snapshot in [*state.snapshots(["r1"]), *changes.rooms]:
                body = room_body(room, snapshot, now, k=K)
                if body.shares is not None:
                    shares = {n: s and s["share"] for n, s in body.shares.model_dump().items()}
                    self.learn(shares, now, body.hands_up)
            for one in [*changes.windows, *state.windows("r1", NINE)]:
                self.learn_window(window_body(room, one, k=K).model_dump())
        for camera in cameras:
            windows = [self.finished(camera, number) for number in range(WINDOWS)]
            self.store([w for w in windows if w], "live", live_run_id(NINE))

    def run_archive(self, analysis: str) -> None:
        windows = [self.finished(analysis, number) for number in range(WINDOWS)]
        self.store([w for w in windows if w], "archive", f"run-{analysis}")

    def store(self, windows: Sequence[PublishedWindow], source: Source, run_id: str) -> None:
        """Write windows to the lake, as the flush and the archive job do."""
        by_minute: dict[datetime, list[dict[str, Any]]] = {}
        for one in windows:
            row = window_row(
                one.window,
                room_id="r1",
                camera_id=one.camera_id,
                lesson_id="maths",
                source=source,
                run_id=run_id,
                model="m",
            )
            by_minute.setdefault(one.window.window_start.replace(second=0), []).append(row)
        for minute, rows in by_minute.items():
            key = PartKey("hill", "2026-03-02", windows[0].camera_id, minute)
            part = self.lake.read_part(key)
            if part is not None:
                runs = PublishedShares(self.lake.folder).runs()
                rows = keep_published(part[1], rows, runs, K)
            self.lake.write_part(key, PartMetadata("a", ()), rows)

    def publish(self) -> None:
        """Publish, and read every table, saved query, report and export."""
        publish(self.settings, Timetable([LESSON]), now=datetime.now(UTC))
        span = {"from": NINE.isoformat(), "to": (NINE + timedelta(hours=1)).isoformat()}
        bound = bind_parameters(find_saved_query("room_windows"), {"room_id": "r1", **span}.items())
        answer = run_saved_query(self.settings, bound, limit=1000)
        asked = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        exported = run_query(self.settings, "FROM activity_windows").to_pylist()
        report = load_report(self.settings, "r1", NINE, NINE + timedelta(hours=1)).windows
        drawn = [{n: getattr(w, n) for n in ActivityWindow.__slots__} for w in report]
        assert len(drawn) == len({row["window_start"] for row in exported})
        self.analysis_of.clear()
        for row in [*asked, *exported, *drawn]:
            analysis = self.learn_window(row)
            if analysis is not None:
                number = (row["window_start"] - NINE) // timedelta(seconds=10)
                assert self.analysis_of.setdefault(number, analysis) == analysis
        (lesson,) = run_query(self.settings, "FROM lesson_activity").to_pylist()
        assert lesson["windows"] == len(drawn)
        self.learn_lesson(lesson)

    # What may be computed.

    def reference(self) -> list[Statement]:
        """Exact counts of one camera's frames with k people and more."""
        known = []
        (analysis,) = set(self.analysis_of.values())
        for frame in range(FRAMES):
            counts = self.count(analysis, frame)
            if counts.people >= K and self.frames(
                analysis, time_of(frame) - timedelta(seconds=1), time_of(frame)
            ):
                of_frame = {
                    **{str(a): n for a, n in counts.activities.items()},
                    "hand_raises": counts.hand_raises,
                }
                known += [
                    Statement(name, ((analysis, frame, 1.0),), float(n), float(n))
                    for name, n in of_frame.items()
                    if not (self.stays and name == "hand_raises")
                ]
        return known

    def narrowed(self, known: Sequence[Statement]) -> Iterator[str]:
        """Yield the groups below k that statements narrow more than the reference does."""
        solver = GroupSolver(self.atoms, FRAMES, known, stays=self.stays)
        reference = GroupSolver(self.atoms, FRAMES, self.reference(), stays=self.stays)
        activities = ("hand_raised", "writing", *(() if self.stays else ("hand_raises",)))
        for group in groups_below(self.atoms, K):
            for number in (0, WINDOWS - 1):
                frames = range(number * PER_WINDOW, (number + 1) * PER_WINDOW)
                for activity in activities:
                    low, high = solver.bounds(group, activity, frames)
                    fewest, most = reference.bounds(group, activity, frames)
                    if low > fewest + 1e-4 or high < most - 1e-4:
                        yield f"{group} {activity} in {number}: {low:.2f} to {high:.2f}"


def later_camera(folder: Path) -> Settings:
    """The settings with a third camera."""
    cameras = "".join(map(CAMERA.format, ("cam-a", "cam-b", "cam-c")))
    return load_settings(write_settings(folder, k=K, more=cameras))
