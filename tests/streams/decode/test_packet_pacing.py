"""Between key frames a camera's thread sleeps, and takes its packets in bunches."""

import threading
import time

from cluster.streams.decode.packet_pacing import (
    BLOCKED_READ_SECONDS,
    MAX_SLEEP_SECONDS,
    MIN_SLEEP_SECONDS,
    PacketPacer,
)

MUCH, LITTLE = 2 * BLOCKED_READ_SECONDS, BLOCKED_READ_SECONDS / 2


def slept(doze: PacketPacer, moment: float, now: float) -> float:
    before = time.monotonic()
    doze.until(moment, now)
    return time.monotonic() - before


def test_it_sleeps_no_longer_than_until_the_moment_and_never_long() -> None:
    doze = PacketPacer(threading.Event())
    assert MIN_SLEEP_SECONDS <= slept(doze, 100.15, 100.0) < MAX_SLEEP_SECONDS
    assert slept(doze, 200.0, 100.0) >= MAX_SLEEP_SECONDS
    assert slept(doze, 100.0 + MIN_SLEEP_SECONDS / 2, 100.0) < MIN_SLEEP_SECONDS / 2
    assert slept(doze, float("-inf"), 100.0) < MIN_SLEEP_SECONDS / 2


def test_it_does_not_sleep_while_packets_wait() -> None:
    doze = PacketPacer(threading.Event())
    doze.arrived(10.0, 10.0 + LITTLE)
    assert slept(doze, 100.0, 10.0) < MIN_SLEEP_SECONDS
    doze.arrived(10.0, 10.0 + MUCH)
    assert slept(doze, 10.2, 10.0) >= MIN_SLEEP_SECONDS


def test_what_came_meanwhile_counts_as_old_as_it_may_be() -> None:
    doze = PacketPacer(threading.Event())
    assert doze.arrived(10.0, 10.0 + LITTLE) == 10.0 + LITTLE
    assert doze.arrived(11.0, 11.0 + MUCH) == 11.0 + MUCH
    doze.until(11.0 + 2 * MIN_SLEEP_SECONDS, 11.0)
    assert doze.arrived(11.2, 11.2 + LITTLE) == 11.0
    assert doze.arrived(11.21, 11.21 + LITTLE) == 11.0
    assert doze.arrived(11.22, 11.22 + MUCH) == 11.22 + MUCH


def test_the_end_wakes_it() -> None:
    ended = threading.Event()
    ended.set()
    assert slept(PacketPacer(ended), 200.0, 100.0) < MIN_SLEEP_SECONDS
