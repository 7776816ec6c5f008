"""The rows of lessons, registers, their entries, and the history of these."""

from collections.abc import Collection, Iterable, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from cluster.district import local_date
from cluster.errors import NotFound
from cluster.records.db.models import (
    MAX_LESSON_LENGTH,
    EntryChange,
    EntryRow,
    LessonRow,
    RegisterRow,
)
from cluster.settings import Settings

DAY_MARGIN = timedelta(hours=40)
"""Longer than from noon in UTC, or any local time, to all lessons of the same local date."""


def lesson_of(session: Session, lesson_id: str) -> LessonRow:
    """Return a lesson.

    Raises:
        NotFound: There is none.
    """
    lesson = session.get(LessonRow, lesson_id)
    if lesson is None:
        raise NotFound(
            f"there is no lesson {lesson_id!r}.", hint="`homeroom register lessons` lists them."
        )
    return lesson


def lessons_between(
    session: Session,
    begins: datetime,
    ends: datetime,
    *,
    rooms: Collection[str] | None = None,
    classes: Collection[str] | None = None,
) -> Sequence[LessonRow]:
    """Return the lessons that overlap an interval, by their start.

    Args:
        session: A session of the records.
        begins: The start of the interval, UTC.
        ends: Its end, UTC.
        rooms: Only lessons in these rooms, unless None.
        classes: Only lessons of these classes, unless None.
    """
    query = select(LessonRow).where(
        LessonRow.starts_at > begins - MAX_LESSON_LENGTH,
        LessonRow.starts_at < ends,
        LessonRow.ends_at > begins,
    )
    query = _restrict(query, rooms, classes)
    return list(session.scalars(query.order_by(LessonRow.starts_at, LessonRow.room_id)))


def lessons_on(
    session: Session,
    settings: Settings,
    day: date | datetime,
    *,
    rooms: Collection[str] | None = None,
    classes: Collection[str] | None = None,
) -> Sequence[LessonRow]:
    """Return the lessons that begin on a day, in the time zone of their schools.

    Args:
        session: A session of the records.
        settings: The rooms, and the time zones of schools.
        day: A date; or a timestamp, for the date that each school has at that time.
        rooms: Only lessons in these rooms, unless None.
        classes: Only lessons of these classes, unless None.
    """
    middle = day if isinstance(day, datetime) else datetime.combine(day, time(12), UTC)
    if middle.year in (MINYEAR, MAXYEAR):
        return []
    query = select(LessonRow).where(
        LessonRow.starts_at.between(middle - DAY_MARGIN, middle + DAY_MARGIN)
    )
    query = _restrict(query, rooms, classes)
    found = []
    for lesson in session.scalars(query.order_by(LessonRow.starts_at, LessonRow.room_id)):
        if lesson.room_id not in settings.rooms_by_id:
            continue
        requested = local_date(settings, lesson.room_id, day) if isinstance(day, datetime) else day
        if local_date(settings, lesson.room_id, lesson.starts_at) == requested:
            found.append(lesson)
    return found


def _restrict(
    query: Select[LessonRow],
    rooms: Collection[str] | None,
    classes: Collection[str] | None,
) -> Select[LessonRow]:
    if rooms is not None:
        query = query.where(LessonRow.room_id.in_(sorted(rooms)))
    if classes is not None:
        query = query.where(LessonRow.class_sourced_id.in_(sorted(classes)))
    return query


def register_of(session: Session, lesson_id: str, *, lock: bool = False) -> RegisterRow | None:
    """Return a lesson's register, if it was opened; `lock` locks it for the transaction."""
    query = select(RegisterRow).where(RegisterRow.lesson_id == lesson_id)
    if lock:
        query = query.with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def versions_of(session: Session, lessons: Iterable[str]) -> dict[str, int]:
    """Return the versions of the registers of some lessons; lessons without one are omitted."""
    query = select(RegisterRow.lesson_id, RegisterRow.version)
    rows = session.execute(query.where(RegisterRow.lesson_id.in_(list(lessons))))
    return {row.lesson_id: row.version for row in rows}


def progress_of(session: Session, lessons: Iterable[str]) -> dict[str, tuple[str, datetime, bool]]:
    """Return the progress of the registers of some lessons in one query, without their entries.

    Args:
        session: A session of the records.
        lessons: Ids; at most about ten thousand, the databases' limit of parameters.

    Returns:
        By lesson: the register's state, when it closes at the latest (UTC), and whether any entry
        is confirmed. Lessons without a register are omitted.
    """
    confirmed = (
        select(EntryRow.register_id)
        .where(EntryRow.register_id == RegisterRow.id, EntryRow.state == "confirmed")
        .exists()
    )
    query = select(RegisterRow.lesson_id, RegisterRow.state, RegisterRow.closes_at, confirmed)
    rows = session.execute(query.where(RegisterRow.lesson_id.in_(list(lessons))))
    return {lesson: (state, closes_at, bool(some)) for lesson, state, closes_at, some in rows}


def register_by_id(session: Session, register_id: str) -> RegisterRow:
    """Return a register, locked until the transaction ends."""
    return session.get_one(RegisterRow, register_id, with_for_update=True)


def add_register(session: Session, row: RegisterRow, entries: Sequence[EntryRow]) -> None:
    """Write a new register with its entries."""
    session.add(row)
    session.flush()
    for entry in entries:
        entry.register_id = row.id
    session.add_all(entries)
    session.flush()


def add_entry(session: Session, entry: EntryRow) -> None:
    """Write a new entry of a register."""
    session.add(entry)
    session.flush()


def increment_version(session: Session, row: RegisterRow) -> None:
    """Increment a register's version.

    Raises:
        StaleDataError: Another transaction did so first; `Records.writing` translates it.
    """
    flag_modified(row, "state")
    session.flush()


def entries_of(session: Session, register_id: str) -> list[EntryRow]:
    """Return the entries of a register."""
    query = select(EntryRow).where(EntryRow.register_id == register_id)
    return list(session.scalars(query.order_by(EntryRow.student_id)))


def add_change(
    session: Session,
    entry: EntryRow,
    *,
    was: dict[str, Any] | None,
    became: dict[str, Any],
) -> None:
    """Write a change of an entry to the history."""
    session.add(
        EntryChange(
            register_id=entry.register_id,
            student_id=entry.student_id,
            changed_at=entry.changed_at,
            changed_by=entry.changed_by,
            was=was,
            became=became,
        )
    )
    session.flush()


def changes_of(session: Session, register_id: str) -> list[EntryChange]:
    """Return the history of a register's entries, oldest first."""
    query = select(EntryChange).where(EntryChange.register_id == register_id)
    return list(session.scalars(query.order_by(EntryChange.seq)))


def remove_entries(session: Session, student_id: str) -> int:
    """Delete a student's entries in all registers, and return how many there were."""
    deleted = session.execute(
        delete(EntryRow).where(EntryRow.student_id == student_id).returning(EntryRow.register_id)
    )
    return len(deleted.all())


def entries_of_student(session: Session, student_id: str) -> list[EntryRow]:
    """Return a student's entries in all registers."""
    return list(session.scalars(select(EntryRow).where(EntryRow.student_id == student_id)))


def lesson_date(settings: Settings, lesson: LessonRow) -> date:
    """Return the date of a lesson at its school.

    Raises:
        NotFound: The settings have no such room.
    """
    return local_date(settings, lesson.room_id, lesson.starts_at)
