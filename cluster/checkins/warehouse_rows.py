"""What analysts may have of check-ins: the rows of the warehouse's `checkin_counts`.

The records are read here, through `cluster.records`; the warehouse gets finished rows and never
opens them.
"""

from typing import Any

from cluster.checkins.feelings import Feeling
from cluster.checkins.types import told_of
from cluster.records.db.database import open_records, records_exist
from cluster.records.db.unit_of_work import Session
from cluster.records.repos.checkin_counts import all_counts
from cluster.settings import Settings


def rows_to_publish(settings: Settings) -> list[dict[str, Any]]:
    """The rows of an installation; none where it has no records yet.

    Raises:
        RecordsError: The records cannot be opened or read.
    """
    if not records_exist(settings):
        return []
    records = open_records(settings)
    try:
        with records.reading() as session:
            return warehouse_rows(session, settings.privacy.k)
    finally:
        records.close()


def warehouse_rows(session: Session, k: int) -> list[dict[str, Any]]:
    """One row a lesson and feeling, of check-ins that have ended.

    Args:
        session: Reads.
        k: Where it was raised since, what was told of fewer is withheld too.
    """
    rows = []
    for counts in all_counts(session):
        told = told_of(counts.answers_told, counts.told)
        if told is not None and told.answers < k:
            told = None
        rows += [
            {
                "lesson_id": counts.lesson_id,
                "class_id": counts.class_sourced_id,
                "room_id": counts.room_id,
                "school_id": counts.school_id,
                "date": counts.day,
                "feeling": str(feeling),
                "answers": counts.answers,
                "answers_told": told.answers if told else None,
                "share_text": told.text(feeling) if told else None,
                "share": told.share(feeling) if told else None,
                "count": told.count(feeling) if told else None,
            }
            for feeling in Feeling
        ]
    return rows
