"""The states of a register entry, and the table of allowed transitions (R7).

    not_recorded ──face──> unsure ──face──> proposed ──teacher, badge──> confirmed
         └───────────── teacher, badge, at any time ─────────────────────────^

A machine only proposes presence: it never marks anybody absent, and never changes a confirmed
entry. A confirmed proposal keeps its method; the entry's history has who confirmed it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cluster.errors import RegisterError


class Status(StrEnum):
    """The attendance of a student."""

    PRESENT = "present"
    LATE = "late"
    ABSENT = "absent"
    EXCUSED = "excused"
    NOT_RECORDED = "not_recorded"


class Method(StrEnum):
    """How a status was determined."""

    TEACHER = "teacher"
    BADGE = "badge"
    FACE = "face"


class EntryState(StrEnum):
    """How certain a status is; an entry with nothing recorded has none."""

    UNSURE = "unsure"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Mark:
    """The status of an entry, how it was determined, and how certain it is."""

    status: Status
    method: Method | None = None
    state: EntryState | None = None


BLANK: Final = Mark(Status.NOT_RECORDED)
UNSURE: Final = Mark(Status.NOT_RECORDED, Method.FACE, EntryState.UNSURE)

ARRIVED_STATUSES: Final = frozenset({Status.PRESENT, Status.LATE})
ALL_STATUSES: Final = frozenset(Status)

ALLOWED: Final[dict[tuple[EntryState | None, Method], dict[EntryState, frozenset[Status]]]] = {
    (None, Method.FACE): {
        EntryState.UNSURE: frozenset({Status.NOT_RECORDED}),
        EntryState.PROPOSED: ARRIVED_STATUSES,
    },
    (EntryState.UNSURE, Method.FACE): {
        EntryState.UNSURE: frozenset({Status.NOT_RECORDED}),
        EntryState.PROPOSED: ARRIVED_STATUSES,
    },
    (EntryState.PROPOSED, Method.FACE): {EntryState.PROPOSED: ARRIVED_STATUSES},
    (EntryState.CONFIRMED, Method.FACE): {},
    (None, Method.BADGE): {EntryState.CONFIRMED: ARRIVED_STATUSES},
    (EntryState.UNSURE, Method.BADGE): {EntryState.CONFIRMED: ARRIVED_STATUSES},
    (EntryState.PROPOSED, Method.BADGE): {EntryState.CONFIRMED: ARRIVED_STATUSES},
    (EntryState.CONFIRMED, Method.BADGE): {},
    (None, Method.TEACHER): {EntryState.CONFIRMED: ALL_STATUSES},
    (EntryState.UNSURE, Method.TEACHER): {EntryState.CONFIRMED: ALL_STATUSES},
    (EntryState.PROPOSED, Method.TEACHER): {EntryState.CONFIRMED: ALL_STATUSES},
    (EntryState.CONFIRMED, Method.TEACHER): {EntryState.CONFIRMED: ALL_STATUSES},
}
"""By the state before and the method: the states after, each with its statuses."""


def is_allowed(was: Mark, becomes: Mark) -> bool:
    """Whether an entry may change from `was` to `becomes`."""
    if becomes.method is None or becomes.state is None:
        return False
    allowed = ALLOWED[was.state, becomes.method]
    return becomes.status in allowed.get(becomes.state, frozenset())


def confirmed(proposal: Mark) -> Mark:
    """Return the mark of a confirmed proposal, which keeps its method.

    Raises:
        RegisterError: The mark is not a proposal.
    """
    if proposal.state is not EntryState.PROPOSED:
        raise RegisterError(f"an entry that is {proposal.state or 'untouched'} is no proposal.")
    return replace(proposal, state=EntryState.CONFIRMED)


def check_allowed(was: Mark, becomes: Mark) -> None:
    """Check that the table allows a change.

    Raises:
        RegisterError: It does not.
    """
    if not is_allowed(was, becomes):
        raise RegisterError(
            f"an entry that is {was.status} ({was.state or 'untouched'}) cannot be made "
            f"{becomes.status} ({becomes.state or 'untouched'}) by {becomes.method or 'nobody'}."
        )
