"""`auto` cameras are measured from their footage once, and analysed at what it asks for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cluster.calibration.store import CalibrationStore
from cluster.settings import Settings, load_settings
from cluster.streams.decode.orientation import UPRIGHT
from cluster.streams.decode.probe import VideoInfo
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.estimator import PoseEstimator
from cluster.vision.pose.input_size import HeadSummary
from jobs.archive import size_stage
from jobs.archive.footage import Footage
from jobs.archive.input_sizes import FRAMES_PER_CAMERA, MAX_FILES, MIN_FRAMES, InputSizes
from jobs.archive.size_stage import measure_heads
from tests.calibration.measurements import MODEL, measurement
from tests.conftest import write_settings, write_video
from tests.jobs.running import parts, run_job
from tests.vision.bodies import crowd, person

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HEADS = HeadSummary(30.0, FRAMES_PER_CAMERA, 200)


def footage(*files: tuple[str, str, float, tuple[int, int]]) -> dict[Footage, VideoInfo]:
    """Files of a camera, minutes and a frame size."""
    return {
        Footage(address, camera_id, NINE + timedelta(minutes=index)): VideoInfo(
            *size, minutes * 60, 25.0, UPRIGHT, "h264"
        )
        for index, (address, camera_id, minutes, size) in enumerate(files)
    }


def sizes_of(settings: Settings, files: dict[Footage, VideoInfo]) -> InputSizes:
    videos = {file.address: video for file, video in files.items()}
    return InputSizes(settings, list(files), videos, MODEL)


HD, VGA = (1920, 1080), (640, 480)
FILES: dict[Footage, VideoInfo] = footage(
    ("a", "cam1", 10, HD), ("b", "cam1", 5, VGA), ("c", "cam1", 10, HD), ("d", "cam2", 1, VGA)
)


def test_a_camera_is_measured_from_the_files_of_its_main_size(school: Settings) -> None:
    sizes = sizes_of(school, FILES)
    task, _ = sizes.unknown({"cam1", "cam2"})
    assert task.camera_id == "cam1"
    assert task.frame_size == HD
    assert list(task.files) == [("a", 600), ("c", 600)]
    assert task.camera.input_size == school.analysis.max_input_size
    assert [camera.input_size for camera in sizes.settings.cameras] == ["auto", "auto"]


def test_only_the_first_files_are_looked_at(school: Settings) -> None:
    many = footage(*((f"{index:02}", "cam1", 10, HD) for index in range(20)))
    (task,) = sizes_of(school, many).unknown({"cam1"})
    assert [address for address, _ in task.files] == ["00", "01", "02", "03"]
    assert len(task.files) == MAX_FILES


def test_cameras_without_work_or_with_a_fixed_size_are_not_measured(tmp_path: Path) -> None:
    fixed = load_settings(write_settings(tmp_path, more="input_size = 640\n"))
    sizes = sizes_of(fixed, FILES)
    assert sizes.unknown(set()) == []
    assert [task.camera_id for task in sizes.unknown({"cam1", "cam2"})] == ["cam1"]


def test_what_was_measured_is_stored_and_not_measured_again(school: Settings) -> None:
    sizes = sizes_of(school, FILES)
    task, _ = sizes.unknown({"cam1", "cam2"})
    added = sizes.add(task, HEADS)
    assert added is not None
    assert (added.input_size, added.origin, added.frame_size) == (640, "archive", HD)
    assert sizes.settings.cameras_by_id["cam1"].input_size == 640
    again = sizes_of(school, FILES)
    assert [task.camera_id for task in again.unknown({"cam1", "cam2"})] == ["cam2"]
    assert again.settings.cameras_by_id["cam1"].input_size == 640


@pytest.mark.parametrize("heads", [None, HeadSummary(30.0, MIN_FRAMES - 1, 200)])
def test_too_few_frames_with_people_store_nothing(
    school: Settings, heads: HeadSummary | None
) -> None:
    sizes = sizes_of(school, FILES)
    task, _ = sizes.unknown({"cam1", "cam2"})
    assert sizes.add(task, heads) is None
    assert sizes.settings.cameras_by_id["cam1"].input_size == "auto"
    assert CalibrationStore.of(school).read("cam1").sizes == ()


@pytest.mark.parametrize(
    "other",
    [{"model": "other@000000000000"}, {"limit": 1280}, {"frame_width": 1280, "frame_height": 720}],
)
def test_a_measurement_of_another_model_limit_or_frame_size_is_ignored(
    school: Settings, other: dict[str, Any]
) -> None:
    CalibrationStore.of(school).add_size("cam1", measurement(**other))
    assert sizes_of(school, FILES).settings.cameras_by_id["cam1"].input_size == "auto"


class Network:
    """Finds the same people in every frame."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.shapes: list[tuple[int, ...]] = []

    def estimate(self, frames: list[BgrImage], input_size: int) -> list[People]:
        self.shapes += [frame.shape for frame in frames]
        assert input_size == 960
        return [self.people for _ in frames]


def measured(
    monkeypatch: pytest.MonkeyPatch, school: Settings, network: Network, *files: tuple[Path, float]
) -> HeadSummary | None:
    monkeypatch.setattr(size_stage, "_estimator", lambda *_: network)
    named = footage(*((str(path), "cam1", seconds / 60, (160, 96)) for path, seconds in files))
    (task,) = sizes_of(school, named).unknown({"cam1"})
    return measure_heads(task, school.analysis, school.weights, Path("unused"))


CLASS = crowd(*(person(unit=20.0, at=(30.0 + 20 * index, 40.0)) for index in range(4)))


def test_frames_of_all_files_are_measured_and_an_unreadable_one_is_left_out(
    monkeypatch: pytest.MonkeyPatch, school: Settings, tmp_path: Path
) -> None:
    good = write_video(tmp_path / "good.mp4", seconds=20)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"not a video")
    network = Network(CLASS)
    heads = measured(monkeypatch, school, network, (good, 20.0), (bad, 20.0))
    assert heads is not None
    assert heads.frames == len(network.shapes) == FRAMES_PER_CAMERA / 2
    assert heads.people == 4 * heads.frames
    assert set(network.shapes) == {(96, 160, 3)}


@pytest.mark.parametrize("people", [People.empty(), crowd(person(), person())])
def test_frames_with_hardly_anybody_are_not_measured(
    monkeypatch: pytest.MonkeyPatch, school: Settings, tmp_path: Path, people: People
) -> None:
    clip = write_video(tmp_path / "clip.mp4", seconds=5)
    assert measured(monkeypatch, school, Network(people), (clip, 5.0)) is None


def test_the_pose_model_is_loaded_once_a_process(school: Settings) -> None:
    size_stage._estimator.cache_clear()
    arguments = (school.analysis, school.weights, Path("cache"))
    first = size_stage._estimator(*arguments)
    assert isinstance(first, PoseEstimator)
    assert size_stage._estimator(*arguments) is first


@pytest.mark.ray
@pytest.mark.samples
def test_the_archive_job_measures_a_camera_once_and_a_second_run_does_nothing(
    samples: Path, tmp_path: Path, job_cluster: str
) -> None:
    settings = write_settings(tmp_path, k=5)
    picture = cv2.imread(str(samples / "classroom-hand-raised.png"))
    assert picture is not None
    still = np.asarray(picture[:1002], np.uint8)
    name = tmp_path / "cam1_20260302T080000Z.mp4"
    write_video(name, frames=(still for _ in range(40)), rate=2, size=(1540, 1002))

    ran = run_job(settings, str(name), cluster=job_cluster)

    assert ran.status == 0, ran.messages
    assert ran.summary["input_sizes"] == {"cam1": 640}
    assert "Input sizes were measured, in pixels (number of cameras): 640 (1)" in ran.messages
    loaded = load_settings(settings)
    (size,) = CalibrationStore.of(loaded).read("cam1").sizes
    assert (size.input_size, size.people) == (640, 5 * size.frames)
    before = {part: part.stat().st_mtime_ns for part in parts(loaded.lake_dir)}
    assert before

    again = run_job(settings, str(name))

    assert "Nothing to do" in again.messages
    assert again.summary["input_sizes"] == {}
    assert {part: part.stat().st_mtime_ns for part in parts(loaded.lake_dir)} == before

    settings.write_text(settings.read_text().replace('"cam1"\n', '"cam1"\ninput_size = 640\n', 1))
    explicit = run_job(settings, str(name))

    assert "Nothing to do" in explicit.messages, "the number and its measurement are one analysis"
