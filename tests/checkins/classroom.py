"""A fictitious class of 24 students with a clock, and what its teacher and students do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from cluster import checkins
from cluster.checkins import (
    STUDENT_ACTOR,
    CheckinView,
    EndedCheckin,
    Feeling,
    HelpRequest,
    StartedCheckin,
    agreements,
)
from cluster.checkins.codes import keyed_hash
from cluster.checkins.lessons import resolve_code
from cluster.records.db import audit_log
from cluster.records.db.base import Base
from cluster.records.db.database import Records
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.security.audit import AuditEntry
from cluster.security.keys import KeyStore
from cluster.settings import Settings
from tests.register.school import CLASS, LESSON, Clock, create_school, teacher

K = 5
CLASS_SIZE = 24
OFFICE = "operator:office"


@dataclass
class Classroom:
    """Teacher 1's lesson, which runs for 45 minutes."""

    audited: AuditedRecords
    settings: Settings
    clock: Clock

    @property
    def now(self) -> datetime:
        return self.clock.now

    def configure(self, **checkin_settings: Any) -> None:
        """Change the settings of check-ins; `k` is that of `privacy`."""
        k = checkin_settings.pop("k", self.settings.privacy.k)
        self.settings = settings_of(k, **checkin_settings)

    def start(
        self, lesson: str = LESSON, *, by: int = 1, minutes: int | None = None
    ) -> StartedCheckin:
        with self.audited.work(teacher(by)) as work:
            return checkins.start(work, self.settings, lesson, minutes=minutes)

    def answer(self, code: str, feeling: Feeling, device: bytes | None = None) -> None:
        with self.audited.work(STUDENT_ACTOR) as work:
            checkins.answer(
                work, self.settings, code, device or checkins.new_device_token(), feeling
            )

    def give_answers(self, code: str, feelings: Sequence[Feeling]) -> None:
        for feeling in feelings:
            self.answer(code, feeling)

    def request_help(
        self, code: str, student_id: str | None = None, device: bytes | None = None
    ) -> None:
        with self.audited.work(STUDENT_ACTOR) as work:
            token = device or checkins.new_device_token()
            choice = None
            if student_id is not None:
                row = resolve_code(work.session, self.settings, code, work.now).row
                choice = keyed_hash(row.device_key or b"", "name", student_id.encode())
            checkins.request_help(work, self.settings, code, token, choice)

    def help_requests(self, *, by: int = 1) -> tuple[HelpRequest, ...]:
        with self.audited.work(teacher(by)) as work:
            return checkins.list_help_requests(work, self.settings, LESSON)

    def mark_seen(self, request_id: str) -> None:
        with self.audited.work(teacher(1)) as work:
            checkins.mark_seen(work, self.settings, LESSON, request_id)

    def end(self, *, by: int = 1) -> EndedCheckin | None:
        with self.audited.work(teacher(by)) as work:
            return checkins.end(work, self.settings, LESSON)

    def running(self, lesson: str = LESSON) -> CheckinView | None:
        with self.audited.records.reading() as session:
            return checkins.get_running(session, self.settings, lesson, self.now)

    def view(self) -> CheckinView:
        view = self.running()
        assert view is not None
        return view

    def version(self) -> int | None:
        with self.audited.records.reading() as session:
            return checkins.get_versions(session, [LESSON, "lesson-2"], self.now).get(LESSON)

    def agree(self, *numbers: int) -> None:
        with self.audited.work(OFFICE) as work:
            for number in numbers:
                agreements.agree(work, f"student-{number}", f"guardian-{number}")

    def audit(self, action: str) -> list[AuditEntry]:
        """Return the audit entries whose action starts with `action`."""
        with self.audited.records.reading() as session:
            return [one for one in audit_log.entries(session) if one.action.startswith(action)]

    def rows(self) -> dict[str, int]:
        """Return the number of rows of each table of check-ins."""
        with self.audited.records.reading() as session:
            return {
                name: session.scalar(select(func.count()).select_from(table)) or 0
                for name, table in Base.metadata.tables.items()
                if name.startswith("checkin")
            }


def settings_of(k: int, **checkin_settings: Any) -> Settings:
    return Settings.model_validate(
        {
            "schools": [{"id": "hill", "name": "Hillside", "timezone": "Europe/London"}],
            "rooms": [{"id": "room-1", "school": "hill", "name": "Room 1"}],
            "privacy": {"k": k},
            "checkins": checkin_settings,
        }
    )


def create_classroom(
    records: Records, keys: KeyStore, folder: Path, *, students: int = CLASS_SIZE
) -> Classroom:
    """Create the class in empty records."""
    school = create_school(records, keys, folder, students=students)
    return Classroom(school.audited, settings_of(K), school.clock)


__all__ = ["CLASS", "LESSON", "Classroom", "create_classroom"]
