"""States, and what may follow what."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from cluster.errors import StreamError
from cluster.streams.source.state import TRANSITIONS, StreamReason, StreamState, StreamStatus

WAYS = {
    StreamState.STARTING: [],
    StreamState.LIVE: [StreamState.LIVE],
    StreamState.STALLED: [StreamState.LIVE, StreamState.STALLED],
    StreamState.RECONNECTING: [StreamState.LIVE, StreamState.RECONNECTING],
    StreamState.FAILED: [StreamState.FAILED],
    StreamState.STOPPED: [StreamState.STOPPED],
}


def in_state(state: StreamState) -> StreamStatus:
    status = StreamStatus()
    for step in WAYS[state]:
        status.move(step, StreamReason.NO_PICTURE)
    return status


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == set(StreamState)


def test_every_state_can_be_stopped_and_nothing_follows_that() -> None:
    assert TRANSITIONS[StreamState.STOPPED] == frozenset()
    others = set(StreamState) - {StreamState.STOPPED}
    assert all(StreamState.STOPPED in TRANSITIONS[state] for state in others)


def test_every_state_but_the_last_leads_back_to_live() -> None:
    others = set(StreamState) - {StreamState.STOPPED, StreamState.LIVE}
    assert all(StreamState.LIVE in TRANSITIONS[state] for state in others)


@pytest.mark.parametrize(("before", "after"), list(product(StreamState, repeat=2)))
def test_a_status_goes_where_the_table_allows_and_nowhere_else(
    before: StreamState, after: StreamState
) -> None:
    status = in_state(before)
    if after is before or after in TRANSITIONS[before]:
        status.move(after, StreamReason.ENDED)
        assert status.status.state is after
    else:
        with pytest.raises(StreamError, match=f"from {before} to {after}"):
            status.move(after, StreamReason.ENDED)
        assert status.status.state is before


def test_since_is_the_time_of_the_last_change_of_state_or_reason() -> None:
    moments = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=m) for m in range(9)]
    clock = iter(moments)
    status = StreamStatus(lambda: next(clock))
    assert status.status.since == moments[0]
    assert status.move(StreamState.FAILED, StreamReason.REFUSED, "first")
    assert not status.move(StreamState.FAILED, StreamReason.REFUSED, "second")
    assert (status.status.since, status.status.detail) == (moments[1], "second")
    assert status.move(StreamState.FAILED, StreamReason.NOT_FOUND)
    assert status.status.since == moments[2]


def test_a_late_observer_changes_nothing() -> None:
    status = in_state(StreamState.RECONNECTING)
    assert not status.move(StreamState.STALLED, StreamReason.NO_PICTURE, only_from=StreamState.LIVE)
    assert status.status.state is StreamState.RECONNECTING


def test_time_is_utc() -> None:
    assert StreamStatus().status.since.tzinfo is UTC
