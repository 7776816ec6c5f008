"""The states of a stream, and their transitions."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from cluster.errors import StreamError
from cluster.streams.source.state import TRANSITIONS, StreamReason, StreamState, StreamStatus

PATHS = {
    StreamState.STARTING: [],
    StreamState.LIVE: [StreamState.LIVE],
    StreamState.STALLED: [StreamState.LIVE, StreamState.STALLED],
    StreamState.RECONNECTING: [StreamState.LIVE, StreamState.RECONNECTING],
    StreamState.FAILED: [StreamState.FAILED],
    StreamState.STOPPED: [StreamState.STOPPED],
}


def in_state(state: StreamState) -> StreamStatus:
    status = StreamStatus()
    for step in PATHS[state]:
        status.transition(step, StreamReason.NO_PICTURE)
    return status


def test_the_table_has_every_state() -> None:
    assert set(TRANSITIONS) == set(StreamState)


def test_every_state_can_be_stopped_and_stopped_is_final() -> None:
    assert TRANSITIONS[StreamState.STOPPED] == frozenset()
    others = set(StreamState) - {StreamState.STOPPED}
    assert all(StreamState.STOPPED in TRANSITIONS[state] for state in others)


def test_every_state_but_stopped_leads_back_to_live() -> None:
    others = set(StreamState) - {StreamState.STOPPED, StreamState.LIVE}
    assert all(StreamState.LIVE in TRANSITIONS[state] for state in others)


@pytest.mark.parametrize(("before", "after"), list(product(StreamState, repeat=2)))
def test_a_status_makes_the_transitions_of_the_table_and_no_others(
    before: StreamState, after: StreamState
) -> None:
    status = in_state(before)
    if after is before or after in TRANSITIONS[before]:
        status.transition(after, StreamReason.ENDED)
        assert status.current.state is after
    else:
        with pytest.raises(StreamError, match=f"from {before} to {after}"):
            status.transition(after, StreamReason.ENDED)
        assert status.current.state is before


def test_since_is_the_time_of_the_last_change_of_state_or_reason() -> None:
    times = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=m) for m in range(9)]
    clock = iter(times)
    status = StreamStatus(lambda: next(clock))
    assert status.current.since == times[0]
    assert status.transition(StreamState.FAILED, StreamReason.REFUSED, "first")
    assert not status.transition(StreamState.FAILED, StreamReason.REFUSED, "second")
    assert (status.current.since, status.current.detail) == (times[1], "second")
    assert status.transition(StreamState.FAILED, StreamReason.NOT_FOUND)
    assert status.current.since == times[2]


def test_a_transition_from_another_state_changes_nothing() -> None:
    status = in_state(StreamState.RECONNECTING)
    assert not status.transition(
        StreamState.STALLED, StreamReason.NO_PICTURE, only_from=StreamState.LIVE
    )
    assert status.current.state is StreamState.RECONNECTING


def test_times_are_utc() -> None:
    assert StreamStatus().current.since.tzinfo is UTC
