"""A camera that is turned shows what lies beside it, and a covered one nothing."""

import numpy as np
import pytest

from bench.classroom.cameras import Camera
from bench.drift.turning import CHANGES, COVERS, cover, dim, turn
from cluster.calibration.scene import EdgeFrame
from tests.calibration.views import picture

CAMERA = Camera(
    "front", np.array([0.0, 0.5, 2.5]), np.array([0.0, 5.0, 1.0]), 80.0, 0.0, 0.0, 640, 360
)
MIDDLE = CAMERA.at


def middle_of(camera: Camera) -> tuple[float, float]:
    """The pixel of what was in the middle."""
    (x, y), *_ = camera.project(MIDDLE)[0]
    return float(x), float(y)


def test_an_untouched_camera_shows_the_same() -> None:
    assert middle_of(turn(CAMERA)) == pytest.approx(middle_of(CAMERA))
    assert turn(CAMERA).fov == pytest.approx(CAMERA.fov)


def test_a_turn_moves_the_picture_along_one_axis() -> None:
    x, y = middle_of(CAMERA)
    panned, tilted = middle_of(turn(CAMERA, pan=8)), middle_of(turn(CAMERA, tilt=8))
    assert abs(panned[0] - x) > 30
    assert abs(panned[1] - y) < 5
    assert tilted[1] - y > 30
    assert abs(tilted[0] - x) < 5


def test_a_zoom_enlarges_the_picture() -> None:
    ends = [[-1.0, 5.0, 1.0], [1.0, 5.0, 1.0]]
    before, after = (one.project(ends)[0] for one in (CAMERA, turn(CAMERA, zoom=1.3)))
    assert np.ptp(after[:, 0]) / np.ptp(before[:, 0]) == pytest.approx(1.3)


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_changes_the_picture(name: str) -> None:
    ends = [[-1.0, 5.0, 1.0], [1.0, 4.0, 1.5]]
    before, after = (one.project(ends)[0] for one in (CAMERA, CHANGES[name](CAMERA, -1)))
    assert np.abs(after - before).max() > 10


@pytest.mark.parametrize("how", COVERS)
def test_a_cover_leaves_less_to_see(how: str) -> None:
    rng = np.random.default_rng(1)
    before, after = EdgeFrame(picture()).detail(), EdgeFrame(cover(picture(), how, rng)).detail()
    assert after.detail < before.detail
    assert after.is_plain == (how in {"capped", "taped over"})
    assert not EdgeFrame(dim(picture(), rng)).detail().is_plain
