"""Frames become upright, masked pixels, small or whole."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from cluster.streams.decode.preprocess import Preprocessor, downscaled_size
from tests.conftest import write_video

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.fixture
def stream(tmp_path: Path) -> VideoStream:
    """Some video stream with square pixels."""
    return av.open(write_video(tmp_path / "v.mp4", seconds=0.5)).streams.video[0]


def frame(width: int, height: int) -> VideoFrame:
    pixels = np.full((height, width, 3), 200, np.uint8)
    return VideoFrame.from_ndarray(pixels, format="bgr24")


def test_a_large_picture_is_shrunk_to_the_long_side(stream: VideoStream) -> None:
    shrink = Preprocessor(80, ())
    assert shrink(frame(320, 192), stream).shape == (48, 80, 3)
    assert shrink(frame(192, 320), stream).shape == (80, 48, 3)
    assert downscaled_size(320, 192, 80) == (80, 48)


def test_a_small_picture_stays_as_it_is(stream: VideoStream) -> None:
    assert Preprocessor(640, ())(frame(320, 192), stream).shape == (192, 320, 3)


def test_the_size_may_change_from_frame_to_frame(stream: VideoStream) -> None:
    shrink = Preprocessor(80, ())
    shapes = [shrink(frame(*size), stream).shape for size in [(320, 192), (160, 120), (320, 192)]]
    assert shapes == [(48, 80, 3), (60, 80, 3), (48, 80, 3)]


def test_the_full_picture_has_the_size_and_the_masks(stream: VideoStream) -> None:
    shrink = Preprocessor(80, [LEFT_HALF])
    full = shrink.full(frame(320, 192), stream)
    assert full.shape == (192, 320, 3)
    assert full.dtype == np.uint8
    assert full[:, :158].max() == 0
    assert full[:, 163:].min() > 190


@pytest.mark.parametrize(("size", "halves"), [((160, 96), True), ((159, 96), False)])
def test_it_says_whether_a_picture_is_shrunk_to_half(size: tuple[int, int], halves: bool) -> None:
    assert Preprocessor(80, ()).halves(*size) is halves
