"""What an entry of a register may become, in one table.

    not_recorded ──face──> unsure ──face──> proposed ──teacher, badge──> confirmed
         └───────────── teacher, badge, at any time ─────────────────────────^

A machine proposes presence and nothing else: nobody is ever marked absent by one, and nothing that
was confirmed is touched by one. A teacher who confirms a proposal leaves its method: the entry's
history says who confirmed it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from cluster.errors import RegisterError


class Status(StrEnum):
    """Whether a student was there."""

    PRESENT = "present"
    LATE = "late"
    ABSENT = "absent"
    EXCUSED = "excused"
    NOT_RECORDED = "not_recorded"


class Method(StrEnum):
    """Who says so."""

    TEACHER = "teacher"
    BADGE = "badge"
    FACE = "face"


class EntryState(StrEnum):
    """How sure it is; an entry that nobody has said anything of has none."""

    UNSURE = "unsure"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Mark:
    """What an entry says."""

    status: Status
    method: Method | None = None
    state: EntryState | None = None


BLANK: Final = Mark(Status.NOT_RECORDED)
UNSURE: Final = Mark(Status.NOT_RECORDED, Method.FACE, EntryState.UNSURE)

THERE: Final = frozenset({Status.PRESENT, Status.LATE})
ALL: Final = frozenset(Status)

ALLOWED: Final[dict[tuple[EntryState | None, Method], dict[EntryState, frozenset[Status]]]] = {
    (None, Method.FACE): {
        EntryState.UNSURE: frozenset({Status.NOT_RECORDED}),
        EntryState.PROPOSED: THERE,
    },
    (EntryState.UNSURE, Method.FACE): {
        EntryState.UNSURE: frozenset({Status.NOT_RECORDED}),
        EntryState.PROPOSED: THERE,
    },
    (EntryState.PROPOSED, Method.FACE): {EntryState.PROPOSED: THERE},
    (EntryState.CONFIRMED, Method.FACE): {},
    (None, Method.BADGE): {EntryState.CONFIRMED: THERE},
    (EntryState.UNSURE, Method.BADGE): {EntryState.CONFIRMED: THERE},
    (EntryState.PROPOSED, Method.BADGE): {EntryState.CONFIRMED: THERE},
    (EntryState.CONFIRMED, Method.BADGE): {},
    (None, Method.TEACHER): {EntryState.CONFIRMED: ALL},
    (EntryState.UNSURE, Method.TEACHER): {EntryState.CONFIRMED: ALL},
    (EntryState.PROPOSED, Method.TEACHER): {EntryState.CONFIRMED: ALL},
    (EntryState.CONFIRMED, Method.TEACHER): {EntryState.CONFIRMED: ALL},
}
"""From a state, by a method: to which states, with which status."""


def is_allowed(was: Mark, becomes: Mark) -> bool:
    """May an entry that says `was` be made to say `becomes`?"""
    if becomes.method is None or becomes.state is None:
        return False
    allowed = ALLOWED[was.state, becomes.method]
    return becomes.status in allowed.get(becomes.state, frozenset())


def confirmed(proposal: Mark) -> Mark:
    """A proposal that a teacher confirms: it stays known how it came about.

    Raises:
        RegisterError: It is no proposal.
    """
    if proposal.state is not EntryState.PROPOSED:
        raise RegisterError(f"an entry that is {proposal.state or 'untouched'} is no proposal.")
    return replace(proposal, state=EntryState.CONFIRMED)


def check_allowed(was: Mark, becomes: Mark) -> None:
    """Refuse what is not in the table.

    Raises:
        RegisterError: It says what was tried.
    """
    if not is_allowed(was, becomes):
        raise RegisterError(
            f"an entry that is {was.status} ({was.state or 'untouched'}) cannot be made "
            f"{becomes.status} ({becomes.state or 'untouched'}) by {becomes.method or 'nobody'}."
        )
