"""The states of a camera's stream, their allowed transitions, and a status that enforces them.

    starting ──> live <──> stalled    connected; without frames, `stalled`
      │          │  ^         │
      │          v  │         │
      │    reconnecting <─────┘       was connected; connects again after a pause
      │          │  ^
      v          v  │
      failed ───────┘──> live         an attempt failed; attempts continue
                                      any ──> stopped, which is final

A new connection may also lead to `stalled` first, where its first frame is long in coming.

`failed` says that nothing arrives now and why, not that attempts have ended.
"""

import threading
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cluster.clock import Clock, utc_now
from cluster.errors import StreamError


class StreamState(StrEnum):
    """State of a stream."""

    STARTING = "starting"
    LIVE = "live"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    STOPPED = "stopped"


class StreamReason(StrEnum):
    """Why a stream is in its state. Stable: programs may match on it."""

    ASSIGNED = "assigned"
    PICTURES_ARRIVE = "pictures_arrive"
    NO_PICTURE = "no_picture"
    NO_KEY_FRAME = "no_key_frame"
    OPEN_TIMED_OUT = "open_timed_out"
    CONNECTION_LOST = "connection_lost"
    REFUSED = "refused"
    WRONG_CREDENTIALS = "wrong_credentials"
    NOT_FOUND = "not_found"
    NOT_A_VIDEO = "not_a_video"
    ENDED = "ended"
    FULL_SIZE_WANTED = "full_size_wanted"
    RELEASED = "released"
    READER_LOST = "reader_lost"
    NO_READER = "no_reader"


TRANSITIONS: Final[dict[StreamState, frozenset[StreamState]]] = {
    StreamState.STARTING: frozenset(
        {StreamState.LIVE, StreamState.STALLED, StreamState.FAILED, StreamState.STOPPED}
    ),
    StreamState.LIVE: frozenset(
        {StreamState.STALLED, StreamState.RECONNECTING, StreamState.STOPPED}
    ),
    StreamState.STALLED: frozenset(
        {StreamState.LIVE, StreamState.RECONNECTING, StreamState.STOPPED}
    ),
    StreamState.RECONNECTING: frozenset(
        {StreamState.LIVE, StreamState.STALLED, StreamState.FAILED, StreamState.STOPPED}
    ),
    StreamState.FAILED: frozenset(
        {StreamState.LIVE, StreamState.STALLED, StreamState.RECONNECTING, StreamState.STOPPED}
    ),
    StreamState.STOPPED: frozenset(),
}
"""Allowed transitions. A new reason for the same state is no transition."""


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """A status at one time; the attributes are those of `CameraHealth`."""

    state: StreamState
    reason: StreamReason
    since: datetime
    detail: str


class StreamStatus:
    """The status of one stream; safe to use from any thread.

    Args:
        now: Returns the time, in UTC.
    """

    def __init__(self, now: Clock = utc_now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._status = StatusSnapshot(StreamState.STARTING, StreamReason.ASSIGNED, now(), "")

    @property
    def current(self) -> StatusSnapshot:
        """The status now."""
        return self._status

    def transition(
        self,
        state: StreamState,
        reason: StreamReason,
        detail: str = "",
        *,
        only_from: StreamState | None = None,
    ) -> bool:
        """Enter a state, or stay in it for a reason that may be new.

        Args:
            state: The state to enter.
            reason: Why.
            detail: The reason as text for people, without credentials.
            only_from: Do nothing unless this is the current state: the thread that observes the
                stream from outside may be overtaken.

        Returns:
            Whether state or reason changed.

        Raises:
            StreamError: `TRANSITIONS` does not allow it: a bug.
        """
        with self._lock:
            before = self._status
            if only_from is not None and before.state is not only_from:
                return False
            if state is before.state and reason is before.reason:
                self._status = StatusSnapshot(state, reason, before.since, detail)
                return False
            if state is not before.state and state not in TRANSITIONS[before.state]:
                raise StreamError(
                    f"a stream cannot go from {before.state} to {state} ({reason}): this is a "
                    "bug in Homeroom."
                )
            self._status = StatusSnapshot(state, reason, self._now(), detail)
            return True
