"""Our pose estimator finds what Ultralytics' own predictor finds, on both backends."""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import platformdirs
import pytest
import torch

from cluster.errors import VisionError, WeightsMissing
from cluster.settings import AnalysisSettings, WeightsSettings, load_settings
from cluster.vision.people import BgrImage, FloatArray, People
from cluster.vision.pose.estimator import PoseEstimator, select_device
from cluster.vision.pose.openvino_backend import OpenVinoNetwork
from cluster.vision.pose.weights import WeightsFile, find_pose_weights
from tests.conftest import write_settings
from tests.vision.bodies import person

CACHE = Path(platformdirs.user_cache_dir("homeroom"))
"""The user's own cache, so that each shape is converted once and not once a run."""

OPENVINO, TORCH = "cpu", "cpu:0"
"""`cpu` means OpenVINO; any other name is PyTorch's, also of the same processor."""

BACKENDS = pytest.mark.parametrize("device", [OPENVINO, TORCH])


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """PyTorch's threads wait by spinning, which takes minutes beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def pose_weights() -> WeightsFile:
    return find_pose_weights(WeightsSettings(pose="official"), CACHE)


@cache
def estimator(device: str) -> PoseEstimator:
    return PoseEstimator(pose_weights(), cache_dir=CACHE, device=device)


@cache
def ultralytics_model() -> Any:
    from ultralytics import YOLO

    return YOLO(pose_weights().path, task="pose")


def people_of_ultralytics(frame: BgrImage, input_size: int) -> People:
    """What the predictor that comes with the weights finds; it would enlarge a smaller frame."""
    size = min(input_size, max(frame.shape[:2]))
    (result,) = ultralytics_model().predict(frame, imgsz=size, device="cpu", verbose=False)
    return People(
        boxes=result.boxes.xyxy.numpy(),
        scores=result.boxes.conf.numpy(),
        keypoints=result.keypoints.data.numpy(),
    )


@pytest.fixture(scope="module")
def hand_raised(samples: Path) -> BgrImage:
    """A classroom with a raised hand, 1540x1003."""
    return np.asarray(cv2.imread(str(samples / "classroom-hand-raised.png")), np.uint8)


@pytest.fixture(scope="module")
def classroom(samples: Path) -> list[BgrImage]:
    """Three moments of a classroom, 480x270."""
    with av.open(samples / "classroom.gif") as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return [np.asarray(frames[index], np.uint8) for index in (0, len(frames) // 2, -1)]


def overlaps(first: FloatArray, second: FloatArray) -> npt.NDArray[np.float64]:
    """Intersection over union of each box of `first` with each of `second`."""
    a, b = first[:, None].astype(np.float64), second[None].astype(np.float64)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(0).prod(-1)
    area_a, area_b = (box[..., 2:] - box[..., :2] for box in (a, b))
    return np.asarray(shared / (area_a.prod(-1) + area_b.prod(-1) - shared))


def assert_same_people(
    found: People, expected: People, *, least_overlap: float = 0.9, of_box: float = 0.05
) -> None:
    """One to one: boxes that overlap, scores and sure keypoints that are close.

    Where the CPU computes in bfloat16 (AMX), single keypoints move by a few hundredths of a box.
    """
    assert len(found) == len(expected) > 0
    overlap = overlaps(expected.boxes, found.boxes)
    match = overlap.argmax(axis=1)
    assert sorted(match) == list(range(len(found))), "two people share a match"
    assert overlap.max(axis=1).min() > least_overlap
    np.testing.assert_allclose(found.scores[match], expected.scores, atol=0.05)
    sure = expected.keypoints[..., 2] > 0.5
    assert sure.any()
    away = np.linalg.norm(found.keypoints[match][..., :2] - expected.keypoints[..., :2], axis=-1)
    sides = (expected.boxes[:, 2:] - expected.boxes[:, :2]).max(axis=1, keepdims=True)
    assert (away / sides)[sure].max() < of_box
    scores = found.keypoints[match][..., 2]
    np.testing.assert_allclose(scores[sure], expected.keypoints[..., 2][sure], atol=0.1)


@BACKENDS
@pytest.mark.parametrize("input_size", [640, 960])
def test_people_in_a_photograph_are_those_that_ultralytics_finds(
    hand_raised: BgrImage, device: str, input_size: int
) -> None:
    (found,) = estimator(device).estimate([hand_raised], input_size)
    assert_same_people(found, people_of_ultralytics(hand_raised, input_size))


@BACKENDS
@pytest.mark.parametrize("input_size", [640, 960])
def test_people_in_a_video_are_those_that_ultralytics_finds(
    classroom: list[BgrImage], device: str, input_size: int
) -> None:
    (found,) = estimator(device).estimate([classroom[1]], input_size)
    assert_same_people(found, people_of_ultralytics(classroom[1], input_size))


@BACKENDS
def test_no_frames_give_no_people(device: str) -> None:
    assert PoseEstimator(pose_weights(), cache_dir=CACHE, device=device).estimate([]) == []


@BACKENDS
def test_an_empty_picture_gives_nobody(device: str) -> None:
    (found,) = estimator(device).estimate([np.full((270, 480, 3), 90, np.uint8)])
    assert len(found) == 0


@BACKENDS
def test_a_batch_gives_in_order_what_its_frames_give_alone(
    classroom: list[BgrImage], device: str
) -> None:
    mirrored = np.ascontiguousarray(classroom[0][:, ::-1])
    nobody = np.full_like(mirrored, 90)
    frames = [classroom[0], mirrored, nobody, *classroom[1:]]
    together = estimator(device).estimate(frames)
    assert len(together) == len(frames)
    for frame, found in zip(frames, together, strict=True):
        (alone,) = estimator(device).estimate([frame])
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-3)
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=0.2)
        np.testing.assert_allclose(found.keypoints, alone.keypoints, atol=0.5)


@BACKENDS
def test_a_frame_twice_as_large_gives_people_twice_as_large(
    classroom: list[BgrImage], device: str
) -> None:
    small = classroom[0]
    height, width = small.shape[:2]
    large = np.asarray(cv2.resize(small, (2 * width, 2 * height)), np.uint8)
    (in_small,) = estimator(device).estimate([small])
    (in_large,) = estimator(device).estimate([large])
    sure_small, sure_large = (p.select(p.scores > 0.5) for p in (in_small, in_large))
    assert len(sure_small) > 0
    overlap = overlaps(2 * sure_small.boxes, in_large.boxes)
    assert overlap.max(axis=1).min() > 0.85
    assert overlaps(sure_large.boxes, 2 * in_small.boxes).max(axis=1).min() > 0.85


@BACKENDS
def test_one_estimator_takes_frames_of_several_shapes(
    classroom: list[BgrImage], hand_raised: BgrImage, device: str
) -> None:
    several = PoseEstimator(pose_weights(), cache_dir=CACHE, device=device)
    for frame in (classroom[0], hand_raised, classroom[0]):
        (found,) = several.estimate([frame])
        (expected,) = estimator(device).estimate([frame])
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.2)


def test_the_colours_are_not_swapped(hand_raised: BgrImage) -> None:
    swapped = np.ascontiguousarray(hand_raised[..., ::-1])
    expected = people_of_ultralytics(swapped, 640)
    (found,) = estimator(OPENVINO).estimate([swapped])
    (other,) = estimator(OPENVINO).estimate([hand_raised])
    assert_same_people(found, expected)
    assert len(other) != len(found) or np.abs(other.scores - found.scores).max() > 0.01


@BACKENDS
def test_the_confidence_is_the_least_score(classroom: list[BgrImage], device: str) -> None:
    (everyone,) = estimator(device).estimate([classroom[0]])
    limit = float(np.median(everyone.scores))
    strict = PoseEstimator(pose_weights(), cache_dir=CACHE, device=device, confidence=limit)
    (found,) = strict.estimate([classroom[0]])
    assert 0 < len(found) < len(everyone)
    assert (found.scores > limit).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing(classroom: list[BgrImage], threads: int) -> None:
    other = PoseEstimator(pose_weights(), cache_dir=CACHE, threads=threads)
    for found, expected in zip(
        other.estimate(classroom), estimator(OPENVINO).estimate(classroom), strict=True
    ):
        assert_same_people(found, expected, of_box=0.005)


def test_converting_beforehand_is_all_that_estimating_needs(
    tmp_path: Path, classroom: list[BgrImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    height, width = classroom[0].shape[:2]
    estimator(OPENVINO).prepare(height, width, 640)
    monkeypatch.setattr(sys, "executable", "/no/python/to/convert/with")
    (found,) = PoseEstimator(pose_weights(), cache_dir=CACHE).estimate([classroom[0]])
    assert len(found) > 0
    with pytest.raises(VisionError):
        PoseEstimator(pose_weights(), cache_dir=tmp_path).estimate([classroom[0]])


def test_pytorch_needs_no_conversion(tmp_path: Path) -> None:
    PoseEstimator(pose_weights(), cache_dir=tmp_path, device=TORCH).prepare(270, 480, 640)
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_not_there_is_named_in_words(tmp_path: Path) -> None:
    missing = PoseEstimator(pose_weights(), cache_dir=tmp_path, device="cuda:99")
    with pytest.raises(VisionError, match="cuda:99"):
        missing.estimate([np.zeros((96, 160, 3), np.uint8)])


@pytest.mark.parametrize("content", [None, b"", b"<net>this is no model</net>"])
def test_a_model_that_openvino_refuses_is_named(tmp_path: Path, content: bytes | None) -> None:
    model = tmp_path / "model.xml"
    if content is not None:
        model.write_bytes(content)
    with pytest.raises(VisionError, match="OpenVINO rejects the model") as caught:
        OpenVinoNetwork(model, threads=1)
    assert caught.value.where == str(model)


def test_the_settings_choose_the_device_and_the_confidence(
    tmp_path: Path, classroom: list[BgrImage]
) -> None:
    path = write_settings(tmp_path)
    text = path.read_text().replace("[analysis]", '[analysis]\ndevice = "cpu"\nconfidence = 0.6')
    path.write_text(f'cache_dir = "{CACHE}"\n{text}')
    chosen = PoseEstimator.from_settings(load_settings(path))
    assert chosen.device == "cpu"
    assert chosen.weights == find_pose_weights(WeightsSettings(), CACHE)
    (found,) = chosen.estimate([classroom[0]])
    ours = PoseEstimator(chosen.weights, cache_dir=CACHE)
    (everyone,) = ours.estimate([classroom[0]])
    np.testing.assert_allclose(found.scores, everyone.scores[everyone.scores > 0.6], atol=1e-3)


def test_two_boxes_on_one_head_are_one_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = person(at=(300, 200), unit=40)
    boxes = ((270.0, 150.0, 330.0, 320.0, 0.8), (275.0, 155.0, 330.0, 240.0, 0.3))
    anchors = np.zeros((56, len(boxes)), np.float32)
    for column, (left, top, right, bottom, score) in enumerate(boxes):
        box = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, score)
        anchors[:, column] = [*box, *body.keypoints.ravel()]
    alone = PoseEstimator(pose_weights(), cache_dir=CACHE)
    monkeypatch.setattr(alone, "_network", lambda _: lambda canvases: [anchors] * len(canvases))
    (found,) = alone.estimate([np.zeros((480, 640, 3), np.uint8)])
    assert found.scores.tolist() == pytest.approx([0.8])


def test_the_weights_for_classrooms_see_everybody_in_the_samples(
    classroom: list[BgrImage], hand_raised: BgrImage
) -> None:
    ours = PoseEstimator(find_pose_weights(WeightsSettings(), CACHE), cache_dir=CACHE)
    assert ours.weights.name == "classroom-pose"
    assert [len(found) for found in ours.estimate(classroom)] == [4, 4, 4]
    assert [len(found) for found in ours.estimate([hand_raised])] == [5]


def test_weights_that_the_settings_name_and_that_are_missing_stop_the_estimator(
    tmp_path: Path,
) -> None:
    path = write_settings(tmp_path, more='[weights]\npose = "mine.pt"\n')
    with pytest.raises(WeightsMissing, match="no such weights file"):
        PoseEstimator.from_settings(load_settings(path))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_device_that_the_settings_name_is_taken_as_it_is(device: str) -> None:
    assert select_device(AnalysisSettings.model_validate({"device": device})) == device
