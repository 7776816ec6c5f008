"""Suppression: attempts to get from a window what R3 suppresses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster.activity.durations import FrameCounts
from cluster.activity.suppression import (
    PUBLISHED_ACTIVITIES,
    ActivityWindow,
    coded_share,
    format_share,
    sum_of_parts,
    suppress_window,
)
from cluster.activity.windows import WindowCounts
from cluster.vision.activity import Activity
from cluster.vision.headcounts import HeadcountFactor

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SHARES = [f"{activity}_share" for activity in PUBLISHED_ACTIVITIES]
SUPPRESSED_VALUES = [*SHARES, "hand_raises"]


def values_of(window: ActivityWindow) -> list[float | None]:
    """Everything in a window besides its headcounts."""
    return [getattr(window, name) for name in SUPPRESSED_VALUES]


def window_of(frames: Sequence[FrameCounts]) -> WindowCounts:
    return WindowCounts(START, list(frames))


def frame_of(people: int, hand_raises: int = 0, **doing: int) -> FrameCounts:
    """A frame in which some people do something, and the others sit."""
    activities = dict.fromkeys(Activity, 0)
    for name, count in doing.items():
        activities[Activity(name)] = count
    activities[Activity.SITTING] = people - sum(doing.values())
    return FrameCounts(0.0, people, activities, hand_raises)


def frames_of(people: st.SearchStrategy[int]) -> st.SearchStrategy[FrameCounts]:
    """Any frame: its people distributed over the activities by any weights."""

    def distribute(total: int, weights: Sequence[int], raises: int) -> FrameCounts:
        heavy = sum(weights) or 1
        activities = {a: total * w // heavy for a, w in zip(Activity, weights, strict=True)}
        activities[Activity(max(activities, key=activities.__getitem__))] += total - sum(
            activities.values()
        )
        return FrameCounts(0.0, total, activities, min(raises, total))

    weight = st.sampled_from([0, 0, 1, 2, 20])
    weights = st.tuples(*[weight] * len(Activity))
    return st.builds(distribute, people, weights, st.sampled_from([0, 1, 3, 30]))


any_frames = st.lists(frames_of(st.integers(0, 30)), max_size=8)
any_k = st.integers(5, 15)


@settings(deadline=None)
@given(frames=any_frames, k=any_k, headcount_only=st.booleans(), parts=st.booleans())
def test_only_a_headcount_of_fewer_than_k_people_is_published(
    frames: list[FrameCounts], k: int, headcount_only: bool, parts: bool
) -> None:
    window = suppress_window(
        window_of(frames), k=k, headcount_only=headcount_only, publishes_parts=parts
    )
    mean = sum(f.people for f in frames) / len(frames) if frames else 0.0
    if headcount_only or mean < k or window.people_mean < k or all(f.people < k for f in frames):
        assert window.suppressed
    if window.suppressed:
        assert values_of(window) == [None] * len(SUPPRESSED_VALUES)
    else:
        withheld = {name for name in SUPPRESSED_VALUES if getattr(window, name) is None}
        assert withheld == (set() if parts else {"reading_share", "writing_share"})


@settings(deadline=None)
@given(
    small=st.lists(frames_of(st.integers(0, 30)), min_size=1, max_size=8),
    k=any_k,
)
def test_a_window_of_small_frames_alone_is_suppressed(small: list[FrameCounts], k: int) -> None:
    frames = [frame for frame in small if frame.people < k]
    assert suppress_window(window_of(frames), k=k, headcount_only=False).suppressed


@settings(deadline=None)
@given(
    large=st.lists(frames_of(st.integers(10, 30)), min_size=1, max_size=8),
    small=st.lists(frames_of(st.integers(0, 9)), min_size=1, max_size=4),
    data=st.data(),
)
def test_frames_with_fewer_than_k_people_never_change_a_published_value(
    large: list[FrameCounts], small: list[FrameCounts], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations([*large, *small]))
    without = suppress_window(window_of(large), k=10, headcount_only=False)
    window = suppress_window(window_of(mixed), k=10, headcount_only=False)
    assume(not window.suppressed)
    assert values_of(window) == values_of(without)


@settings(deadline=None)
@given(frames=any_frames, k=any_k)
def test_shares_are_whole_per_cents_from_5_to_95_and_raised_hands_at_most_95_per_cent(
    frames: list[FrameCounts], k: int
) -> None:
    window = suppress_window(window_of(frames), k=k, headcount_only=False)
    for name in SHARES:
        share = getattr(window, name)
        if share is not None:
            assert 0.05 <= share <= 0.95
            assert share == round(share, 2)
    if window.hand_raises is not None:
        assert 0 <= window.hand_raises <= 0.95 * window.people_max


@settings(deadline=None)
@given(
    pairs=st.lists(
        st.integers(0, 30).flatmap(
            lambda people: st.tuples(frames_of(st.just(people)), frames_of(st.just(people)))
        ),
        max_size=8,
    ),
    k=any_k,
    headcount_only=st.booleans(),
)
def test_a_suppressed_window_does_not_depend_on_what_people_did(
    pairs: list[tuple[FrameCounts, FrameCounts]], k: int, headcount_only: bool
) -> None:
    one, other = (
        suppress_window(window_of(frames), k=k, headcount_only=headcount_only)
        for frames in ([a for a, _ in pairs], [b for _, b in pairs])
    )
    assert one.suppressed == other.suppressed
    if one.suppressed:
        assert one == other


@settings(deadline=None)
@given(frames=any_frames, k=any_k)
def test_a_vehicle_gives_a_headcount_only(frames: list[FrameCounts], k: int) -> None:
    window = suppress_window(window_of(frames), k=k, headcount_only=True)
    assert window.suppressed
    assert values_of(window) == [None] * len(SUPPRESSED_VALUES)
    assert window.people_max == max((f.people for f in frames), default=0)


def test_what_everybody_does_is_published_as_95_per_cent_and_what_nobody_does_as_5() -> None:
    everybody = [frame_of(20, hand_raises=20, hand_raised=20)] * 4
    window = suppress_window(window_of(everybody[:1]), k=10, headcount_only=False)
    assert window.hand_raised_share == 0.95
    assert window.desk_work_share == 0.05
    assert window.hand_raises == 19


@pytest.mark.parametrize("one_more_or_less", [0, 1])
def test_one_person_with_another_activity_does_not_change_the_window(one_more_or_less: int) -> None:
    usual = suppress_window(window_of([frame_of(25, reading=25)]), k=10, headcount_only=False)
    frames = [frame_of(25, reading=25 - one_more_or_less, head_down=one_more_or_less)]
    window = suppress_window(window_of(frames), k=10, headcount_only=False)
    assert values_of(window) == values_of(usual)


def test_a_share_covers_all_frames_of_the_window() -> None:
    frames = [
        frame_of(10, hand_raises=1, reading=5, writing=2, hand_raised=1),
        frame_of(20, hand_raises=2, reading=4, standing=10, unclear=3),
    ]
    window = suppress_window(window_of(frames), k=10, headcount_only=False, publishes_parts=True)
    assert window == ActivityWindow(
        window_start=START,
        frames=2,
        people_max=20,
        people_mean=15.0,
        suppressed=False,
        hand_raised_share=0.05,
        reading_share=0.3,
        writing_share=0.07,
        head_down_share=0.05,
        standing_share=0.33,
        unclear_share=0.1,
        hand_raises=3,
        desk_work_share=0.37,
    )


def test_a_mean_just_below_k_is_not_rounded_up_to_k() -> None:
    frames = [frame_of(10)] * 24 + [frame_of(9)]
    window = suppress_window(window_of(frames), k=10, headcount_only=False)
    assert window.people_mean == 10.0
    assert window.suppressed


@pytest.mark.parametrize("k", [4, 1, 0, -10])
@pytest.mark.parametrize("headcount_only", [False, True])
def test_k_below_5_is_rejected(k: int, headcount_only: bool) -> None:
    with pytest.raises(ValueError, match=f"k is {k}"):
        suppress_window(window_of([frame_of(30)]), k=k, headcount_only=headcount_only)


def window_with(**changes: Any) -> ActivityWindow:
    """A window that may be published, with changes."""
    shares = (0.1, 0.2, 0.3, 0.05, 0.05, 0.1)
    valid = ActivityWindow(START, 20, 12, 11.5, False, *shares, 4, desk_work_share=0.5)
    return replace(valid, **changes)


def suppressed_changes(**changes: Any) -> dict[str, Any]:
    """The changes that make a window suppressed."""
    return {"suppressed": True, **dict.fromkeys(SUPPRESSED_VALUES), **changes}


def test_a_window_that_may_be_published_is_accepted() -> None:
    assert not window_with().suppressed
    assert window_with(**suppressed_changes(people_max=2, people_mean=1.0)).suppressed
    assert window_with(people_max=5, people_mean=5.0).people_max == 5


@pytest.mark.parametrize("name", SUPPRESSED_VALUES)
def test_a_suppressed_window_with_any_value_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="nothing but a headcount"):
        window_with(**suppressed_changes(**{name: 1 if name == "hand_raises" else 0.5}))


@pytest.mark.parametrize("name", SUPPRESSED_VALUES)
def test_a_window_with_one_suppressed_value_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="together or not at all"):
        window_with(**{name: None})


def test_desk_work_may_be_published_without_its_parts() -> None:
    window = window_with(desk_work_share=0.37, reading_share=None, writing_share=None)
    assert window.desk_work_share == 0.37
    with pytest.raises(ValueError, match="together or not at all"):
        window_with(desk_work_share=None, reading_share=None, writing_share=None)


@pytest.mark.parametrize("share", [0.49, 0.51, 0.05, 0.95])
def test_desk_work_that_is_not_the_sum_of_its_published_parts_is_rejected(share: float) -> None:
    with pytest.raises(ValueError, match="not the sum of its parts"):
        window_with(desk_work_share=share)


@settings(deadline=None)
@given(frames=any_frames, k=any_k)
def test_desk_work_tells_nothing_beside_its_published_parts(
    frames: list[FrameCounts], k: int
) -> None:
    window = suppress_window(window_of(frames), k=k, headcount_only=False, publishes_parts=True)
    assert window.desk_work_share == sum_of_parts(window.reading_share, window.writing_share)


@settings(deadline=None)
@given(frames=any_frames, k=any_k)
def test_without_its_parts_desk_work_does_not_tell_who_reads_and_who_writes(
    frames: list[FrameCounts], k: int
) -> None:
    def swapped(frame: FrameCounts) -> FrameCounts:
        activities = dict(frame.activities)
        read, written = activities[Activity.READING], activities[Activity.WRITING]
        activities |= {Activity.READING: written, Activity.WRITING: read}
        return replace(frame, activities=activities)

    window = suppress_window(window_of(frames), k=k, headcount_only=False, publishes_parts=False)
    other = window_of([swapped(frame) for frame in frames])
    assert suppress_window(other, k=k, headcount_only=False, publishes_parts=False) == window
    assert window.reading_share is None
    assert window.writing_share is None


@pytest.mark.parametrize(
    ("reading", "writing", "desk_work"),
    [(0.05, 0.05, 0.1), (0.3, 0.07, 0.37), (0.6, 0.4, 0.95), (0.95, 0.05, 0.95)],
)
def test_the_sum_of_parts_is_at_most_95_per_cent(
    reading: float, writing: float, desk_work: float
) -> None:
    assert sum_of_parts(reading, writing) == desk_work
    assert sum_of_parts(None, writing) is None
    assert sum_of_parts(reading, None) is None


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("share", [0.0, 0.04, 0.049, 0.951, 0.96, 1.0, -0.1, float("nan")])
def test_a_share_outside_5_to_95_per_cent_is_rejected(name: str, share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        window_with(**{name: share})


def test_a_share_finer_than_a_per_cent_is_rejected() -> None:
    with pytest.raises(ValueError, match="share"):
        window_with(reading_share=4 / 11)


@pytest.mark.parametrize("changes", [{"people_max": 4}, {"people_mean": 4.9}])
def test_a_window_of_fewer_than_5_people_with_shares_is_rejected(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="fewer than 5"):
        window_with(**changes)


@pytest.mark.parametrize("hand_raises", [12, 100, -1])
def test_a_count_of_nearly_all_hands_is_rejected(hand_raises: int) -> None:
    with pytest.raises(ValueError, match="hand"):
        window_with(hand_raises=hand_raises)


@settings(deadline=None)
@given(share=st.floats(0, 1))
def test_a_coded_share_is_the_nearest_that_may_be_published(share: float) -> None:
    coded = coded_share(share)
    assert 0.05 <= coded <= 0.95
    if 0.05 <= share <= 0.95:
        assert abs(coded - share) <= 0.005 + 1e-9


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0.05, "≤5%"),
        (0.06, "6%"),
        (0.29, "29%"),
        (0.37, "37%"),
        (0.94, "94%"),
        (0.95, "≥95%"),
    ],
)
def test_a_share_is_formatted(share: float | None, text: str) -> None:
    assert format_share(share) == text


FACTORS = st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)).map(
    lambda ends: HeadcountFactor(min(ends), max(ends), 2)
)


@settings(deadline=None)
@given(frames=any_frames, k=any_k, headcount_only=st.booleans(), factor=FACTORS)
def test_bounds_hold_the_published_people_and_nothing_else_of_the_frames(
    frames: list[FrameCounts], k: int, headcount_only: bool, factor: HeadcountFactor
) -> None:
    window = suppress_window(window_of(frames), k=k, headcount_only=headcount_only, factor=factor)
    assert (window.people_low, window.people_high) == factor.bounds(window.people_mean)
    assert window.people_low is not None
    assert window.people_high is not None
    assert window.people_low <= window.people_mean <= window.people_high


@settings(deadline=None)
@given(frames=any_frames, k=any_k, factor=FACTORS)
def test_bounds_change_nothing_of_what_is_suppressed(
    frames: list[FrameCounts], k: int, factor: HeadcountFactor
) -> None:
    without = suppress_window(window_of(frames), k=k, headcount_only=False)
    window = suppress_window(window_of(frames), k=k, headcount_only=False, factor=factor)
    assert (without.people_low, without.people_high) == (None, None)
    assert replace(window, people_low=None, people_high=None) == without


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((12, 20), "with bounds from 12 to 20"),
        ((3, 11), "with bounds from 3 to 11"),
        ((-1, 12), "with bounds from -1 to 12"),
        ((None, 12), "together or not at all"),
        ((3, None), "together or not at all"),
    ],
)
def test_bounds_that_do_not_hold_the_people_are_rejected(
    bounds: tuple[int | None, int | None], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        window_with(people_low=bounds[0], people_high=bounds[1])
