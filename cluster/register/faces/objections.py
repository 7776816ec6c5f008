"""Which students somebody has objected for, and has not taken it back.

Faces of these are compared under no grant; who made the objection is not told.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cluster.records.db.unit_of_work import Session
from cluster.records.repos import consent_events
from cluster.register.faces.consent import LedgerEntry, objections_in
from cluster.register.faces.permissions import ledger_of

CHUNK: Final = 300


@dataclass(frozen=True, slots=True)
class Objection:
    """That an objection stands for a student.

    Attributes:
        student_id: Whom it concerns.
        since: When the oldest that stands was recorded, UTC.
        voices: How many have objected.
    """

    student_id: str
    since: datetime
    voices: int


def objections_in_force(
    session: Session, *, after: str = "", limit: int
) -> tuple[list[Objection], bool]:
    """The objections that stand, by the student's id; and whether there are more.

    Args:
        session: Of the records.
        after: Only students with ids behind this one.
        limit: So many at most.
    """
    found: list[Objection] = []
    while len(found) <= limit:
        students = consent_events.students_with_objections(session, after=after, limit=CHUNK)
        words: dict[str, list[LedgerEntry]] = defaultdict(list)
        for word in ledger_of(session, students):
            words[word.student_id].append(word)
        found += [
            Objection(student_id, standing[0].recorded_at, len(standing))
            for student_id in students
            if (standing := objections_in(words[student_id]))
        ]
        if len(students) < CHUNK:
            break
        after = students[-1]
    return found[:limit], len(found) > limit
