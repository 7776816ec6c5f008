"""What may be told: nothing of few, no difference of few, and no coded count that adds up again."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cluster.checkins import suppression
from cluster.checkins.feelings import Feeling
from cluster.checkins.suppression import (
    Cell,
    PublishedCounts,
    SuppressedCell,
    coded_cells,
    next_snapshot,
    told,
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


def test_the_seven_words_stand_in_their_order() -> None:
    assert [str(feeling) for feeling in Feeling] == [
        *("surprised", "sad", "angry", "happy", "put_off", "afraid", "neutral")
    ]


def test_shares_of_a_twentieth_and_less_or_all_but_that_are_coded() -> None:
    mixed = told(counts(happy=25, sad=10, neutral=2, angry=1, afraid=1, surprised=1), 10)
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
    most = told(counts(happy=39, sad=1), 10)
    assert most.text(Feeling.HAPPY) == "≥95%"
    assert (most.count(Feeling.HAPPY), most.share(Feeling.HAPPY)) == (None, 0.95)


def test_where_the_others_add_up_the_least_is_withheld_and_not_told_apart() -> None:
    all_said = told(counts(happy=11, neutral=7, sad=2), 10)
    assert texts(all_said) == {
        "surprised": "withheld",
        "sad": "withheld",
        "angry": "withheld",
        "happy": "11 (55%)",
        "put_off": "withheld",
        "afraid": "withheld",
        "neutral": "7 (35%)",
    }
    assert all_said.share(Feeling.SAD) is all_said.count(Feeling.SAD) is None
    one_coded = counts(happy=6, neutral=6, sad=6, angry=6, afraid=8, put_off=7, surprised=1)
    assert texts(told(one_coded, 10))["surprised"] == "withheld"
    assert texts(told(one_coded, 10))["afraid"] == "8 (20%)"
    assert list(texts(told(one_coded, 10)).values()).count("withheld") == 5


def test_with_fewer_than_twenty_answers_the_code_itself_says_none_or_all() -> None:
    ten = told(counts(happy=6, sad=4), 10)
    assert texts(ten)["sad"] == "4 (40%)"
    assert texts(ten)["angry"] == "≤5%"
    assert texts(told(counts(sad=10), 10))["sad"] == "≥95%"


def compositions(total: int, places: int) -> Iterator[tuple[int, ...]]:
    if places == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in compositions(total - first, places - 1):
            yield (first, *rest)


@pytest.mark.parametrize(
    ("total", "places"), [(20, 6), (21, 5), (39, 4), (40, 4), (60, 4), (100, 3)]
)
def test_whoever_knows_the_rule_finds_two_counts_for_each_coded_one(
    total: int, places: int
) -> None:
    fits: dict[tuple[Cell, ...], list[set[int]]] = defaultdict(
        lambda: [set() for _ in range(places)]
    )
    for assignment in compositions(total, places):
        found = fits[tuple(coded_cells(assignment))]
        for place, count in enumerate(assignment):
            found[place].add(count)
    for cells, found in fits.items():
        for cell, values in zip(cells, found, strict=True):
            assert len(values) >= 2 if isinstance(cell, SuppressedCell) else values == {cell}, cells


def others_that_fit(assignment: Sequence[int], place: int) -> Iterator[list[int]]:
    """Other assignments near by: one more here and one less there, or two exchanged."""
    for other in range(len(assignment)):
        for step in (1, -1):
            moved = list(assignment)
            moved[place] += step
            moved[other] -= step
            if other != place and min(moved) >= 0:
                yield moved
        exchanged = list(assignment)
        exchanged[place], exchanged[other] = exchanged[other], exchanged[place]
        if exchanged[place] != assignment[place]:
            yield exchanged


@effort(max_examples=examples(400), deadline=None)
@given(st.one_of(counts_of_a_class, few_and_many))
def test_another_assignment_is_told_in_the_same_words(assignment: list[int]) -> None:
    assume(sum(assignment) >= 20)
    cells = coded_cells(assignment)
    for place, cell in enumerate(cells):
        if isinstance(cell, SuppressedCell):
            assert any(coded_cells(other) == cells for other in others_that_fit(assignment, place))


@given(st.one_of(counts_of_a_class, few_and_many))
def test_what_is_told_is_true_and_comes_back_from_the_records(assignment: list[int]) -> None:
    answers = sum(assignment)
    assume(answers >= 5)
    snapshot = told(dict(zip(FEELINGS, assignment, strict=True)), 5)
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


@effort(deadline=None)
@given(st.integers(5, 12), st.lists(st.sampled_from(FEELINGS), max_size=60))
def test_no_two_told_states_differ_by_fewer_than_k_answers(k: int, said: list[Feeling]) -> None:
    tally, state = counts(), None
    seen: list[tuple[int, PublishedCounts | None]] = [(0, None)]
    for number, feeling in enumerate(said, start=1):
        tally[feeling] += 1
        state = next_snapshot(tally, k, state)
        if state != seen[-1][1]:
            seen.append((number, state))
        assert (state is None) == (number < k)
    told_at = [number for number, state in seen if state is not None]
    assert all(later - earlier >= k for earlier, later in pairwise(told_at))
    assert all(state is None or state.answers == number for number, state in seen)


def test_fewer_than_k_or_than_five_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer"):
        told(counts(sad=9), 10)
    with pytest.raises(ValueError, match="fewer"):
        told(counts(sad=4), 1)
    with pytest.raises(ValueError, match="fewer"):
        PublishedCounts(4, dict.fromkeys(Feeling, SuppressedCell.FEW))


def test_a_snapshot_cannot_be_made_that_tells_what_must_be_coded() -> None:
    cells: dict[Feeling, Cell] = {**dict.fromkeys(Feeling, SuppressedCell.FEW), Feeling.SAD: 1}
    with pytest.raises(ValueError, match="must be coded"):
        PublishedCounts(20, cells)
    with pytest.raises(ValueError, match="not each feeling"):
        PublishedCounts(20, {Feeling.SAD: 5})


def test_telling_is_pure() -> None:
    imported = [line for line in inspect.getsource(suppression).splitlines() if "import" in line]
    assert not [line for line in imported if "records" in line or "time" in line]
