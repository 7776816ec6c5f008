from pathlib import Path

import numpy as np
import pytest

from cluster.errors import FootageUnreadable
from cluster.streams.decode.spread_frames import spread_frames
from tests.conftest import write_video


def times(path: Path, count: int, seconds: float) -> list[float]:
    frames = spread_frames(str(path), count, duration_seconds=seconds, long_side=64)
    return [frame.time_seconds for frame in frames]


def test_frames_are_spread_over_the_whole_file(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", seconds=40, rate=5, options={"g": "10"})
    found = times(clip, 4, 40.0)
    assert len(found) == 4
    assert np.allclose(found, [5, 15, 25, 35], atol=2.0)


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, 1), (3.0, 3)])
def test_a_short_file_gives_a_frame_a_second(tmp_path: Path, seconds: float, expected: int) -> None:
    clip = write_video(tmp_path / "a.mp4", seconds=seconds, rate=10)
    found = times(clip, 16, seconds)
    assert len(found) == expected
    assert found == sorted(set(found))


def test_a_file_that_ends_earlier_than_it_says_gives_what_it_has(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", seconds=10, rate=5, options={"g": "10"})
    found = times(clip, 4, 40.0)
    assert 1 <= len(found) < 4


def test_frames_are_downscaled_and_masked(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "a.mp4", seconds=2)
    mask = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    (frame,) = spread_frames(str(clip), 1, duration_seconds=2.0, long_side=80, masks=[mask])
    assert frame.pixels.shape == (48, 80, 3)
    assert not frame.pixels.any()


def test_a_file_that_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    with pytest.raises(FootageUnreadable):
        times(tmp_path / "a.mp4", 4, 10.0)
