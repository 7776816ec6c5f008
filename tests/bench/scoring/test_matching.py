import pytest

from bench.classroom.truth import Visibility
from bench.scoring.matching import counts, intersection_over_union, match_people
from cluster.vision.people import People
from tests.bench.scoring.people import found_people, true_person


def test_each_person_is_matched_to_the_one_in_the_same_place() -> None:
    matching = match_people(found_people((100, 50), (20, 50)), [true_person(20), true_person(100)])

    assert set(matching.pairs) == {(0, 1), (1, 0)}
    assert (matching.missed, matching.extra, matching.ignored) == ((), (), ())


def test_somebody_who_is_not_found_is_missed_and_somebody_who_is_not_there_is_extra() -> None:
    matching = match_people(found_people((20, 50), (200, 50)), [true_person(20), true_person(100)])

    assert matching.pairs == ((0, 0),)
    assert matching.missed == (1,)
    assert matching.extra == (1,)


def test_empty_frames_match_nobody() -> None:
    assert match_people(People.empty(), [true_person(20)]).missed == (0,)
    assert match_people(found_people((20, 50)), []).extra == (0,)
    assert match_people(People.empty(), []).pairs == ()


def test_a_second_box_of_one_head_is_extra_and_does_not_stand_for_the_person_behind() -> None:
    """The one behind has the same box to more than half, but another head."""
    front, behind = true_person(50, 50), true_person(50, 34)
    double = found_people((50, 50), (51, 51))
    assert intersection_over_union(double.boxes[1:], [behind.box])[0, 0] > 0.5

    matching = match_people(double, [front, behind])

    assert matching.pairs == ((0, 0),)
    assert matching.missed == (1,)
    assert matching.extra == (1,)


def test_the_nearest_heads_are_paired_in_a_dense_row() -> None:
    true = [true_person(x) for x in (20, 32, 44)]
    matching = match_people(found_people((45, 50), (21, 50), (33, 50)), true)

    assert set(matching.pairs) == {(0, 2), (1, 0), (2, 1)}


@pytest.mark.parametrize(("offset", "is_same"), [(7.0, True), (16.0, False)])
def test_heads_farther_apart_than_a_height_and_a_half_are_two(offset: float, is_same: bool) -> None:
    found = found_people((50 + offset, 50))

    assert bool(match_people(found, [true_person(50)]).pairs) is is_same


def test_a_head_somewhat_off_is_the_same_where_boxes_agree() -> None:
    found = found_people((50, 50))
    found.keypoints[0, :5, 1] += 12  # 1.2 heights of the head

    assert match_people(found, [true_person(50)]).pairs == ((0, 0),)
    found.boxes[0] += 40
    assert match_people(found, [true_person(50)]).pairs == ()


def test_a_head_outside_the_picture_leaves_the_boxes_to_decide() -> None:
    true = [true_person(50, head_visibility=Visibility.OUTSIDE)]

    assert match_people(found_people((52, 50)), true).pairs == ((0, 0),)
    assert match_people(found_people((75, 50)), true).pairs == ()


def test_people_who_can_hardly_be_seen_are_neither_missed_nor_extra() -> None:
    hidden = true_person(50, hidden=0.9, head_visibility=Visibility.HIDDEN)
    assert not counts(hidden)
    assert counts(true_person(50, hidden=0.9))  # the head is seen

    missed = match_people(People.empty(), [hidden])
    assert (missed.missed, missed.extra) == ((), ())
    found = match_people(found_people((50, 50)), [hidden])
    assert (found.pairs, found.extra, found.ignored) == ((), (), (0,))


def test_overlap_of_boxes() -> None:
    boxes = [(0, 0, 10, 10), (0, 0, 0, 0)]
    overlap = intersection_over_union(boxes, [(5, 0, 15, 10), (0, 0, 10, 10), (20, 20, 30, 30)])

    assert overlap[0].tolist() == pytest.approx([1 / 3, 1, 0])
    assert overlap[1].tolist() == [0, 0, 0]
