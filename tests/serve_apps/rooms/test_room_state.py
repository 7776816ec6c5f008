"""What rooms show, from readers' reports."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.activity.live import LiveNumbers
from cluster.activity.suppression import ActivityWindow
from cluster.district import Lesson, Timetable
from cluster.settings import Settings, load_settings
from cluster.streams.reader.config import CameraHealth
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.source.state import StreamReason, StreamState
from cluster.warehouse.live.journal import LiveWindow
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
def board(settings: Settings) -> RoomState:
    return RoomState(settings, NOW)


def window(people: int, start: datetime = NOW) -> ActivityWindow:
    none = dict.fromkeys(
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
        **none,  # type: ignore[arg-type]
    )


def report(camera: str, people: int | None, at: datetime = NOW) -> Report:
    health = CameraHealth(camera, StreamState.LIVE, StreamReason.PICTURES_ARRIVE, at)
    numbers = None if people is None else LiveNumbers(at, people, None, window(people))
    return Report("reader-1", "node-1", (CameraReport(health, numbers, latencies=(0.1, 0.3)),), ())


def live(camera: str, people: int, start: datetime = NOW) -> LiveWindow:
    return LiveWindow(
        camera_id=camera,
        room_id="r1",
        school_id="hill",
        lesson_id=None,
        window=window(people, start),
        model="m",
    )


def room(board: RoomState, room_id: str = "r1") -> RoomSnapshot:
    (found,) = board.now([room_id])
    return found


def test_before_the_first_picture_a_room_is_down_and_one_without_address_is_off(
    board: RoomState,
) -> None:
    board.tick(NOW)
    assert (room(board).state, room(board).reason) == ("down", "no_reader")
    assert (room(board, "r2").state, room(board, "r2").reason) == ("off", "no_address")


def test_of_two_cameras_the_one_that_sees_more_speaks(board: RoomState) -> None:
    board.take(report("front", 12), [], NOW)
    board.take(report("back", 20), [], NOW)
    assert (room(board).people, room(board).camera_id) == (20, "back")


def test_old_numbers_are_late_and_then_gone(board: RoomState) -> None:
    board.take(report("front", 12), [], NOW)
    seen = []
    for seconds in (1, 5, 60):
        board.tick(NOW + seconds * SECOND)
        seen.append((room(board).state, room(board).people))
    assert seen == [("live", 12), ("late", 12), ("down", None)]


def test_only_a_change_is_an_event_and_ids_grow(board: RoomState) -> None:
    board.tick(NOW)
    board.take(report("front", 12), [], NOW)
    first = board.last_id
    board.tick(NOW + SECOND)
    assert board.last_id == first
    board.take(report("front", 13, NOW + SECOND), [], NOW + SECOND)
    assert board.last_id > first
    changes = board.changes(first)
    assert [r.people for r in changes.rooms] == [13]
    assert changes.complete


def test_a_client_from_before_the_start_is_told_that_it_missed_something(board: RoomState) -> None:
    board.tick(NOW)
    assert not board.changes(int(NOW.timestamp() * 1000) - 5).complete
    assert not board.changes(board.last_id + 1000).complete


def test_ids_begin_above_those_of_an_earlier_life(settings: Settings) -> None:
    earlier = RoomState(settings, NOW)
    for second in range(20):
        earlier.take(report("front", second, NOW + second * SECOND), [], NOW + second * SECOND)
    assert RoomState(settings, NOW + timedelta(minutes=1)).last_id > earlier.last_id


def test_history_has_the_best_camera_of_each_ten_seconds(board: RoomState) -> None:
    later = NOW + 10 * SECOND
    windows = [live("front", 12), live("back", 20), live("front", 14, later)]
    board.take(report("front", 12), windows, NOW)
    told = board.windows("r1", NOW)
    assert [(w.camera_id, w.window.window_start) for w in told] == [("back", NOW), ("front", later)]
    events = board.changes(int(NOW.timestamp() * 1000)).windows
    assert {w.camera_id for w in events} == {"front"}  # it speaks now: no window is told twice


def test_a_window_that_is_sent_again_is_no_event(board: RoomState) -> None:
    board.take(report("front", 12), [live("front", 12)], NOW)
    known = board.last_id
    board.take(report("front", None), [live("front", 12)], NOW)
    assert board.changes(known).windows == ()
    assert len(board.windows("r1", NOW)) == 1


def test_history_is_filled_from_the_journal_and_bounded(board: RoomState) -> None:
    hour = [live("front", 12, NOW + 10 * i * SECOND) for i in range(500)]
    board.remember(hour)
    told = board.windows("r1", NOW)
    assert told[-1].window.window_start == NOW + 4990 * SECOND
    assert told[-1].window.window_start - told[0].window.window_start <= timedelta(hours=1)


def test_a_camera_without_its_reader_says_so_and_its_room_goes_down(board: RoomState) -> None:
    board.take(report("front", 12), [], NOW)
    board.lose(["front"], NOW)
    (status,) = board.cameras()
    assert (status.health.state, status.health.reason) == ("reconnecting", "reader_lost")
    assert status.reader_id is None
    board.tick(NOW + timedelta(minutes=1))
    assert room(board).state == "down"


def test_a_camera_that_waits_long_for_a_reader_says_so_whether_it_had_one_or_not(
    board: RoomState,
) -> None:
    def told() -> list[tuple[str, str, str]]:
        healths = [status.health for status in board.cameras()]
        return [(health.camera_id, health.state, health.reason) for health in healths]

    board.take(report("front", 12), [], NOW)
    for _ in range(2):
        board.lose(["back", "front"], NOW)
        assert told() == [
            ("back", "starting", "assigned"),
            ("front", "reconnecting", "reader_lost"),
        ]
    for _ in range(2):
        board.lose(["back", "front"], NOW, waiting=["back", "front"])
        assert told() == [
            ("back", "starting", "no_reader"),
            ("front", "reconnecting", "no_reader"),
        ]
    assert all("no node has had a place" in status.health.detail for status in board.cameras())
    assert room(board).state == "live"  # its last numbers are fresh still
    board.tick(NOW + timedelta(minutes=1))
    assert (room(board).state, room(board).reason) == ("down", "no_reader")


def test_the_lesson_that_is_on_is_named(board: RoomState, settings: Settings) -> None:
    lesson = Lesson("l1", "r1", "c1", NOW, NOW + timedelta(hours=1))
    board.use(settings, Timetable([lesson]), NOW)
    assert room(board).lesson_id == "l1"
    board.tick(NOW + timedelta(hours=1))
    assert room(board).lesson_id is None


def test_an_operator_sees_latency_and_never_an_address(board: RoomState) -> None:
    board.take(report("front", 12), [], NOW)
    (status,) = board.cameras()
    assert status.latency_p95_seconds is not None
    assert 0.1 <= status.latency_p95_seconds <= 0.3
    assert "rtsp" not in repr(status)


def test_latency_is_that_of_the_last_half_minute(board: RoomState) -> None:
    slow = replace(report("front", 12).cameras[0], latencies=(5.0,) * 20)
    board.take(Report("reader-1", "node-1", (slow,), ()), [], NOW)
    board.take(report("front", 12), [], NOW + timedelta(seconds=29))
    assert board.cameras()[0].latency_p95_seconds == 5.0
    board.take(report("front", 12), [], NOW + timedelta(seconds=31))
    assert (board.cameras()[0].latency_p95_seconds or 9) <= 0.3


def test_what_is_no_longer_in_the_settings_is_forgotten(board: RoomState, tmp_path: Path) -> None:
    board.take(report("front", 12), [live("front", 12)], NOW)
    (tmp_path / "fewer.toml").write_text("")
    board.use(load_settings(tmp_path / "fewer.toml"), Timetable(), NOW)
    assert board.now(["r1"]) == []
    assert board.cameras() == []
    assert board.windows("r1", NOW) == []
    board.take(report("front", 12), [live("front", 12)], NOW)
    assert board.now(["r1"]) == []


def test_who_comes_again_is_told_of_the_own_rooms_in_order(board: RoomState) -> None:
    before = int(NOW.timestamp() * 1000)
    windows = [live("front", 12, NOW + n * 10 * SECOND) for n in range(3)]
    board.take(report("front", 12), windows, NOW)
    changes = board.changes(before, ["r1"])
    assert [one.window.window_start for one in changes.windows] == [
        NOW + n * 10 * SECOND for n in range(3)
    ]
    assert [one.room_id for one in changes.rooms] == ["r1"]
    assert changes.complete
    later = board.changes(changes.windows[1].event_id, ["r1"])
    assert later.windows == changes.windows[2:]
    others = board.changes(before, ["r2", "no-such"])
    assert (others.windows, others.complete) == ((), True)
    assert not board.changes(before - 5, ["r1"]).complete


def test_who_missed_very_much_begins_anew_and_costs_little(
    board: RoomState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve_apps.rooms.room_state.MOST_RESUMED", 5)
    before = int(NOW.timestamp() * 1000)
    windows = [live("front", 12, NOW + n * 10 * SECOND) for n in range(6)]
    board.take(report("front", 12), windows, NOW)
    last = board.last_id
    changes = board.changes(before, ["r1"])
    assert (changes.windows, changes.rooms, changes.complete) == ((), (), False)
    assert changes.last_id == last
    some = board.changes(board.changes(before).windows[0].event_id, ["r1"])
    assert (len(some.windows), some.complete) == (5, True)
    assert len(board.changes(before).windows) == 6  # the one who tells all streams is told all
