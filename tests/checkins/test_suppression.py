"""Suppression of small counts (R3): none below k, no small difference, none recoverable."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cluster.checkins import suppression
from cluster.checkins.feelings import Feeling
from cluster.checkins.suppression import (
    Cell,
    PublishedCounts,
    SuppressedCell,
    next_snapshot,
    publish_counts,
    suppress_cells,
)
from tests.plugins.hypothesis_profiles import examples

FEELINGS = list(Feeling)
counts_of_a_class = st.lists(st.integers(0, 30), min_size=7, max_size=7).filter(
    lambda counts: sum(counts) >= 5
)
few_and_many = st.lists(
    st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 9, 20, 40]), min_size=7, max_size=7
)


def counts(**given_counts: int) -> dict[Feeling, int]:
    return {feeling: given_counts.get(feeling, 0) for feeling in Feeling}


def texts(snapshot: PublishedCounts) -> dict[str, str]:
    return {str(feeling): snapshot.text(feeling) for feeling in Feeling}


def test_the_seven_feelings_have_their_order() -> None:
    assert [str(feeling) for feeling in Feeling] == [
        *("surprised", "sad", "angry", "happy", "put_off", "afraid", "neutral")
    ]


def test_shares_up_to_5_and_from_95_percent_are_coded() -> None:
    mixed = publish_counts(counts(happy=25, sad=10, neutral=2, angry=1, afraid=1, surprised=1), 10)
    assert texts(mixed) == {
        "surprised": "≤5%",
        "sad": "10 (25%)",
        "angry": "≤5%",
        "happy": "25 (62%)",
        "put_off": "≤5%",
        "afraid": "≤5%",
        "neutral": "≤5%",
    }
    assert (mixed.count(Feeling.SAD), mixed.share(Feeling.SAD)) == (10, 0.25)
    assert (mixed.count(Feeling.ANGRY), mixed.share(Feeling.ANGRY)) == (None, 0.05)
    most = publish_counts(counts(happy=39, sad=1), 10)
    assert most.text(Feeling.HAPPY) == "≥95%"
    assert (most.count(Feeling.HAPPY), most.share(Feeling.HAPPY)) == (None, 0.95)


def test_secondary_suppression_withholds_the_smallest_published_count() -> None:
    all_answered = publish_counts(counts(happy=11, neutral=7, sad=2), 10)
    assert texts(all_answered) == {
        "surprised": "withheld",
        "sad": "withheld",
        "angry": "withheld",
        "happy": "11 (55%)",
        "put_off": "withheld",
        "afraid": "withheld",
        "neutral": "7 (35%)",
    }
    assert all_answered.share(Feeling.SAD) is all_answered.count(Feeling.SAD) is None
    one_coded = counts(happy=6, neutral=6, sad=6, angry=6, afraid=8, put_off=7, surprised=1)
    assert texts(publish_counts(one_coded, 10))["surprised"] == "withheld"
    assert texts(publish_counts(one_coded, 10))["afraid"] == "8 (20%)"
    assert list(texts(publish_counts(one_coded, 10)).values()).count("withheld") == 5


def test_below_twenty_answers_a_code_means_none_or_all() -> None:
    ten = publish_counts(counts(happy=6, sad=4), 10)
    assert texts(ten)["sad"] == "4 (40%)"
    assert texts(ten)["angry"] == "≤5%"
    assert texts(publish_counts(counts(sad=10), 10))["sad"] == "≥95%"


def compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, parts - 1):
            yield (first, *rest)


@pytest.mark.parametrize(
    ("total", "places"), [(20, 6), (21, 5), (39, 4), (40, 4), (60, 4), (100, 3)]
)
def test_every_suppressed_count_has_two_possible_values_for_who_knows_the_rule(
    total: int, places: int
) -> None:
    fits: dict[tuple[Cell, ...], list[set[int]]] = defaultdict(
        lambda: [set() for _ in range(places)]
    )
    for assignment in compositions(total, places):
        found = fits[tuple(suppress_cells(assignment))]
        for place, count in enumerate(assignment):
            found[place].add(count)
    for cells, found in fits.items():
        for cell, values in zip(cells, found, strict=True):
            assert len(values) >= 2 if isinstance(cell, SuppressedCell) else values == {cell}, cells


def neighbours_of(assignment: Sequence[int], place: int) -> Iterator[list[int]]:
    """Return neighbours of an assignment: one moved from a cell to another, or two swapped."""
    for other in range(len(assignment)):
        for step in (1, -1):
            moved = list(assignment)
            moved[place] += step
            moved[other] -= step
            if other != place and min(moved) >= 0:
                yield moved
        swapped = list(assignment)
        swapped[place], swapped[other] = swapped[other], swapped[place]
        if swapped[place] != assignment[place]:
            yield swapped


@hypothesis_settings(max_examples=examples(400), deadline=None)
@given(st.one_of(counts_of_a_class, few_and_many))
def test_another_assignment_publishes_the_same_cells(assignment: list[int]) -> None:
    assume(sum(assignment) >= 20)
    cells = suppress_cells(assignment)
    for place, cell in enumerate(cells):
        if isinstance(cell, SuppressedCell):
            assert any(suppress_cells(other) == cells for other in neighbours_of(assignment, place))


@given(st.one_of(counts_of_a_class, few_and_many))
def test_published_cells_are_true_and_survive_storage(assignment: list[int]) -> None:
    answers = sum(assignment)
    assume(answers >= 5)
    snapshot = publish_counts(dict(zip(FEELINGS, assignment, strict=True)), 5)
    assert PublishedCounts.from_json(answers, snapshot.as_json()) == snapshot
    for feeling, count in zip(FEELINGS, assignment, strict=True):
        cell = snapshot.cells[feeling]
        if cell is SuppressedCell.FEW:
            assert count / answers <= 0.05
        elif cell is SuppressedCell.MOST:
            assert count / answers >= 0.95
        elif cell is not SuppressedCell.WITHHELD:
            assert cell == count
            assert 0.05 < count / answers < 0.95


@hypothesis_settings(deadline=None)
@given(st.integers(5, 12), st.lists(st.sampled_from(FEELINGS), max_size=60))
def test_no_two_snapshots_differ_by_fewer_than_k_answers(k: int, answers: list[Feeling]) -> None:
    tally, state = counts(), None
    states: list[tuple[int, PublishedCounts | None]] = [(0, None)]
    for number, feeling in enumerate(answers, start=1):
        tally[feeling] += 1
        state = next_snapshot(tally, k, state)
        if state != states[-1][1]:
            states.append((number, state))
        assert (state is None) == (number < k)
    published_at = [number for number, state in states if state is not None]
    assert all(later - earlier >= k for earlier, later in pairwise(published_at))
    assert all(state is None or state.answers == number for number, state in states)


def test_fewer_than_k_or_five_answers_are_rejected() -> None:
    with pytest.raises(ValueError, match="fewer"):
        publish_counts(counts(sad=9), 10)
    with pytest.raises(ValueError, match="fewer"):
        publish_counts(counts(sad=4), 1)
    with pytest.raises(ValueError, match="fewer"):
        PublishedCounts(4, dict.fromkeys(Feeling, SuppressedCell.FEW))


def test_counts_that_must_be_suppressed_are_rejected() -> None:
    cells: dict[Feeling, Cell] = {**dict.fromkeys(Feeling, SuppressedCell.FEW), Feeling.SAD: 1}
    with pytest.raises(ValueError, match="must be suppressed"):
        PublishedCounts(20, cells)
    with pytest.raises(ValueError, match="a feeling is missing"):
        PublishedCounts(20, {Feeling.SAD: 5})


def test_suppression_is_pure() -> None:
    imported = [line for line in inspect.getsource(suppression).splitlines() if "import" in line]
    assert not [line for line in imported if "records" in line or "time" in line]
