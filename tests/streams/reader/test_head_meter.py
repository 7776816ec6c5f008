"""A live camera is measured for two minutes with people, and reported until that is heard."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from cluster.activity.live import LiveCounter
from cluster.streams.capture.frame import LiveFrame
from cluster.streams.capture.health import StreamMetrics
from cluster.streams.reader.assigned_camera import AssignedCamera
from cluster.streams.reader.head_meter import MEASURED_SECONDS, HeadMeter
from cluster.vision.people import People
from tests.streams.cameras import config_for
from tests.vision.bodies import crowd, person

CLASS = crowd(*(person(unit=30.0, at=(50.0 + 20 * i, 100.0)) for i in range(5)))


def test_two_minutes_with_people_are_measured_and_not_more() -> None:
    meter = HeadMeter(rate=0.5)
    for _ in range(int(MEASURED_SECONDS * 0.5)):
        assert meter.summary is None
        meter.add(CLASS)
    assert meter.summary is not None
    assert (meter.summary.frames, meter.summary.people) == (60, 300)
    measured = meter.summary
    meter.add(person(unit=3.0))
    assert meter.summary == measured


def test_an_empty_room_and_a_teacher_alone_are_not_measured() -> None:
    meter = HeadMeter(rate=0.1)
    for _ in range(100):
        meter.add(People.empty())
        meter.add(crowd(person(), person()))
    assert meter.summary is None


def assigned(*, measures_heads: bool = True, **config: Any) -> AssignedCamera:
    """A camera whose stream sends frames of 1920x1080."""
    health = SimpleNamespace(metrics=StreamMetrics(width=1920, height=1080))
    source = SimpleNamespace(health=lambda: health)
    settings = config_for("rtsp://127.0.0.1/1", rate=1.0, measures_heads=measures_heads, **config)
    counter = LiveCounter(1.0, k=5)
    return AssignedCamera(settings, cast("Any", source), counter)


def count(camera: AssignedCamera, frames: int, *, full: bool = False) -> None:
    pixels = np.zeros((45, 80, 3), np.uint8)
    for second in range(frames):
        frame = LiveFrame("cam1", float(second), pixels, pixels if full else None)
        camera.count(frame, CLASS, datetime.fromtimestamp(second, UTC))


def test_every_report_holds_what_was_measured_with_the_size_of_the_frames() -> None:
    camera = assigned()
    count(camera, 119)
    assert camera.report(0.0, frames_late=0).heads is None
    count(camera, 1)
    for _ in range(2):
        heads = camera.report(0.0, frames_late=0).heads
        assert heads is not None
        assert (heads.limit, heads.frame_size) == (80, (1920, 1080))
        assert heads.heads.frames == 120


def test_a_camera_whose_size_is_known_is_not_measured() -> None:
    camera = assigned(measures_heads=False)
    count(camera, 200)
    assert camera.report(0.0, frames_late=0).heads is None


def test_frames_of_the_full_size_stream_are_not_measured() -> None:
    camera = assigned()
    count(camera, 200, full=True)
    assert camera.report(0.0, frames_late=0).heads is None


def test_a_camera_is_not_restarted_only_because_it_need_not_be_measured_any_more() -> None:
    assert assigned().config == assigned(measures_heads=False).config
    assert assigned().config != assigned(input_size=960).config
