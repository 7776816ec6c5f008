"""The states of a camera's stream, which may follow which, and a status that keeps to it.

    starting ──> live <──> stalled
      │          │  ^         │
      │          v  │         │
      │    reconnecting <─────┘       connected before, and at once tried again
      │          │  ^
      v          v  │
      failed ───────┘──> live         an attempt failed; tried again for ever
                                      any ──> stopped, which is the end

`failed` says that nothing comes now and why, not that anybody gave up.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from cluster.errors import StreamError


class StreamState(StrEnum):
    """Where a stream is."""

    STARTING = "starting"
    LIVE = "live"
    STALLED = "stalled"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    STOPPED = "stopped"


class StreamReason(StrEnum):
    """Why a stream is in its state. Stable: tools may match on it."""

    ASSIGNED = "assigned"
    PICTURES_ARRIVE = "pictures_arrive"
    NO_PICTURE = "no_picture"
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
    StreamState.STARTING: frozenset({StreamState.LIVE, StreamState.FAILED, StreamState.STOPPED}),
    StreamState.LIVE: frozenset(
        {StreamState.STALLED, StreamState.RECONNECTING, StreamState.STOPPED}
    ),
    StreamState.STALLED: frozenset(
        {StreamState.LIVE, StreamState.RECONNECTING, StreamState.STOPPED}
    ),
    StreamState.RECONNECTING: frozenset(
        {StreamState.LIVE, StreamState.FAILED, StreamState.STOPPED}
    ),
    StreamState.FAILED: frozenset(
        {StreamState.LIVE, StreamState.RECONNECTING, StreamState.STOPPED}
    ),
    StreamState.STOPPED: frozenset(),
}
"""Which states may follow which. Staying in a state for another reason is no transition."""


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """A status at one moment; the attributes are those of `CameraHealth`."""

    state: StreamState
    reason: StreamReason
    since: datetime
    detail: str


class StreamStatus:
    """The status of one stream; any thread may ask and move it.

    Args:
        now: Gives the time, in UTC.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._status = StatusSnapshot(StreamState.STARTING, StreamReason.ASSIGNED, now(), "")

    @property
    def status(self) -> StatusSnapshot:
        """What it is now."""
        return self._status

    def move(
        self,
        state: StreamState,
        reason: StreamReason,
        detail: str = "",
        *,
        only_from: StreamState | None = None,
    ) -> bool:
        """Go to a state, or stay in it for a reason that may be new.

        Args:
            state: Where to.
            reason: Why.
            detail: For people; free of credentials.
            only_from: Do nothing unless it is in this state; for whoever looks from outside, and
                may come too late.

        Returns:
            Whether state or reason are others now than before.

        Raises:
            StreamError: The table has no such transition: a mistake in the program.
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
                    "mistake in Homeroom."
                )
            self._status = StatusSnapshot(state, reason, self._now(), detail)
            return True
