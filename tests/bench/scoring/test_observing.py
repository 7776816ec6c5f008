from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from bench.scoring.configurations import Configuration
from bench.scoring.observing import observe
from bench.scoring.samples import Sample, SampleSet
from cluster.activity import durations
from cluster.vision.activity import Activity
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.weights import WeightsFile
from tests.activity.stub_classifier import classify_bodies
from tests.conftest import write_video
from tests.vision.bodies import HAND_UP, HEAD_ON_DESK, crowd, person

PRODUCT = Configuration("product", WeightsFile("net", Path("net.pt"), "", "", ""), 320, 0.1)


class Finder:
    """Stands for the network: finds the same people everywhere."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, frames: Sequence[BgrImage], input_size: int) -> list[People]:
        """Return people for each frame."""
        assert input_size == 320
        self.shapes += [frame.shape for frame in frames]
        return [self.people for _ in frames]


def sample(path: Path, rate: float | None = None) -> Sample:
    return Sample(name=path.name, sample_set=SampleSet.REAL_PICTURES, path=path, rate=rate)


@pytest.fixture
def picture(tmp_path: Path) -> Sample:
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), np.zeros((360, 640, 3), np.uint8))
    return sample(path)


def test_a_clip_is_sampled_at_its_rate_and_people_are_in_its_own_pixels(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "room.mp4", seconds=3.0, size=(640, 360))
    finder = Finder(person(at=(100, 80), unit=20))

    observations = observe(sample(clip, 2.0), PRODUCT, finder)

    assert [one.time_seconds for one in observations] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5])
    assert set(finder.shapes) == {(180, 320, 3)}
    middle = observations[0].people.keypoints[0, 5:7, :2].mean(axis=0)
    assert middle.tolist() == pytest.approx([200, 160])
    assert observations[0].input_scale == pytest.approx(0.5)
    assert [one.current[0].activity for one in observations[2:]] == [Activity.SITTING] * 4


def test_a_raised_hand_is_confirmed_in_one_frame_of_a_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "load_classifier", lambda: classify_bodies)
    clip = write_video(tmp_path / "room.mp4", seconds=4.0, size=(640, 360))

    observations = observe(sample(clip, 2.0), PRODUCT, Finder(person(HAND_UP, at=(100, 80))))

    assert sum(one.current[0].hand_confirmed for one in observations) == 1
    assert observations[-1].current[0].activity == Activity.HAND_RAISED


@pytest.mark.parametrize("pipeline", ["product", "rules"])
def test_a_picture_is_held_until_postures_are_activities(
    picture: Sample, pipeline: Literal["product", "rules"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "load_classifier", lambda: classify_bodies)
    people = crowd(
        person(HAND_UP, at=(60, 60), unit=20),
        person(HEAD_ON_DESK, at=(160, 60), unit=20),
        person(at=(260, 60), unit=20),
    )
    finder = Finder(people)

    [observation] = observe(picture, replace(PRODUCT, pipeline=pipeline), finder)

    assert len(finder.shapes) == 1
    assert [one.activity for one in observation.current] == [
        Activity.HAND_RAISED,
        Activity.HEAD_DOWN,
        Activity.SITTING,
    ]


def test_a_small_picture_is_observed_at_its_own_scale(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), np.zeros((90, 160, 3), np.uint8))
    finder = Finder(person(at=(80, 40), unit=10))

    [observation] = observe(sample(path), PRODUCT, finder)

    assert finder.shapes == [(90, 160, 3)]
    assert observation.input_scale == 1.0
