import pytest

from bench.scoring.headcounts import (
    MatchedFrame,
    group_names,
    measure_headcount,
    relative_error,
    window_error,
)
from bench.scoring.matching import match_people
from bench.scoring.ratios import Ratio
from cluster.vision.people import People
from tests.bench.scoring.people import found_people, true_person


def frame(found: People, *noses: float, head_height: float = 10.0) -> MatchedFrame:
    true = [true_person(x, head_height=head_height) for x in noses]
    return MatchedFrame(0.0, match_people(found, true), true, 0.5)


def test_the_error_is_relative_and_has_no_sign() -> None:
    assert relative_error([(6, 8), (10, 8)]) == Ratio(0.25, 1)
    assert relative_error([(3, 0)]) == Ratio(0, 0)
    assert relative_error([(3, 0), (1, 2)]) == Ratio(0.5, 1)


def test_errors_of_frames_cancel_in_a_window_and_not_between_windows() -> None:
    assert window_error([(0, 8, 10), (1, 12, 10)], 10).numerator == 0
    assert window_error([(0, 8, 10), (11, 12, 10)], 10).numerator == pytest.approx(0.2)


def test_misses_and_extra_people_are_measured_apart_although_they_cancel_in_the_number() -> None:
    measures = measure_headcount([frame(found_people((20, 50), (300, 50)), 20, 100)])

    assert measures["headcount_error"] == Ratio(0, 1)
    assert measures["people_found"] == Ratio(1, 2)
    assert measures["people_extra"] == Ratio(1, 2)


def test_a_clip_counts_like_one_picture() -> None:
    one = frame(found_people((20, 50)), 20, 100)

    assert measure_headcount([one] * 7) == measure_headcount([one])


def test_people_are_grouped_by_the_height_of_their_heads() -> None:
    assert group_names() == ["<8", "8-12", "12-20", "20-40", ">40"]
    measures = measure_headcount([frame(found_people((20, 50)), 20, 100, head_height=16.0)])

    assert measures["people_found.picture.12-20"] == Ratio(1, 2)
    assert measures["people_found.input.8-12"] == Ratio(1, 2)
    assert measures["people_found.picture.8-12"] == Ratio(0, 0)


def test_no_frames_measure_nothing() -> None:
    assert measure_headcount([])["people_found"] == Ratio(0, 0)
