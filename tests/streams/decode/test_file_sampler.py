"""Sampling returns the right frames at the right times, with as little decoding as possible.

Most videos here encode each frame's number as a pattern of bright blocks, so that a test knows
which frame it was given, and that it was decoded completely.
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import FootageUnreadable, FootageUntimed
from cluster.streams.decode.file_sampler import FrameSampler, SampledFrame
from cluster.streams.decode.preprocess import downscaled_size
from cluster.streams.decode.probe import probe
from cluster.streams.decode.sampling_report import SamplingReport
from tests.conftest import write_video
from tests.plugins.hypothesis_profiles import examples
from tests.streams.decode.numbered import (
    HEIGHT,
    NO_B_FRAMES,
    WIDTH,
    Pixels,
    number_in,
    numbered_video,
)


def sampled(
    path: Path, start: float = 0.0, end: float = math.inf, **options: Any
) -> tuple[list[SampledFrame], SamplingReport]:
    """All frames of an interval, and the report."""
    sampler = FrameSampler(str(path), **options)
    return list(sampler.frames(start, end)), sampler.report


def times_of(frames: Sequence[SampledFrame]) -> list[float]:
    return [round(frame.time_seconds, 3) for frame in frames]


def numbers_of(frames: Sequence[SampledFrame]) -> list[int]:
    return [number_in(frame.pixels) for frame in frames]


@st.composite
def variable_rates(draw: st.DrawFn) -> list[int]:
    """Rising timestamps in milliseconds, from any start."""
    intervals = draw(st.lists(st.integers(20, 1500), min_size=1, max_size=25))
    times = [draw(st.sampled_from([0, 3000]))]
    for interval in intervals:
        times.append(times[-1] + interval)
    return times


@settings(max_examples=examples(40), deadline=None)
@given(
    times=variable_rates(),
    rate=st.sampled_from([1, 2, 4]),
    offset=st.integers(-999, 999),
    keys=st.sampled_from(["1", "3", "300"]),
    cheap=st.booleans(),
)
def test_each_period_of_the_grid_with_frames_gives_one_of_them(
    tmp_path_factory: pytest.TempPathFactory,
    times: list[int],
    rate: int,
    offset: int,
    keys: str,
    cheap: bool,
) -> None:
    path = tmp_path_factory.mktemp("vfr") / "vfr.mp4"
    numbered_video(path, len(times), times=[time / 1000 for time in times], g=keys)
    frames, _ = sampled(path, rate=rate, offset_seconds=offset / 1000, cheap=cheap)

    def period_of(milliseconds: int) -> int:
        return (milliseconds - offset) * rate // 1000

    first = times[0]
    # Slots count from the file's start; a period that began before it is not requested.
    periods = {period_of(time - first) for time in times}
    wanted = sorted(period for period in periods if period * 1000 // rate + offset >= 0)
    given_times = [round(1000 * frame.time_seconds) for frame in frames]
    assert [period_of(time) for time in given_times] == wanted
    assert [times[number] - first for number in numbers_of(frames)] == given_times


def test_a_constant_rate_gives_a_frame_for_every_slot(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "even.mp4", 100, rate=20)
    frames, report = sampled(path, rate=4)
    assert times_of(frames) == [slot / 4 for slot in range(20)]
    assert numbers_of(frames) == list(range(0, 100, 5))
    assert report.last_seconds == pytest.approx(4.95)


def test_a_rate_that_does_not_divide_the_videos_rate_takes_the_next_frame(
    tmp_path: Path,
) -> None:
    path = numbered_video(tmp_path / "uneven.mp4", 45, rate=15, g="300")
    frames, _ = sampled(path, rate=2)
    assert numbers_of(frames) == [0, 8, 15, 23, 30, 38]
    assert times_of(frames) == [0.0, 0.533, 1.0, 1.533, 2.0, 2.533]


def test_a_file_slower_than_the_analysis_gives_each_frame_once(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "slow.mp4", 6, rate=1)
    frames, report = sampled(path, rate=4)
    assert numbers_of(frames) == [0, 1, 2, 3, 4, 5]
    assert times_of(frames) == [0, 1, 2, 3, 4, 5]
    assert report.gaps == []


def test_the_grid_can_be_aligned_with_the_clock(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "late.mp4", 50, rate=10, g="300")
    frames, _ = sampled(path, rate=2, offset_seconds=-0.2)
    assert times_of(frames) == [0.3, 0.8, 1.3, 1.8, 2.3, 2.8, 3.3, 3.8, 4.3, 4.8]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("count", [5, 100])
def test_times_count_from_the_files_first_frame(tmp_path: Path, suffix: str, count: int) -> None:
    times = [600 + index / 10 for index in range(count)]
    path = numbered_video(tmp_path / f"piece.{suffix}", count, times=times)
    frames, report = sampled(path)
    assert numbers_of(frames) == list(range(0, count, 5))
    assert times_of(frames) == [slot / 2 for slot in range(count // 5)]
    assert report.gaps == []


def test_a_gif_gives_the_frames_that_a_viewer_displays(samples: Path) -> None:
    path = samples / "classroom.gif"
    with av.open(path) as container:
        displayed = {
            round(float(frame.time or 0), 3): frame.to_ndarray(format="bgr24")
            for frame in container.decode(video=0)
        }
    frames, _ = sampled(path)
    assert times_of(frames) == [
        min(time for time in displayed if time >= slot / 2) for slot in range(6)
    ]
    for frame in frames:
        np.testing.assert_array_equal(frame.pixels, displayed[round(frame.time_seconds, 3)])


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds at a variable rate, with a key frame every seventh frame."""
    random = np.random.default_rng(7)
    times = np.cumsum(random.integers(40, 400, 180)) / 1000
    path = tmp_path_factory.mktemp("uneven") / "uneven.mkv"
    return numbered_video(path, len(times), times=times.tolist(), g="7")


def read_in_parts(path: Path, cuts: list[float], **options: Any) -> list[tuple[float, int]]:
    """Frames of a file that is read in intervals, each with its own sampler."""
    edges = [0.0, *sorted(cuts), math.inf]
    return [
        (round(frame.time_seconds, 3), number_in(frame.pixels))
        for start, end in pairwise(edges)
        for frame in sampled(path, start, end, **options)[0]
    ]


@settings(max_examples=examples(25), deadline=None)
@given(
    slots=st.lists(st.integers(1, 80), max_size=4, unique=True),
    offset=st.sampled_from([0.0, 0.3, -0.2]),
)
def test_intervals_on_the_grid_give_the_frames_of_one_pass(
    uneven: Path, slots: list[int], offset: float
) -> None:
    cuts = [offset + slot / 2 for slot in slots]
    whole = read_in_parts(uneven, [], offset_seconds=offset)
    assert read_in_parts(uneven, cuts, offset_seconds=offset) == whole


@settings(max_examples=examples(25), deadline=None)
@given(cuts=st.lists(st.floats(0.1, 41.0), max_size=4, unique=True))
def test_any_intervals_give_the_frames_of_one_pass(uneven: Path, cuts: list[float]) -> None:
    assert read_in_parts(uneven, cuts) == read_in_parts(uneven, [])


def test_the_end_of_an_interval_is_exclusive(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "even.mp4", 50, rate=10)
    frames, _ = sampled(path, 1.0, 2.0)
    assert times_of(frames) == [1.0, 1.5]


def test_an_interval_after_the_files_end_is_empty(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "short.mp4", 20, rate=10)
    assert sampled(path, 5.0, 6.0)[0] == []


@pytest.mark.parametrize("keys", ["1", "4", "25", "300"])
@pytest.mark.parametrize("rate", [0.2, 2.0, 3.0, 10.0])
def test_skipping_gives_the_frames_of_full_decoding(tmp_path: Path, keys: str, rate: float) -> None:
    path = numbered_video(tmp_path / "plain.mp4", 120, rate=15, g=keys, keyint_min=keys)
    cheap, cheap_report = sampled(path, rate=rate)
    full, full_report = sampled(path, rate=rate, cheap=False)
    assert times_of(cheap) == times_of(full)
    assert numbers_of(cheap) == numbers_of(full) == [round(15 * t) for t in times_of(full)]
    assert cheap_report.decoded <= full_report.decoded


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("b_frames", [3, 7, 16])
@pytest.mark.parametrize("rate", [2.0, 3.1])
def test_skipped_b_frames_leave_no_slot_unserved(
    tmp_path: Path, codec: str, b_frames: int, rate: float
) -> None:
    shape = f"bframes={b_frames}:b-adapt=0:b-pyramid=0:scenecut=0:keyint=50:open-gop=0"
    options = {"x264-params": shape, "x265-params": f"{shape}:log-level=none", "bf": str(b_frames)}
    path = numbered_video(tmp_path / "reordered.mp4", 250, rate=25, codec=codec, options=options)
    cheap, cheap_report = sampled(path, rate=rate)
    full, full_report = sampled(path, rate=rate, cheap=False)
    assert len(cheap) >= len(full) == math.ceil(10 * rate)
    assert numbers_of(cheap) == [round(25 * frame.time_seconds) for frame in cheap]
    assert cheap_report.decoded < full_report.decoded


def test_b_frames_are_not_skipped_where_the_header_overstates_the_rate(tmp_path: Path) -> None:
    options = {"x264-params": "bframes=3:b-adapt=0:b-pyramid=0:scenecut=0", "bf": "3"}
    source = numbered_video(tmp_path / "slow.mp4", 40, rate=4, options=options)
    path = tmp_path / "slow.mkv"
    with av.open(source) as old, av.open(path, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    assert probe(str(path)).frame_rate > 100, "the header should be wrong"
    assert len(sampled(path, rate=4)[0]) == len(sampled(path, rate=4, cheap=False)[0]) == 40


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("rate", [2, 5, 10])
def test_open_groups_leave_no_slot_unserved(tmp_path: Path, codec: str, rate: int) -> None:
    shape = "open-gop=1:bframes=4:b-adapt=0:scenecut=0:keyint=25"
    options = {"x264-params": shape, "x265-params": f"{shape}:log-level=none", "bf": "4"}
    path = numbered_video(tmp_path / "open.mp4", 100, rate=25, codec=codec, options=options)
    frames, _ = sampled(path, rate=rate)
    assert len(frames) == 4 * rate
    assert numbers_of(frames) == [round(25 * frame.time_seconds) for frame in frames]


def test_only_key_frames_are_decoded_where_they_are_dense_enough(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "keys.mp4", 100, rate=10, g="5", keyint_min="5")
    frames, report = sampled(path, rate=2)
    assert numbers_of(frames) == list(range(0, 100, 5))
    assert report.decoded == 20


@pytest.mark.parametrize("offset", [-0.4, -0.2, 0.3])
def test_only_key_frames_are_decoded_wherever_in_the_period_they_lie(
    tmp_path: Path, offset: float
) -> None:
    path = numbered_video(tmp_path / "keys.mp4", 100, rate=10, g="5", keyint_min="5")
    frames, report = sampled(path, rate=2, offset_seconds=offset)
    assert len(frames) >= 19
    assert report.decoded <= len(frames) + 5


def test_a_key_frame_serves_its_period_rather_than_an_earlier_frame(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "late_key.mp4", 40, rate=10, g="12", keyint_min="12")
    frames, _ = sampled(path, rate=1)  # key frames: 0, 12, 24, 36
    assert numbers_of(frames) == [0, 12, 24, 36]


def test_a_group_that_serves_no_slot_is_not_decoded(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "dense.mp4", 200, rate=10, g="2", keyint_min="2")
    frames, report = sampled(path, rate=1)
    assert len(frames) == report.decoded == 20


def test_decoding_stops_after_the_last_wanted_frame_of_a_group(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "long.mp4", 200, rate=10, g="50", keyint_min="50")
    frames, report = sampled(path, rate=0.5)
    assert len(frames) == 10
    assert report.decoded < 180


def test_decoding_stops_at_the_end_of_the_interval(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "long.mp4", 300, rate=10, g="300", keyint_min="300")
    frames, report = sampled(path, 0.0, 2.0)
    assert times_of(frames) == [0.0, 0.5, 1.0, 1.5]
    assert report.decoded <= 20


def test_a_late_interval_does_not_decode_earlier_groups(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "long.mp4", 600, rate=10, g="20", keyint_min="20")
    frames, report = sampled(path, 51.0, 52.0)
    assert numbers_of(frames) == [510, 515]
    assert report.decoded <= 20


def only_gap(report: SamplingReport) -> tuple[float, float]:
    """The one gap that was reported, to the millisecond."""
    ((begins, ends),) = report.gaps
    return round(begins, 3), round(ends, 3)


WITH_A_GAP = [index / 10 for index in range(10)] + [11 + index / 10 for index in range(10)]


def test_a_gap_in_the_timestamps_is_reported(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "gap.mkv", 20, times=WITH_A_GAP)
    frames, report = sampled(path)
    assert times_of(frames) == [0.0, 0.5, 11.0, 11.5]
    assert only_gap(report) == (0.9, 11.0)


def test_a_gap_after_the_first_frame_is_reported(tmp_path: Path) -> None:
    times = [0.0] + [10 + index / 10 for index in range(10)]
    path = numbered_video(tmp_path / "gap.mkv", 11, times=times)
    assert only_gap(sampled(path)[1]) == (0.0, 10.0)


def test_a_gap_is_measured_by_presentation_time_where_frames_are_reordered(tmp_path: Path) -> None:
    options = {"x264-params": "bframes=3:b-adapt=0:scenecut=0:keyint=300", "bf": "3"}
    path = numbered_video(tmp_path / "gap.mkv", 20, times=WITH_A_GAP, options=options)
    assert only_gap(sampled(path)[1]) == (0.9, 11.0)


def test_a_late_interval_reports_no_gap_before_it(tmp_path: Path) -> None:
    path = numbered_video(tmp_path / "long.mp4", 200, rate=10, g="20", keyint_min="20")
    assert sampled(path, 15.0, 18.0)[1].gaps == []


def test_timestamps_that_jump_back_are_rejected(tmp_path: Path) -> None:
    piece = numbered_video(tmp_path / "piece.ts", 50, rate=10, g="10", keyint_min="10")
    twice = tmp_path / "twice.ts"
    twice.write_bytes(piece.read_bytes() * 2)
    sampler = FrameSampler(str(twice))
    with pytest.raises(FootageUntimed, match=r"jump back by 4\.9 s after 4\.9 s") as caught:
        list(sampler.frames())
    assert caught.value.where == str(twice)


def test_frames_before_a_jump_back_are_returned_first(tmp_path: Path) -> None:
    piece = numbered_video(tmp_path / "piece.ts", 50, rate=10, g="10", keyint_min="10")
    twice = tmp_path / "twice.ts"
    twice.write_bytes(piece.read_bytes() * 2)
    frames = FrameSampler(str(twice)).frames()
    assert times_of([next(frames) for _ in range(8)]) == [slot / 2 for slot in range(8)]


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_file_truncated_within_a_frame_gives_the_frames_before(
    tmp_path: Path, suffix: str
) -> None:
    path = write_video(
        tmp_path / f"cut.{suffix}", seconds=6, options={"bf": "0", "g": "10", "sc_threshold": "0"}
    )
    whole, _ = sampled(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10 + 77])
    frames, report = sampled(path)
    assert 5 <= len(frames) <= 9
    assert times_of(frames) == times_of(whole)[: len(frames)]
    assert report.last_seconds < 4.5


def test_an_mp4_truncated_after_its_index_gives_the_frames_before(tmp_path: Path) -> None:
    source = write_video(
        tmp_path / "whole.mp4", seconds=6, options={"bf": "0", "g": "10", "sc_threshold": "0"}
    )
    path = tmp_path / "cut.mp4"
    with av.open(source) as old, av.open(path, "w", options={"movflags": "faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, report = sampled(path)
    assert times_of(frames) == [slot / 2 for slot in range(len(frames))]
    assert 4 <= len(frames) <= 7
    assert report.last_seconds < 4


def test_a_file_with_damaged_frames_is_unreadable(tmp_path: Path) -> None:
    path = write_video(tmp_path / "noise.mp4", seconds=4, options={"g": "5", "bf": "0"})
    data = bytearray(path.read_bytes())
    begins, ends = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begins:ends] = np.random.default_rng(1).bytes(ends - begins)
    path.write_bytes(bytes(data))
    with pytest.raises(FootageUnreadable, match="damaged"):
        sampled(path)


@pytest.fixture(scope="module")
def long_group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty seconds with one key frame, at the start."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return numbered_video(path, 2000, rate=25, g="9999", keyint_min="9999")


@pytest.mark.parametrize("rate", [0.3, 2.0])
def test_a_group_of_thousands_of_frames_is_decoded_completely(
    long_group: Path, rate: float
) -> None:
    frames, report = sampled(long_group, rate=rate)
    assert len(frames) == 80 * rate
    assert numbers_of(frames) == [round(25 * frame.time_seconds) for frame in frames]
    assert report.damaged == 0


def test_an_interval_far_into_a_group_of_thousands_of_frames_is_returned(long_group: Path) -> None:
    frames, _ = sampled(long_group, 60.0, 63.0)
    assert times_of(frames) == [60.0, 60.52, 61.0, 61.52, 62.0, 62.52]
    assert numbers_of(frames) == [1500, 1513, 1525, 1538, 1550, 1563]


QUARTER_TURNS_TO_THE_RIGHT = {
    "none": ((1, 0, 0, 1), "top left", (WIDTH, HEIGHT)),
    "one": ((0, 1, -1, 0), "top right", (HEIGHT, WIDTH)),
    "two": ((-1, 0, 0, -1), "bottom right", (WIDTH, HEIGHT)),
    "three": ((0, -1, 1, 0), "bottom left", (HEIGHT, WIDTH)),
}
"""A display matrix (a, b, c, d) takes (x, y) to (ax + cy, bx + dy), y pointing down."""


def corner_frames() -> Iterator[Pixels]:
    """Frames with a bright top left quarter."""
    picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = 220
    return iter([picture] * 20)


def bright_corners(pixels: Pixels) -> list[str]:
    height, width = pixels.shape[:2]
    return [
        f"{upper} {side}"
        for upper, y in (("top", height // 4), ("bottom", 3 * height // 4))
        for side, x in (("left", width // 4), ("right", 3 * width // 4))
        if pixels[y, x].mean() > 150
    ]


def rotated_video(folder: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a video that is stored with a bright top left quarter, and rotated for display."""
    source = write_video(
        folder / "stored.mp4", size=(WIDTH, HEIGHT), frames=corner_frames(), options=NO_B_FRAMES
    )
    path = folder / "turned.mp4"
    a, b, c, d = (65536 * part for part in matrix)
    with av.open(source) as old, av.open(path, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return path


@pytest.mark.parametrize("turns", QUARTER_TURNS_TO_THE_RIGHT)
def test_a_rotated_camera_gives_upright_frames(tmp_path: Path, turns: str) -> None:
    matrix, corner, size = QUARTER_TURNS_TO_THE_RIGHT[turns]
    path = rotated_video(tmp_path, matrix)
    video = probe(str(path))
    assert (video.width, video.height) == size
    frames, _ = sampled(path)
    assert len(frames) == 4
    for frame in frames:
        assert frame.pixels.shape == (size[1], size[0], 3)
        assert bright_corners(frame.pixels) == [corner]


def test_a_rotated_frame_is_downscaled_by_its_longer_side(tmp_path: Path) -> None:
    path = rotated_video(tmp_path, QUARTER_TURNS_TO_THE_RIGHT["one"][0])
    frames, _ = sampled(path, long_side=32)
    assert frames[0].pixels.shape == (32, 24, 3)
    assert bright_corners(frames[0].pixels) == ["top right"]


@pytest.mark.parametrize("turns", QUARTER_TURNS_TO_THE_RIGHT)
def test_masks_blacken_the_upright_frame(tmp_path: Path, turns: str) -> None:
    path = rotated_video(tmp_path, QUARTER_TURNS_TO_THE_RIGHT[turns][0])
    left_half = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
    frames, _ = sampled(path, masks=[left_half])
    for frame in frames:
        width = frame.pixels.shape[1]
        assert not frame.pixels[:, : width // 2].any()
        assert frame.pixels[:, width // 2 + 1 :].all()


def test_every_mask_is_blackened_at_every_size(tmp_path: Path) -> None:
    path = write_video(tmp_path / "room.mp4", size=(320, 192), seconds=1)
    masks = [
        [(0.0, 0.0), (0.25, 0.0), (0.25, 0.5), (0.0, 0.5)],
        [(0.75, 0.5), (1.0, 0.5), (1.0, 1.0), (0.75, 1.0)],
    ]
    for long_side in (80, 160, 640):
        pixels = sampled(path, long_side=long_side, masks=masks)[0][0].pixels
        height, width = pixels.shape[:2]
        assert not pixels[: height // 2, : width // 4].any()
        assert not pixels[height // 2 :, width * 3 // 4 :].any()
        assert pixels[: height // 2 - 1, width // 4 + 1 :].all()


@given(
    width=st.integers(16, 8000),
    height=st.integers(16, 8000),
    long_side=st.sampled_from([640, 1280]),
)
def test_a_frame_is_downscaled_to_its_long_side_and_keeps_its_aspect(
    width: int, height: int, long_side: int
) -> None:
    small_width, small_height = downscaled_size(width, height, long_side)
    assert max(small_width, small_height) == min(long_side, max(width, height))
    scale = max(small_width, small_height) / max(width, height)
    assert small_width == pytest.approx(width * scale, abs=0.51)
    assert small_height == pytest.approx(height * scale, abs=0.51)


@pytest.mark.parametrize("size", [(161, 97), (97, 161), (64, 48), (200, 100), (333, 31)])
@pytest.mark.parametrize("long_side", [64, 100, 640])
def test_frames_have_the_size_of_downscaled_size(
    tmp_path: Path, size: tuple[int, int], long_side: int
) -> None:
    path = write_video(tmp_path / "odd.mkv", size=size, seconds=0.5, codec="ffv1")
    frames, _ = sampled(path, long_side=long_side)
    assert frames[0].pixels.shape[1::-1] == downscaled_size(*size, long_side)


@pytest.mark.parametrize(
    ("stored", "pixel_aspect", "displayed"),
    [((144, 96), Fraction(16, 9), (256, 96)), ((144, 96), Fraction(1, 2), (72, 96))],
)
def test_non_square_pixels_become_square(
    tmp_path: Path, stored: tuple[int, int], pixel_aspect: Fraction, displayed: tuple[int, int]
) -> None:
    path = tmp_path / "anamorphic.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = *stored, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        picture = np.full((stored[1], stored[0], 3), 128, np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    assert sampled(path)[0][0].pixels.shape[1::-1] == displayed
    assert sampled(path, long_side=48)[0][0].pixels.shape[1::-1] == downscaled_size(*displayed, 48)
