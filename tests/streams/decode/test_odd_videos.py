"""Every decoder of files gives the right frames of every odd video.

A new decoder is added to `DECODERS`, and a new oddity to `ODD_VIDEOS`.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from cluster.errors import FootageUntimed
from cluster.streams.decode.file_sampler import FrameSampler, SampledFrame
from cluster.streams.decode.probe import probe
from cluster.streams.decode.sampling_report import SamplingReport
from tests.streams.decode.numbered import number_in
from tests.streams.decode.odd_videos import ODD_VIDEOS, OddVideo

DECODERS: dict[str, Callable[[str], FrameSampler]] = {
    "skips what it can": FrameSampler,
    "decodes everything": lambda address: FrameSampler(address, cheap=False),
}
by_name = pytest.mark.parametrize("odd", ODD_VIDEOS, ids=lambda odd: odd.name)
by_decoder = pytest.mark.parametrize("decoder", DECODERS)


def read(
    decoder: str, path: Path, start: float, end: float
) -> tuple[list[SampledFrame], SamplingReport]:
    """The frames of an interval, two a second."""
    sampler = DECODERS[decoder](str(path))
    return list(sampler.frames(start, end)), sampler.report


@by_name
@by_decoder
def test_its_frames_are_given_at_their_times(tmp_path: Path, odd: OddVideo, decoder: str) -> None:
    path = odd.make(tmp_path)

    frames, report = read(decoder, path, 0.0, probe(str(path)).duration_seconds)

    first = odd.numbers[0] % 5  # in a row whose file time begins with a later frame
    assert [number_in(frame.pixels) for frame in frames] == odd.numbers
    assert [frame.time_seconds for frame in frames] == pytest.approx(
        [(number - first) / 10 for number in odd.numbers], abs=0.002
    )
    assert len(report.gaps) == odd.gaps
    assert len(report.left_out) == odd.left_out


@by_name
@by_decoder
def test_what_is_lost_of_it_is_reported(tmp_path: Path, odd: OddVideo, decoder: str) -> None:
    path = odd.make(tmp_path)

    _, report = read(decoder, path, 0.0, probe(str(path)).duration_seconds)

    assert report.lost == ([] if odd.lost is None else [pytest.approx(odd.lost, abs=0.51)])


@by_name
@by_decoder
def test_its_parts_have_the_frames_of_the_whole(
    tmp_path: Path, odd: OddVideo, decoder: str
) -> None:
    path = odd.make(tmp_path)
    video = probe(str(path))
    edges = [0.0, 1.5, 3.0, video.duration_seconds]

    numbers = []
    for start, end in pairwise(edges):
        sampler = DECODERS[decoder](str(path))
        sampler.is_seekable = video.is_seekable
        numbers += [number_in(frame.pixels) for frame in sampler.frames(start, end)]

    assert numbers == odd.numbers


@by_name
@by_decoder
def test_reading_all_of_it_ends_with_its_error(tmp_path: Path, odd: OddVideo, decoder: str) -> None:
    frames = DECODERS[decoder](str(odd.make(tmp_path))).frames()
    if odd.error:
        with pytest.raises(FootageUntimed, match=odd.error):
            list(frames)
    else:
        assert len(list(frames)) == len(odd.numbers)


@by_name
def test_its_properties_are_those_of_its_packets(tmp_path: Path, odd: OddVideo) -> None:
    video = probe(str(odd.make(tmp_path)))

    assert video.duration_seconds == pytest.approx(odd.seconds, abs=0.11)
    assert (video.width, video.height) == (64, 48)
    assert video.orientation.is_mirrored is odd.mirrored
    assert len(video.problems) == (1 if odd.problem else 0)
    assert all(odd.problem in problem.what for problem in video.problems)
    assert len(video.notes) == (1 if odd.note else 0)
    assert all(odd.note in note for note in video.notes)
