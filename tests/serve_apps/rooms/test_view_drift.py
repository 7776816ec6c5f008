"""From readers' reports to what is said of a camera, over restarts, until it is looked at."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.activity.published import PublishedWindow
from cluster.calibration.crowd import CrowdSummary
from cluster.calibration.drift import CameraDrift, Drift
from cluster.calibration.scene import SceneSummary
from cluster.calibration.view import ViewStore
from cluster.settings import Settings, load_settings
from cluster.streams.capture.health import CameraHealth
from cluster.streams.reader.report import CameraReport, Report
from cluster.streams.reader.view_meter import MeasuredCrowd, MeasuredScene, ViewReport
from cluster.streams.source.state import StreamReason, StreamState
from serve_apps.rooms.room_state import RoomState
from serve_apps.rooms.view_drift import LiveViews, view_key
from tests.calibration.measurements import MODEL
from tests.calibration.views import EIGHT, EVEN, ON_THE_LEFT, crowd_of, minutes, picture, summary
from tests.conftest import write_settings
from tests.serve_apps.rooms.test_room_state import window

USUAL, TURNED = summary(picture()), summary(picture(across=80))
SIZE = (640, 360)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(write_settings(tmp_path, more='address = "rtsp://u:secret@127.0.0.1/b"\n'))


@pytest.fixture
def store(settings: Settings) -> ViewStore:
    return ViewStore.of(settings)


@pytest.fixture
def views(store: ViewStore) -> LiveViews:
    return LiveViews(store, MODEL)


def report(view: ViewReport | None, camera_id: str = "cam2") -> Report:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    health = CameraHealth(camera_id, StreamState.LIVE, StreamReason.PICTURES_ARRIVE, now)
    return Report("reader", "node", (CameraReport(health, view=view),), ())


def scene(summary: SceneSummary, at: float) -> ViewReport:
    return ViewReport(SIZE, scene=MeasuredScene(summary, minutes(at)))


def people(summary: CrowdSummary, at: float) -> ViewReport:
    return ViewReport(SIZE, crowd=MeasuredCrowd(summary, minutes(at)))


def take(
    views: LiveViews, settings: Settings, *reports: ViewReport, is_lesson: bool = True
) -> CameraDrift:
    """Pass reports on as the rooms deployment does; returns what is said of the camera then."""
    for one in reports:
        new = views.take_new(report(one), settings, lambda _room: is_lesson)
        if new:
            views.store(new)
    return views.drifts.get("cam2", CameraDrift())


def turned(first: float = 10) -> Iterable[ViewReport]:
    return (scene(TURNED, first + 10 * index) for index in range(3))


def test_a_camera_that_was_turned_is_noticed_stored_and_logged_once(
    views: LiveViews, settings: Settings, store: ViewStore, caplog: pytest.LogCaptureFixture
) -> None:
    assert take(views, settings, scene(USUAL, 0)) == CameraDrift()
    found = take(views, settings, *turned(), scene(TURNED, 40), scene(TURNED, 50))
    assert found == CameraDrift(Drift.MOVED, minutes(10))
    assert store.read("cam2").drift == found
    (line,) = [one.getMessage() for one in caplog.records if "cam2" in one.getMessage()]
    assert line.startswith("camera cam2: moved since 2026-03-02 08:10")
    assert "homeroom calibrate" in line


def test_a_camera_that_is_turned_back_is_as_before(
    views: LiveViews, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    take(views, settings, scene(USUAL, 0), *turned())
    caplog.set_level("INFO")
    assert take(views, settings, scene(USUAL, 40)) == CameraDrift()
    assert "camera cam2 shows what it should again" in caplog.text


def test_a_summary_that_is_repeated_counts_once(views: LiveViews, settings: Settings) -> None:
    found = take(views, settings, scene(USUAL, 0), *[scene(TURNED, 10)] * 5)
    assert found == CameraDrift()


def test_seats_that_were_moved_are_noticed(views: LiveViews, settings: Settings) -> None:
    hours = [*[EVEN] * 10, *[ON_THE_LEFT] * 5]
    reports = [people(crowd_of(*shares), 60 * hour) for hour, shares in enumerate(hours)]
    assert take(views, settings, *reports) == CameraDrift(Drift.SEATS_MOVED, minutes(600))


def test_the_reference_and_the_drift_survive_a_restart(
    views: LiveViews, settings: Settings, store: ViewStore, caplog: pytest.LogCaptureFixture
) -> None:
    take(views, settings, scene(USUAL, 0), scene(TURNED, 10))
    again = LiveViews(store, MODEL)
    again.reload(settings)
    found = take(again, settings, scene(TURNED, 20), scene(TURNED, 30))
    assert found == CameraDrift(Drift.MOVED, minutes(10))
    third = LiveViews(store, MODEL)
    third.reload(settings)
    assert third.drifts == {"cam2": found}
    assert "moved" in caplog.text


def test_after_it_was_looked_at_the_reference_starts_anew(
    views: LiveViews, settings: Settings, store: ViewStore
) -> None:
    take(views, settings, scene(USUAL, 0), *turned())
    store.restart("cam2", minutes(45))  # by the command, in another process
    views.reload(settings)
    assert views.drifts == {}
    assert take(views, settings, scene(TURNED, 40), scene(TURNED, 50)) == CameraDrift()
    assert store.read("cam2").scene == TURNED
    assert take(views, settings, *(scene(USUAL, 60 + 10 * i) for i in range(3))).kind is Drift.MOVED


def test_a_view_that_is_deleted_is_forgotten(
    views: LiveViews, settings: Settings, store: ViewStore
) -> None:
    take(views, settings, scene(USUAL, 0), *turned())
    views.reload(settings)
    store.path("cam2").unlink()
    views.reload(settings)
    assert views.drifts == {}


@pytest.mark.parametrize("change", ["masks", "size", "address", "model"])
def test_another_picture_of_the_same_camera_has_another_key(
    settings: Settings, tmp_path: Path, change: str
) -> None:
    camera = settings.cameras_by_id["cam2"]
    key = view_key(settings, camera, SIZE, MODEL)
    more = 'address = "rtsp://u:secret@127.0.0.1/b"\n'
    masks = "masks = [[[0, 0], [0.5, 0], [0.5, 0.5]]]\n"
    text = {"masks": more + masks, "address": more.replace("/b", "/c")}.get(change, more)
    other = load_settings(write_settings(tmp_path, more=text))
    size = (320, 180) if change == "size" else SIZE
    model = "other" if change == "model" else MODEL
    assert view_key(other, other.cameras_by_id["cam2"], size, model) != key


def test_a_changed_password_is_the_same_picture(settings: Settings, tmp_path: Path) -> None:
    other = load_settings(write_settings(tmp_path, more='address = "rtsp://u:new@127.0.0.1/b"\n'))
    keys = {view_key(one, one.cameras_by_id["cam2"], SIZE, MODEL) for one in (settings, other)}
    assert len(keys) == 1


COVERED = ViewReport(SIZE, is_clear=False, plain_since=EIGHT)
DARK = replace(COVERED, is_dark=True)


def test_a_picture_that_shows_nothing_is_covered_until_it_shows_something(
    views: LiveViews, settings: Settings, store: ViewStore
) -> None:
    assert take(views, settings, COVERED, is_lesson=False) == CameraDrift(
        Drift.COVERED, EIGHT, hides_all=True
    )
    assert store.read("cam2").drift.kind is Drift.COVERED
    unknown = ViewReport(SIZE, is_clear=False)  # of a reader that has just started
    assert take(views, settings, unknown).kind is Drift.COVERED
    assert take(views, settings, ViewReport(SIZE)) == CameraDrift()
    assert store.read("cam2").drift == CameraDrift()


def test_a_room_without_light_is_covered_in_lessons_alone(
    views: LiveViews, settings: Settings
) -> None:
    assert take(views, settings, DARK, is_lesson=False) == CameraDrift()
    assert take(views, settings, DARK, is_lesson=True).kind is Drift.COVERED
    assert take(views, settings, DARK, is_lesson=False).kind is Drift.COVERED


def test_a_covered_camera_is_covered_after_somebody_took_it_for_well(
    views: LiveViews, settings: Settings, store: ViewStore
) -> None:
    take(views, settings, COVERED)
    store.restart("cam2", minutes(10))
    views.reload(settings)
    assert views.drifts == {}
    assert take(views, settings, COVERED).kind is Drift.COVERED


def published(start: datetime, camera_id: str = "cam2") -> PublishedWindow:
    return PublishedWindow(
        window=window(0, start), camera_id=camera_id, room_id="room-1", school_id="hill"
    )


def test_windows_of_a_covered_camera_are_not_kept(views: LiveViews, settings: Settings) -> None:
    before = EIGHT - timedelta(seconds=10)
    windows = [published(before), published(EIGHT), published(EIGHT, "cam1")]
    assert views.uncovered(windows) == windows
    take(views, settings, COVERED)
    assert views.uncovered(windows) == [windows[0], windows[2]]
    take(views, settings, ViewReport(SIZE))
    assert views.uncovered(windows) == windows


def test_a_view_that_cannot_be_written_holds_all_the_same(
    views: LiveViews, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    folder = settings.data_dir / "calibration"
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    assert take(views, settings, COVERED).kind is Drift.COVERED
    assert "is not stored" in caplog.text


def test_a_camera_that_is_unknown_or_has_no_frame_yet_is_left_alone(
    views: LiveViews, settings: Settings
) -> None:
    assert views.take_new(report(COVERED, "gone"), settings, lambda _: True) == []
    assert views.take_new(report(None), settings, lambda _: True) == []


def test_it_is_seen_in_the_status_of_the_camera(views: LiveViews, settings: Settings) -> None:
    state = RoomState(settings, EIGHT)
    state.apply_report(report(scene(USUAL, 0)), [], EIGHT)
    take(views, settings, scene(USUAL, 0), *turned())
    state.apply_drifts(views.drifts, EIGHT)
    (status,) = state.cameras()
    assert status.drift == CameraDrift(Drift.MOVED, minutes(10))
    state.apply_drifts({}, EIGHT)
    assert state.cameras()[0].drift == CameraDrift()
