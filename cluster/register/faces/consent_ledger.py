"""Words into the ledger of consent, and what follows from them at once."""

from dataclasses import dataclass
from datetime import datetime

from cluster.errors import NotAllowed
from cluster.records.db.models import User
from cluster.records.db.unit_of_work import UnitOfWork
from cluster.records.repos import consent_events
from cluster.records.repos.people import guardians_of, user_of
from cluster.register.entries import take_back_faces
from cluster.register.faces.consent import LONGEST_GRANT, ConsentAction, active_grant
from cluster.register.faces.permissions import facts_of, ledger_of
from cluster.register.faces.templates import destroy
from cluster.security.audit_actions import AuditAction

AUDIT_ACTIONS = {
    ConsentAction.WITHDRAW: AuditAction.CONSENT_WITHDRAW,
    ConsentAction.OBJECT: AuditAction.CONSENT_OBJECT,
}


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """What a word came to.

    Attributes:
        seq: Its number in the ledger.
        student_id: About whom.
        template_destroyed: A template was there, and is gone.
        proposals_taken_back: Entries of registers that nobody had confirmed.
    """

    seq: int
    student_id: str
    template_destroyed: bool = False
    proposals_taken_back: int = 0


def grant(
    work: UnitOfWork, student: str, guardian: str, *, notice_version: str, expires_at: datetime
) -> LedgerResult:
    """A guardian consents to face roll call for a student.

    Args:
        work: Its session, log and actor.
        student: The student's `sourced_id`.
        guardian: The guardian's.
        notice_version: The notice that was read.
        expires_at: UTC; a year from now at most.

    Raises:
        NotFound: There is no such student or guardian.
        NotAllowed: Who speaks is no guardian of the student, or the time is too long or over.
    """
    child, speaker = user_of(work.session, student, "student"), user_of(work.session, guardian)
    if speaker.id not in _guardians(work, child):
        raise NotAllowed(f"{guardian!r} is not a guardian of {student!r}.", where="consent")
    if not work.now < expires_at <= work.now + LONGEST_GRANT:
        raise NotAllowed(
            f"a consent ends within a year of being given, and {expires_at:%Y-%m-%d} does not lie "
            "between now and then.",
            where="consent",
        )
    if not notice_version.strip():
        raise NotAllowed("a consent names the notice that was read.", where="consent")
    seq = consent_events.append(
        work.session,
        student_id=child.id,
        said_by=speaker.id,
        word=ConsentAction.GRANT,
        recorded_by=work.actor,
        recorded_at=work.now,
        notice_version=notice_version,
        expires_at=expires_at,
    )
    work.audit(
        AuditAction.CONSENT_GRANT, child.id, said_by=speaker.id, seq=seq, notice=notice_version
    )
    return LedgerResult(seq, child.id)


def withdraw(work: UnitOfWork, student: str, speaker: str) -> LedgerResult:
    """A guardian takes a consent back, or whoever objected takes the objection back.

    Raises:
        NotFound: There is no such student or speaker.
        NotAllowed: Who speaks has no say.
    """
    return _against(work, student, speaker, ConsentAction.WITHDRAW)


def object_to(work: UnitOfWork, student: str, speaker: str) -> LedgerResult:
    """A guardian, or the student, objects; it stands against every consent.

    Raises:
        NotFound: There is no such student or speaker.
        NotAllowed: Who speaks has no say.
    """
    return _against(work, student, speaker, ConsentAction.OBJECT)


def _against(work: UnitOfWork, student: str, speaker: str, word: ConsentAction) -> LedgerResult:
    child, person = user_of(work.session, student, "student"), user_of(work.session, speaker)
    if not _has_a_say(work, child, person, word):
        raise NotAllowed(
            f"{speaker!r} is neither {student!r} nor a guardian of theirs.", where="consent"
        )
    seq = consent_events.append(
        work.session,
        student_id=child.id,
        said_by=person.id,
        word=word,
        recorded_by=work.actor,
        recorded_at=work.now,
    )
    work.audit(AUDIT_ACTIONS[word], child.id, said_by=person.id, seq=seq)
    (facts,) = facts_of(work.session, [child.id], work.now.date())
    if active_grant(facts, None, work.now).allowed:  # a former guardian's word ends nothing else
        return LedgerResult(seq, child.id)
    taken_back = take_back_faces(work, child.id)
    destroyed = destroy(work, child.id, f"consent.{word}")
    return LedgerResult(seq, child.id, destroyed, taken_back)


def _has_a_say(work: UnitOfWork, child: User, person: User, word: ConsentAction) -> bool:
    if person.id == child.id or person.id in _guardians(work, child):
        return True
    # Who was a guardian once may still take back what they said then.
    said = {entry.said_by for entry in ledger_of(work.session, [child.id])}
    return word is ConsentAction.WITHDRAW and person.id in said


def _guardians(work: UnitOfWork, child: User) -> frozenset[str]:
    return guardians_of(work.session, [child.id]).get(child.id, frozenset())
