"""Frames become upright, masked pixels, downscaled or at full size."""

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
    """A video stream with square pixels."""
    return av.open(write_video(tmp_path / "v.mp4", seconds=0.5)).streams.video[0]


def frame(width: int, height: int) -> VideoFrame:
    pixels = np.full((height, width, 3), 200, np.uint8)
    return VideoFrame.from_ndarray(pixels, format="bgr24")


def test_a_large_frame_is_downscaled_to_the_long_side(stream: VideoStream) -> None:
    preprocess = Preprocessor(80, ())
    assert preprocess(frame(320, 192), stream).shape == (48, 80, 3)
    assert preprocess(frame(192, 320), stream).shape == (80, 48, 3)
    assert downscaled_size(320, 192, 80) == (80, 48)


def test_a_small_frame_keeps_its_size(stream: VideoStream) -> None:
    assert Preprocessor(640, ())(frame(320, 192), stream).shape == (192, 320, 3)


def test_the_size_may_change_from_frame_to_frame(stream: VideoStream) -> None:
    preprocess = Preprocessor(80, ())
    shapes = [
        preprocess(frame(*size), stream).shape for size in [(320, 192), (160, 120), (320, 192)]
    ]
    assert shapes == [(48, 80, 3), (60, 80, 3), (48, 80, 3)]


def test_the_full_size_frame_has_its_size_and_the_masks(stream: VideoStream) -> None:
    preprocess = Preprocessor(80, [LEFT_HALF])
    full = preprocess.full_size(frame(320, 192), stream)
    assert full.shape == (192, 320, 3)
    assert full.dtype == np.uint8
    assert full[:, :158].max() == 0
    assert full[:, 163:].min() > 190


@pytest.mark.parametrize(("size", "halves"), [((160, 96), True), ((159, 96), False)])
def test_halves_size_is_true_from_half_the_size_on(size: tuple[int, int], halves: bool) -> None:
    assert Preprocessor(80, ()).halves_size(*size) is halves
