"""Until when faces of which camera may be cut, and under which tickets (R6).

    a register renews ─> lease(ticket, until) ─> active ─> expires by itself
                                                  └──────> ended: the ticket is void for good

A lease names its end as a time in UTC, so that a call that arrives late is void, whatever was
closed in the meantime. Several registers may be open in one room: a camera holds a lease for each.
A ticket is an opaque id; it does not say which register it belongs to.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

MAX_LEASE_SECONDS = 10.0
"""A lease ends this long after its arrival at the latest, also where the clock here is wrong."""

ENDED_TICKET_SECONDS = 60.0
"""An ended ticket is remembered this long: renewals that were sent before have expired by then."""


@dataclass(frozen=True, slots=True)
class _Lease:
    """A lease; times in seconds of the monotonic clock."""

    starts_at: float
    ends_at: float


class Leases:
    """The leases of one reader. Pure: times are passed in, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._leases: dict[str, dict[str, _Lease]] = defaultdict(dict)
        self._ended_tickets: dict[str, float] = {}

    def renew(self, camera_id: str, ticket: str, seconds: float, now: float) -> bool:
        """Start a lease, or extend it.

        Args:
            camera_id: The camera whose faces are cut.
            ticket: The ticket under which they are sent.
            seconds: Its remaining duration; not positive where the call came too late.
            now: When the call arrived.

        Returns:
            Whether it is active: the call came in time, and its ticket was not ended before.
        """
        self._expire(now)
        if seconds <= 0 or ticket in self._ended_tickets:
            return False
        ends_at = now + min(seconds, MAX_LEASE_SECONDS)
        lease = self._leases[camera_id].get(ticket, _Lease(now, ends_at))
        # A renewal that arrives after a later one must not shorten the lease.
        ends_at = max(lease.ends_at, ends_at)
        self._leases[camera_id][ticket] = replace(lease, ends_at=ends_at)
        return True

    def end(self, ticket: str, now: float) -> None:
        """End a ticket for good: no later renewal restores it."""
        self._expire(now)
        self._ended_tickets[ticket] = now + ENDED_TICKET_SECONDS
        for leases in self._leases.values():
            leases.pop(ticket, None)

    def remove_camera(self, camera_id: str) -> None:
        """Drop the leases of a camera that is no longer read."""
        self._leases.pop(camera_id, None)

    def is_active(self, camera_id: str, now: float) -> bool:
        """Whether faces of a camera may be cut now."""
        return bool(self.active_tickets(camera_id, now, now))

    def active_tickets(self, camera_id: str, taken_at: float, now: float) -> list[str]:
        """Return the tickets under which faces of a frame may be sent.

        Args:
            camera_id: The frame's camera.
            taken_at: When the frame was taken.
            now: The present; a lease must be active at both times.
        """
        leases = self._leases.get(camera_id, {})
        return [
            ticket
            for ticket, lease in leases.items()
            if lease.starts_at <= taken_at and now < lease.ends_at
        ]

    def _expire(self, now: float) -> None:
        """Remove what has expired."""
        for camera_id, leases in list(self._leases.items()):
            active = {ticket: lease for ticket, lease in leases.items() if now < lease.ends_at}
            if active:
                self._leases[camera_id] = active
            else:
                del self._leases[camera_id]
        self._ended_tickets = {t: until for t, until in self._ended_tickets.items() if now < until}
