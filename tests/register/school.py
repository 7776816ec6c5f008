"""A fictitious school in the records, with a clock that tests advance and a fake face engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from cluster.records.db import audit_log
from cluster.records.db.database import Records
from cluster.records.db.models import (
    AcademicSession,
    Course,
    Enrollment,
    Guardian,
    LessonRow,
    Org,
    SchoolClass,
    User,
)
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.people import PersonDetails, seal_details
from cluster.register.faces.consent_ledger import record_grant
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.templates import store_template
from cluster.register.service import RegisterService
from cluster.register.types import RegisterView
from cluster.security.audit import HeadFile, verify_chain
from cluster.security.keys import KeyStore
from cluster.settings import Settings
from cluster.vision.faces.base import FaceChip, FaceQuality, FaceThresholds, QualityLimits
from cluster.vision.people import BgrImage, FloatArray, People

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOTICE = "2026-1"
LESSON, CLASS, OTHER_CLASS = "lesson-1", "class-1", "class-2"
ENGINE = "numbers-1"
POLICY = """
[face_roll_call]
switched_on = true
classes = ["class-1"]
legal_basis = "explicit consent"
impact_assessment = "DPIA-2026-04"
approved_by = "the officer"
approved_on = 2026-01-01
valid_until = 2027-07-31
notice_version = "2026-1"
"""


@dataclass
class Clock:
    """A clock that only `advance` moves."""

    now: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class FakeFaceEngine:
    """A face engine for chips whose grey value is the axis of their embedding."""

    name = "numbers"
    version = ENGINE
    dimensions = 16
    thresholds = FaceThresholds(
        match_distance=0.5,
        margin=0.1,
        in_lesson=QualityLimits(1, 0, 1, 0, 255),
        in_photo=QualityLimits(1, 0, 1, 0, 255),
        source="fictitious",
    )

    def __init__(self) -> None:
        self.embedded = 0

    def faces(self, frame: BgrImage, people: People) -> list[FaceChip]:
        return self.chips(frame, people)

    def chips(self, frame: BgrImage, people: People) -> list[FaceChip]:  # noqa: ARG002
        return []

    def embed(self, chips: Sequence[FaceChip]) -> FloatArray:
        self.embedded += len(chips)
        return np.stack([embedding_of(int(chip.pixels[0, 0, 0])) for chip in chips])

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        return np.asarray(
            np.linalg.norm(embeddings[:, None] - templates[None], axis=-1), np.float32
        )


def embedding_of(number: int) -> FloatArray:
    """Return the embedding of a number; the distance between any two is √2."""
    return np.asarray(np.eye(16)[number], np.float32)


def chip_of(number: int) -> FaceChip:
    """Return a face chip of a number."""
    pixels = np.full((2, 2, 3), number, np.uint8)
    return FaceChip(pixels, FaceQuality(60, 1, 0, 1, 120), 0, (0, 0, 60, 60))


@dataclass
class School:
    """Eight students, each with a guardian, in one class; one of them is in a second class too."""

    audited: AuditedRecords
    settings: Settings
    clock: Clock
    policy: Path
    engine: FakeFaceEngine = field(default_factory=FakeFaceEngine)

    @property
    def permission(self) -> FacePermissions:
        return FacePermissions(self.settings)

    def consent(self, *numbers: int, days: float = 300) -> None:
        with self.audited.work("operator:test") as work:
            for number in numbers:
                record_grant(
                    work,
                    f"student-{number}",
                    f"guardian-{number}",
                    notice_version=NOTICE,
                    expires_at=self.clock.now + timedelta(days=days),
                )

    def store(self, *numbers: int) -> None:
        with self.audited.work("operator:test") as work:
            for number in numbers:
                store_template(work, self.permission, student(number), ENGINE, embedding_of(number))

    def open(self, lesson: str = LESSON) -> RegisterView:
        with self.audited.work(teacher(1)) as work:
            return RegisterService(work, self.settings).open(lesson)

    def show(self, lesson: str = LESSON) -> RegisterView:
        with self.audited.work(teacher(1)) as work:
            return RegisterService(work, self.settings).show(lesson)

    def verify(self) -> int:
        """Verify the audit log, and return its number of entries."""
        head = self.audited.head.read()
        with self.audited.records.reading() as session:
            entries = audit_log.entries(session)
            seq, _ = verify_chain(entries, self.audited.keys, [head] if head else [])
        return seq


def student(number: int) -> str:
    """Return the id of a student in the records."""
    return f"{number:032x}"


def guardian(number: int) -> str:
    return f"{1000 + number:032x}"


def teacher(number: int) -> str:
    return f"{2000 + number:032x}"


def create_school(
    records: Records, keys: KeyStore, folder: Path, *, students: int = 8, name: str = "Given"
) -> School:
    """Create the school in empty records.

    Args:
        records: At the latest migration.
        keys: Of the installation.
        folder: For the policy and the head of the audit log.
        students: Number of students.
        name: Prefix of everybody's given name.
    """
    clock, policy = Clock(), folder / "policy.toml"
    policy.write_text(POLICY)
    settings = Settings.model_validate(
        {
            "schools": [{"id": "hill", "name": "Hillside", "timezone": "Europe/London"}],
            "rooms": [{"id": "room-1", "school": "hill", "name": "Room 1"}],
            "registers": {"policy": policy},
        }
    )
    (folder / "keys").mkdir(exist_ok=True)
    audited = AuditedRecords(
        records, keys, HeadFile(folder / "keys"), district="district", clock=clock
    )
    with records.writing() as session:
        session.add(Org(sourced_id="hill", name="Hillside", type="school", identifier="77"))
        session.add(
            AcademicSession(
                sourced_id="y",
                title="2025-26",
                type="schoolYear",
                start_date=date(2025, 9, 1),
                end_date=date(2026, 7, 31),
                school_year="2026",
            )
        )
        session.add(Course(sourced_id="sci", title="Science", course_code="SCI7"))
        session.flush()
        for one, code in ((CLASS, "7B-SCI"), (OTHER_CLASS, "7C-SCI")):
            session.add(
                SchoolClass(
                    sourced_id=one,
                    title=code,
                    class_code=code,
                    school_sourced_id="hill",
                    course_sourced_id="sci",
                    term_sourced_ids=["y"],
                )
            )
        people = [(student(n), f"student-{n}", "student") for n in range(1, students + 1)]
        people += [(guardian(n), f"guardian-{n}", "guardian") for n in range(1, students + 1)]
        people += [(teacher(n), f"teacher-{n}", "teacher") for n in (1, 2)]
        for user_id, sourced_id, role in people:
            details = PersonDetails(f"{name} {sourced_id}", "Family", identifier=f"N{sourced_id}")
            session.add(
                User(
                    id=user_id,
                    sourced_id=sourced_id,
                    role=role,
                    enabled=True,
                    sealed=seal_details(keys, user_id, details),
                )
            )
        session.flush()
        members = [(CLASS, student(n), "student") for n in range(1, students + 1)]
        members += [(CLASS, teacher(1), "teacher"), (OTHER_CLASS, teacher(2), "teacher")]
        members += [(OTHER_CLASS, student(1), "student")]
        for class_id, user_id, role in members:
            session.add(
                Enrollment(
                    sourced_id=f"{class_id}/{user_id}",
                    class_sourced_id=class_id,
                    user_id=user_id,
                    role=role,
                )
            )
        for n in range(1, students + 1):
            session.add(Guardian(student_id=student(n), guardian_id=guardian(n)))
        for lesson, class_id, hour in ((LESSON, CLASS, 0), ("lesson-2", OTHER_CLASS, 1)):
            session.add(
                LessonRow(
                    id=lesson,
                    class_sourced_id=class_id,
                    room_id="room-1",
                    starts_at=MONDAY + timedelta(hours=hour),
                    ends_at=MONDAY + timedelta(hours=hour, minutes=45),
                )
            )
    return School(audited, settings, clock, policy)
