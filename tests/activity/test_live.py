"""Live counting: current counts and finished windows obey the same rules (R3)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.activity.live import LiveCounter, LiveCounts
from cluster.activity.room import count_windows
from cluster.activity.suppression import ActivityWindow
from cluster.vision.headcounts import HeadcountFactor
from tests.activity.test_room import RATE, START, rests, scene
from tests.plugins.hypothesis_profiles import examples
from tests.vision.bodies import HAND_UP

K = 10
SECOND = timedelta(seconds=1)


def counted(
    counter: LiveCounter,
    count: int,
    seconds: float,
    scenario: object = rests,
    *,
    begins: float = 0.0,
) -> tuple[list[LiveCounts], list[ActivityWindow]]:
    counts, finished = [], []
    for frame in scene(count, seconds, scenario, begins=begins):  # type: ignore[arg-type]
        current, windows = counter.update(frame)
        counts.append(current)
        finished += windows
    return counts, finished


def test_finished_windows_equal_those_of_an_archive_of_the_same_frames() -> None:
    frames = scene(12, 40)
    live = LiveCounter(RATE, k=K)
    finished = [window for frame in frames for window in live.update(frame)[1]]
    finished += live.finish()
    archived = count_windows(
        frames, rate=RATE, starts_at=START, ends_at=START + timedelta(hours=1), k=K
    )
    assert finished == archived


def test_current_counts_cover_the_last_ten_seconds() -> None:
    counts, _ = counted(LiveCounter(RATE, k=K), 12, 30)
    assert counts[0].window.frames == 1
    assert {now.window.frames for now in counts[-10:]} == {20}
    assert counts[-1].as_of == START + timedelta(seconds=29.5)


def test_raised_hands_are_published_of_a_class_and_never_of_a_small_group() -> None:
    def two_raise(seat: int, _t: float) -> object:
        return (HAND_UP,) if seat < 2 else ()

    large, _ = counted(LiveCounter(RATE, k=K), 12, 10, two_raise)
    small, _ = counted(LiveCounter(RATE, k=K), 9, 10, two_raise)
    assert large[-1].hands_up == 2
    assert {now.hands_up for now in small} == {None}
    assert all(now.window.suppressed for now in small)
    assert small[-1].people == 9


def test_a_vehicle_gives_a_headcount_only() -> None:
    counts, finished = counted(LiveCounter(RATE, k=K, headcount_only=True), 14, 21)
    assert {now.hands_up for now in counts} == {None}
    assert all(w.suppressed for w in [*finished, *(now.window for now in counts)])


def test_live_counts_with_raised_hands_of_a_small_group_are_rejected() -> None:
    counts, _ = counted(LiveCounter(RATE, k=K), 9, 2)
    with pytest.raises(ValueError, match="too small"):
        LiveCounts(START, 9, 1, counts[-1].window)


def test_a_window_without_a_later_frame_is_finished_by_close_before() -> None:
    counter = LiveCounter(RATE, k=K)
    counted(counter, 12, 5)
    assert counter.close_before(START + 9 * SECOND) == []
    (window,) = counter.close_before(START + 10 * SECOND)
    assert (window.window_start, window.frames) == (START, 10)
    assert counter.close_before(START + 20 * SECOND) == []


def test_a_late_frame_does_not_reopen_a_window() -> None:
    counter = LiveCounter(RATE, k=K)
    counted(counter, 12, 5)
    assert len(counter.close_before(START + 10 * SECOND)) == 1
    counts, finished = counted(counter, 12, 7, begins=8)
    assert [w.window_start for w in finished] == []
    assert counts[-1].people == 12
    assert [w.window_start for w in counter.finish()] == [START + 10 * SECOND]


def test_a_clock_that_is_set_back_finishes_the_window_and_resets_the_counter() -> None:
    counter = LiveCounter(RATE, k=K)
    counted(counter, 12, 5, begins=3600)
    _, finished = counted(counter, 12, 11)
    assert [w.window_start for w in finished] == [START + timedelta(hours=1), START]


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 14), st.floats(-3600, 3600, allow_nan=False)),
        min_size=1,
        max_size=60,
    )
)
def test_no_share_of_fewer_than_k_people_is_published_whatever_the_clock_does(
    frames: list[tuple[int, float]],
) -> None:
    counter = LiveCounter(RATE, k=K)
    published = 0
    for count, begins in frames:
        (frame,) = scene(count, 0.5, begins=begins)
        current, finished = counter.update(frame)
        published += sum(window.frames for window in finished)
        if current.hands_up is not None:
            assert current.people >= K
        assert current.window.suppressed or current.window.people_mean >= K
    published += sum(window.frames for window in counter.finish())
    assert published == len(frames)


def test_times_are_utc() -> None:
    counts, _ = counted(LiveCounter(RATE, k=K), 12, 1)
    assert counts[0].as_of.tzinfo is UTC
    assert isinstance(counts[0].as_of, datetime)


def test_current_counts_and_finished_windows_have_the_bounds_of_the_camera() -> None:
    factor = HeadcountFactor(0.9, 1.2, 2)
    counts, finished = counted(LiveCounter(RATE, k=K, factor=factor), 12, 21)
    assert (counts[-1].window.people_low, counts[-1].window.people_high) == (10, 15)
    assert {(window.people_low, window.people_high) for window in finished} == {(10, 15)}
