"""A live camera's view is measured every few seconds, and summaries are reported while new."""

import time
from datetime import datetime, timedelta

import numpy as np
import pytest

from cluster.streams.reader.view_meter import (
    CROWD_FRAMES,
    PLAIN_SECONDS,
    REPEAT_SECONDS,
    SAMPLE_SECONDS,
    SCENE_FRAMES,
    ViewMeter,
    ViewReport,
)
from cluster.vision.people import BgrImage, People
from tests.calibration.views import EIGHT, picture, plain, summary
from tests.streams.cameras import config_for
from tests.streams.reader.test_head_meter import assigned, count
from tests.vision.bodies import crowd, person

CLASS = crowd(*(person(unit=20.0, at=(60.0 + 40 * i, 200.0)) for i in range(12)))
FEW = crowd(*(person(unit=20.0, at=(60.0 + 40 * i, 200.0)) for i in range(3)))
NOBODY = People.empty()
USUAL = picture()


class Camera:
    """A camera that is measured, with a clock of its own."""

    def __init__(self) -> None:
        self.meter = ViewMeter(config_for("rtsp://127.0.0.1/1", k=10))
        self.seconds = 0.0

    def show(self, pixels: BgrImage, people: People, samples: int = 1) -> None:
        """Show the same for a number of samples."""
        for _ in range(samples):
            taken_at = EIGHT + timedelta(seconds=self.seconds)
            self.meter.add(pixels, people, self.seconds, taken_at)
            self.seconds += SAMPLE_SECONDS

    @property
    def report(self) -> ViewReport:
        """What is reported when the last frame was measured."""
        report = self.meter.report(self.seconds - SAMPLE_SECONDS)
        assert report is not None
        return report


def began_at(camera: Camera) -> datetime | None:
    """When the summary of the scene began that is reported."""
    scene = camera.report.scene
    return None if scene is None else scene.began_at


@pytest.fixture
def camera() -> Camera:
    return Camera()


def test_before_the_first_frame_there_is_nothing_to_report(camera: Camera) -> None:
    assert camera.meter.report(0.0) is None


@pytest.mark.parametrize("people", [NOBODY, CLASS], ids=["empty", "class"])
def test_ten_minutes_give_a_summary_of_the_scene(camera: Camera, people: People) -> None:
    camera.show(USUAL, people, SCENE_FRAMES - 1)
    assert began_at(camera) is None
    camera.show(USUAL, people)
    scene = camera.report.scene
    assert scene is not None
    assert scene.began_at == EIGHT
    assert scene.summary == summary(USUAL, boxes=people.boxes)
    assert camera.report.frame_size == (640, 360)


def test_frames_of_a_few_people_belong_to_no_summary(camera: Camera) -> None:
    camera.show(USUAL, FEW, CROWD_FRAMES)
    assert camera.report.scene is None
    assert camera.report.crowd is None


def test_an_hour_with_a_class_gives_a_summary_of_where_people_are(camera: Camera) -> None:
    camera.show(USUAL, NOBODY, 3)
    camera.show(USUAL, CLASS, CROWD_FRAMES)
    crowd_then = camera.report.crowd
    assert crowd_then is not None
    assert crowd_then.began_at == EIGHT + timedelta(seconds=3 * SAMPLE_SECONDS)
    assert sum(crowd_then.summary.shares[:3]) < sum(crowd_then.summary.shares[3:6])


def test_a_summary_is_repeated_for_a_while_and_the_next_begins_anew(camera: Camera) -> None:
    camera.show(USUAL, NOBODY, SCENE_FRAMES)
    first = camera.report.scene
    camera.show(USUAL, NOBODY, int(REPEAT_SECONDS / SAMPLE_SECONDS))
    assert camera.report.scene is first
    camera.show(USUAL, NOBODY)
    assert began_at(camera) is None
    camera.show(USUAL, NOBODY, SCENE_FRAMES - 1 - int(REPEAT_SECONDS / SAMPLE_SECONDS))
    second = began_at(camera)
    assert second == EIGHT + timedelta(seconds=SCENE_FRAMES * SAMPLE_SECONDS)


@pytest.mark.parametrize(("grey", "is_dark"), [(110, False), (4, True)])
def test_a_picture_that_shows_nothing_for_long_enough_is_reported(
    camera: Camera, grey: int, is_dark: bool
) -> None:
    camera.show(USUAL, NOBODY)
    began = camera.seconds
    camera.show(plain(grey), NOBODY, int(PLAIN_SECONDS / SAMPLE_SECONDS))
    waiting = camera.report
    assert (waiting.is_clear, waiting.plain_since) == (False, None)
    camera.show(plain(grey), NOBODY)
    covered = camera.report
    assert covered.plain_since == EIGHT + timedelta(seconds=began)
    assert covered.is_dark == is_dark
    camera.show(USUAL, NOBODY)
    clear = camera.report
    assert (clear.is_clear, clear.plain_since, clear.is_dark) == (True, None, False)


def test_a_picture_in_which_people_are_found_shows_something(camera: Camera) -> None:
    camera.show(plain(), CLASS, 100)
    assert camera.report.is_clear


def test_a_dark_or_covered_frame_is_no_scene(camera: Camera) -> None:
    camera.show(picture(light=0.1), NOBODY, SCENE_FRAMES)
    camera.show(plain(), NOBODY, SCENE_FRAMES)
    assert camera.report.scene is None


def test_frames_of_another_size_begin_new_summaries(camera: Camera) -> None:
    camera.show(USUAL, NOBODY, SCENE_FRAMES - 1)
    camera.show(USUAL[::2, ::2], NOBODY)
    assert camera.report.scene is None
    assert camera.report.frame_size == (320, 180)


def test_between_samples_frames_are_not_looked_at(camera: Camera) -> None:
    for frame in range(2 * SCENE_FRAMES):
        camera.meter.add(USUAL, NOBODY, frame * 0.5, EIGHT)
    assert camera.meter.report(2 * SCENE_FRAMES * 0.5) is not None
    assert camera.report.scene is None


def test_a_reader_reports_the_view_and_not_that_of_the_full_size_stream() -> None:
    camera = assigned()
    count(camera, 3, full=True)
    assert camera.report(0.0, frames_late=0).view is None
    count(camera, 400)  # black frames, with a class in them
    view = camera.report(400.0, frames_late=0).view
    assert view is not None
    assert (view.frame_size, view.is_clear) == ((80, 45), True)


def test_a_frame_costs_a_small_part_of_what_its_analysis_does(camera: Camera) -> None:
    pixels = np.ascontiguousarray(np.tile(USUAL, (2, 2, 1)))[:720, :1280]
    camera.show(pixels, CLASS)
    began = time.process_time()
    camera.show(pixels, CLASS, 20)
    per_sample = (time.process_time() - began) / 20
    assert per_sample / SAMPLE_SECONDS < 0.01  # of a core; two analysed frames a second take more
