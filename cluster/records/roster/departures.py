"""Students who leave or come back: what was agreed before no longer holds (R5).

The ledgers get a withdrawal of the roster, which ends all grants before it and leaves objections
as they are: a student who comes back is asked anew.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from cluster.consent.ledger import ROSTER
from cluster.records.db.checkin_models import AgreementEvent
from cluster.records.db.models import ConsentEvent
from cluster.records.repos import agreement_events, consent_events
from cluster.records.roster.staging import chunks


def end_agreements(session: Session, students: Iterable[str], *, now: datetime, actor: str) -> int:
    """Withdraw what was agreed to for students who have left, or who have come back.

    Args:
        session: With the writers' lock.
        students: Their ids.
        now: UTC.
        actor: Who imports.

    Returns:
        How many withdrawals were recorded.
    """
    ended = 0
    for chunk in chunks(sorted(students)):
        for student_id in _with_open_grants(session, ConsentEvent, "grant", chunk):
            consent_events.append(
                session,
                student_id=student_id,
                said_by=ROSTER,
                word="withdraw",
                recorded_by=actor,
                recorded_at=now,
            )
            ended += 1
        for student_id in _with_open_grants(session, AgreementEvent, "agree", chunk):
            agreement_events.append(
                session,
                student_id=student_id,
                said_by=ROSTER,
                word="withdraw",
                recorded_by=actor,
                recorded_at=now,
            )
            ended += 1
    return ended


def _with_open_grants(
    session: Session, ledger: type[ConsentEvent | AgreementEvent], grant: str, students: list[str]
) -> list[str]:
    """Return the students with a grant after the roster's last withdrawal."""
    granted = func.max(case((ledger.word == grant, ledger.seq)))
    withdrawn = func.max(case((ledger.said_by == ROSTER, ledger.seq), else_=0))
    query = (
        select(ledger.student_id)
        .where(ledger.student_id.in_(students))
        .group_by(ledger.student_id)
        .having(granted > withdrawn)
        .order_by(ledger.student_id)
    )
    return list(session.scalars(query))
