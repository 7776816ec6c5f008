"""The lessons of the installation: the records own them, the settings' file is imported first.

    settings.timetable ─ changed? ─> records ─> Timetable (plain data) ─> publish, analyse, rooms

Callers get a `Timetable`; none of them opens the records for lessons by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from cluster.district import Timetable
from cluster.records.db.database import Records, open_records, records_exist, records_of
from cluster.records.roster.csv_files import BadRow
from cluster.records.roster.staging import ImportPlan, apply_plan
from cluster.records.timetable.dated_csv import as_lesson
from cluster.records.timetable.files import TimetableOptions, read_timetable_file
from cluster.records.timetable.importer import (
    import_timetable_in,
    plan_timetable,
    timetable_from_records,
)
from cluster.records.timetable.lesson_plan import NameResolver
from cluster.settings import Settings

AROUND = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LoadedTimetable:
    """The lessons of an installation.

    Attributes:
        timetable: All of them.
        bad_rows: Rows of the settings' file that were left out.
    """

    timetable: Timetable
    bad_rows: tuple[BadRow, ...] = ()


class SettingsTimetable:
    """The file that the settings key `timetable` names, imported whenever it has changed.

    So are the closures and the bell schedule that they name beside it.
    """

    def __init__(self) -> None:
        self._imported: tuple[object, ...] | None = None

    def import_if_changed(self, settings: Settings, *, now: datetime) -> tuple[BadRow, ...]:
        """Bring the records' lessons to what the file says, unless this object did so before.

        Args:
            settings: They name the file, and the records, which are created where there are none.
            now: UTC.

        Returns:
            The rows that were left out.

        Raises:
            SettingsError: The file is wrong; the message names its line.
            RosterError: The file cannot be read, or lacks too many of the lessons to come.
            RecordsError: The records cannot be opened or written.
        """
        path = settings.timetable
        if path is None:
            return ()
        options = TimetableOptions.of(settings)
        version = _version_of((path, *options.files()), options.week_a)
        if version is not None and version == self._imported:
            return ()
        records = open_records(settings)
        try:
            changes = apply_plan(
                records,
                lambda session: plan_timetable(session, settings, path, now=now, options=options),
                lambda connection, plan: _apply(records, connection, plan),
            )
        finally:
            records.close()
        self._imported = version
        return changes.bad_rows


def load_timetable(settings: Settings, *, now: datetime) -> LoadedTimetable:
    """Import the settings' file, if they name one, and return all lessons of the records.

    Raises:
        SettingsError, RosterError, RecordsError: See `SettingsTimetable.import_if_changed`.
    """
    bad_rows = SettingsTimetable().import_if_changed(settings, now=now)
    return LoadedTimetable(read_timetable(settings), bad_rows)


def read_timetable(settings: Settings, *, around: datetime | None = None) -> Timetable:
    """Return the lessons of the records; none where there are no records.

    Args:
        settings: They name the records.
        around: Only lessons within a day of this time; all unless given.

    Raises:
        RecordsError: The records cannot be opened or read.
    """
    since, until = (None, None) if around is None else (around - AROUND, around + AROUND)
    with _existing_records(settings) as records:
        if records is None:
            return Timetable()
        with records.reading() as session:
            return timetable_from_records(session, since, until)


def preview_lessons(settings: Settings, *, now: datetime) -> LoadedTimetable:
    """Return what `load_timetable` would, and change nothing.

    Raises:
        SettingsError, RosterError, RecordsError: See `SettingsTimetable.import_if_changed`.
    """
    path, options = settings.timetable, TimetableOptions.of(settings)
    with _existing_records(settings) as records:
        if path is None:
            return LoadedTimetable(read_timetable(settings))
        if records is None:
            found = read_timetable_file(path, settings, NameResolver(settings, {}), now, options)
            return LoadedTimetable(Timetable(map(as_lesson, found.lessons)), tuple(found.bad_rows))
        with records.writing() as session:
            changes = import_timetable_in(session, settings, path, now=now, options=options)
            timetable = timetable_from_records(session)
            session.rollback()
        return LoadedTimetable(timetable, changes.bad_rows)


def _version_of(paths: tuple[Path, ...], *others: object) -> tuple[object, ...] | None:
    """Return what differs once a file has changed; None where reading one will report why."""
    try:
        found = [(path, path.stat()) for path in paths]
    except OSError:
        return None
    return (*((path, one.st_mtime_ns, one.st_size) for path, one in found), *others)


def _apply(records: Records, connection: Connection, plan: ImportPlan) -> None:
    with records.writing(connection) as session:
        plan.apply(session)


@contextmanager
def _existing_records(settings: Settings) -> Iterator[Records | None]:
    """The records, opened; None where there are none, or only an empty database."""
    if not records_exist(settings):
        yield None
        return
    found = records_of(settings)
    try:
        is_empty = found.revision() is None
    finally:
        found.close()
    if is_empty:
        yield None
        return
    records = open_records(settings)
    try:
        yield records
    finally:
        records.close()
