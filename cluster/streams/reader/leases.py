"""Until when faces may be cut of which camera, and under which tickets.

    a register renews ─> lease(ticket, until) ─> runs ─> over by itself
                                                  └────> ended: the ticket is void for good

A lease says until when as a moment in UTC, so that a call that was long on its way is void when
it arrives, whatever has closed meanwhile. Several registers may be open in one room: a camera holds
a lease for each. A ticket says nothing; nobody learns here who asked.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

MAX_LEASE_SECONDS = 10.0
"""A lease runs no longer than this from its arrival, also where the clock here is wrong."""

ENDED_TICKET_SECONDS = 60.0
"""A ticket that was ended is remembered so long: what was sent before it ended is over by then."""


@dataclass(frozen=True, slots=True)
class _Lease:
    """A lease; both are seconds of the monotonic clock."""

    begins: float
    ends: float


class Leases:
    """The leases of one reader. Pure: times are passed in, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._leases: dict[str, dict[str, _Lease]] = defaultdict(dict)
        self._void: dict[str, float] = {}

    def renew(self, camera_id: str, ticket: str, seconds: float, now: float) -> bool:
        """Begin a lease, or let it run on.

        Args:
            camera_id: Whose faces.
            ticket: Under which they are sent.
            seconds: What remains of it; nothing where the call came too late.
            now: When the call arrived.

        Returns:
            Whether it runs: it came in time, and its ticket was not ended before.
        """
        self._expire(now)
        if seconds <= 0 or ticket in self._void:
            return False
        ends = now + min(seconds, MAX_LEASE_SECONDS)
        running = self._leases[camera_id].get(ticket, _Lease(now, ends))
        # A renewal that was overtaken by a later one takes nothing back.
        self._leases[camera_id][ticket] = replace(running, ends=max(running.ends, ends))
        return True

    def end(self, ticket: str, now: float) -> None:
        """End a ticket for good: no renewal that comes later brings it back."""
        self._expire(now)
        self._void[ticket] = now + ENDED_TICKET_SECONDS
        for leases in self._leases.values():
            leases.pop(ticket, None)

    def forget(self, camera_id: str) -> None:
        """Drop the leases of a camera that is no longer read."""
        self._leases.pop(camera_id, None)

    def runs(self, camera_id: str, now: float) -> bool:
        """Whether faces of a camera may be cut now."""
        return bool(self.tickets(camera_id, now, now))

    def tickets(self, camera_id: str, taken_at: float, now: float) -> list[str]:
        """The tickets under which faces of a picture may be sent.

        Args:
            camera_id: Of which camera the picture is.
            taken_at: When it was taken.
            now: The present; a lease has to run at both.
        """
        leases = self._leases.get(camera_id, {})
        return [t for t, lease in leases.items() if lease.begins <= taken_at and now < lease.ends]

    def _expire(self, now: float) -> None:
        """Forget what is over."""
        for camera_id, leases in list(self._leases.items()):
            running = {ticket: lease for ticket, lease in leases.items() if now < lease.ends}
            if running:
                self._leases[camera_id] = running
            else:
                del self._leases[camera_id]
        self._void = {ticket: until for ticket, until in self._void.items() if now < until}
