"""Rows of the warehouse's table `checkin_counts`, from check-ins that have ended.

The records are read here, through `cluster.records`; the warehouse receives finished rows and never
opens the records.
"""

from typing import Any

from cluster.checkins.feelings import Feeling
from cluster.checkins.suppression import snapshot_from_json
from cluster.records.db.database import open_records, records_exist
from cluster.records.db.unit_of_work import Session
from cluster.records.repos.checkin_counts import all_counts
from cluster.settings import Settings


def load_warehouse_rows(settings: Settings) -> list[dict[str, Any]]:
    """Return the rows of an installation; none if it has no records yet.

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
    """Return one row per lesson and feeling.

    Args:
        session: Of the records.
        k: If it was raised since a check-in, counts of fewer answers are suppressed too (R3).
    """
    rows = []
    for counts in all_counts(session):
        snapshot = snapshot_from_json(counts.answers_told, counts.told)
        if snapshot is not None and snapshot.answers < k:
            snapshot = None
        rows += [
            {
                "lesson_id": counts.lesson_id,
                "class_id": counts.class_sourced_id,
                "room_id": counts.room_id,
                "school_id": counts.school_id,
                "date": counts.day,
                "feeling": str(feeling),
                "answers": counts.answers,
                "answers_told": snapshot.answers if snapshot else None,
                "share_text": snapshot.text(feeling) if snapshot else None,
                "share": snapshot.share(feeling) if snapshot else None,
                "count": snapshot.count(feeling) if snapshot else None,
            }
            for feeling in Feeling
        ]
    return rows
