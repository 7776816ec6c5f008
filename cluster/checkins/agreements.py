"""Whose guardian agreed to check-ins: a ledger that only grows, for classes that need it.

- One guardian's `agree` is enough; it ends after a year at most.
- A `withdraw` by a guardian or the student ends every agreement before it; by somebody who was a
  guardian once, their own alone.
- Who is no guardian any more has not agreed.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cluster.errors import NotAllowed
from cluster.records.db.checkin_models import AgreementEvent
from cluster.records.db.models import User
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import agreement_events
from cluster.records.repos.people import guardians_of, user_of
from cluster.security.audit_actions import AuditAction

LONGEST_AGREEMENT = timedelta(days=365)
AUDIT_ACTIONS = {"agree": AuditAction.CHECKIN_AGREE, "withdraw": AuditAction.CHECKIN_WITHDRAW}


@dataclass(frozen=True, slots=True)
class Agreement:
    """A word that was recorded.

    Attributes:
        seq: Its number in the ledger.
        student_id: About whom.
        until: Until when it is in force, UTC; None of a withdrawal.
    """

    seq: int
    student_id: str
    until: datetime | None


def agree(
    work: UnitOfWork, student: str, guardian: str, *, expires_at: datetime | None = None
) -> Agreement:
    """A guardian agrees that a student takes part in check-ins.

    Args:
        work: Its session, log and actor.
        student: The student's `sourced_id`.
        guardian: The guardian's.
        expires_at: UTC; a year from now at most, and unless given.

    Raises:
        NotFound: There is no such student or guardian.
        NotAllowed: Who speaks is no guardian of the student, or the time is too long or over.
    """
    child, speaker = user_of(work.session, student, "student"), user_of(work.session, guardian)
    if speaker.id not in _guardians(work.session, child):
        raise NotAllowed(f"{guardian!r} is not a guardian of {student!r}.", where="agreement")
    until = expires_at or work.now + LONGEST_AGREEMENT
    if not work.now < until <= work.now + LONGEST_AGREEMENT:
        raise NotAllowed(
            f"an agreement ends within a year of being given, and {until:%Y-%m-%d} does not lie "
            "between now and then.",
            where="agreement",
        )
    return _add(work, child, speaker, "agree", until)


def withdraw(work: UnitOfWork, student: str, speaker: str) -> Agreement:
    """A guardian, or the student, takes agreements back. A slip that was handed out stays good.

    Raises:
        NotFound: There is no such student or speaker.
        NotAllowed: Who speaks has no say.
    """
    child, person = user_of(work.session, student, "student"), user_of(work.session, speaker)
    said = {word.said_by for word in agreement_events.of_students(work.session, [child.id])}
    if person.id not in {child.id, *_guardians(work.session, child), *said}:
        raise NotAllowed(
            f"{speaker!r} is neither {student!r} nor a guardian of theirs.", where="agreement"
        )
    return _add(work, child, person, "withdraw", None)


def in_force(session: Session, students: Collection[str], now: datetime) -> dict[str, datetime]:
    """Of some students, those with an agreement in force, and until when it is."""
    words: dict[str, list[AgreementEvent]] = defaultdict(list)
    for word in agreement_events.of_students(session, students):
        words[word.student_id].append(word)
    guardians = guardians_of(session, words)
    found = {
        student_id: _until(said, student_id, guardians.get(student_id, frozenset()), now)
        for student_id, said in words.items()
    }
    return {student_id: until for student_id, until in found.items() if until is not None}


def _until(
    words: Sequence[AgreementEvent], student_id: str, guardians: frozenset[str], now: datetime
) -> datetime | None:
    """Until when one of a student's agreements is in force; None where none is."""
    standing: list[AgreementEvent] = []
    for word in words:
        if word.word == "agree":
            standing.append(word)
        elif word.said_by in guardians | {student_id}:
            standing.clear()
        else:
            standing = [one for one in standing if one.said_by != word.said_by]
    ends = [
        min(one.expires_at or one.recorded_at, one.recorded_at + LONGEST_AGREEMENT)
        for one in standing
        if one.said_by in guardians and one.recorded_at <= now
    ]
    return max((end for end in ends if now < end), default=None)


def _add(
    work: UnitOfWork, child: User, person: User, word: str, until: datetime | None
) -> Agreement:
    seq = agreement_events.append(
        work.session,
        student_id=child.id,
        said_by=person.id,
        word=word,
        recorded_by=work.actor,
        recorded_at=work.now,
        expires_at=until,
    )
    work.audit(AUDIT_ACTIONS[word], child.id, said_by=person.id, seq=seq)
    return Agreement(seq, child.id, until)


def _guardians(session: Session, child: User) -> frozenset[str]:
    return guardians_of(session, [child.id]).get(child.id, frozenset())
