"""Matching faces to templates: one student per face, no strangers, `unsure` when ambiguous (R7)."""

import itertools
from collections.abc import Sequence
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from cluster.register.faces.matching import MIN_SECONDS_SEEN, MIN_SIGHTINGS, ClassMatcher, Proposal

Matrix = npt.NDArray[np.float64]

MATCH, MARGIN = 0.5, 0.1

DISTANCES = st.floats(0, 1.5, width=32)


def names(count: int) -> list[str]:
    return [f"student-{index:02}" for index in range(count)]


def apart(count: int) -> Matrix:
    """Return distances between templates that are far from each other."""
    return np.full((count, count), 1.0) - np.eye(count)


def matcher(students: Sequence[str], template_distances: Matrix | None = None) -> ClassMatcher:
    between = apart(len(students)) if template_distances is None else template_distances
    return ClassMatcher(students, template_distances=between, match_distance=MATCH, margin=MARGIN)


def frame(*faces: Sequence[float]) -> Matrix:
    return np.array(faces, np.float64).reshape(len(faces), -1)


def proposals_of(
    students: Sequence[str],
    frames: Sequence[tuple[float, Matrix]],
    template_distances: Matrix | None = None,
) -> dict[str, Proposal]:
    class_matcher = matcher(students, template_distances)
    for time, distances in frames:
        class_matcher.update(time, distances)
    return {proposal.student_id: proposal for proposal in class_matcher.proposals()}


def every_two_seconds(distances: Matrix, count: int = 4) -> list[tuple[float, Matrix]]:
    return [(2.0 * index, distances) for index in range(count)]


@st.composite
def lessons(draw: st.DrawFn) -> tuple[list[str], list[tuple[float, Matrix]]]:
    """Any class, and any distances of any faces at any times."""
    students = names(draw(st.integers(1, 5)))
    frames = []
    for _ in range(draw(st.integers(0, 6))):
        shape = (draw(st.integers(0, 5)), len(students))
        distances = draw(hnp.arrays(np.float64, shape, elements=DISTANCES))
        frames.append((draw(st.floats(0, 600)), distances))
    return students, frames


def test_a_student_seen_clearly_for_five_seconds_is_proposed() -> None:
    found = proposals_of(names(2), every_two_seconds(frame([0.25, 0.75])))
    assert found == {
        "student-00": Proposal(
            student_id="student-00",
            verdict="proposed",
            sightings=4,
            first_seen=0.0,
            last_seen=6.0,
            distance=0.25,
            margin=0.5,
        )
    }


def test_an_unseen_student_has_no_proposal() -> None:
    assert proposals_of(names(3), []) == {}
    assert proposals_of(names(3), every_two_seconds(np.zeros((0, 3)))) == {}
    assert proposals_of([], every_two_seconds(np.zeros((2, 0)))) == {}


@given(lesson=lessons())
def test_a_student_matches_at_most_one_face_of_a_frame(
    lesson: tuple[list[str], list[tuple[float, Matrix]]],
) -> None:
    students, frames = lesson
    for time, distances in frames:
        found = proposals_of(students, [(time, distances)])
        assert len(found) <= len(distances)
        assert all(proposal.sightings == 1 for proposal in found.values())


@given(lesson=lessons())
def test_a_face_counts_only_if_its_nearest_template_is_within_the_limit(
    lesson: tuple[list[str], list[tuple[float, Matrix]]],
) -> None:
    students, frames = lesson
    for time, distances in frames:
        expected = {
            students[int(face.argmin())] for face in distances if face.min(initial=np.inf) <= MATCH
        }
        ties = any((face == face.min()).sum() > 1 for face in distances)
        found = proposals_of(students, [(time, distances)])
        assert set(found) == expected or ties


@given(
    distances=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=DISTANCES
    )
)
def test_the_choice_is_the_assignment_of_minimum_total_distance(distances: Matrix) -> None:
    rows = np.arange(len(distances))
    allowed = np.zeros_like(distances, bool)
    allowed[rows, distances.argmin(axis=1)] = distances.min(axis=1) <= MATCH
    cost = np.where(allowed, distances, 100.0)
    pairs = [pair for pair in zip(*linear_sum_assignment(cost), strict=True) if allowed[pair]]
    found = proposals_of(names(distances.shape[1]), [(0.0, distances)])
    assert len(found) == len(pairs)
    assert sum(proposal.distance for proposal in found.values()) == pytest.approx(
        sum(distances[pair] for pair in pairs)
    )


def test_a_stranger_is_not_matched_to_a_student_with_a_farther_face() -> None:
    """Minimum total distance over all pairs would match the stranger to the first student."""
    pupil, stranger = [0.30, 0.50], [0.45, 0.90]
    found = proposals_of(names(2), every_two_seconds(frame(stranger, pupil)))
    assert set(found) == {"student-00"}
    assert found["student-00"].distance == pytest.approx(0.30)


@given(
    distances=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(MATCH, 1.5, exclude_min=True),
    ),
    count=st.integers(1, 8),
)
def test_a_stranger_beyond_the_limit_is_never_matched(distances: Matrix, count: int) -> None:
    assert proposals_of(names(distances.shape[1]), every_two_seconds(distances, count)) == {}


@given(
    first=st.lists(DISTANCES, min_size=1, max_size=12),
    apart_by=st.floats(0, MARGIN, exclude_max=True),
    random=st.randoms(use_true_random=False),
)
def test_twins_are_never_proposed(first: list[float], apart_by: float, random: Random) -> None:
    """The lead is never larger than the distance between the twins."""
    between = apart(3)
    between[0, 1] = between[1, 0] = apart_by
    frames = []
    for index, distance in enumerate(first):
        second = distance + random.uniform(-apart_by, apart_by)
        frames.append((3.0 * index, frame([distance, max(0.0, second), 1.4])))
    random.shuffle(frames)
    found = proposals_of(names(3), frames, between)
    assert all(proposal.verdict == "unsure" for proposal in found.values())


def test_twins_stay_unsure_where_the_distance_is_not_a_metric() -> None:
    """1 - cosine can lead by more than the templates are apart."""
    between = apart(2)
    between[0, 1] = between[1, 0] = 0.05
    found = proposals_of(names(2), every_two_seconds(frame([0.2, 0.45])), between)
    assert found["student-00"].margin > MARGIN
    assert found["student-00"].verdict == "unsure"


def test_a_twin_stays_unsure_when_the_other_is_removed() -> None:
    between = apart(3)
    between[0, 1] = between[1, 0] = 0.05
    class_matcher = matcher(names(3), between)
    class_matcher.remove("student-01")
    for time, distances in every_two_seconds(frame([0.2, 0.9])):
        class_matcher.update(time, distances)
    assert [proposal.verdict for proposal in class_matcher.proposals()] == ["unsure"]


@given(lesson=lessons(), random=st.randoms(use_true_random=False))
def test_the_order_of_students_faces_and_frames_changes_nothing(
    lesson: tuple[list[str], list[tuple[float, Matrix]]], random: Random
) -> None:
    students, frames = lesson
    columns = list(range(len(students)))
    random.shuffle(columns)
    mixed = []
    for time, distances in frames:
        rows = list(range(len(distances)))
        random.shuffle(rows)
        mixed.append((time, distances[rows][:, columns]))
    random.shuffle(mixed)
    assert proposals_of([students[column] for column in columns], mixed) == proposals_of(
        students, frames
    )


@given(
    times=st.lists(st.floats(0, 100), min_size=1, max_size=6),
    distance=st.floats(0, MATCH),
)
def test_proposed_takes_three_sightings_over_five_seconds(
    times: list[float], distance: float
) -> None:
    found = proposals_of(names(2), [(time, frame([distance, 1.2])) for time in times])
    is_enough = len(times) >= MIN_SIGHTINGS and max(times) - min(times) >= MIN_SECONDS_SEEN
    assert found["student-00"].verdict == ("proposed" if is_enough else "unsure")
    assert found["student-00"].sightings == len(times)


@pytest.mark.parametrize(("second", "verdict"), [(0.39, "unsure"), (0.41, "proposed")])
def test_a_lead_below_the_margin_is_unsure(second: float, verdict: str) -> None:
    found = proposals_of(names(2), every_two_seconds(frame([0.3, second])))
    assert found["student-00"].verdict == verdict


def test_one_clear_frame_among_ambiguous_ones_is_unsure() -> None:
    doubtful, clear = frame([0.3, 0.35]), frame([0.3, 1.2])
    frames = [(0.0, doubtful), (3.0, clear), (6.0, doubtful)]
    assert proposals_of(names(2), frames)["student-00"].verdict == "unsure"
    assert (
        proposals_of(names(2), [*frames, (7.0, clear), (8.0, clear)])["student-00"].verdict
        == "proposed"
    )


@pytest.mark.parametrize(
    ("distance", "verdict"), [(0.2, "proposed"), (0.39, "proposed"), (0.41, "unsure")]
)
def test_a_class_of_one_template_requires_a_closer_face(distance: float, verdict: str) -> None:
    assert (
        proposals_of(names(1), every_two_seconds(frame([distance])))["student-00"].verdict
        == verdict
    )


@given(lesson=lessons(), which=st.integers(0, 4))
def test_a_removed_student_has_no_proposal_and_the_others_keep_theirs(
    lesson: tuple[list[str], list[tuple[float, Matrix]]], which: int
) -> None:
    students, frames = lesson
    class_matcher = matcher(students)
    for time, distances in frames:
        class_matcher.update(time, distances)
    before = class_matcher.proposals()
    removed = students[which % len(students)]
    class_matcher.remove(removed)
    assert removed not in class_matcher.student_ids
    assert class_matcher.proposals() == [one for one in before if one.student_id != removed]


def test_after_a_removal_the_columns_belong_to_the_remaining_students() -> None:
    class_matcher = matcher(names(3))
    class_matcher.remove("student-01")
    class_matcher.remove("student-01")
    assert class_matcher.student_ids == ("student-00", "student-02")
    class_matcher.update(0.0, frame([0.9, 0.2]))
    assert [proposal.student_id for proposal in class_matcher.proposals()] == ["student-02"]


def test_a_frame_measured_before_a_removal_is_rejected() -> None:
    class_matcher = matcher(names(3))
    class_matcher.remove("student-01")
    with pytest.raises(ValueError, match=r"2 students, but distances \(1, 3\)"):
        class_matcher.update(0.0, frame([0.9, 0.1, 0.2]))


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, -0.5])
def test_a_face_with_an_invalid_distance_is_ignored_and_others_count(broken: float) -> None:
    faces = [frame([0.2, broken], [1.0, 0.3]), frame([broken, 0.2], [1.0, 0.3])]
    for distances in faces:
        found = proposals_of(names(2), every_two_seconds(distances))
        assert set(found) == {"student-01"}
        assert found["student-01"].distance == pytest.approx(0.3)


def test_a_cosine_rounded_above_one_is_a_distance_of_zero() -> None:
    assert proposals_of(names(2), [(0.0, frame([-1e-7, 1.0]))])["student-00"].distance == 0


@pytest.mark.parametrize("time", [np.nan, np.inf])
def test_a_time_that_is_not_finite_is_rejected(time: float) -> None:
    with pytest.raises(ValueError, match="not a time"):
        matcher(names(1)).update(time, frame([0.2]))


def test_invalid_arguments_of_a_matcher_are_rejected() -> None:
    with pytest.raises(ValueError, match="named twice"):
        matcher(["a", "a"])
    with pytest.raises(ValueError, match="2 students"):
        matcher(["a", "b"], apart(3))
    for match, margin in itertools.product([0.5, 0.0, np.nan], [0.0, -1.0, np.nan]):
        with pytest.raises(ValueError, match="must be above 0"):
            ClassMatcher(["a"], template_distances=apart(1), match_distance=match, margin=margin)


def test_proposals_have_the_order_of_the_students() -> None:
    class_matcher = matcher(["zoe", "adam"])
    class_matcher.update(0.0, frame([0.9, 0.2], [0.2, 0.9]))
    assert [proposal.student_id for proposal in class_matcher.proposals()] == ["zoe", "adam"]
