"""The rules of a consent ledger (R5), as pure functions over the entries about one student.

    entries (grant | withdraw | object) ─> evaluate ─> LedgerState: status, grants in force

- One guardian's grant is enough. It expires after a year at the latest.
- An objection, by any guardian or the student, ends every grant before it. It blocks every grant
  after it until the person who objected withdraws, or grants.
- A withdrawal by a guardian or the student ends every grant before it, and that person's own
  objection. A former guardian's withdrawal ends only their own grants.
- A grant by somebody who is no longer a guardian does not count.
- The roster withdraws when the student leaves: that ends every grant before it, and no objection.

Entries take effect in the order of `seq`, whatever their times are.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

MAX_GRANT_DURATION: Final = timedelta(days=365)
ROSTER: Final = "roster"
"""Who says the withdrawal that an import records of a student who leaves or comes back."""


class ConsentAction(StrEnum):
    """What a guardian or student did."""

    GRANT = "grant"
    WITHDRAW = "withdraw"
    OBJECT = "object"


class GrantStatus(StrEnum):
    """Whether a grant is in force, and if not, why."""

    GRANTED = "granted"
    OBJECTION = "objection"
    NO_GRANT = "no_grant"
    GRANT_EXPIRED = "grant_expired"
    OTHER_NOTICE = "other_notice"
    NOT_GUARDIAN = "not_guardian"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry of a ledger.

    Attributes:
        seq: Its number; entries take effect in this order.
        student_id: The student whom it concerns.
        said_by: The guardian or student who acted.
        action: What they did.
        notice_version: Of a grant: the notice that was read, where the ledger records it.
        recorded_at: UTC.
        expires_at: Of a grant: UTC.
    """

    seq: int
    student_id: str
    said_by: str
    action: ConsentAction
    notice_version: str | None
    recorded_at: datetime
    expires_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        """When a grant expires, UTC: a year after it was recorded at the latest."""
        latest = self.recorded_at + MAX_GRANT_DURATION
        return min(self.expires_at or self.recorded_at, latest)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the entries about one student amount to.

    Attributes:
        status: `GRANTED` exactly if a grant is in force.
        grants: The grants in force, the latest first.
    """

    status: GrantStatus
    grants: tuple[LedgerEntry, ...] = ()


def evaluate(
    entries: Iterable[LedgerEntry],
    *,
    student_id: str,
    guardians: Collection[str],
    now: datetime,
    notice_version: str | None = None,
) -> LedgerState:
    """Evaluate the ledger of one student.

    Args:
        entries: All entries about the student, in any order.
        student_id: The student.
        guardians: Ids of those who are guardians now.
        now: UTC.
        notice_version: The notice that must have been read; None: any.
    """
    ordered = sorted(entries, key=lambda entry: entry.seq)
    if active_objections(ordered):
        return LedgerState(GrantStatus.OBJECTION)
    status, in_force = GrantStatus.NO_GRANT, []
    for grant in reversed(_open_grants(ordered, {student_id, ROSTER, *guardians})):
        grant_status = _status_of(grant, guardians, now, notice_version)
        if grant_status is GrantStatus.GRANTED:
            in_force.append(grant)
        else:
            status = grant_status
    return LedgerState(GrantStatus.GRANTED if in_force else status, tuple(in_force))


def active_objections(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The objections that were not taken back by the person who made them, the oldest first.

    Args:
        entries: All entries about one student.
    """
    active: dict[str, LedgerEntry] = {}
    for entry in sorted(entries, key=lambda entry: entry.seq):
        if entry.action is ConsentAction.OBJECT:
            active.setdefault(entry.said_by, entry)
        else:
            active.pop(entry.said_by, None)
    return sorted(active.values(), key=lambda entry: entry.seq)


def may_record(
    action: ConsentAction,
    person_id: str,
    *,
    student_id: str,
    guardians: Collection[str],
    entries: Iterable[LedgerEntry] = (),
) -> bool:
    """Whether a person may add an entry about a student.

    Only a guardian grants; a guardian or the student withdraws and objects; a former guardian may
    still withdraw what they recorded.

    Args:
        action: What they want to record.
        person_id: Who.
        student_id: The student.
        guardians: Ids of those who are guardians now.
        entries: All entries about the student.
    """
    if person_id in guardians:
        return True
    if action is ConsentAction.GRANT:
        return False
    if person_id == student_id:
        return True
    return action is ConsentAction.WITHDRAW and person_id in {one.said_by for one in entries}


def is_valid_expiry(expires_at: datetime, now: datetime) -> bool:
    """Whether a grant that is recorded now may expire then: later, and within a year."""
    return now < expires_at <= now + MAX_GRANT_DURATION


def _open_grants(ordered: Sequence[LedgerEntry], entitled: Collection[str]) -> list[LedgerEntry]:
    """The grants that no later entry has ended."""
    grants: list[LedgerEntry] = []
    for entry in ordered:
        if entry.action is ConsentAction.GRANT:
            grants.append(entry)
        elif entry.action is ConsentAction.OBJECT or entry.said_by in entitled:
            grants.clear()
        else:  # a former guardian
            grants = [grant for grant in grants if grant.said_by != entry.said_by]
    return grants


def _status_of(
    grant: LedgerEntry, guardians: Collection[str], now: datetime, notice_version: str | None
) -> GrantStatus:
    if grant.said_by not in guardians:
        return GrantStatus.NOT_GUARDIAN
    if notice_version is not None and grant.notice_version != notice_version:
        return GrantStatus.OTHER_NOTICE
    if not grant.recorded_at <= now < grant.ends_at:
        return GrantStatus.GRANT_EXPIRED
    return GrantStatus.GRANTED
