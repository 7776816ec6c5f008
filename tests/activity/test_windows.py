"""Windows: every frame is in exactly one, on the grid of the clock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.activity.durations import FrameCounts
from cluster.activity.windows import (
    WINDOW_SECONDS,
    WindowCounts,
    group_into_windows,
    share_of,
    window_start_of,
)
from cluster.vision.activity import Activity

times = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 (Hypothesis wants bounds without a zone)
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


def counts(people: int, reading: int = 0, time_seconds: float = 0.0) -> FrameCounts:
    """A frame in which some people read and the others sit."""
    activities = dict.fromkeys(Activity, 0)
    activities[Activity.READING] = reading
    activities[Activity.SITTING] = people - reading
    return FrameCounts(time_seconds, people, activities, 0)


@settings(deadline=None)
@given(time=times)
def test_a_window_starts_at_a_multiple_of_ten_seconds_of_utc_and_contains_the_time(
    time: datetime,
) -> None:
    start = window_start_of(time)
    assert start.tzinfo is UTC
    assert start.second % WINDOW_SECONDS == 0
    assert start.microsecond == 0
    assert start <= time < start + timedelta(seconds=WINDOW_SECONDS)


@pytest.mark.parametrize(
    ("time", "start"),
    [
        ("2026-03-02T09:00:00+00:00", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02T09:00:09.999999+00:00", "2026-03-02T09:00:00+00:00"),
        ("2026-03-02T09:00:10+00:00", "2026-03-02T09:00:10+00:00"),
        ("2026-03-02T09:00:07.5+05:45", "2026-03-02T03:15:00+00:00"),
        ("1969-12-31T23:59:59.5+00:00", "1969-12-31T23:59:50+00:00"),
    ],
)
def test_the_start_of_a_window_is_inclusive_and_its_end_exclusive(time: str, start: str) -> None:
    assert window_start_of(datetime.fromisoformat(time)) == datetime.fromisoformat(start)


@settings(deadline=None)
@given(offsets_ms=st.lists(st.integers(0, 90_000), unique=True))
def test_every_frame_is_in_exactly_one_window(offsets_ms: list[int]) -> None:
    origin = datetime(2026, 3, 2, 9, 0, 3, tzinfo=UTC)
    frames = [
        (origin + timedelta(milliseconds=ms), counts(3, time_seconds=float(ms)))
        for ms in offsets_ms
    ]
    windows = group_into_windows(frames)
    grouped = [frame.time_seconds for window in windows for frame in window.frames]
    assert sorted(grouped) == sorted(float(ms) for ms in offsets_ms)
    starts = [window.window_start for window in windows]
    assert starts == sorted(set(starts))
    for window in windows:
        assert window.frames
        for frame in window.frames:
            time = origin + timedelta(milliseconds=frame.time_seconds)
            assert window_start_of(time) == window.window_start


def test_windows_without_frames_are_left_out() -> None:
    origin = datetime(2026, 3, 2, 9, tzinfo=UTC)
    windows = group_into_windows((origin + timedelta(seconds=s), counts(2)) for s in (0, 5, 31))
    assert [(w.window_start - origin).seconds for w in windows] == [0, 30]
    assert [len(w.frames) for w in windows] == [2, 1]


def test_a_window_has_the_maximum_and_the_mean_of_its_frames() -> None:
    window = WindowCounts(datetime(2026, 3, 2, tzinfo=UTC), [counts(2), counts(7), counts(3)])
    assert window.people_max == 7
    assert window.people_mean == pytest.approx(4.0)


def test_a_window_without_frames_has_no_people() -> None:
    window = WindowCounts(datetime(2026, 3, 2, tzinfo=UTC))
    assert (window.people_max, window.people_mean) == (0, 0.0)


def test_a_share_weights_frames_by_their_people() -> None:
    frames = [counts(10, reading=5), counts(30, reading=3)]
    assert share_of(frames, Activity.READING) == pytest.approx(8 / 40)
    assert share_of(frames, Activity.SITTING) == pytest.approx(32 / 40)


def test_the_share_of_no_people_is_zero() -> None:
    assert share_of([], Activity.READING) == 0.0
    assert share_of([counts(0)], Activity.READING) == 0.0
