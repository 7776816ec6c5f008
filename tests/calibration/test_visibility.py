"""Which part of a room is seen well, and where a teacher stands."""

import numpy as np
import pytest

from cluster.calibration.visibility import RegionView, propose_teacher_zone, view_regions
from cluster.vision.people import People
from cluster.vision.pose.input_size import MIN_HEAD_PIXELS
from tests.vision.bodies import UPRIGHT, crowd, person

SIZE = (900, 600)


def regions(
    found: People, at_largest: People | None = None, scale: float = 1.0
) -> dict[str, RegionView]:
    frames, larger = [found] * 4, [at_largest or found] * 4
    views = view_regions(frames, larger, frame_size=SIZE, scale=scale)
    return {view.name: view for view in views}


def test_people_are_found_in_the_region_of_their_head() -> None:
    views = regions(crowd(person(at=(100, 100)), person(at=(450, 300)), person(at=(850, 500))))
    assert set(views) == {"far left", "middle centre", "near right"}
    assert all(view.people == 1.0 for view in views.values())


def test_small_heads_are_a_problem_at_the_size_that_is_used_only() -> None:
    far = person(at=(100, 100), unit=1.4 * MIN_HEAD_PIXELS)
    assert regions(far)["far left"].problems == []
    (problem,) = regions(far, scale=0.5)["far left"].problems
    assert "heads are 5 pixels high" in problem


def test_people_who_are_found_at_the_largest_size_only_are_a_problem() -> None:
    one = person(at=(450, 300))
    more = crowd(one, person(at=(450, 320)), person(at=(480, 320)), person(at=(100, 100)))
    views = regions(one, more)
    (problem,) = views["middle centre"].problems
    assert "2.0 more people" in problem
    assert any("1.0 more people" in problem for problem in views["far left"].problems)


def test_people_cut_by_the_edge_are_a_problem() -> None:
    people = person(at=(450, 590))
    people.boxes[0, 3] = 600
    (problem,) = regions(people)["near centre"].problems
    assert "100% of the people are cut" in problem


def test_a_region_with_hardly_anybody_is_not_judged() -> None:
    passing = [People.empty()] * 3 + [person(at=(450, 300))]
    assert view_regions(passing, passing, frame_size=SIZE, scale=1.0) == []


def test_an_empty_room_has_no_regions() -> None:
    assert regions(People.empty()) == {}


TEACHER = person(UPRIGHT, at=(700.0, 200.0), unit=60.0)
CLASS = crowd(*(person(at=(100.0 + 80 * index, 400.0), unit=30.0) for index in range(5)))


def test_a_zone_is_proposed_where_somebody_stands_apart() -> None:
    zone = propose_teacher_zone([crowd(TEACHER, CLASS)] * 4, SIZE)
    assert zone is not None
    (left, top), (right, bottom) = zone[0], zone[2]
    feet = TEACHER.boxes[0, 3] / 600
    assert left < 700 / 900 < right
    assert top < feet < bottom
    corners = np.asarray(zone)
    assert corners.min() >= 0.0
    assert corners.max() <= 1.0


def test_a_teacher_who_walks_has_a_wider_zone() -> None:
    walk = [crowd(person(UPRIGHT, at=(x, 200.0), unit=60.0), CLASS) for x in (600.0, 700.0, 800.0)]
    zone = propose_teacher_zone(walk, SIZE)
    assert zone is not None
    assert zone[1][0] - zone[0][0] == pytest.approx(200 / 900 + 0.06, abs=0.02)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [CLASS] * 6,
        [crowd(TEACHER, CLASS)] * 2 + [CLASS] * 6,
        [
            crowd(*(person(UPRIGHT, at=(x, 200.0), unit=60.0) for x in (200.0, 400.0, 600.0))),
        ]
        * 4,
        [crowd(TEACHER, person(at=(700.0, TEACHER.boxes[0, 3] - 66.0), unit=30.0))] * 4,
    ],
    ids=["nothing", "nobody stands", "twice only", "many stand", "somebody sits there"],
)
def test_no_zone_is_proposed_without_a_reason(frames: list[People]) -> None:
    assert propose_teacher_zone(frames, SIZE) is None
