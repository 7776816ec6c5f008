"""Effects and overlays."""

import cv2
import numpy as np
import pytest

from bench.classroom.effects import Effects, draw_effects
from bench.classroom.overlays import Overlays, draw_overlays
from tests.bench.classroom.people import person

PICTURE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)


def test_no_effects_change_nothing() -> None:
    assert (Effects().apply(PICTURE, np.random.default_rng(0)) == PICTURE).all()


@pytest.mark.parametrize("seed", range(25))
def test_effects_are_the_same_from_the_same_numbers(seed: int) -> None:
    effects = draw_effects(np.random.default_rng(seed), backlit=seed % 2 == 0, clip=seed % 3 == 0)
    first, second = (effects.apply(PICTURE, np.random.default_rng(1)) for _ in range(2))
    assert first.shape == PICTURE.shape
    assert first.dtype == np.uint8
    assert (first == second).all()


def test_infrared_has_no_colour() -> None:
    grey = Effects(saturation=0).apply(PICTURE, np.random.default_rng(0))
    assert np.ptp(grey.astype(int), axis=2).max() <= 1


@pytest.mark.parametrize("seed", range(25))
def test_overlays_keep_the_size_and_the_picture_they_are_given(seed: int) -> None:
    before = PICTURE.copy()
    result = draw_overlays(np.random.default_rng(seed), 400, 300).apply(before, 12.3)
    assert result.shape == PICTURE.shape
    assert (before == PICTURE).all()


def test_bars_move_the_truth_with_the_picture() -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.rectangle(picture, (100, 50), (199, 249), (255, 255, 255), -1)
    overlays = Overlays(scale=(0.5, 0.8), shift=(120, 30))
    moved = overlays.move(person(box=(100.0, 50.0, 200.0, 250.0)))
    y, x = np.nonzero(overlays.apply(picture, 0.0)[..., 0] > 127)
    assert moved.box == pytest.approx((x.min(), y.min(), x.max() + 1, y.max() + 1), abs=1)
    assert moved.head_height == pytest.approx(40 * 0.8)
    assert moved.keypoints[0][:2] == pytest.approx((110 * 0.5 + 120, 60 * 0.8 + 30))
