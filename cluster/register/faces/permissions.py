"""Where `register.faces.consent` gets its facts from; and the question, asked of the records.

Everything that touches a face asks `FacePermissions`. Whatever goes wrong while it looks, the
answer is no.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from cluster.district import local_date
from cluster.errors import HomeroomError
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import consent_events, registers
from cluster.records.repos.class_list import classes_of
from cluster.records.repos.people import guardians_of
from cluster.register.faces.consent import (
    ConsentAction,
    Decision,
    LedgerEntry,
    Reason,
    RegisterFacts,
    StudentFacts,
    active_grant,
    may_compare,
    may_keep,
)
from cluster.register.faces.policy import Policy, load_policy
from cluster.settings import Settings


class FacePermissions:
    """Asks for faces.

    Args:
        settings: They name the policy's file, which is read anew at each question, so that
            switching it off is felt at once; and the zones of the schools.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def policy(self) -> Policy | None:
        """The policy in force; None where there is none, or where it cannot be read."""
        try:
            return load_policy(self._settings.registers.policy)
        except HomeroomError:
            return None

    def to_compare(
        self, session: Session, students: Sequence[str], lesson_id: str, *moments: datetime
    ) -> dict[str, Decision]:
        """May these students' faces be compared in this lesson, at each of these moments?

        An answer for each student: the first no, or yes.
        """
        try:
            policy, register = self.policy(), register_facts(session, lesson_id)
            lesson = registers.lesson_of(session, lesson_id)
            day = local_date(self._settings, lesson.room_id, lesson.starts_at)
            return {
                facts.student_id: _first_no(
                    [may_compare(policy, facts, register, moment) for moment in moments]
                )
                for facts in facts_of(session, students, day)
            }
        except HomeroomError:
            return dict.fromkeys(students, Decision.no(Reason.CANNOT_BE_ANSWERED))

    def to_keep(self, session: Session, student_id: str, now: datetime) -> Decision:
        """May a template of this student be made, or be kept?"""
        try:
            return may_keep(self.policy(), _facts_of_one(session, student_id, now.date()), now)
        except HomeroomError:
            return Decision.no(Reason.CANNOT_BE_ANSWERED)

    def grant_behind(self, session: Session, student_id: str, now: datetime) -> Decision:
        """Does a living grant stand behind a template that exists?

        Without a policy that can be read, comparing stops but the grant stands.
        """
        policy, student = self.policy(), _facts_of_one(session, student_id, now.date())
        if policy is None:
            return active_grant(student, None, now)
        decision = active_grant(student, policy.face_roll_call.notice_version, now)
        if not decision.allowed:
            return decision
        kept = may_keep(policy, student, now)
        ended = kept.reason in {Reason.POLICY_EXPIRED, Reason.CLASS_NOT_NAMED}
        return kept if ended else decision


def facts_of(session: Session, students: Sequence[str], day: date) -> list[StudentFacts]:
    """What the records know of some students' consent."""
    ledger: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in ledger_of(session, students):
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


def _facts_of_one(session: Session, student_id: str, day: date) -> StudentFacts:
    (facts,) = facts_of(session, [student_id], day)
    return facts


def _first_no(answers: Sequence[Decision]) -> Decision:
    return next((answer for answer in answers if not answer.allowed), answers[0])


def ledger_of(session: Session, students: Sequence[str] | None = None) -> list[LedgerEntry]:
    """The words about some students, or about all."""
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


def register_facts(session: Session, lesson_id: str) -> RegisterFacts | None:
    """What the records know of a lesson's register."""
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
