"""The students with an objection in force (R5): their faces are never compared.

Who made an objection is not part of the result.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cluster.consent.ledger import LedgerEntry, active_objections
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import consent_events
from cluster.register.faces.permissions import load_ledger

CHUNK: Final = 300


@dataclass(frozen=True, slots=True)
class Objection:
    """The objections in force for a student.

    Attributes:
        student_id: The student.
        since: When the oldest of them was recorded, UTC.
        voices: How many people object.
    """

    student_id: str
    since: datetime
    voices: int


def objections_in_force(
    session: Session, *, after: str = "", limit: int
) -> tuple[list[Objection], bool]:
    """Return the objections in force, ordered by student id, and whether there are more.

    Args:
        session: Of the records.
        after: Only students with ids after this one.
        limit: At most this many students.
    """
    found: list[Objection] = []
    while len(found) <= limit:
        students = consent_events.students_with_objections(session, after=after, limit=CHUNK)
        entries: dict[str, list[LedgerEntry]] = defaultdict(list)
        for entry in load_ledger(session, students):
            entries[entry.student_id].append(entry)
        found += [
            Objection(student_id, active[0].recorded_at, len(active))
            for student_id in students
            if (active := active_objections(entries[student_id]))
        ]
        if len(students) < CHUNK:
            break
        after = students[-1]
    return found[:limit], len(found) > limit
