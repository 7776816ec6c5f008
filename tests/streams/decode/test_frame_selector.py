"""Which pictures are wanted: at the rate, on key frames where these are near."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.streams.decode.frame_selector import MAX_GRID_SHIFT, FrameSelector


def wanted(
    arrivals: list[float], keys: set[int], rate: float = 2.0, decode: str = "all"
) -> list[int]:
    """The indices of the packets whose pictures are wanted."""
    chooser = FrameSelector(rate, "key_frames" if decode == "key_frames" else "all")
    return [i for i, now in enumerate(arrivals) if chooser.wants(now, is_key=i in keys)]


def test_of_two_seconds_at_25_pictures_four_are_wanted_and_the_first_is_the_key_frame() -> None:
    arrivals = [i / 25 for i in range(200)]
    chosen = wanted(arrivals, keys={0, 50, 100, 150})
    assert {0, 50, 100, 150} <= set(chosen)
    assert len(chosen) == 16
    assert max(i % 50 for i in chosen) <= 38  # what lies behind is never decoded


def test_the_grid_stays_on_key_frames_although_the_clocks_run_apart() -> None:
    """The camera sends 0.2% more than it says."""
    arrivals = [i / 25.05 for i in range(25 * 600)]
    keys = set(range(0, 25 * 600, 50))
    chosen = wanted(arrivals, keys)
    assert keys <= set(chosen)
    assert len(chosen) / 600 == pytest.approx(2.0, rel=0.05)


def test_the_grid_moves_to_key_frames_that_come_soon_after_its_moments() -> None:
    """It begins in the midst of a group: no moment may be served by a group's last pictures."""
    arrivals = [i / 25 for i in range(25 * 60)]
    keys = set(range(16, 25 * 60, 50))
    for begins in range(1, 66):
        chosen = [begins + i for i in wanted(arrivals[begins:], {key - begins for key in keys})]
        settled = [i for i in chosen if i > 25 * 20]
        assert {key for key in keys if key > 25 * 20} <= set(settled)
        assert max((i - 16) % 50 for i in settled) <= 39


def test_packets_that_come_sooner_or_later_do_not_take_the_key_frames_place() -> None:
    random = Random(1)
    arrivals = sorted(i / 25 + random.gauss(0, 0.02) for i in range(25 * 300))
    keys = set(range(0, 25 * 300, 50))
    chosen = wanted(arrivals, keys)
    assert keys <= set(chosen)
    assert max(i % 50 for i in chosen) <= 41
    assert len(chosen) / 300 == pytest.approx(2.0, rel=0.05)


def test_a_moment_does_not_wait_for_a_key_frame_that_stays_away() -> None:
    """The groups before had 50 pictures; then come 100 without a key frame."""
    arrivals = [i / 25 for i in range(201)]
    chosen = wanted(arrivals, keys={0, 50, 100})
    assert max(b - a for a, b in pairwise(chosen)) <= 13 + 6
    assert len(chosen) >= 15


def test_key_frames_that_come_often_do_not_drive_the_rate_up() -> None:
    arrivals = [i / 25 for i in range(25 * 60)]
    chosen = wanted(arrivals, keys=set(range(0, 25 * 60, 8)))
    assert len(chosen) / 60 <= 2.0 * (1 + MAX_GRID_SHIFT) + 0.1


def test_after_a_gap_pictures_come_at_the_rate_and_not_in_a_burst() -> None:
    arrivals = [0.0, 5.0, 5.04, 5.08, 5.12, 5.5]
    assert wanted(arrivals, keys=set()) == [0, 1, 5]


def test_packets_that_come_in_a_heap_give_one_picture() -> None:
    assert wanted([3.0] * 50, keys={0}) == [0]


def test_of_key_frames_alone_no_more_are_wanted_than_the_rate() -> None:
    arrivals = [i / 25 for i in range(100)]
    assert wanted(arrivals, keys={0, 50}, decode="key_frames") == [0, 50]
    often = wanted(arrivals, keys=set(range(0, 100, 5)), decode="key_frames")
    assert 6 <= len(often) <= 9


def test_of_key_frames_alone_the_next_is_awaited_as_long_after_the_last_as_that_one_was() -> None:
    chooser = FrameSelector(0.5, "key_frames")
    assert chooser.nothing_before() < 0
    told = {}
    for i in range(200):
        chooser.wants(10 + i / 25, is_key=i % 50 == 16)
        told[i] = chooser.nothing_before()
    assert max(told[i] for i in range(16)) < 0
    assert all(told[i] <= 10 + i / 25 for i in range(16, 66))
    assert told[66] == told[115] == pytest.approx(10 + (66 + 0.9 * 50) / 25)


def test_where_all_pictures_serve_none_is_known_to_be_superfluous() -> None:
    chooser = FrameSelector(2.0, "all")
    for i in range(200):
        chooser.wants(10 + i / 25, is_key=i % 50 == 0)
        assert chooser.nothing_before() < 10


def test_a_picture_that_was_lost_is_made_up_for_by_the_next() -> None:
    chooser = FrameSelector(2.0, "all")
    assert chooser.wants(0.0, is_key=True)
    assert not chooser.wants(0.04, is_key=False)
    chooser.lost()
    assert chooser.wants(0.08, is_key=False)
    assert not chooser.wants(0.12, is_key=False)


@given(
    rate=st.floats(1.0, 10.0),
    steps=st.lists(st.floats(0.0, 0.5), min_size=50, max_size=300),
    keys=st.sets(st.integers(0, 300)),
)
def test_whatever_comes_the_rate_is_hardly_ever_exceeded(
    rate: float, steps: list[float], keys: set[int]
) -> None:
    arrivals = [sum(steps[: i + 1]) for i in range(len(steps))]
    seconds = arrivals[-1] - arrivals[0]
    most = 2 + seconds * rate * (1 + 2 * MAX_GRID_SHIFT) * 1.05
    assert len(wanted(arrivals, keys, rate)) <= most
