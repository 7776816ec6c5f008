"""May this student's face be compared in this lesson, now? One function answers, with the reason.

    policy file ─┐
    ledger ──────┼─> may_compare ─> yes | no, because …
    register ────┘

The ledger holds words of guardians and students, and only grows. What it comes to:

- one guardian's `grant` is enough; it names the notice's version and ends after a year at most;
- any guardian, or the student, can `object`: that ends every grant before it, and stands against
  every grant after it until who objected takes it back;
- a `withdraw` ends every grant before it, and takes back one's own objection.

When a question cannot be answered the answer is no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from cluster.register.faces.policy import Policy

LONGEST_GRANT = timedelta(days=365)


class ConsentAction(StrEnum):
    """What somebody said."""

    GRANT = "grant"
    WITHDRAW = "withdraw"
    OBJECT = "object"


class Reason(StrEnum):
    """Why the answer is what it is."""

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
class LedgerEntry:
    """One word of the ledger.

    Attributes:
        seq: Its number; words count in this order.
        student_id: About whom.
        said_by: Who said it: a guardian, or the student.
        word: What.
        notice_version: Of a grant: the notice that was read.
        recorded_at: When, UTC.
        expires_at: Of a grant: until when, UTC.
    """

    seq: int
    student_id: str
    said_by: str
    word: ConsentAction
    notice_version: str | None
    recorded_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer.

    Attributes:
        allowed: The answer.
        reason: Why.
        grant: The grant that it rests on, where it is yes.
    """

    allowed: bool
    reason: Reason
    grant: LedgerEntry | None = None

    @staticmethod
    def no(reason: Reason) -> "Decision":
        """A no."""
        return Decision(allowed=False, reason=reason)


@dataclass(frozen=True, slots=True)
class StudentFacts:
    """What the answer depends on, of one student.

    Attributes:
        student_id: Whom.
        ledger: Every word about them, by `seq`.
        guardians: Who speaks for them now.
        class_ids: The classes that they are in on that day.
    """

    student_id: str
    ledger: Sequence[LedgerEntry]
    guardians: frozenset[str]
    class_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """What the answer depends on, of the lesson's register.

    Attributes:
        class_id: Whose lesson it is.
        opened_at: UTC.
        closes_at: At the latest, UTC.
        is_open: Nobody has closed it.
    """

    class_id: str
    opened_at: datetime
    closes_at: datetime
    is_open: bool


def may_compare(
    policy: Policy | None, student: StudentFacts, register: RegisterFacts | None, now: datetime
) -> Decision:
    """May this student's face be compared in this lesson, now?

    Args:
        policy: None where there is none, or where it cannot be read.
        student: Whom.
        register: The lesson's; None where it was never opened.
        now: UTC.
    """
    if register is None or not register.is_open:
        return Decision.no(Reason.REGISTER_NOT_OPEN)
    if not register.opened_at <= now < register.closes_at:
        return Decision.no(Reason.REGISTER_NOT_OPEN)
    if register.class_id not in student.class_ids:
        return Decision.no(Reason.NOT_ENROLLED)
    return _may(policy, student, frozenset({register.class_id}), now)


def may_keep(policy: Policy | None, student: StudentFacts, now: datetime) -> Decision:
    """May a template of this student be made, or be kept? For any of their classes.

    Args:
        policy: See `may_compare`.
        student: Whom.
        now: UTC.
    """
    return _may(policy, student, student.class_ids, now)


def _may(
    policy: Policy | None, student: StudentFacts, class_ids: frozenset[str], now: datetime
) -> Decision:
    if policy is None:
        return Decision.no(Reason.POLICY_MISSING)
    decided = policy.face_roll_call
    if not decided.switched_on:
        return Decision.no(Reason.POLICY_OFF)
    if now < datetime.combine(decided.approved_on, time(), UTC):
        return Decision.no(Reason.POLICY_NOT_YET)
    if now >= datetime.combine(decided.valid_until + timedelta(days=1), time(), UTC):
        return Decision.no(Reason.POLICY_EXPIRED)
    if not class_ids & frozenset(decided.classes):
        return Decision.no(Reason.CLASS_NOT_NAMED)
    return active_grant(student, decided.notice_version, now)


def active_grant(student: StudentFacts, notice_version: str | None, now: datetime) -> Decision:
    """The grant in force, as the ledger has it.

    Args:
        student: Whom.
        notice_version: The notice that must have been read; None: any.
        now: UTC.
    """
    if objections_in(student.ledger):
        return Decision.no(Reason.OBJECTION)
    grants: list[LedgerEntry] = []
    for entry in sorted(student.ledger, key=lambda entry: entry.seq):
        if entry.word is ConsentAction.GRANT:
            grants.append(entry)
        elif entry.word is ConsentAction.OBJECT or entry.said_by in student.guardians | {
            student.student_id
        }:
            grants.clear()
        else:  # a guardian once: that takes back their own words alone
            grants = [grant for grant in grants if grant.said_by != entry.said_by]
    reason = Reason.NO_GRANT
    for grant in reversed(grants):
        against = _against(grant, student, notice_version, now)
        if against is None:
            return Decision(allowed=True, reason=Reason.GRANTED, grant=grant)
        reason = against
    return Decision.no(reason)


def objections_in(ledger: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The objections that stand, the oldest first: nobody of those who made them took them back.

    Args:
        ledger: Every word about one student.
    """
    standing: dict[str, LedgerEntry] = {}
    for entry in sorted(ledger, key=lambda entry: entry.seq):
        if entry.word is ConsentAction.OBJECT:
            standing.setdefault(entry.said_by, entry)
        else:
            standing.pop(entry.said_by, None)
    return sorted(standing.values(), key=lambda entry: entry.seq)


def _against(
    grant: LedgerEntry, student: StudentFacts, notice_version: str | None, now: datetime
) -> Reason | None:
    if grant.said_by not in student.guardians:
        return Reason.NOT_GUARDIAN
    if notice_version is not None and grant.notice_version != notice_version:
        return Reason.OTHER_NOTICE
    ends = min(grant.expires_at or grant.recorded_at, grant.recorded_at + LONGEST_GRANT)
    if not grant.recorded_at <= now < ends:
        return Reason.GRANT_EXPIRED
    return None
