"""Exports of school systems from the samples, imported at a time of the test's choosing."""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select

from cluster.district import local_date
from cluster.records.db.database import Records
from cluster.records.db.models import LessonRow, User
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.people import members
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import import_roster
from cluster.records.timetable.files import TimetableOptions
from cluster.records.timetable.importer import import_timetable
from cluster.security.audit import HeadFile
from cluster.security.keys import KeyStore
from cluster.settings import Settings, load_settings

TODAY = datetime(2026, 11, 28, 9, tzinfo=UTC)
OPERATOR = "operator:test"


@dataclass
class SampleSchool:
    """The school of the samples, in the records.

    Attributes:
        folder: Where the samples are.
        settings: Those of the samples.
        audited: The records, with `now` as their clock.
        now: UTC.
    """

    folder: Path
    settings: Settings
    audited: AuditedRecords
    now: datetime = TODAY

    def roster(self, name: str, *, yes: bool = False) -> ImportResult:
        """Import one of the rosters."""
        return import_roster(
            self.audited,
            OPERATOR,
            self.folder / name,
            finish=lambda *_: None,
            allow_many_removals=yes,
        )

    def timetable(self, name: str, *, yes: bool = False) -> ImportResult:
        """Import one of the timetables."""
        return import_timetable(
            self.audited,
            OPERATOR,
            self.settings,
            self.folder / name,
            finish=lambda *_: None,
            options=TimetableOptions(allow_many_removals=yes),
        )

    def students(self, class_id: str, day: date) -> list[str]:
        """Return the sourcedIds of a class's students on a day."""
        with self.audited.records.reading() as session:
            ids = members(session, class_id, "student", day)
            query = select(User.sourced_id).where(User.id.in_(ids)).order_by(User.sourced_id)
            return list(session.scalars(query))

    def gone(self) -> set[str]:
        """Return the sourcedIds of those who are gone from the roster."""
        with self.audited.records.reading() as session:
            return set(session.scalars(select(User.sourced_id).where(User.gone)))

    def lessons(self) -> list[LessonRow]:
        """Return all lessons, by start."""
        with self.audited.records.reading() as session:
            return list(session.scalars(select(LessonRow).order_by(LessonRow.starts_at)))

    def lesson_days(self) -> list[str]:
        """Return the local days of all lessons."""
        return [
            local_date(self.settings, one.room_id, one.starts_at).isoformat()
            for one in self.lessons()
        ]


def open_sample_school(
    samples: Path, folder: Path, records: Records, keys: KeyStore
) -> SampleSchool:
    """Return the school of the samples, in empty records."""
    shutil.copy(samples / "school" / "homeroom.toml", folder)
    (folder / "keys").mkdir(exist_ok=True)
    head = HeadFile(folder / "keys")
    audited = AuditedRecords(records, keys, head, district="d1")
    school = SampleSchool(samples / "school", load_settings(folder / "homeroom.toml"), audited)
    audited.clock = lambda: school.now
    return school
