import pytest

from bench.classroom.truth import PersonTruth, Visibility
from bench.scoring.keypoints import measure_keypoints
from bench.scoring.matching import match_people
from bench.scoring.ratios import Measures
from cluster.vision.people import People
from tests.bench.scoring.people import found_people, true_person


def measured(found: People, true: PersonTruth) -> Measures:
    return measure_keypoints([(found, [true], match_people(found, [true]))])


def test_distances_are_in_heights_of_the_head() -> None:
    found = found_people((50, 50))
    found.keypoints[0, 9, 0] += 3  # of 10
    found.keypoints[0, 10, 0] += 7
    measures = measured(found, true_person(50))

    assert measures["keypoint_distance.wrists"].numerator == pytest.approx(1.0)
    assert measures["keypoint_distance.wrists"].denominator == 2
    assert measures["keypoints_near.wrists"].numerator == 1
    assert measures["keypoints_near.elbows"].numerator == 2
    assert measures["keypoint_distance.head"].numerator == 0


def test_one_wild_keypoint_does_not_decide_a_mean() -> None:
    found = found_people((50, 50))
    found.keypoints[0, 9] = (500, 500, 0.9)

    assert measured(found, true_person(50))["keypoint_distance.wrists"].numerator == 2


def test_a_keypoint_that_the_rules_do_not_accept_is_near_and_not_usable() -> None:
    found = found_people((50, 50))
    found.keypoints[0, 9, 2] = 0.3
    measures = measured(found, true_person(50))

    assert measures["keypoints_near.wrists"].numerator == 2
    assert measures["keypoints_usable.wrists"].numerator == 1


@pytest.mark.parametrize("visibility", [Visibility.HIDDEN, Visibility.OUTSIDE])
def test_only_seen_keypoints_are_measured(visibility: Visibility) -> None:
    true = true_person(50, visibility=visibility, head_visibility=Visibility.SEEN)
    measures = measured(found_people((50, 50)), true)

    assert measures["keypoints_near.head"].denominator == 5
    assert measures["keypoints_near.wrists"].denominator == 0


def test_only_people_who_were_found_are_measured() -> None:
    assert measured(People.empty(), true_person(50))["keypoints_near.head"].denominator == 0
