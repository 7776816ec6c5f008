"""May this student's face be compared in this lesson, now? One function decides, with the reason.

    policy file ─────┐
    consent ledger ──┼─> may_compare ─> yes | no, and the reason
    open register ───┘

The rules of the ledger (R5) are in `cluster.consent.ledger`. What cannot be decided is denied (R4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from cluster.consent.ledger import LedgerEntry, evaluate
from cluster.register.faces.policy import Policy


class ConsentReason(StrEnum):
    """Why a face may be compared, or may not."""

    GRANTED = "granted"
    POLICY_MISSING = "policy_missing"
    POLICY_OFF = "policy_off"
    POLICY_NOT_YET = "policy_not_yet"
    POLICY_EXPIRED = "policy_expired"
    CLASS_NOT_NAMED = "class_not_named"
    NOT_ENROLLED = "not_enrolled"
    REGISTER_NOT_OPEN = "register_not_open"
    OBJECTION = "objection"
    NO_GRANT = "no_grant"
    GRANT_EXPIRED = "grant_expired"
    OTHER_NOTICE = "other_notice"
    NOT_GUARDIAN = "not_guardian"
    CANNOT_BE_ANSWERED = "cannot_be_answered"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something may be done with a student's face.

    Attributes:
        allowed: Whether it may.
        reason: Why, or why not.
        grant: The grant that allows it.
    """

    allowed: bool
    reason: ConsentReason
    grant: LedgerEntry | None = None

    @staticmethod
    def denied(reason: ConsentReason) -> "Decision":
        """Return a denial."""
        return Decision(allowed=False, reason=reason)


@dataclass(frozen=True, slots=True)
class StudentFacts:
    """What a decision depends on, of one student.

    Attributes:
        student_id: The student.
        ledger: All ledger entries about them.
        guardians: Ids of those who are guardians now.
        class_ids: The classes that they are enrolled in on that day.
    """

    student_id: str
    ledger: Sequence[LedgerEntry]
    guardians: frozenset[str]
    class_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """What a decision depends on, of the lesson's register.

    Attributes:
        class_id: The lesson's class.
        opened_at: UTC.
        closes_at: When it closes by itself, UTC.
        is_open: No teacher has closed it.
    """

    class_id: str
    opened_at: datetime
    closes_at: datetime
    is_open: bool


def may_compare(
    policy: Policy | None, student: StudentFacts, register: RegisterFacts | None, now: datetime
) -> Decision:
    """Decide whether this student's face may be compared in this lesson, now (R4, R5, R6).

    Args:
        policy: None if there is none, or if it cannot be read.
        student: The student.
        register: The lesson's register; None if it was never opened.
        now: UTC.
    """
    if register is None or not register.is_open:
        return Decision.denied(ConsentReason.REGISTER_NOT_OPEN)
    if not register.opened_at <= now < register.closes_at:
        return Decision.denied(ConsentReason.REGISTER_NOT_OPEN)
    if register.class_id not in student.class_ids:
        return Decision.denied(ConsentReason.NOT_ENROLLED)
    return _decide(policy, student, frozenset({register.class_id}), now)


def may_keep(policy: Policy | None, student: StudentFacts, now: datetime) -> Decision:
    """Decide whether a template of this student may be stored, or kept, for any of their classes.

    Args:
        policy: See `may_compare`.
        student: The student.
        now: UTC.
    """
    return _decide(policy, student, student.class_ids, now)


def _decide(
    policy: Policy | None, student: StudentFacts, class_ids: frozenset[str], now: datetime
) -> Decision:
    if policy is None:
        return Decision.denied(ConsentReason.POLICY_MISSING)
    decided = policy.face_roll_call
    if not decided.switched_on:
        return Decision.denied(ConsentReason.POLICY_OFF)
    if now < datetime.combine(decided.approved_on, time(), UTC):
        return Decision.denied(ConsentReason.POLICY_NOT_YET)
    if now >= datetime.combine(decided.valid_until + timedelta(days=1), time(), UTC):
        return Decision.denied(ConsentReason.POLICY_EXPIRED)
    if not class_ids & frozenset(decided.classes):
        return Decision.denied(ConsentReason.CLASS_NOT_NAMED)
    return active_grant(student, decided.notice_version, now)


def active_grant(student: StudentFacts, notice_version: str | None, now: datetime) -> Decision:
    """Decide by the ledger alone.

    Args:
        student: The student.
        notice_version: The notice that must have been read; None: any.
        now: UTC.
    """
    state = evaluate(
        student.ledger,
        student_id=student.student_id,
        guardians=student.guardians,
        now=now,
        notice_version=notice_version,
    )
    grant = state.grants[0] if state.grants else None
    return Decision(grant is not None, ConsentReason(state.status), grant)
