"""The rows of open check-ins; `checkin_counts` has the published counts of those that have ended.

Writers are serialised (`database.py`): what a writer has read stays true until it commits.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from cluster.records.db.checkin_models import CheckinRow, DeviceRow, SlipRow, TallyRow


def add(session: Session, row: CheckinRow, feelings: Iterable[str], slips: Iterable[str]) -> None:
    """Write a new check-in without answers, and the hashes of its slips."""
    session.add(row)
    session.flush()
    session.add_all(TallyRow(checkin_id=row.id, feeling=one, count=0) for one in feelings)
    session.add_all(SlipRow(checkin_id=row.id, code_hash=one, used=False) for one in slips)
    session.flush()


def by_id(session: Session, checkin_id: str) -> CheckinRow | None:
    """Return a check-in, or None."""
    return session.get(CheckinRow, checkin_id)


def of_lesson(session: Session, lesson_id: str) -> CheckinRow | None:
    """Return a lesson's check-in, whether it is open or has ended."""
    return session.scalar(select(CheckinRow).where(CheckinRow.lesson_id == lesson_id))


def with_code(session: Session, code: str) -> CheckinRow | None:
    """Return the check-in with this code on the board."""
    return session.scalar(select(CheckinRow).where(CheckinRow.code == code))


def with_slips(session: Session, now: datetime) -> list[CheckinRow]:
    """Return the open check-ins with slips."""
    query = select(CheckinRow).where(
        CheckinRow.kind == "slips", CheckinRow.ended_at.is_(None), CheckinRow.ends_at > now
    )
    return list(session.scalars(query))


def slip_of(session: Session, hashes: Collection[str]) -> SlipRow | None:
    """Return the slip with one of these hashes."""
    return session.scalar(select(SlipRow).where(SlipRow.code_hash.in_(hashes)))


def slips_of(session: Session, checkin_id: str) -> int:
    """Return how many slips a check-in has."""
    query = select(func.count()).where(SlipRow.checkin_id == checkin_id)
    return session.scalar(query.select_from(SlipRow)) or 0


def is_unused(session: Session, checkin_id: str) -> bool:
    """Whether no slip of a check-in was used, for an answer or a request for help."""
    used = select(SlipRow.code_hash).where(SlipRow.checkin_id == checkin_id, SlipRow.used)
    devices = select(DeviceRow.device_hash).where(DeviceRow.checkin_id == checkin_id)
    return all(session.scalar(query.limit(1)) is None for query in (used, devices))


def replace_slips(session: Session, checkin_id: str, slips: Iterable[str]) -> None:
    """Replace the slips of a check-in."""
    session.execute(delete(SlipRow).where(SlipRow.checkin_id == checkin_id))
    session.add_all(SlipRow(checkin_id=checkin_id, code_hash=one, used=False) for one in slips)
    session.flush()


def mark_slip_used(session: Session, slip: SlipRow) -> None:
    """Mark a slip as used."""
    slip.used = True
    session.flush()


def add_device(session: Session, checkin_id: str, device_hash: str) -> bool:
    """Add a device; return False where it exists already."""
    if session.get(DeviceRow, (checkin_id, device_hash)) is not None:
        return False
    session.add(DeviceRow(checkin_id=checkin_id, device_hash=device_hash))
    session.flush()
    return True


def increment_tally(session: Session, checkin_id: str, feeling: str) -> None:
    """Increment the tally of a feeling."""
    session.execute(
        update(TallyRow)
        .where(TallyRow.checkin_id == checkin_id, TallyRow.feeling == feeling)
        .values(count=TallyRow.count + 1)
        .execution_options(synchronize_session=False)
    )


def tallies_of(session: Session, checkin_id: str) -> dict[str, int]:
    """Return the tallies by feeling; only `cluster.checkins.suppression` may publish them (R3)."""
    query = select(TallyRow.feeling, TallyRow.count).where(TallyRow.checkin_id == checkin_id)
    return {row[0]: row[1] for row in session.execute(query)}


def past_end(session: Session, now: datetime, limit: int) -> list[str]:
    """Return the ids of check-ins that are past their end, and have not been ended."""
    query = select(CheckinRow.id).where(CheckinRow.ended_at.is_(None), CheckinRow.ends_at <= now)
    return list(session.scalars(query.order_by(CheckinRow.ends_at).limit(limit)))


def delete_answers(session: Session, checkin_id: str) -> None:
    """Delete a check-in's tallies, devices and slips."""
    for table in (TallyRow, DeviceRow, SlipRow):
        session.execute(delete(table).where(table.checkin_id == checkin_id))


def versions(session: Session, lesson_ids: Collection[str], now: datetime) -> Mapping[str, int]:
    """Return the versions of check-ins by lesson; passing the end counts as a change."""
    is_past_end = case((CheckinRow.ended_at.is_(None) & (CheckinRow.ends_at <= now), 1), else_=0)
    query = select(CheckinRow.lesson_id, CheckinRow.version + is_past_end).where(
        CheckinRow.lesson_id.in_(lesson_ids), CheckinRow.calls_until > now
    )
    return {row[0]: row[1] for row in session.execute(query)}
