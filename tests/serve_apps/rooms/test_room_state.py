"""The state of rooms, computed from readers' reports."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.activity.live import LiveCounts
from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.calibration.drift import CameraDrift, Drift
from cluster.district import Lesson, Timetable
from cluster.settings import Settings, load_settings
from cluster.streams.capture.health import CameraHealth
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamReason, StreamState
from cluster.warehouse.published_shares import ShareCamera
from serve_apps.clients.types import RoomSnapshot
from serve_apps.rooms.room_state import RoomState

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

TEXT = """
[[schools]]
id = "hill"
name = "Hill School"
timezone = "Europe/Oslo"
[[rooms]]
id = "r1"
school = "hill"
name = "Room 1"
[[rooms]]
id = "r2"
school = "hill"
name = "Room 2"
[[cameras]]
id = "front"
room = "r1"
address = "rtsp://127.0.0.1/front"
[[cameras]]
id = "back"
room = "r1"
address = "rtsp://127.0.0.1/back"
[[cameras]]
id = "blind"
room = "r2"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "homeroom.toml").write_text(TEXT)
    return load_settings(tmp_path / "homeroom.toml")


@pytest.fixture
def state(settings: Settings) -> RoomState:
    return RoomState(settings, NOW)


def window(people: int, start: datetime = NOW) -> ActivityWindow:
    suppressed = dict.fromkeys(
        [
            "hand_raised_share",
            "reading_share",
            "writing_share",
            "head_down_share",
            "standing_share",
            "unclear_share",
            "hand_raises",
        ]
    )
    return ActivityWindow(
        window_start=start,
        frames=20,
        people_max=people,
        people_mean=float(people),
        suppressed=True,
        **suppressed,  # type: ignore[arg-type]
    )


def report(camera: str, people: int | None, at: datetime = NOW) -> Report:
    health = CameraHealth(camera, StreamState.LIVE, StreamReason.PICTURES_ARRIVE, at)
    counts = None if people is None else LiveCounts(at, people, None, window(people))
    return Report("reader-1", "node-1", (CameraReport(health, counts, latencies=(0.1, 0.3)),), ())


def finished(camera: str, people: int, start: datetime = NOW) -> PublishedWindow:
    return PublishedWindow(
        camera_id=camera,
        room_id="r1",
        school_id="hill",
        lesson_id=None,
        window=window(people, start),
        model="m",
    )


def snapshot(state: RoomState, room_id: str = "r1") -> RoomSnapshot:
    (found,) = state.snapshots([room_id])
    return found


def test_a_room_is_down_before_the_first_frame_and_off_without_an_address(
    state: RoomState,
) -> None:
    state.refresh(NOW)
    assert (snapshot(state).state, snapshot(state).reason) == ("down", "no_reader")
    assert (snapshot(state, "r2").state, snapshot(state, "r2").reason) == ("off", "no_address")


def test_a_room_shows_the_camera_with_the_most_people(state: RoomState) -> None:
    state.apply_report(report("front", 12), [], NOW)
    state.apply_report(report("back", 20), [], NOW)
    assert (snapshot(state).people, snapshot(state).camera_id) == (20, "back")


def test_old_counts_are_late_and_then_dropped(state: RoomState) -> None:
    state.apply_report(report("front", 12), [], NOW)
    states = []
    for seconds in (1, 5, 60):
        state.refresh(NOW + seconds * SECOND)
        states.append((snapshot(state).state, snapshot(state).people))
    assert states == [("live", 12), ("late", 12), ("down", None)]


def test_only_a_change_is_an_event_and_event_ids_grow(state: RoomState) -> None:
    state.refresh(NOW)
    state.apply_report(report("front", 12), [], NOW)
    first = state.last_id
    state.refresh(NOW + SECOND)
    assert state.last_id == first
    state.apply_report(report("front", 13, NOW + SECOND), [], NOW + SECOND)
    assert state.last_id > first
    changes = state.changes(first)
    assert [r.people for r in changes.rooms] == [13]
    assert changes.complete


def test_changes_are_incomplete_for_an_id_from_before_the_start_or_from_the_future(
    state: RoomState,
) -> None:
    state.refresh(NOW)
    assert not state.changes(int(NOW.timestamp() * 1000) - 5).complete
    assert not state.changes(state.last_id + 1000).complete


def test_event_ids_start_above_those_of_an_earlier_process(settings: Settings) -> None:
    earlier = RoomState(settings, NOW)
    for second in range(20):
        earlier.apply_report(
            report("front", second, NOW + second * SECOND), [], NOW + second * SECOND
        )
    assert RoomState(settings, NOW + timedelta(minutes=1)).last_id > earlier.last_id


def test_the_history_has_the_camera_with_the_most_people_for_each_ten_seconds(
    state: RoomState,
) -> None:
    later = NOW + 10 * SECOND
    windows = [finished("front", 12), finished("back", 20), finished("front", 14, later)]
    state.apply_report(report("front", 12), windows, NOW)
    history = state.windows("r1", NOW)
    assert [(w.camera_id, w.window.window_start) for w in history] == [
        ("back", NOW),
        ("front", later),
    ]
    events = state.changes(int(NOW.timestamp() * 1000)).windows
    # Only the shown camera's: no ten seconds are published twice.
    assert {w.camera_id for w in events} == {"front"}


def test_a_window_that_is_sent_again_is_not_an_event(state: RoomState) -> None:
    state.apply_report(report("front", 12), [finished("front", 12)], NOW)
    before = state.last_id
    state.apply_report(report("front", None), [finished("front", 12)], NOW)
    assert state.changes(before).windows == ()
    assert len(state.windows("r1", NOW)) == 1


def test_the_history_is_restored_from_the_journal_and_bounded(state: RoomState) -> None:
    hour = [finished("front", 12, NOW + 10 * i * SECOND) for i in range(500)]
    state.restore(hour)
    history = state.windows("r1", NOW)
    assert history[-1].window.window_start == NOW + 4990 * SECOND
    assert history[-1].window.window_start - history[0].window.window_start <= timedelta(hours=1)


def test_a_camera_without_a_reader_has_its_own_reason_and_its_room_goes_down(
    state: RoomState,
) -> None:
    state.apply_report(report("front", 12), [], NOW)
    state.mark_lost(["front"], NOW)
    (status,) = state.cameras()
    assert (status.health.state, status.health.reason) == ("reconnecting", "reader_lost")
    assert status.reader_id is None
    state.refresh(NOW + timedelta(minutes=1))
    assert snapshot(state).state == "down"


def test_a_camera_overdue_for_a_reader_has_its_own_reason_whether_it_had_one_or_not(
    state: RoomState,
) -> None:
    def reasons() -> list[tuple[str, str, str]]:
        healths = [status.health for status in state.cameras()]
        return [(health.camera_id, health.state, health.reason) for health in healths]

    state.apply_report(report("front", 12), [], NOW)
    for _ in range(2):
        state.mark_lost(["back", "front"], NOW)
        assert reasons() == [
            ("back", "starting", "assigned"),
            ("front", "reconnecting", "reader_lost"),
        ]
    for _ in range(2):
        state.mark_lost(["back", "front"], NOW, overdue=["back", "front"])
        assert reasons() == [
            ("back", "starting", "no_reader"),
            ("front", "reconnecting", "no_reader"),
        ]
    assert all("no node has had a place" in status.health.detail for status in state.cameras())
    assert snapshot(state).state == "live"  # its last counts are still fresh
    state.refresh(NOW + timedelta(minutes=1))
    assert (snapshot(state).state, snapshot(state).reason) == ("down", "no_reader")


def test_a_snapshot_has_the_current_lesson(state: RoomState, settings: Settings) -> None:
    lesson = Lesson("l1", "r1", "c1", NOW, NOW + timedelta(hours=1))
    state.reconfigure(settings, Timetable([lesson]), NOW)
    assert snapshot(state).lesson_id == "l1"
    state.refresh(NOW + timedelta(hours=1))
    assert snapshot(state).lesson_id is None


def test_a_camera_status_has_the_latency_and_never_an_address(state: RoomState) -> None:
    state.apply_report(report("front", 12), [], NOW)
    (status,) = state.cameras()
    assert status.latency_p95_seconds is not None
    assert 0.1 <= status.latency_p95_seconds <= 0.3
    assert "rtsp" not in repr(status)


def test_the_latency_covers_the_last_half_minute(state: RoomState) -> None:
    slow = replace(report("front", 12).cameras[0], latencies=(5.0,) * 20)
    state.apply_report(Report("reader-1", "node-1", (slow,), ()), [], NOW)
    state.apply_report(report("front", 12), [], NOW + timedelta(seconds=29))
    assert state.cameras()[0].latency_p95_seconds == 5.0
    state.apply_report(report("front", 12), [], NOW + timedelta(seconds=31))
    assert (state.cameras()[0].latency_p95_seconds or 9) <= 0.3


def test_state_of_rooms_and_cameras_removed_from_the_settings_is_dropped(
    state: RoomState, tmp_path: Path
) -> None:
    state.apply_report(report("front", 12), [finished("front", 12)], NOW)
    (tmp_path / "fewer.toml").write_text("")
    state.reconfigure(load_settings(tmp_path / "fewer.toml"), Timetable(), NOW)
    assert state.snapshots(["r1"]) == []
    assert state.cameras() == []
    assert state.windows("r1", NOW) == []
    state.apply_report(report("front", 12), [finished("front", 12)], NOW)
    assert state.snapshots(["r1"]) == []


def test_a_client_that_resumes_gets_the_changes_of_its_rooms_in_order(state: RoomState) -> None:
    before = int(NOW.timestamp() * 1000)
    windows = [finished("front", 12, NOW + n * 10 * SECOND) for n in range(3)]
    state.apply_report(report("front", 12), windows, NOW)
    changes = state.changes(before, ["r1"])
    assert [one.window.window_start for one in changes.windows] == [
        NOW + n * 10 * SECOND for n in range(3)
    ]
    assert [one.room_id for one in changes.rooms] == ["r1"]
    assert changes.complete
    later = state.changes(changes.windows[1].event_id, ["r1"])
    assert later.windows == changes.windows[2:]
    others = state.changes(before, ["r2", "no-such"])
    assert (others.windows, others.complete) == ((), True)
    assert not state.changes(before - 5, ["r1"]).complete


def test_a_client_that_missed_too_much_gets_nothing_and_starts_from_scratch(
    state: RoomState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_apps.rooms.room_state.MAX_RESUMED_WINDOWS", 5)
    before = int(NOW.timestamp() * 1000)
    windows = [finished("front", 12, NOW + n * 10 * SECOND) for n in range(6)]
    state.apply_report(report("front", 12), windows, NOW)
    last = state.last_id
    changes = state.changes(before, ["r1"])
    assert (changes.windows, changes.rooms, changes.complete) == ((), (), False)
    assert changes.last_id == last
    some = state.changes(state.changes(before).windows[0].event_id, ["r1"])
    assert (len(some.windows), some.complete) == (5, True)
    assert len(state.changes(before).windows) == 6  # the broadcast gets all of them


def counted(people: int, start: datetime = NOW, share: float = 0.3) -> ActivityWindow:
    """A window with shares."""
    shares = (share, 0.1, 0.1, 0.1, 0.1, 0.1)
    return ActivityWindow(start, 20, people, float(people), False, *shares, 2, desk_work_share=0.2)


def seen(camera: str, people: int, number: int = 0, share: float = 0.3) -> PublishedWindow:
    start = NOW + 10 * number * SECOND
    return replace(finished(camera, people, start), window=counted(people, start, share))


def live_report(camera: str, people: int, at: datetime, share: float = 0.3) -> Report:
    health = CameraHealth(camera, StreamState.LIVE, StreamReason.PICTURES_ARRIVE, at)
    counts = LiveCounts(at, people, 2, counted(people, at - 10 * SECOND, share))
    return Report("reader-1", "node-1", (CameraReport(health, counts),), ())


def run_minute(state: RoomState, *, people: dict[str, int]) -> datetime:
    """A minute of windows and live counts of cameras; returns its end."""
    for number in range(6):
        now = NOW + 10 * (number + 1) * SECOND
        for camera, count in people.items():
            windows = [seen(camera, count, number, 0.3 if camera == "front" else 0.5)]
            share = 0.3 if camera == "front" else 0.5
            state.apply_report(live_report(camera, count, now, share), windows, now)
    return now


def choose(state: RoomState) -> dict[str, str]:
    """As the deployment does, with a record that has nothing else."""
    proposed = state.proposed_share_cameras()
    state.set_share_cameras(proposed)
    return {room_id: chosen.camera_id for (room_id, _), chosen in proposed.items()}


def test_before_a_camera_is_stored_a_room_gives_headcounts(state: RoomState) -> None:
    now = run_minute(state, people={"front": 12, "back": 20})
    state.refresh(now)
    assert (snapshot(state).people, snapshot(state).hands_up) == (20, None)
    assert all(one.window.suppressed for one in state.windows("r1", NOW))
    assert choose(state) == {"r1": "back"}
    assert choose(state) == {}


def test_one_camera_gives_shares_all_day_whichever_sees_more(state: RoomState) -> None:
    now = run_minute(state, people={"front": 12, "back": 20})
    choose(state)
    for turn in range(4):
        now += SECOND
        more, fewer = ("front", "back") if turn % 2 else ("back", "front")
        state.apply_report(live_report(more, 25, now, 0.3 if more == "front" else 0.5), [], now)
        state.apply_report(live_report(fewer, 14, now, 0.3 if fewer == "front" else 0.5), [], now)
        room = snapshot(state)
        assert (room.people, room.camera_id) == (25, more)
        assert room.window is not None
        assert room.window.hand_raised_share == 0.5  # of the camera at the back
    history = state.windows("r1", NOW)
    assert {one.window.hand_raised_share for one in history} == {0.5}


def test_without_the_camera_of_its_shares_a_room_gives_headcounts(state: RoomState) -> None:
    now = run_minute(state, people={"front": 12, "back": 20})
    choose(state)
    before = state.last_id
    for _ in range(3):
        now += 10 * SECOND
        number = (now - NOW) // (10 * SECOND) - 1
        state.apply_report(live_report("front", 12, now), [seen("front", 12, number)], now)
    room = snapshot(state)
    assert (room.people, room.hands_up) == (12, None)
    assert room.window is not None
    assert room.window.suppressed
    events = state.changes(before).windows
    assert {one.camera_id for one in events} == {"front"}
    assert all(one.window.suppressed for one in events)
    assert all(one.window.suppressed for one in state.windows("r1", NOW + 60 * SECOND))


def test_windows_are_events_of_the_camera_that_gives_shares(state: RoomState) -> None:
    now = run_minute(state, people={"front": 12, "back": 20})
    choose(state)
    state.refresh(now)
    events = state.changes(int(NOW.timestamp() * 1000)).windows
    assert {(one.camera_id, one.window.hand_raised_share) for one in events} == {("back", 0.5)}


def test_a_stored_camera_is_used_although_another_sees_more(
    state: RoomState,
) -> None:
    state.set_share_cameras({("r1", NOW.date()): ShareCamera("front", "live")})
    run_minute(state, people={"front": 12, "back": 20})
    assert choose(state) == {}
    assert {one.window.hand_raised_share for one in state.windows("r1", NOW)} == {0.3}
    assert {one.window.people_mean for one in state.windows("r1", NOW)} == {20.0}


def test_of_a_day_with_shares_from_an_archive_there_are_none_live(state: RoomState) -> None:
    state.set_share_cameras({("r1", NOW.date()): ShareCamera("back", "archive")})
    run_minute(state, people={"front": 12, "back": 20})
    assert choose(state) == {}
    assert all(one.window.suppressed for one in state.windows("r1", NOW))


def test_another_day_has_a_camera_of_its_own(state: RoomState) -> None:
    state.set_share_cameras({("r1", NOW.date()): ShareCamera("front", "live")})
    night = NOW + timedelta(hours=14, minutes=59)  # 23:59 at the school
    windows = [
        replace(seen("front", 12), window=counted(12, night + 10 * n * SECOND)) for n in range(12)
    ]
    state.apply_report(live_report("front", 12, night), windows, night + timedelta(minutes=2))
    assert choose(state) == {"r1": "front"}
    assert not any(one.window.suppressed for one in state.windows("r1", NOW))


def strict(tmp_path: Path) -> Settings:
    """The settings with a larger `k`."""
    (tmp_path / "strict.toml").write_text("[privacy]\nk = 15\n" + TEXT)
    return load_settings(tmp_path / "strict.toml")


def varied(published: PublishedWindow, k: int) -> PublishedWindow:
    """A window of 20 people, of whom some may have left in a frame, counted with a `k`."""
    return replace(published, window=replace(published.window, people_mean=18.0), k=k)


def test_a_higher_k_applies_to_what_was_counted_before(state: RoomState, tmp_path: Path) -> None:
    windows = [varied(seen("back", 20, number), k=10) for number in range(6)]
    now = NOW + 60 * SECOND
    state.apply_report(live_report("back", 20, now), windows, now)
    run_minute(state, people={"front": 12})
    choose(state)
    assert not any(one.window.suppressed for one in state.windows("r1", NOW))
    state.reconfigure(strict(tmp_path), Timetable(), now)
    assert all(one.window.suppressed for one in state.windows("r1", NOW))
    assert all(one.window.suppressed for one in state.changes(int(NOW.timestamp() * 1000)).windows)
    later = now + timedelta(minutes=1)
    state.apply_report(live_report("back", 20, later, 0.5), [], later)
    assert snapshot(state).hands_up == 2
    later += 2 * SECOND
    state.apply_report(live_report("back", 14, later, 0.5), [], later)
    assert snapshot(state).hands_up is None


@pytest.mark.parametrize(("k", "is_suppressed"), [(10, True), (15, False)])
def test_windows_are_restored_with_the_k_they_were_counted_with(
    tmp_path: Path, k: int, is_suppressed: bool
) -> None:
    state = RoomState(strict(tmp_path), NOW + timedelta(hours=9))
    state.set_share_cameras({("r1", NOW.date()): ShareCamera("back", "live")})
    state.restore([varied(seen("back", 20), k=k)])
    [restored] = state.windows("r1", NOW)
    assert restored.window.suppressed is is_suppressed


@pytest.mark.parametrize(("k", "hands_up"), [(10, None), (15, 2)])
def test_a_reader_that_still_counts_with_a_smaller_k_gives_no_shares(
    tmp_path: Path, k: int, hands_up: int | None
) -> None:
    state = RoomState(strict(tmp_path), NOW)
    state.set_share_cameras({("r1", NOW.date()): ShareCamera("back", "live")})
    late = live_report("back", 20, NOW)
    [camera] = late.cameras
    assert camera.numbers is not None
    window = replace(camera.numbers.window, people_mean=18.0)
    counts = replace(camera.numbers, window=window, k=k)
    state.apply_report(replace(late, cameras=(replace(camera, numbers=counts),)), [], NOW)
    assert snapshot(state).hands_up == hands_up


def test_a_room_that_is_made_a_vehicle_gives_headcounts_of_old_windows_too(
    state: RoomState, tmp_path: Path
) -> None:
    now = run_minute(state, people={"back": 20})
    choose(state)
    bus = TEXT.replace('name = "Room 1"', 'name = "Room 1"\nkind = "vehicle"')
    (tmp_path / "bus.toml").write_text(bus)
    state.reconfigure(load_settings(tmp_path / "bus.toml"), Timetable(), now)
    assert all(one.window.suppressed for one in state.windows("r1", NOW))
    assert snapshot(state).hands_up is None


def test_a_camera_that_shows_nothing_gives_no_counts(state: RoomState) -> None:
    covered = CameraDrift(Drift.COVERED, NOW, hides_all=True)
    state.apply_report(report("front", 0), [], NOW)
    state.apply_drifts({"front": covered}, NOW)
    room = snapshot(state)
    assert (room.state, room.reason, room.people) == ("down", "covered", None)
    assert room.camera_drift is Drift.COVERED
    state.apply_report(report("back", 7), [], NOW)
    room = snapshot(state)
    assert (room.state, room.people, room.camera_drift) == ("live", 7, Drift.NONE)
    event = state.last_id
    state.apply_drifts({"front": covered}, NOW)
    assert state.last_id == event


def test_a_room_says_that_the_camera_it_counts_with_was_moved(state: RoomState) -> None:
    state.apply_report(report("front", 12), [], NOW)
    state.apply_report(report("back", 7), [], NOW)
    before = state.last_id
    state.apply_drifts({"front": CameraDrift(Drift.MOVED, NOW)}, NOW)
    assert (snapshot(state).people, snapshot(state).camera_drift) == (12, Drift.MOVED)
    assert state.last_id > before  # pages learn of it
    state.apply_drifts({"back": CameraDrift(Drift.MOVED, NOW)}, NOW)
    assert snapshot(state).camera_drift is Drift.NONE
