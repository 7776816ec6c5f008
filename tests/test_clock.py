"""The clock: one for all processes, and it names its zone."""

from datetime import UTC, datetime

from cluster.clock import utc_now


def test_the_current_time_is_in_utc() -> None:
    before = datetime.now(UTC)
    now = utc_now()
    assert now.tzinfo is UTC
    assert before <= now <= datetime.now(UTC)
