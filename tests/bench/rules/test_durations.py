"""Durations: sequences of postures at several frame rates, and their counts."""

import pickle
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.rules.durations import (
    DESK_WORK_SECONDS,
    HEAD_DOWN_SECONDS,
    MEMORY_SECONDS,
    STANDING_SECONDS,
    RuleCounter,
)
from bench.rules.postures import Postures
from cluster.activity.durations import BRIDGE_SECONDS, FrameCounts, count_activities
from cluster.activity.features import UNTRACKED
from cluster.vision.activity import Activity
from tests.plugins.hypothesis_profiles import examples

START = 1_772_000_000.0
RATES = (2.0, 5.0, 10.0)

Wrists = tuple[tuple[float, float], tuple[float, float]]
REST: Wrists = ((0.3, 0.9), (-0.3, 0.9))
HIDDEN: Wrists = ((np.nan, np.nan), (np.nan, np.nan))

Flags = frozenset[str]
"""The flags of `Postures` that are set for a person."""

SITTING: Flags = frozenset({"visible"})
HAND_UP: Flags = SITTING | {"hand_raised"}
LOOKING_DOWN: Flags = SITTING | {"looking_down"}
UNSEEN: Flags = frozenset()

Scenario = Callable[[float], Flags]
"""The flags of a person at a time, in seconds from the start."""


def postures(people: Sequence[Flags], wrists: Sequence[Wrists] | None = None) -> Postures:
    """Postures of people with these flags."""

    def flag(name: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.array([name in flags for flags in people], np.bool_)

    return Postures(
        visible=flag("visible"),
        hand_raised=flag("hand_raised"),
        head_low=flag("head_low"),
        looking_down=flag("looking_down"),
        standing=flag("standing"),
        cut_off=flag("cut_off"),
        wrists=np.array(wrists or [REST] * len(people), np.float32).reshape(-1, 2, 2),
    )


def update(
    counter: RuleCounter, time: float, track_ids: npt.NDArray[np.int64], observed: Postures
) -> FrameCounts:
    """Count one frame."""
    return count_activities(time, counter.classify(time, track_ids, observed))


def count(
    scenario: Scenario,
    seconds: float,
    rate: float,
    wrists: Callable[[float], Wrists] = lambda _: REST,
) -> list[FrameCounts]:
    """Count the story of one tracked person."""
    counter = RuleCounter()
    times = [i / rate for i in range(round(seconds * rate))]
    track_id = np.array([7])
    return [
        update(counter, START + t, track_id, postures([scenario(t)], [wrists(t)])) for t in times
    ]


def raises(frames: Sequence[FrameCounts]) -> int:
    return sum(frame.hand_raises for frame in frames)


def activities_of(frames: Sequence[FrameCounts]) -> list[Activity]:
    """The activity of the one person in each frame."""
    return [activity for frame in frames for activity, n in frame.activities.items() if n]


def during(flags: Flags, *intervals: tuple[float, float]) -> Scenario:
    """Sitting, and with `flags` in the given intervals."""
    return lambda t: flags if any(begin <= t < end for begin, end in intervals) else SITTING


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("up_seconds", [2.0, 10.0, 120.0])
def test_a_raised_hand_counts_once_however_long_it_stays_up(rate: float, up_seconds: float) -> None:
    frames = count(during(HAND_UP, (3.0, 3.0 + up_seconds)), up_seconds + 6, rate)
    assert raises(frames) == 1
    assert activities_of(frames)[-1] == Activity.SITTING


@pytest.mark.parametrize("rate", RATES)
def test_a_hand_lowered_for_longer_than_the_bridge_and_raised_again_counts_twice(
    rate: float,
) -> None:
    lowered = BRIDGE_SECONDS + 1.0
    assert raises(count(during(HAND_UP, (1, 3), (3 + lowered, 5 + lowered)), 10, rate)) == 2


@pytest.mark.parametrize("rate", RATES)
def test_a_hand_missed_for_less_than_the_bridge_counts_once(rate: float) -> None:
    assert raises(count(during(HAND_UP, (1, 3), (3.5, 5), (6, 8)), 10, rate)) == 1


@pytest.mark.parametrize("rate", RATES)
def test_a_hand_raised_in_a_single_frame_never_counts(rate: float) -> None:
    frames = count(during(HAND_UP, (4.0, 4.0 + 0.5 / rate)), 10, rate)
    assert raises(frames) == 0
    assert Activity.HAND_RAISED not in activities_of(frames)


def test_a_hand_hidden_with_its_owner_for_less_than_the_bridge_counts_once() -> None:
    def scenario(t: float) -> Flags:
        return UNSEEN if 3 <= t < 4 else HAND_UP

    frames = count(scenario, 8, 2.0)
    assert raises(frames) == 1
    assert activities_of(frames)[6:8] == [Activity.UNCLEAR] * 2


intervals = st.lists(st.tuples(st.floats(1.1, 6), st.floats(2.1, 6)), max_size=6)


@settings(max_examples=examples(40), deadline=None)
@given(intervals=intervals)
def test_the_frame_rate_does_not_change_the_count_of_raised_hands(
    intervals: list[tuple[float, float]],
) -> None:
    ups: list[tuple[float, float]] = []
    now = 1.0
    for up, down in intervals:
        ups.append((now, now + up))
        now += up + down
    for rate in RATES:
        assert raises(count(during(HAND_UP, *ups), now + 1, rate)) == len(ups), rate


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("flag", "activity", "min_seconds", "before"),
    [
        ("head_low", Activity.HEAD_DOWN, HEAD_DOWN_SECONDS, Activity.SITTING),
        ("standing", Activity.STANDING, STANDING_SECONDS, Activity.UNCLEAR),
        ("looking_down", Activity.READING, DESK_WORK_SECONDS, Activity.SITTING),
    ],
)
def test_an_activity_must_last(
    rate: float, flag: str, activity: Activity, min_seconds: float, before: Activity
) -> None:
    flags = SITTING | {flag}
    for time, found in enumerate(activities_of(count(during(flags, (2.0, 8.0)), 12, rate))):
        since = time / rate - 2.0
        if time == 0:
            assert found == Activity.UNCLEAR  # one frame alone shows no duration
        elif since < 0 or since >= 6.0:
            assert found == Activity.SITTING
        elif since < min_seconds - 0.05:
            assert found == before
        elif since > min_seconds + 0.05:
            assert found == activity


@pytest.mark.parametrize("flag", ["head_low", "looking_down", "standing"])
def test_a_short_gap_does_not_end_a_posture_and_a_long_one_does(
    flag: str,
) -> None:
    flags = SITTING | {flag}
    short_gap = activities_of(count(during(flags, (0, 3), (4, 8)), 8, 2.0))
    long_gap = activities_of(count(during(flags, (0, 3), (5, 9)), 9, 2.0))
    assert short_gap[8] not in (Activity.SITTING, Activity.UNCLEAR)  # at once at 4 s
    assert long_gap[10] in (Activity.SITTING, Activity.UNCLEAR)  # not yet at 5 s


def writes(t: float) -> Wrists:
    return ((0.3 + 0.15 * np.sin(7 * t), 0.9), (-0.3, 0.9))


def rests_with_noise(t: float) -> Wrists:
    return ((0.3 + 0.01 * np.sin(7 * t), 0.9), (-0.3, 0.9 + 0.01 * np.cos(5 * t)))


def writes_with_the_only_visible_hand(t: float) -> Wrists:
    return ((np.nan, np.nan), (-0.3, 0.9 + 0.12 * np.sin(9 * t)))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("wrists", "activity"),
    [
        (writes, Activity.WRITING),
        (writes_with_the_only_visible_hand, Activity.WRITING),
        (rests_with_noise, Activity.READING),
        (lambda _: REST, Activity.READING),
        (lambda _: HIDDEN, Activity.UNCLEAR),
    ],
)
def test_a_moving_hand_distinguishes_writing_from_reading(
    rate: float, wrists: Callable[[float], Wrists], activity: Activity
) -> None:
    frames = count(lambda _: LOOKING_DOWN, 8, rate, wrists)
    assert set(activities_of(frames)[round(2.5 * rate) :]) == {activity}


def test_writing_becomes_reading_a_few_seconds_after_the_hand_rests() -> None:
    frames = count(lambda _: LOOKING_DOWN, 14, 5.0, lambda t: writes(t) if t < 6 else REST)
    assert activities_of(frames)[25] == Activity.WRITING
    assert activities_of(frames)[-1] == Activity.READING


def test_a_moving_hand_without_looking_down_is_not_writing() -> None:
    assert set(activities_of(count(lambda _: SITTING, 8, 5.0, writes))[1:]) == {Activity.SITTING}


@pytest.mark.parametrize(
    ("flags", "activity"),
    [
        (SITTING, Activity.SITTING),
        (UNSEEN, Activity.UNCLEAR),
        (SITTING | {"cut_off"}, Activity.UNCLEAR),
        (HAND_UP | {"looking_down", "head_low", "standing"}, Activity.HAND_RAISED),
        (SITTING | {"looking_down", "head_low"}, Activity.HEAD_DOWN),
        (SITTING | {"cut_off", "looking_down"}, Activity.READING),
    ],
)
def test_several_postures_count_as_one_activity(flags: Flags, activity: Activity) -> None:
    assert activities_of(count(lambda _: flags, 6, 2.0))[-1] == activity


def test_a_person_without_a_track_is_counted_as_unclear() -> None:
    counter = RuleCounter()
    people = [HAND_UP, SITTING | {"standing"}, SITTING | {"head_low"}, LOOKING_DOWN, SITTING]
    untracked = np.full(len(people), UNTRACKED)
    for i in range(20):
        frame = update(counter, START + i / 2, untracked, postures(people))
        assert frame.people == len(people)
        assert frame.hand_raises == 0
        assert frame.activities[Activity.UNCLEAR] == len(people)


def test_two_people_do_not_share_durations() -> None:
    counter = RuleCounter()
    for i in range(12):  # alternating, so that neither keeps a hand up
        people = [HAND_UP, SITTING] if i % 8 < 4 else [SITTING, HAND_UP]
        frame = update(counter, START + i / 2, np.array([1, 2]), postures(people))
        assert frame.activities[Activity.HAND_RAISED] <= 1


def test_a_frame_without_people_counts_nothing() -> None:
    frame = update(RuleCounter(), START, np.zeros(0, np.int64), postures([]))
    assert (frame.people, frame.hand_raises, sum(frame.activities.values())) == (0, 0, 0)


FLAG_NAMES = ("visible", "hand_raised", "head_low", "looking_down", "standing", "cut_off")
seen_flags = st.frozensets(st.sampled_from(FLAG_NAMES)).map(lambda flags: flags | SITTING)
hand = st.tuples(st.floats(-1, 1), st.floats(-1, 1)) | st.just((np.nan, np.nan))
anybody = st.tuples(
    st.sampled_from([UNTRACKED, 0, 1, 2, 3]), seen_flags | st.just(UNSEEN), st.tuples(hand, hand)
)


def with_unique_tracks(people: list[tuple[int, Flags, Wrists]]) -> list[tuple[int, Flags, Wrists]]:
    """Drop people of a frame that share a track."""
    tracks: Mapping[int, tuple[int, Flags, Wrists]] = {p[0]: p for p in people if p[0] != UNTRACKED}
    return [*tracks.values(), *(p for p in people if p[0] == UNTRACKED)]


@settings(deadline=None)
@given(
    scenario=st.lists(
        st.tuples(st.floats(0.05, 5), st.lists(anybody, max_size=6).map(with_unique_tracks)),
        max_size=25,
    )
)
def test_the_activities_of_a_frame_always_sum_to_its_people(
    scenario: list[tuple[float, list[tuple[int, Flags, Wrists]]]],
) -> None:
    counter, now = RuleCounter(), START
    for pause, people in scenario:
        now += pause
        track_ids = np.array([p[0] for p in people], np.int64)
        frame = update(
            counter, now, track_ids, postures([p[1] for p in people], [p[2] for p in people])
        )
        assert frame.people == len(people)
        assert set(frame.activities) == set(Activity)
        assert all(n >= 0 for n in frame.activities.values())
        assert sum(frame.activities.values()) == frame.people
        assert 0 <= frame.hand_raises <= frame.activities[Activity.HAND_RAISED]


LETTERS: Mapping[str, Flags] = {
    ".": SITTING,
    "h": HAND_UP,
    "d": LOOKING_DOWN,
    "l": SITTING | {"head_low"},
    "s": SITTING | {"standing"},
    "?": UNSEEN,
}


def play(people: Sequence[str], rate: float, begin: float, end: float) -> dict[float, FrameCounts]:
    """Count the frames from `begin` to `end` (seconds): one string a person, one letter a frame."""
    counter, track_ids = RuleCounter(), np.arange(len(people))
    frames = {}
    for i, letters in enumerate(zip(*people, strict=True)):
        if begin <= i / rate < end:
            observed = postures([LETTERS[letter] for letter in letters])
            frames[i / rate] = update(counter, START + i / rate, track_ids, observed)
    return frames


def flickering(rate: float, *times: float) -> str:
    """Twelve seconds of a person whose hand is up in the frames at these times alone."""
    up = {round(time * rate) for time in times}
    return "".join("h" if i in up else "." for i in range(round(12 * rate)))


stories = st.integers(10, 100).flatmap(
    lambda n: st.lists(st.text("..hhhdls?", min_size=n, max_size=n), min_size=1, max_size=3)
)


@settings(max_examples=examples(200), deadline=None)
@given(people=stories, rate=st.sampled_from(RATES), cut_at=st.floats(0, 1))
@example(people=[flickering(10.0, 4.9, 6.3, 6.5, 8.0, 8.1)], rate=10.0, cut_at=8 / 12)
@example(people=[flickering(5.0, 4.8, 6.2, 6.4, 7.8, 8.0, 8.2)], rate=5.0, cut_at=8 / 12)
@example(people=["." * 14 + "l" + "." * 6 + "l" * 20 + "." * 19], rate=5.0, cut_at=0.5)
def test_two_segments_with_a_lead_in_give_the_counts_of_an_uninterrupted_run(
    people: list[str], rate: float, cut_at: float
) -> None:
    length = len(people[0]) / rate
    cut = cut_at * length
    uninterrupted = play(people, rate, 0, length)
    before = play(people, rate, 0, cut)
    after = play(people, rate, cut - MEMORY_SECONDS, length)
    stitched = before | {time: frame for time, frame in after.items() if time >= cut}
    assert raises(list(stitched.values())) == raises(list(uninterrupted.values()))
    assert stitched == uninterrupted


def test_tracks_of_people_who_left_are_dropped() -> None:
    def pickled_size(people: int) -> int:
        counter = RuleCounter()
        for number in range(people):
            update(counter, START + number / 10, np.array([number]), postures([HAND_UP]))
        return len(pickle.dumps(counter))

    assert pickled_size(3000) < 1.1 * pickled_size(100)


def test_a_long_lesson_takes_no_more_memory_than_a_short_one() -> None:
    def pickled_size(frames: int) -> int:
        counter = RuleCounter()
        for i in range(frames):
            update(counter, START + i / 10, np.array([1]), postures([LOOKING_DOWN]))
        return len(pickle.dumps(counter))

    assert pickled_size(3000) < 1.1 * pickled_size(100)


def test_a_track_id_that_returns_after_long_is_a_new_person() -> None:
    frames = count(lambda t: HAND_UP if t < 2 or t >= 8 else UNSEEN, 12, 2.0)
    assert raises(frames) == 2
