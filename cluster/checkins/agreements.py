"""Guardians' agreements to check-ins, for classes that require them: an append-only ledger.

The rules are those of `cluster.consent.ledger` (R5), without objections. A slip that was handed out
before a withdrawal stays valid.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cluster.consent.ledger import (
    MAX_GRANT_DURATION,
    ConsentAction,
    LedgerEntry,
    evaluate,
    is_valid_expiry,
    may_record,
)
from cluster.errors import NotAllowed
from cluster.records.db.models import User
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import agreement_events
from cluster.records.repos.people import guardians_of, user_of
from cluster.security.audit_actions import AuditAction

STORED_ACTIONS: Final = {"agree": ConsentAction.GRANT, "withdraw": ConsentAction.WITHDRAW}
"""The actions by the names under which the records store them."""

AUDIT_ACTIONS: Final = {
    "agree": AuditAction.CHECKIN_AGREE,
    "withdraw": AuditAction.CHECKIN_WITHDRAW,
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """An entry that was recorded.

    Attributes:
        seq: Its number in the ledger.
        student_id: The student whom it concerns.
        until: When it expires, UTC; None of a withdrawal.
    """

    seq: int
    student_id: str
    until: datetime | None


def agree(
    work: UnitOfWork, student: str, guardian: str, *, expires_at: datetime | None = None
) -> Agreement:
    """Record that a guardian agrees to a student's taking part in check-ins.

    Args:
        work: Its session, audit log and actor.
        student: The student's `sourced_id`.
        guardian: The guardian's.
        expires_at: UTC; within a year from now, which is the default.

    Raises:
        NotFound: There is no such student or guardian.
        NotAllowed: The person is not a guardian of the student, or the expiry is out of range.
    """
    child, person = user_of(work.session, student, "student"), user_of(work.session, guardian)
    if not _may_record(work, child, person, ConsentAction.GRANT):
        raise NotAllowed(f"{guardian!r} is not a guardian of {student!r}.", where="agreement")
    until = expires_at or work.now + MAX_GRANT_DURATION
    if not is_valid_expiry(until, work.now):
        raise NotAllowed(
            f"an agreement ends within a year of being given, and {until:%Y-%m-%d} is not "
            "between now and then.",
            where="agreement",
        )
    return _add(work, child, person, "agree", until)


def withdraw(work: UnitOfWork, student: str, person: str) -> Agreement:
    """Record that a guardian, or the student, withdraws agreements.

    Raises:
        NotFound: There is no such student or person.
        NotAllowed: The person may not withdraw for this student.
    """
    child, user = user_of(work.session, student, "student"), user_of(work.session, person)
    if not _may_record(work, child, user, ConsentAction.WITHDRAW):
        raise NotAllowed(
            f"{person!r} is neither {student!r} nor a guardian of theirs.", where="agreement"
        )
    return _add(work, child, user, "withdraw", None)


def in_force(session: Session, students: Collection[str], now: datetime) -> dict[str, datetime]:
    """Return which of some students have an agreement in force, and when the last one expires."""
    entries = _load(session, students)
    guardians = guardians_of(session, entries)
    found = {
        student_id: evaluate(
            entries[student_id],
            student_id=student_id,
            guardians=guardians.get(student_id, frozenset()),
            now=now,
        )
        for student_id in entries
    }
    return {
        student_id: max(grant.ends_at for grant in state.grants)
        for student_id, state in found.items()
        if state.grants
    }


def _load(session: Session, students: Collection[str]) -> dict[str, list[LedgerEntry]]:
    entries: dict[str, list[LedgerEntry]] = defaultdict(list)
    for row in agreement_events.of_students(session, students):
        entries[row.student_id].append(
            LedgerEntry(
                seq=row.seq,
                student_id=row.student_id,
                said_by=row.said_by,
                action=STORED_ACTIONS[row.word],
                notice_version=None,
                recorded_at=row.recorded_at,
                expires_at=row.expires_at,
            )
        )
    return entries


def _add(
    work: UnitOfWork, child: User, person: User, stored_action: str, until: datetime | None
) -> Agreement:
    seq = agreement_events.append(
        work.session,
        student_id=child.id,
        said_by=person.id,
        word=stored_action,
        recorded_by=work.actor,
        recorded_at=work.now,
        expires_at=until,
    )
    work.audit(AUDIT_ACTIONS[stored_action], child.id, said_by=person.id, seq=seq)
    return Agreement(seq, child.id, until)


def _may_record(work: UnitOfWork, child: User, person: User, action: ConsentAction) -> bool:
    return may_record(
        action,
        person.id,
        student_id=child.id,
        guardians=guardians_of(work.session, [child.id]).get(child.id, frozenset()),
        entries=_load(work.session, [child.id])[child.id],
    )
