"""Rates are measured, and a frozen picture is distinguished from a quiet room."""

import numpy as np
import pytest

from cluster.streams.capture.stats import RATE_OFF_SECONDS, FreezeDetector, StreamStats
from cluster.vision.people import BgrImage


def send_packets(stats: StreamStats, rate: float, seconds: float, start: float = 0.0) -> float:
    """Record packets at a rate; returns the time of the last."""
    now = start
    for index in range(round(rate * seconds)):
        now = start + (index + 1) / rate
        stats.record_packet(now, decoded=1)
    return now


def picture(seed: int, noise: float = 0.0) -> BgrImage:
    room = np.random.default_rng(7).integers(20, 230, (90, 160, 3)).astype(float)
    room += np.random.default_rng(seed).normal(0.0, noise, room.shape) if noise else 0.0
    return np.asarray(np.clip(np.rint(room), 0, 255), np.uint8)


def test_the_delivered_rate_is_that_of_the_last_ten_seconds() -> None:
    stats = StreamStats(60.0)
    stats.record_open(0.0, "h264", 25.0)
    now = send_packets(stats, 25.0, 30.0)
    assert stats.metrics(now).delivered_rate == pytest.approx(25.0, rel=0.02)
    assert stats.metrics(now + 5).delivered_rate == pytest.approx(12.5, rel=0.02)
    assert stats.metrics(now + 11).delivered_rate == 0.0
    assert stats.metrics(now).frames_decoded == 750


@pytest.mark.parametrize(("rate", "is_off"), [(5.0, True), (15.0, False), (40.0, False)])
def test_a_rate_far_from_the_declared_is_reported_after_a_while(rate: float, is_off: bool) -> None:
    stats = StreamStats(60.0)
    stats.record_open(0.0, "h264", 25.0)
    now = send_packets(stats, rate, RATE_OFF_SECONDS)
    assert not stats.metrics(now).rate_is_off
    now = send_packets(stats, rate, 10.0, now)
    assert stats.metrics(now).rate_is_off is is_off


def test_a_rate_that_is_right_again_is_not_reported() -> None:
    stats = StreamStats(60.0)
    stats.record_open(0.0, "h264", 25.0)
    now = send_packets(stats, 100.0, 40.0)
    assert stats.metrics(now).rate_is_off
    now = send_packets(stats, 25.0, 15.0, now)
    assert not stats.metrics(now).rate_is_off


@pytest.mark.parametrize("declared", [None, 0.0, 1000.0, 90_000.0])
def test_an_implausible_declared_rate_is_ignored(declared: float | None) -> None:
    stats = StreamStats(60.0)
    stats.record_open(0.0, "h264", declared)
    now = send_packets(stats, 25.0, 60.0)
    assert stats.metrics(now).declared_rate is None
    assert not stats.metrics(now).rate_is_off


def test_before_the_first_frame_size_and_age_are_unset() -> None:
    metrics = StreamStats(60.0).metrics(1.0)
    assert (metrics.width, metrics.last_frame_seconds, metrics.frozen) == (0, None, False)


def test_a_frame_is_counted_with_its_size_and_age() -> None:
    stats = StreamStats(60.0)
    stats.record_frame(3.0, picture(0), (1920, 1080))
    metrics = stats.metrics(5.0)
    assert (metrics.width, metrics.height, metrics.frames_read) == (1920, 1080, 1)
    assert metrics.last_frame_seconds == pytest.approx(2.0)


def test_the_same_picture_for_long_enough_is_frozen_until_a_new_one() -> None:
    detector = FreezeDetector(10.0)
    for second in range(10):
        detector.update(float(second), picture(0))
        assert not detector.is_frozen
    detector.update(10.0, picture(0))
    assert detector.is_frozen
    detector.update(11.0, picture(1, noise=20.0))
    assert not detector.is_frozen


def test_a_frozen_picture_that_is_encoded_in_several_ways_is_frozen() -> None:
    """Key frames render the same picture a little differently than those between them."""
    detector = FreezeDetector(10.0)
    renderings = [picture(0), picture(1, noise=1.0), picture(2, noise=1.0)]
    for second in range(30):
        detector.update(float(second), renderings[second % 3])
    assert detector.is_frozen


def test_an_empty_room_with_the_noise_of_a_real_camera_is_not_frozen() -> None:
    detector = FreezeDetector(10.0)
    for second in range(100):
        detector.update(float(second), picture(second, noise=0.5))
        assert not detector.is_frozen


def test_masks_do_not_make_a_quiet_room_look_frozen() -> None:
    detector = FreezeDetector(10.0)
    for second in range(60):
        noisy = picture(second, noise=0.5)
        noisy[:, :150] = 0
        detector.update(float(second), noisy)
    assert not detector.is_frozen


def test_a_picture_of_another_size_is_a_new_one() -> None:
    detector = FreezeDetector(1.0)
    detector.update(0.0, picture(0))
    detector.update(1.0, picture(0)[::2, ::2])
    assert not detector.is_frozen
