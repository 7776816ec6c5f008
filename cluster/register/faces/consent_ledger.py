"""Adding entries to the consent ledger, with the destruction that follows at once (R5)."""

from dataclasses import dataclass
from datetime import datetime

from cluster.consent.ledger import ConsentAction, is_valid_expiry, may_record
from cluster.errors import NotAllowed
from cluster.records.db.models import User
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import consent_events
from cluster.records.repos.people import guardians_of, user_of
from cluster.register.entries import retract_face_proposals
from cluster.register.faces.consent import active_grant
from cluster.register.faces.permissions import load_ledger, load_student_facts
from cluster.register.faces.templates import destroy_templates
from cluster.security.audit_actions import AuditAction

AUDIT_ACTIONS = {
    ConsentAction.WITHDRAW: AuditAction.CONSENT_WITHDRAW,
    ConsentAction.OBJECT: AuditAction.CONSENT_OBJECT,
}


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """What recording an entry has led to.

    Attributes:
        seq: The entry's number in the ledger.
        student_id: The student whom it concerns.
        template_destroyed: A template existed, and is destroyed.
        proposals_taken_back: Unconfirmed register entries that were reset.
    """

    seq: int
    student_id: str
    template_destroyed: bool = False
    proposals_taken_back: int = 0


def record_grant(
    work: UnitOfWork, student: str, guardian: str, *, notice_version: str, expires_at: datetime
) -> LedgerResult:
    """Record that a guardian consents to face roll call for a student.

    Args:
        work: Its session, audit log and actor.
        student: The student's `sourced_id`.
        guardian: The guardian's.
        notice_version: The notice that was read.
        expires_at: UTC; within a year from now.

    Raises:
        NotFound: There is no such student or guardian.
        NotAllowed: The person is not a guardian of the student, or the expiry is out of range.
    """
    child, person = user_of(work.session, student, "student"), user_of(work.session, guardian)
    if not _may_record(work, child, person, ConsentAction.GRANT):
        raise NotAllowed(f"{guardian!r} is not a guardian of {student!r}.", where="consent")
    if not is_valid_expiry(expires_at, work.now):
        raise NotAllowed(
            f"a consent ends within a year of being given, and {expires_at:%Y-%m-%d} is not "
            "between now and then.",
            where="consent",
        )
    if not notice_version.strip():
        raise NotAllowed("a consent names the notice that was read.", where="consent")
    seq = consent_events.append(
        work.session,
        student_id=child.id,
        said_by=person.id,
        word=ConsentAction.GRANT,
        recorded_by=work.actor,
        recorded_at=work.now,
        notice_version=notice_version,
        expires_at=expires_at,
    )
    work.audit(
        AuditAction.CONSENT_GRANT, child.id, said_by=person.id, seq=seq, notice=notice_version
    )
    return LedgerResult(seq, child.id)


def record_withdrawal(work: UnitOfWork, student: str, person: str) -> LedgerResult:
    """Record that a guardian withdraws a consent, or that a person withdraws their objection.

    Raises:
        NotFound: There is no such student or person.
        NotAllowed: The person may not withdraw for this student.
    """
    return _record(work, student, person, ConsentAction.WITHDRAW)


def record_objection(work: UnitOfWork, student: str, person: str) -> LedgerResult:
    """Record that a guardian, or the student, objects; no consent counts against it.

    Raises:
        NotFound: There is no such student or person.
        NotAllowed: The person may not object for this student.
    """
    return _record(work, student, person, ConsentAction.OBJECT)


def _record(work: UnitOfWork, student: str, person: str, action: ConsentAction) -> LedgerResult:
    child, user = user_of(work.session, student, "student"), user_of(work.session, person)
    if not _may_record(work, child, user, action):
        raise NotAllowed(
            f"{person!r} is neither {student!r} nor a guardian of theirs.", where="consent"
        )
    seq = consent_events.append(
        work.session,
        student_id=child.id,
        said_by=user.id,
        word=action,
        recorded_by=work.actor,
        recorded_at=work.now,
    )
    work.audit(AUDIT_ACTIONS[action], child.id, said_by=user.id, seq=seq)
    (facts,) = load_student_facts(work.session, [child.id], work.now.date())
    if active_grant(facts, None, work.now).allowed:  # a former guardian ends their own grants only
        return LedgerResult(seq, child.id)
    retracted = retract_face_proposals(work, child.id)
    destroyed = destroy_templates(work, child.id, f"consent.{action}")
    return LedgerResult(seq, child.id, destroyed, retracted)


def _may_record(work: UnitOfWork, child: User, person: User, action: ConsentAction) -> bool:
    return may_record(
        action,
        person.id,
        student_id=child.id,
        guardians=guardians_of(work.session, [child.id]).get(child.id, frozenset()),
        entries=load_ledger(work.session, [child.id]),
    )
