"""A live room: what is told now obeys the same rules as what is told later."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.activity.live import LiveCounter, LiveNumbers
from cluster.activity.room import told_windows
from cluster.activity.suppression import ActivityWindow
from tests.activity.test_room import RATE, START, rests, scene
from tests.plugins.hypothesis_profiles import examples
from tests.vision.test_activity import HAND_UP

K = 10
SECOND = timedelta(seconds=1)


def counted(
    counter: LiveCounter, count: int, seconds: float, story: object = rests, *, begins: float = 0.0
) -> tuple[list[LiveNumbers], list[ActivityWindow]]:
    numbers, finished = [], []
    for frame in scene(count, seconds, story, begins=begins):  # type: ignore[arg-type]
        now, windows = counter.update(frame)
        numbers.append(now)
        finished += windows
    return numbers, finished


def test_finished_windows_are_those_that_an_archive_of_the_same_frames_gives() -> None:
    frames = scene(12, 40)
    live = LiveCounter(RATE, k=K)
    finished = [window for frame in frames for window in live.update(frame)[1]]
    finished += live.finish()
    archived = told_windows(
        frames, rate=RATE, starts_at=START, ends_at=START + timedelta(hours=1), k=K
    )
    assert finished == archived


def test_the_numbers_now_rest_on_the_last_ten_seconds() -> None:
    numbers, _ = counted(LiveCounter(RATE, k=K), 12, 30)
    assert numbers[0].window.frames == 1
    assert {now.window.frames for now in numbers[-10:]} == {20}
    assert numbers[-1].as_of == START + timedelta(seconds=29.5)


def test_raised_hands_are_told_of_a_class_and_never_of_a_small_group() -> None:
    def two_ask(seat: int, _t: float) -> object:
        return (HAND_UP,) if seat < 2 else ()

    large, _ = counted(LiveCounter(RATE, k=K), 12, 10, two_ask)
    small, _ = counted(LiveCounter(RATE, k=K), 9, 10, two_ask)
    assert large[-1].hands_up == 2
    assert {now.hands_up for now in small} == {None}
    assert all(now.window.suppressed for now in small)
    assert small[-1].people == 9


def test_a_vehicle_gives_a_headcount_and_nothing_else() -> None:
    numbers, finished = counted(LiveCounter(RATE, k=K, headcount_only=True), 14, 21)
    assert {now.hands_up for now in numbers} == {None}
    assert all(w.suppressed for w in [*finished, *(now.window for now in numbers)])


def test_numbers_that_tell_hands_of_a_small_group_cannot_be_made() -> None:
    numbers, _ = counted(LiveCounter(RATE, k=K), 9, 2)
    with pytest.raises(ValueError, match="too small"):
        LiveNumbers(START, 9, 1, numbers[-1].window)


def test_a_window_without_a_later_frame_is_finished_when_its_time_is_over() -> None:
    counter = LiveCounter(RATE, k=K)
    counted(counter, 12, 5)
    assert counter.close_before(START + 9 * SECOND) == []
    (window,) = counter.close_before(START + 10 * SECOND)
    assert (window.window_start, window.frames) == (START, 10)
    assert counter.close_before(START + 20 * SECOND) == []


def test_a_late_frame_does_not_open_a_window_again() -> None:
    counter = LiveCounter(RATE, k=K)
    counted(counter, 12, 5)
    assert len(counter.close_before(START + 10 * SECOND)) == 1
    numbers, finished = counted(counter, 12, 7, begins=8)
    assert [w.window_start for w in finished] == []
    assert numbers[-1].people == 12
    assert [w.window_start for w in counter.finish()] == [START + 10 * SECOND]


def test_a_clock_that_is_set_back_finishes_the_window_and_begins_anew() -> None:
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
def test_whatever_people_and_clocks_do_nothing_is_told_of_fewer_than_k(
    frames: list[tuple[int, float]],
) -> None:
    counter = LiveCounter(RATE, k=K)
    told = 0
    for count, moment in frames:
        (frame,) = scene(count, 0.5, begins=moment)
        numbers, finished = counter.update(frame)
        told += sum(window.frames for window in finished)
        if numbers.hands_up is not None:
            assert numbers.people >= K
        assert numbers.window.suppressed or numbers.window.people_mean >= K
    told += sum(window.frames for window in counter.finish())
    assert told == len(frames)


def test_moments_are_utc() -> None:
    numbers, _ = counted(LiveCounter(RATE, k=K), 12, 1)
    assert numbers[0].as_of.tzinfo is UTC
    assert isinstance(numbers[0].as_of, datetime)
