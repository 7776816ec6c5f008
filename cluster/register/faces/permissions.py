"""Permissions on faces: loads the facts from the records, and decides by `faces.consent`.

Everything that processes a face asks `FacePermissions`. If an error prevents a decision, permission
is denied (R4).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from cluster.consent.ledger import ConsentAction, LedgerEntry
from cluster.district import local_date
from cluster.errors import HomeroomError
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import consent_events, registers
from cluster.records.repos.class_list import classes_of
from cluster.records.repos.people import guardians_of
from cluster.register.faces.consent import (
    ConsentReason,
    Decision,
    RegisterFacts,
    StudentFacts,
    active_grant,
    may_compare,
    may_keep,
)
from cluster.register.faces.policy import Policy, load_policy
from cluster.settings import Settings


class FacePermissions:
    """Decides whose faces may be processed.

    Args:
        settings: They name the policy file, which is read for every decision, so that switching
            face roll call off takes effect at once; and the time zones of the schools.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def policy(self) -> Policy | None:
        """Return the policy; None if there is none, or if it cannot be read."""
        try:
            return load_policy(self._settings.registers.policy)
        except HomeroomError:
            return None

    def may_compare(
        self, session: Session, students: Sequence[str], lesson_id: str, *times: datetime
    ) -> dict[str, Decision]:
        """Decide for each student whether their face may be compared at all of these times.

        A denial is the first one; `times` are UTC.
        """
        try:
            policy, register = self.policy(), load_register_facts(session, lesson_id)
            lesson = registers.lesson_of(session, lesson_id)
            day = local_date(self._settings, lesson.room_id, lesson.starts_at)
            return {
                facts.student_id: _first_denial(
                    [may_compare(policy, facts, register, time) for time in times]
                )
                for facts in load_student_facts(session, students, day)
            }
        except HomeroomError:
            return dict.fromkeys(students, Decision.denied(ConsentReason.CANNOT_BE_ANSWERED))

    def may_keep(self, session: Session, student_id: str, now: datetime) -> Decision:
        """Decide whether a template of this student may be stored, or kept."""
        try:
            return may_keep(self.policy(), _load_facts_of(session, student_id, now.date()), now)
        except HomeroomError:
            return Decision.denied(ConsentReason.CANNOT_BE_ANSWERED)

    def may_retain(self, session: Session, student_id: str, now: datetime) -> Decision:
        """Decide whether the template of this student still has a grant in force.

        An unreadable policy stops comparisons, but does not end a grant.
        """
        policy, student = self.policy(), _load_facts_of(session, student_id, now.date())
        if policy is None:
            return active_grant(student, None, now)
        decision = active_grant(student, policy.face_roll_call.notice_version, now)
        if not decision.allowed:
            return decision
        kept = may_keep(policy, student, now)
        ended = kept.reason in {ConsentReason.POLICY_EXPIRED, ConsentReason.CLASS_NOT_NAMED}
        return kept if ended else decision


def load_student_facts(session: Session, students: Sequence[str], day: date) -> list[StudentFacts]:
    """Load what a decision depends on, for some students."""
    ledger: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in load_ledger(session, students):
        ledger[entry.student_id].append(entry)
    guardians = guardians_of(session, students)
    classes = classes_of(session, students, day)
    return [
        StudentFacts(
            student_id=student_id,
            ledger=ledger[student_id],
            guardians=guardians.get(student_id, frozenset()),
            class_ids=classes.get(student_id, frozenset()),
        )
        for student_id in students
    ]


def _load_facts_of(session: Session, student_id: str, day: date) -> StudentFacts:
    (facts,) = load_student_facts(session, [student_id], day)
    return facts


def _first_denial(decisions: Sequence[Decision]) -> Decision:
    return next((one for one in decisions if not one.allowed), decisions[0])


def load_ledger(session: Session, students: Sequence[str] | None = None) -> list[LedgerEntry]:
    """Load the ledger entries about some students, or about all."""
    return [
        LedgerEntry(
            row.seq,
            row.student_id,
            row.said_by,
            ConsentAction(row.word),
            row.notice_version,
            row.recorded_at,
            row.expires_at,
        )
        for row in consent_events.of_students(session, students)
    ]


def load_register_facts(session: Session, lesson_id: str) -> RegisterFacts | None:
    """Load what a decision depends on, of a lesson's register; None if it was never opened."""
    lesson = registers.lesson_of(session, lesson_id)
    row = registers.register_of(session, lesson_id)
    if row is None:
        return None
    return RegisterFacts(
        class_id=lesson.class_sourced_id,
        opened_at=row.opened_at,
        closes_at=row.closes_at,
        is_open=row.state == "open",
    )
