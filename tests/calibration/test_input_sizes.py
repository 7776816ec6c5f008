"""Sizes of `auto` cameras become numbers; fixed ones stay."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.calibration.input_sizes import apply_sizes, auto_cameras, measure_size
from cluster.settings import load_settings
from cluster.vision.pose.input_size import HeadSummary
from tests.calibration.measurements import MODEL, NOON, measurement
from tests.conftest import write_settings

HEADS = HeadSummary(smallest_head=30.0, frames=16, people=200)


def test_only_cameras_that_are_auto_take_what_was_measured(tmp_path: Path) -> None:
    settings = load_settings(write_settings(tmp_path, more="input_size = 1280\n"))
    assert [camera.id for camera in auto_cameras(settings)] == ["cam1"]
    measured = {"cam1": measurement(), "cam2": measurement()}
    applied = apply_sizes(settings, measured)
    assert [camera.input_size for camera in applied.cameras] == [640, 1280]
    assert applied.cameras_by_id["cam1"].input_size == 640
    assert settings.cameras_by_id["cam1"].input_size == "auto"


def test_what_is_not_measured_stays_auto(tmp_path: Path) -> None:
    settings = load_settings(write_settings(tmp_path))
    assert apply_sizes(settings, {}) is settings


@pytest.mark.parametrize(
    ("smallest_head", "limit", "size"),
    [
        (30.0, 960, 640),
        (12.0, 960, 960),
        (20.0, 1280, 960),
        (12.0, 1280, 1280),
        (4.0, 1280, 1280),
        (4.0, 640, 640),
    ],
)
def test_the_size_follows_from_the_heads_and_the_limit(
    smallest_head: float, limit: int, size: int
) -> None:
    found = measure_size(
        replace(HEADS, smallest_head=smallest_head * limit / 960),
        model=MODEL,
        limit=limit,
        frame_size=(1920, 1080),
        origin="live",
        now=NOON,
    )
    assert (found.input_size, found.limit, found.frame_size) == (size, limit, (1920, 1080))
    assert found.head_pixels == pytest.approx(smallest_head * size / 960, abs=0.06)
    assert (found.frames, found.people, found.origin) == (16, 200, "live")


def test_frames_smaller_than_the_limit_are_not_enlarged() -> None:
    found = measure_size(
        replace(HEADS, smallest_head=4.0),
        model=MODEL,
        limit=1280,
        frame_size=(480, 270),
        origin="archive",
        now=NOON,
    )
    assert (found.input_size, found.head_pixels) == (640, 4.0)


def test_heads_may_be_measured_in_larger_frames_than_the_limit() -> None:
    found = measure_size(
        replace(HEADS, smallest_head=48.0),
        model=MODEL,
        limit=960,
        frame_size=(1920, 1080),
        origin="archive",
        now=NOON,
        measured_side=1280,
    )
    assert found.input_size == 640
    assert found.head_pixels == 24.0
