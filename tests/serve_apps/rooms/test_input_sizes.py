"""Live cameras get the sizes that are stored, else those that their readers measure."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.calibration.headcounts import score_factor
from cluster.calibration.store import CalibrationStore
from cluster.settings import Settings, load_settings
from cluster.streams.capture.health import CameraHealth, StreamMetrics
from cluster.streams.reader.report import CameraReport, MeasuredHeads, Report
from cluster.streams.source.config import build_camera_config
from cluster.streams.source.state import StreamReason, StreamState
from cluster.vision.pose.input_size import HeadSummary
from cluster.vision.score import SCORE
from serve_apps.rooms.input_sizes import LiveInputSizes
from tests.calibration.measurements import MODEL, headcount, measurement
from tests.conftest import write_settings

HEADS = MeasuredHeads(HeadSummary(30.0, 240, 2400), 960, (1920, 1080))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(write_settings(tmp_path, more='address = "rtsp://127.0.0.1/bus"\n'))


@pytest.fixture
def store(settings: Settings) -> CalibrationStore:
    return CalibrationStore.of(settings)


@pytest.fixture
def sizes(store: CalibrationStore) -> LiveInputSizes:
    return LiveInputSizes(store, MODEL)


def report(
    camera_id: str = "cam1",
    heads: MeasuredHeads | None = None,
    frame_size: tuple[int, int] = (1920, 1080),
) -> Report:
    stream = StreamMetrics(width=frame_size[0], height=frame_size[1])
    now = datetime(2026, 3, 2, tzinfo=UTC)
    health = CameraHealth(
        camera_id, StreamState.LIVE, StreamReason.PICTURES_ARRIVE, now, metrics=stream
    )
    return Report("reader", "node", (CameraReport(health, heads=heads),), ())


def size_of(sizes: LiveInputSizes, settings: Settings, camera_id: str = "cam1") -> object:
    sizes.reload(settings)
    return sizes.apply(settings).cameras_by_id[camera_id].input_size


def test_a_camera_without_a_measurement_stays_auto_and_is_measured(
    sizes: LiveInputSizes, settings: Settings
) -> None:
    assert size_of(sizes, settings) == "auto"
    config = build_camera_config(sizes.apply(settings), settings.cameras_by_id["cam2"])
    assert config is not None
    assert (config.input_size, config.measures_heads) == (960, True)


def test_what_is_stored_is_used_and_a_change_of_the_store_is_seen(
    sizes: LiveInputSizes, settings: Settings, store: CalibrationStore
) -> None:
    store.add_size("cam2", measurement())
    assert size_of(sizes, settings, "cam2") == 640
    applied = sizes.apply(settings)
    config = build_camera_config(applied, applied.cameras_by_id["cam2"])
    assert config is not None
    assert (config.input_size, config.measures_heads) == (640, False)
    store.add_size("cam2", measurement(1, input_size=960))
    assert size_of(sizes, settings, "cam2") == 960


def test_what_a_reader_measured_is_stored_once_and_used_at_once(
    sizes: LiveInputSizes, settings: Settings, store: CalibrationStore
) -> None:
    new = sizes.take_new(report(heads=HEADS), settings)
    assert sizes.apply(settings).cameras_by_id["cam1"].input_size == 640
    sizes.store(new)
    (stored,) = store.read("cam1").sizes
    assert (stored.input_size, stored.origin, stored.frame_size) == (640, "live", (1920, 1080))
    assert sizes.take_new(report(heads=HEADS), settings) == {}
    assert size_of(sizes, settings) == 640


def test_a_measurement_that_cannot_be_written_holds_all_the_same(
    sizes: LiveInputSizes, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    folder = settings.data_dir / "calibration"
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    sizes.store(sizes.take_new(report(heads=HEADS), settings))
    assert "is not stored" in caplog.text
    assert size_of(sizes, settings) == 640
    assert sizes.take_new(report(heads=HEADS), settings) == {}


@pytest.mark.parametrize(
    "heads", [None, replace(HEADS, limit=1280)], ids=["not measured", "under another limit"]
)
def test_a_report_without_a_measurement_of_use_changes_nothing(
    sizes: LiveInputSizes, settings: Settings, heads: MeasuredHeads | None
) -> None:
    assert sizes.take_new(report(heads=heads), settings) == {}
    assert size_of(sizes, settings) == "auto"


def test_a_camera_that_is_unknown_or_fixed_is_not_changed(tmp_path: Path) -> None:
    fixed = load_settings(write_settings(tmp_path, more="input_size = 1280\n"))
    sizes = LiveInputSizes(CalibrationStore.of(fixed), MODEL)
    for camera_id in ("cam2", "gone"):
        assert sizes.take_new(report(camera_id, HEADS), fixed) == {}


def test_a_stream_of_another_size_is_measured_anew(
    sizes: LiveInputSizes, settings: Settings, store: CalibrationStore
) -> None:
    store.add_size("cam1", measurement())
    assert size_of(sizes, settings) == 640
    sizes.take_new(report(frame_size=(3840, 2160)), settings)
    assert size_of(sizes, settings) == "auto"
    sizes.take_new(report(), settings)
    assert size_of(sizes, settings) == 640


def test_a_sub_stream_is_not_sized_by_recordings_of_the_main_stream(tmp_path: Path) -> None:
    addresses = 'address = "rtsp://127.0.0.1/a"\nsubstream = "rtsp://127.0.0.1/b"\n'
    settings = load_settings(write_settings(tmp_path, more=addresses))
    store = CalibrationStore.of(settings)
    sizes = LiveInputSizes(store, MODEL)
    store.add_size("cam2", measurement(input_size=960))
    assert size_of(sizes, settings, "cam2") == "auto"
    store.add_size("cam2", measurement(1, origin="live", frame_width=640, frame_height=360))
    sizes.take_new(report("cam2"), settings)  # under a lease, the main stream is read
    assert size_of(sizes, settings, "cam2") == 640


def test_another_quality_needs_another_measurement(tmp_path: Path, store: CalibrationStore) -> None:
    store.add_size("cam1", measurement())
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace("[analysis]", '[analysis]\nquality = "full"'))
    assert size_of(LiveInputSizes(store, MODEL), load_settings(path)) == "auto"


def test_a_camera_has_the_bounds_of_its_counts_once_somebody_counted_twice(
    settings: Settings, store: CalibrationStore
) -> None:
    sizes = LiveInputSizes(store, SCORE.model)
    fixed = settings.with_input_sizes({"cam2": 960})
    camera = fixed.cameras_by_id["cam2"]
    sizes.reload(fixed)
    assert sizes.factor(fixed, camera) == score_factor(SCORE.model)

    store.add_headcount("cam2", headcount(25, 20, model=SCORE.model))
    store.add_headcount("cam2", headcount(30, 24, model=SCORE.model))
    sizes.reload(fixed)
    factor = sizes.factor(fixed, camera)
    assert factor is not None
    assert factor.headcounts == 2
    config = build_camera_config(fixed, camera, factor)
    assert config is not None
    assert config.factor == factor
    assert config != build_camera_config(fixed, camera)  # so that its reader gets it


def test_a_model_that_was_not_scored_has_no_bounds(
    sizes: LiveInputSizes, settings: Settings
) -> None:
    sizes.reload(settings)
    assert sizes.factor(settings, settings.cameras_by_id["cam2"]) is None


def test_counts_by_eye_do_not_hold_for_a_camera_that_was_moved(
    settings: Settings, store: CalibrationStore
) -> None:
    sizes = LiveInputSizes(store, SCORE.model)
    fixed = settings.with_input_sizes({"cam2": 960})
    store.add_headcount("cam2", headcount(25, 20, model=SCORE.model))
    store.add_headcount("cam2", headcount(30, 24, model=SCORE.model))
    sizes.reload(fixed)
    factor = sizes.factor(fixed, fixed.cameras_by_id["cam2"], has_drifted=True)
    assert factor == score_factor(SCORE.model)
