"""Crops of training pictures: labels stay on the people, whatever was cut, scaled or mirrored."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.training.crops import MIRRORED, Crop, draw_crop, read_picture
from cluster.vision.people import KEYPOINTS
from tests.plugins.hypothesis_profiles import examples

RED = (0, 0, 255)
SIDE = 40


def picture_with_a_red_square(left: int, top: int) -> Crop:
    """A grey picture in which the only person is a red square, all keypoints in its middle."""
    pixels = np.full((360, 640, 3), 60, np.uint8)
    cv2.rectangle(pixels, (left, top), (left + SIDE - 1, top + SIDE - 1), RED, -1)
    box = np.array([[left, top, left + SIDE, top + SIDE]], np.float32)
    keypoints = np.full((1, len(KEYPOINTS), 3), 2, np.float32)
    keypoints[..., :2] = box[0, :2] + SIDE / 2
    return Crop(pixels, box, keypoints)


@settings(max_examples=examples(60), deadline=None)
@given(left=st.integers(0, 600), top=st.integers(0, 320), seed=st.integers(0, 10_000))
def test_a_crop_keeps_boxes_and_keypoints_on_the_person(left: int, top: int, seed: int) -> None:
    crop = draw_crop(picture_with_a_red_square(left, top), 320, 192, random.Random(seed))

    assert crop.pixels.shape == (192, 320, 3)
    difference = np.ptp(crop.pixels.astype(int), axis=2)
    ys, xs = np.nonzero(difference > 40)
    for box, keypoints in zip(crop.boxes, crop.keypoints, strict=True):
        if len(xs):  # a recoloured square may be grey
            assert box.tolist() == pytest.approx(
                [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], abs=3
            )
        seen = keypoints[keypoints[:, 2] > 0]
        assert ((seen[:, :2] >= box[:2] - 1) & (seen[:, :2] <= box[2:] + 1)).all()


def test_mirroring_swaps_left_and_right_once() -> None:
    names = [KEYPOINTS[index] for index in MIRRORED]

    assert names[0] == "nose"
    swap = {"left": "right", "right": "left"}
    for name, other in zip(KEYPOINTS[1:], names[1:], strict=True):
        side, _, part = name.partition("_")
        assert other == f"{swap[side]}_{part}"


def test_labels_are_read_in_pixels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.jpg"), np.zeros((100, 200, 3), np.uint8))
    keypoints = " ".join(["0.5 0.5 2"] * len(KEYPOINTS))
    (tmp_path / "labels" / "1.txt").write_text(f"0 0.5 0.5 0.1 0.2 {keypoints}\n")

    picture = read_picture(tmp_path / "images" / "1.jpg")

    assert picture.boxes.tolist() == pytest.approx(np.array([[90, 40, 110, 60]]))
    assert picture.keypoints[0, 0].tolist() == [100, 50, 2]


def test_a_picture_of_nobody_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "1.jpg"), np.zeros((100, 200, 3), np.uint8))
    (tmp_path / "labels" / "1.txt").write_text("")

    crop = draw_crop(read_picture(tmp_path / "images" / "1.jpg"), 96, 64, random.Random(1))

    assert crop.boxes.shape == (0, 4)
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "images" / "2.jpg")
