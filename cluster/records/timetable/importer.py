"""Imports a timetable into the records: weekly CSV or a calendar become dated lessons.

    weekly CSV | iCalendar | CSV of dated lessons  ->  lessons of the file  ->  of the records
                                     files.py              plan.py

A lesson's id is derived from its content, or given in the file, so importing the same file again
changes nothing. The file is read and compared before the writers' lock is taken
(`cluster.records.roster.staging`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from cluster.district import Lesson, Timetable
from cluster.records.db.database import Records
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.staging import ImportPlan, apply_audited, apply_here, planned
from cluster.records.timetable.files import TimetableOptions
from cluster.records.timetable.plan import TimetableImport
from cluster.settings import Settings


def preview_timetable(
    records: Records,
    settings: Settings,
    path: Path,
    *,
    now: datetime,
    options: TimetableOptions | None = None,
) -> ImportResult:
    """Return what an import would change, without changing the records.

    Raises:
        RosterError: The file cannot be read.
        RecordsError: The records cannot be reached.
    """
    anything = replace(options or TimetableOptions(), allow_many_removals=True)

    def plan(session: Session) -> ImportPlan:
        return plan_timetable(session, settings, path, now=now, options=anything)

    with planned(records, plan) as (_, found):
        return found.result


def import_timetable(
    audited: AuditedRecords,
    actor: str,
    settings: Settings,
    path: Path,
    *,
    finish: Callable[[UnitOfWork, ImportResult], None],
    options: TimetableOptions | None = None,
) -> ImportResult:
    """Import a timetable, in one short transaction.

    Args:
        audited: The records.
        actor: Who imports.
        settings: The settings with rooms and time zones.
        path: `.ics`, or CSV of weekly or dated lessons.
        finish: What belongs into the same transaction, such as the entry of the audit log.
        options: What the file does not say.

    Raises:
        RosterError: See `plan_timetable`; nothing is changed.
        RecordsError: The records cannot be reached or written.
    """

    def plan(session: Session) -> ImportPlan:
        return plan_timetable(session, settings, path, now=audited.clock(), options=options)

    return apply_audited(audited, actor, plan, finish)


def plan_timetable(
    session: Session,
    settings: Settings,
    path: Path,
    *,
    now: datetime,
    options: TimetableOptions | None = None,
) -> ImportPlan:
    """Read a timetable, and plan its import, to be applied by `staging.apply_plan`.

    Args:
        session: Reads the records; nothing waits for it.
        settings: The settings with rooms and time zones.
        path: `.ics`, or CSV of weekly or dated lessons.
        now: Lessons that have begun are kept; recurring events are expanded around it.
        options: What the file does not say.

    Raises:
        RosterError: The file cannot be read, or lacks too much.
        SettingsError: A file of dated lessons cannot be read.
    """
    return TimetableImport(session, settings, path, now, options or TimetableOptions()).plan()


def import_timetable_in(
    session: Session,
    settings: Settings,
    path: Path,
    *,
    now: datetime,
    options: TimetableOptions | None = None,
) -> ImportResult:
    """Import a timetable in a session that has the writers' lock, and keeps it all the while.

    For small files; the caller commits. See `plan_timetable`.
    """
    importing = TimetableImport(session, settings, path, now, options or TimetableOptions())
    return apply_here(session, importing.plan(), importing.staged)


def timetable_from_records(
    session: Session, since: datetime | None = None, until: datetime | None = None
) -> Timetable:
    """The lessons of the records, for finding which one is on.

    Args:
        session: Reads.
        since: Leave out what ended before.
        until: Leave out what begins after.
    """
    query = select(
        LessonRow.id,
        LessonRow.room_id,
        LessonRow.class_sourced_id,
        LessonRow.starts_at,
        LessonRow.ends_at,
    )
    if since is not None:
        query = query.where(LessonRow.ends_at >= since)
    if until is not None:
        query = query.where(LessonRow.starts_at <= until)
    return Timetable(Lesson(*row) for row in session.execute(query))
