import pytest

from bench.classroom.truth import EventTruth, TrueActivity, Visibility
from bench.scoring.hands import (
    CountedHand,
    is_hand_seen,
    measure_hand_boxes,
    measure_hand_events,
    measure_hand_number,
)
from bench.scoring.ratios import Ratio
from tests.bench.scoring.people import found_people, true_person


def event(person: int, begins: float, ends: float) -> EventTruth:
    return EventTruth(person=person, activity=TrueActivity.HAND_RAISED, begins=begins, ends=ends)


def test_a_hand_that_is_counted_while_it_is_up_is_found() -> None:
    measures = measure_hand_events([CountedHand(6, 1)], [event(1, 5, 9)])

    assert measures["hand_events_found"] == Ratio(1, 1)
    assert measures["hand_events_false"] == Ratio(0, 1)


@pytest.mark.parametrize(
    ("time", "is_found"), [(4.4, False), (4.5, True), (10.5, True), (10.6, False)]
)
def test_the_time_of_counting_has_a_tolerance(time: float, is_found: bool) -> None:
    measures = measure_hand_events([CountedHand(time, 1)], [event(1, 5, 9)])

    assert measures["hand_events_found"] == Ratio(int(is_found), 1)
    assert measures["hand_events_false"] == Ratio(int(not is_found), 1)


def test_a_hand_that_is_counted_twice_is_false_once() -> None:
    measures = measure_hand_events([CountedHand(6, 1), CountedHand(8, 1)], [event(1, 5, 9)])

    assert measures["hand_events_found"] == Ratio(1, 1)
    assert measures["hand_events_false"] == Ratio(1, 2)


def test_two_hands_of_one_person_need_two_counts() -> None:
    events = [event(1, 5, 9), event(1, 10, 14)]

    assert measure_hand_events([CountedHand(10.2, 1)], events)["hand_events_found"] == Ratio(1, 2)
    both = measure_hand_events([CountedHand(10.2, 1), CountedHand(12, 1)], events)
    assert both["hand_events_found"] == Ratio(2, 2)  # the first of them is within its tolerance


@pytest.mark.parametrize("person", [2, None])
def test_the_hand_of_another_or_of_nobody_is_false(person: int | None) -> None:
    measures = measure_hand_events([CountedHand(6, person)], [event(1, 5, 9)])

    assert measures["hand_events_found"] == Ratio(0, 1)
    assert measures["hand_events_false"] == Ratio(1, 1)


def test_a_hand_that_is_up_for_a_moment_need_not_be_counted_but_may_be() -> None:
    moment = [event(1, 5, 5.6)]

    assert measure_hand_events([], moment)["hand_events_found"] == Ratio(0, 0)
    counted = measure_hand_events([CountedHand(5.5, 1)], moment)
    assert counted["hand_events_found"] == Ratio(0, 0)
    assert counted["hand_events_false"] == Ratio(0, 0)


def test_an_unseen_hand_need_not_be_counted_but_may_be_once() -> None:
    assert measure_hand_events([], [], [event(1, 5, 9)])["hand_events_found"] == Ratio(0, 0)
    twice = measure_hand_events([CountedHand(6, 1), CountedHand(7, 1)], [], [event(1, 5, 9)])
    assert twice["hand_events_found"] == Ratio(0, 0)
    assert twice["hand_events_false"] == Ratio(1, 1)


def test_a_hand_that_must_be_counted_comes_before_one_that_may_be() -> None:
    measures = measure_hand_events([CountedHand(9.5, 1)], [event(1, 10, 14)], [event(1, 5, 9)])
    assert measures["hand_events_found"] == Ratio(1, 1)


SHOULDER, WRIST = 5, 9


@pytest.mark.parametrize(
    ("wrist", "shoulder", "is_seen"),
    [
        ((50, 20, Visibility.SEEN), (50, 40, Visibility.SEEN), True),
        ((50, 20, Visibility.SEEN), (50, 40, Visibility.HIDDEN), True),
        ((50, 20, Visibility.SEEN), (0, 0, Visibility.OUTSIDE), True),
        ((50, 20, Visibility.HIDDEN), (50, 40, Visibility.SEEN), False),
        ((0, 0, Visibility.OUTSIDE), (50, 40, Visibility.SEEN), False),
        ((50, 60, Visibility.SEEN), (50, 40, Visibility.SEEN), False),
    ],
)
def test_a_hand_is_seen_by_a_wrist_above_its_shoulder(
    wrist: tuple[float, float, Visibility],
    shoulder: tuple[float, float, Visibility],
    is_seen: bool,
) -> None:
    known = true_person(100)
    points = [(0.0, 0.0, Visibility.OUTSIDE)] * len(known.keypoints)
    points[SHOULDER], points[WRIST] = shoulder, wrist
    assert is_hand_seen(known.model_copy(update={"keypoints": tuple(points)})) == is_seen


def test_nothing_counted_and_nothing_true_measure_nothing() -> None:
    measures = measure_hand_events([], [])

    assert measures["hand_events_found"] == measures["hand_events_false"] == Ratio(0, 0)


def test_a_raised_hand_is_found_in_a_box_by_the_wrist_of_somebody_who_raises_one() -> None:
    people = found_people((50, 50), (150, 50))  # wrists at (56, 78), (44, 78); (156, 78), (144, 78)
    hand = (53.0, 70.0, 59.0, 76.0)  # ends above the wrist

    raised = measure_hand_boxes(people, [True, False], [hand])
    assert raised == {"hands_found": Ratio(1, 1), "hands_false": Ratio(0, 1)}
    other = measure_hand_boxes(people, [False, True], [hand])
    assert other == {"hands_found": Ratio(0, 1), "hands_false": Ratio(1, 1)}
    nobody = measure_hand_boxes(people, [False, False], [hand])
    assert nobody == {"hands_found": Ratio(0, 1), "hands_false": Ratio(0, 0)}


def test_two_boxes_of_one_person_are_one_raised_hand() -> None:
    people = found_people((50, 50))
    measures = measure_hand_boxes(people, [True], [(53, 70, 59, 80), (41, 70, 47, 80)])

    assert measures["hands_found"] == Ratio(1, 2)


def test_a_wrist_with_a_low_score_finds_no_hand() -> None:
    people = found_people((50, 50), scores=0.3)

    measures = measure_hand_boxes(people, [True], [(53, 70, 59, 80)])
    assert measures["hands_found"] == Ratio(0, 1)


@pytest.mark.parametrize(("counted", "right", "false"), [(1, 1, 0), (0, 0, 0), (3, 1, 2)])
def test_where_only_the_number_is_known_it_is_compared(
    counted: int, right: int, false: int
) -> None:
    measures = measure_hand_number(counted, 1)

    assert measures == {"hands_found": Ratio(right, 1), "hands_false": Ratio(false, counted)}
