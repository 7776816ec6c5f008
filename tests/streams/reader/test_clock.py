"""The monotonic clock is converted to UTC, also when the system clock is set."""

from datetime import UTC, datetime

from cluster.streams.reader.clock import UtcClock


class Clocks:
    wall = 1_800_000_000.0
    monotonic = 50.0

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_small_corrections_of_the_system_clock_are_ignored() -> None:
    clocks = Clocks()
    clock = UtcClock(lambda: clocks.wall, lambda: clocks.monotonic)
    clocks.run(10)
    clocks.wall += 0.1
    assert clock.now() == utc(1_800_000_010.0)
    assert clock.jumps == 0


def test_a_system_clock_that_was_set_is_adopted_and_counted() -> None:
    clocks = Clocks()
    clock = UtcClock(lambda: clocks.wall, lambda: clocks.monotonic)
    clocks.run(10)
    clocks.wall -= 3600
    assert clock.to_utc(clocks.monotonic) == utc(1_800_000_010.0)
    assert clock.now() == utc(clocks.wall)
    assert clock.to_utc(clocks.monotonic) == utc(clocks.wall)
    assert clock.jumps == 1
