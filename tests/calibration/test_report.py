"""One look at a camera: what is found at each size, and what follows."""

from collections.abc import Sequence

import numpy as np
import pytest

from cluster.calibration.report import CameraView, look_at
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.input_size import MIN_HEAD_PIXELS
from tests.vision.bodies import crowd, person


class Network:
    """Finds people whose heads have enough pixels in its input."""

    def __init__(self, units: Sequence[float]) -> None:
        self.units = units
        self.sizes: list[int] = []

    def __call__(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        self.sizes.append(input_size)
        scale = min(1.0, input_size / max(frames[0].shape[:2]))
        seen = [
            person(unit=unit, at=(60.0 + 50 * index, 300.0))
            for index, unit in enumerate(self.units)
            if unit * 1.4 / 1.8 * scale >= MIN_HEAD_PIXELS / 2
        ]
        return [crowd(*seen) if seen else People.empty() for _ in frames]


def look(
    units: Sequence[float],
    *,
    limit: int = 960,
    width: int = 1280,
    frame_side: int = 1920,
    fixed: int | None = None,
) -> tuple[CameraView, Network]:
    network = Network(units)
    frames = [np.zeros((width * 9 // 16, width, 3), np.uint8)] * 5
    view = look_at(frames, network, limit=limit, frame_side=frame_side, fixed_size=fixed)
    return view, network


def test_a_near_class_is_seen_at_the_smallest_size() -> None:
    view, network = look([60.0] * 10)
    assert network.sizes == [640, 960, 1280]
    assert view.input_size == 640
    assert [size.people for size in view.sizes] == [10.0] * 3
    assert view.regions
    assert all(region.problems == [] for region in view.regions)
    assert view.found == 10.0
    assert view.scale == 0.5


def test_a_far_class_gets_the_largest_allowed_size_and_what_it_misses_is_said() -> None:
    view, _ = look([8.0] * 4 + [14.0] * 10)
    assert [size.people for size in view.sizes] == [10.0, 10.0, 14.0]
    assert view.input_size == 960
    assert view.choice is not None
    assert not view.choice.sees_everybody
    problems = [problem for region in view.regions for problem in region.problems]
    assert any("more people are found at the largest size" in problem for problem in problems)
    assert any("heads are" in problem for problem in problems)


def test_sizes_that_the_frame_does_not_fill_are_not_tried() -> None:
    _, network = look([30.0] * 5, width=640, frame_side=640)
    assert network.sizes == [640]


def test_a_fixed_size_is_kept_and_the_choice_is_shown_beside_it() -> None:
    view, _ = look([60.0] * 10, fixed=1280, limit=640)
    assert view.input_size == 1280
    assert view.choice is not None
    assert view.choice.input_size == 640


@pytest.mark.parametrize("units", [[], [50.0], [50.0, 50.0]])
def test_too_few_people_give_no_choice_and_the_limit_is_used(units: Sequence[float]) -> None:
    view, _ = look(units)
    assert view.choice is None
    assert view.heads is None
    assert view.input_size == 960
    assert len(view.shown) == len(units)
