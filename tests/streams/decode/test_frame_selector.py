"""Frames are selected at the rate, and on key frames where these are near."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.decode.frame_selector import MAX_GRID_SHIFT, FrameSelector


def selected(
    arrivals: list[float], keys: set[int], rate: float = 2.0, decode: str = "all"
) -> list[int]:
    """The indices of the packets whose frames are selected."""
    selector = FrameSelector(rate, "key_frames" if decode == "key_frames" else "all")
    return [i for i, now in enumerate(arrivals) if selector.select(now, is_key=i in keys)]


def test_of_two_seconds_at_25_fps_four_frames_are_selected_beginning_with_the_key_frame() -> None:
    arrivals = [i / 25 for i in range(200)]
    indices = selected(arrivals, keys={0, 50, 100, 150})
    assert {0, 50, 100, 150} <= set(indices)
    assert len(indices) == 16
    assert max(i % 50 for i in indices) <= 38  # what follows is never decoded


def test_the_grid_stays_on_key_frames_although_the_clocks_drift_apart() -> None:
    """The camera sends 0.2% more frames than it declares."""
    arrivals = [i / 25.05 for i in range(25 * 600)]
    keys = set(range(0, 25 * 600, 50))
    indices = selected(arrivals, keys)
    assert keys <= set(indices)
    assert len(indices) / 600 == pytest.approx(2.0, rel=0.05)


def test_the_grid_shifts_to_key_frames_that_come_soon_after_its_slots() -> None:
    """It begins within a group: no slot may be served by the last frames of a group."""
    arrivals = [i / 25 for i in range(25 * 60)]
    keys = set(range(16, 25 * 60, 50))
    for begins in range(1, 66):
        indices = [begins + i for i in selected(arrivals[begins:], {key - begins for key in keys})]
        settled = [i for i in indices if i > 25 * 20]
        assert {key for key in keys if key > 25 * 20} <= set(settled)
        assert max((i - 16) % 50 for i in settled) <= 39


def test_jitter_does_not_move_slots_away_from_key_frames() -> None:
    random = Random(1)
    arrivals = sorted(i / 25 + random.gauss(0, 0.02) for i in range(25 * 300))
    keys = set(range(0, 25 * 300, 50))
    indices = selected(arrivals, keys)
    assert keys <= set(indices)
    assert max(i % 50 for i in indices) <= 41
    assert len(indices) / 300 == pytest.approx(2.0, rel=0.05)


def test_a_slot_does_not_wait_for_a_key_frame_that_fails_to_come() -> None:
    """The first groups have 50 frames; then come 100 without a key frame."""
    arrivals = [i / 25 for i in range(201)]
    indices = selected(arrivals, keys={0, 50, 100})
    assert max(b - a for a, b in pairwise(indices)) <= 13 + 6
    assert len(indices) >= 15


def test_frequent_key_frames_do_not_raise_the_rate() -> None:
    arrivals = [i / 25 for i in range(25 * 60)]
    indices = selected(arrivals, keys=set(range(0, 25 * 60, 8)))
    assert len(indices) / 60 <= 2.0 * (1 + MAX_GRID_SHIFT) + 0.1


def test_after_a_gap_frames_are_selected_at_the_rate_and_not_in_a_burst() -> None:
    arrivals = [0.0, 5.0, 5.04, 5.08, 5.12, 5.5]
    assert selected(arrivals, keys=set()) == [0, 1, 5]


def test_of_packets_that_arrive_together_one_is_selected() -> None:
    assert selected([3.0] * 50, keys={0}) == [0]


def test_of_key_frames_no_more_are_selected_than_the_rate() -> None:
    arrivals = [i / 25 for i in range(100)]
    assert selected(arrivals, keys={0, 50}, decode="key_frames") == [0, 50]
    often = selected(arrivals, keys=set(range(0, 100, 5)), decode="key_frames")
    assert 6 <= len(often) <= 9


def test_with_key_frames_only_it_is_idle_until_the_next_is_due() -> None:
    selector = FrameSelector(0.5, "key_frames")
    assert selector.idle_until() < 0
    idle_until = {}
    for i in range(200):
        selector.select(10 + i / 25, is_key=i % 50 == 16)
        idle_until[i] = selector.idle_until()
    assert max(idle_until[i] for i in range(16)) < 0
    assert all(idle_until[i] <= 10 + i / 25 for i in range(16, 66))
    assert idle_until[66] == idle_until[115] == pytest.approx(10 + (66 + 0.9 * 50) / 25)


def test_with_all_frames_it_is_never_idle() -> None:
    selector = FrameSelector(2.0, "all")
    for i in range(200):
        selector.select(10 + i / 25, is_key=i % 50 == 0)
        assert selector.idle_until() < 10


def test_the_frame_after_a_lost_one_is_selected() -> None:
    selector = FrameSelector(2.0, "all")
    assert selector.select(0.0, is_key=True)
    assert not selector.select(0.04, is_key=False)
    selector.mark_lost()
    assert selector.select(0.08, is_key=False)
    assert not selector.select(0.12, is_key=False)


@given(
    rate=st.floats(1.0, 10.0),
    steps=st.lists(st.floats(0.0, 0.5), min_size=50, max_size=300),
    keys=st.sets(st.integers(0, 300)),
)
def test_the_rate_is_not_exceeded_by_more_than_the_grid_shift(
    rate: float, steps: list[float], keys: set[int]
) -> None:
    arrivals = [sum(steps[: i + 1]) for i in range(len(steps))]
    seconds = arrivals[-1] - arrivals[0]
    max_count = 2 + seconds * rate * (1 + 2 * MAX_GRID_SHIFT) * 1.05
    assert len(selected(arrivals, keys, rate)) <= max_count
