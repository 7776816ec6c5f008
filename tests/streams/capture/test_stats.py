"""Rates are measured, and a picture that stands still is told from a quiet room."""

import numpy as np
import pytest

from cluster.streams.capture.stats import OFF_SECONDS, FreezeDetector, StreamStats
from cluster.vision.people import BgrImage


def fed(measures: StreamStats, rate: float, seconds: float, start: float = 0.0) -> float:
    """Let packets come at a rate; gives the time of the last."""
    now = start
    for index in range(round(rate * seconds)):
        now = start + (index + 1) / rate
        measures.arrived(now, decoded=1)
    return now


def picture(seed: int, noise: float = 0.0) -> BgrImage:
    room = np.random.default_rng(7).integers(20, 230, (90, 160, 3)).astype(float)
    room += np.random.default_rng(seed).normal(0.0, noise, room.shape) if noise else 0.0
    return np.asarray(np.clip(np.rint(room), 0, 255), np.uint8)


def test_the_delivered_rate_is_that_of_the_last_ten_seconds() -> None:
    measures = StreamStats(60.0)
    measures.opened(0.0, "h264", 25.0)
    now = fed(measures, 25.0, 30.0)
    assert measures.measured(now).delivered_rate == pytest.approx(25.0, rel=0.02)
    assert measures.measured(now + 5).delivered_rate == pytest.approx(12.5, rel=0.02)
    assert measures.measured(now + 11).delivered_rate == 0.0
    assert measures.measured(now).frames_decoded == 750


@pytest.mark.parametrize(("rate", "is_off"), [(5.0, True), (15.0, False), (40.0, False)])
def test_a_rate_far_from_the_declared_is_reported_after_a_while(rate: float, is_off: bool) -> None:
    measures = StreamStats(60.0)
    measures.opened(0.0, "h264", 25.0)
    now = fed(measures, rate, OFF_SECONDS)
    assert not measures.measured(now).rate_is_off
    now = fed(measures, rate, 10.0, now)
    assert measures.measured(now).rate_is_off is is_off


def test_a_rate_that_is_right_again_is_not_reported_any_more() -> None:
    measures = StreamStats(60.0)
    measures.opened(0.0, "h264", 25.0)
    now = fed(measures, 100.0, 40.0)
    assert measures.measured(now).rate_is_off
    now = fed(measures, 25.0, 15.0, now)
    assert not measures.measured(now).rate_is_off


@pytest.mark.parametrize("declared", [None, 0.0, 1000.0, 90_000.0])
def test_a_rate_that_cannot_be_is_no_declaration(declared: float | None) -> None:
    measures = StreamStats(60.0)
    measures.opened(0.0, "h264", declared)
    now = fed(measures, 25.0, 60.0)
    assert measures.measured(now).declared_rate is None
    assert not measures.measured(now).rate_is_off


def test_before_the_first_picture_nothing_is_known_of_it() -> None:
    measured = StreamStats(60.0).measured(1.0)
    assert (measured.width, measured.last_frame_seconds, measured.frozen) == (0, None, False)


def test_a_picture_is_counted_with_its_size_and_age() -> None:
    measures = StreamStats(60.0)
    measures.pictured(3.0, picture(0), (1920, 1080))
    measured = measures.measured(5.0)
    assert (measured.width, measured.height, measured.frames_read) == (1920, 1080, 1)
    assert measured.last_frame_seconds == pytest.approx(2.0)


def test_the_same_picture_for_long_enough_is_frozen_and_a_new_one_ends_it() -> None:
    stillness = FreezeDetector(10.0)
    for second in range(10):
        stillness.look(float(second), picture(0))
        assert not stillness.is_frozen
    stillness.look(10.0, picture(0))
    assert stillness.is_frozen
    stillness.look(11.0, picture(1, noise=20.0))
    assert not stillness.is_frozen


def test_a_frozen_picture_that_is_coded_now_so_now_so_is_frozen() -> None:
    """Key frames render the same picture a little differently than those between them."""
    stillness = FreezeDetector(10.0)
    ways = [picture(0), picture(1, noise=1.0), picture(2, noise=1.0)]
    for second in range(30):
        stillness.look(float(second), ways[second % 3])
    assert stillness.is_frozen


def test_an_empty_room_with_the_noise_of_a_real_camera_is_not_frozen() -> None:
    stillness = FreezeDetector(10.0)
    for second in range(100):
        stillness.look(float(second), picture(second, noise=0.5))
        assert not stillness.is_frozen


def test_masks_do_not_make_a_quiet_room_look_frozen() -> None:
    stillness = FreezeDetector(10.0)
    for second in range(60):
        noisy = picture(second, noise=0.5)
        noisy[:, :150] = 0
        stillness.look(float(second), noisy)
    assert not stillness.is_frozen


def test_another_size_is_another_picture() -> None:
    stillness = FreezeDetector(1.0)
    stillness.look(0.0, picture(0))
    stillness.look(1.0, picture(0)[::2, ::2])
    assert not stillness.is_frozen
