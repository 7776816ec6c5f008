"""Between key frames a camera's thread sleeps, and reads its packets in batches."""

import threading
import time

from cluster.streams.decode.packet_pacing import (
    BLOCKED_READ_SECONDS,
    MAX_SLEEP_SECONDS,
    MIN_SLEEP_SECONDS,
    PacketPacer,
)

BLOCKED, AT_ONCE = 2 * BLOCKED_READ_SECONDS, BLOCKED_READ_SECONDS / 2


def slept(pacer: PacketPacer, wake_at: float, now: float) -> float:
    before = time.monotonic()
    pacer.sleep_until(wake_at, now)
    return time.monotonic() - before


def test_it_sleeps_until_the_given_time_within_limits() -> None:
    pacer = PacketPacer(threading.Event())
    assert MIN_SLEEP_SECONDS <= slept(pacer, 100.15, 100.0) < MAX_SLEEP_SECONDS
    assert slept(pacer, 200.0, 100.0) >= MAX_SLEEP_SECONDS
    assert slept(pacer, 100.0 + MIN_SLEEP_SECONDS / 2, 100.0) < MIN_SLEEP_SECONDS / 2
    assert slept(pacer, float("-inf"), 100.0) < MIN_SLEEP_SECONDS / 2


def test_it_does_not_sleep_while_packets_are_waiting() -> None:
    pacer = PacketPacer(threading.Event())
    pacer.arrival_time(10.0, 10.0 + AT_ONCE)
    assert slept(pacer, 100.0, 10.0) < MIN_SLEEP_SECONDS
    pacer.arrival_time(10.0, 10.0 + BLOCKED)
    assert slept(pacer, 10.2, 10.0) >= MIN_SLEEP_SECONDS


def test_packets_of_a_batch_get_the_earliest_possible_arrival_time() -> None:
    pacer = PacketPacer(threading.Event())
    assert pacer.arrival_time(10.0, 10.0 + AT_ONCE) == 10.0 + AT_ONCE
    assert pacer.arrival_time(11.0, 11.0 + BLOCKED) == 11.0 + BLOCKED
    pacer.sleep_until(11.0 + 2 * MIN_SLEEP_SECONDS, 11.0)
    assert pacer.arrival_time(11.2, 11.2 + AT_ONCE) == 11.0
    assert pacer.arrival_time(11.21, 11.21 + AT_ONCE) == 11.0
    assert pacer.arrival_time(11.22, 11.22 + BLOCKED) == 11.22 + BLOCKED


def test_a_stop_request_interrupts_the_sleep() -> None:
    stop_requested = threading.Event()
    stop_requested.set()
    assert slept(PacketPacer(stop_requested), 200.0, 100.0) < MIN_SLEEP_SECONDS
