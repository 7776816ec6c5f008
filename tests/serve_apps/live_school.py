"""A fake school with current lessons, on disk, as a deployment opens it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from cluster.demo.face_policy import policy_text
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import open_audited_records
from cluster.register.faces.consent_ledger import record_withdrawal
from cluster.register.faces.templates import store_template
from cluster.register.service import RegisterService
from cluster.register.states import EntryState, Mark
from cluster.settings import load_settings
from cluster.vision.faces.base import FaceChip
from cluster.vision.faces.dlib_engine import DlibEngine
from cluster.vision.people import BgrImage, FloatArray
from cluster.vision.pose.estimator import PoseEstimator
from tests.register.school import CLASS, School, create_school, student, teacher

SETTINGS = """
data_dir = "data"
[security]
keys_dir = "keys"
[registers]
policy = "policy.toml"
minutes = 15
open_with_lesson = {open_with_lesson}
[live]
pose_replicas = 1
[[schools]]
id = "hill"
name = "Hillside"
timezone = "Europe/London"
"""

ROOM = """
[[rooms]]
id = "{room}"
school = "hill"
name = "Room"
[[cameras]]
id = "camera-{room}"
room = "{room}"
address = "rtsp://127.0.0.1/{room}"
input_size = 640
"""


def write_settings(folder: Path, rooms: Sequence[str], *, open_with_lesson: bool = False) -> Path:
    path = folder / "homeroom.toml"
    text = SETTINGS.format(open_with_lesson=str(open_with_lesson).lower())
    path.write_text(text + "".join(ROOM.format(room=room) for room in rooms))
    return path


@contextmanager
def live_school(path: Path, rooms: Sequence[str], *, name: str = "Given") -> Iterator[School]:
    """The school of a settings file; each room has a current lesson of one class, `lesson-ROOM`."""
    settings, now = load_settings(path), datetime.now(UTC)
    with open_audited_records(settings) as audited:
        school = create_school(audited.records, audited.keys, path.parent, name=name)
        school.settings, school.clock.now = settings, now
        school.policy.write_text(policy_text(CLASS, now.date() - timedelta(days=1)))
        with audited.records.writing() as session:
            for room in rooms:
                session.add(
                    LessonRow(
                        id=f"lesson-{room}",
                        class_sourced_id=CLASS,
                        room_id=room,
                        starts_at=now - timedelta(minutes=1),
                        ends_at=now + timedelta(minutes=30),
                    )
                )
        yield school


def enrol(school: School, number: int, embedding: FloatArray) -> None:
    """Grant consent, and store a template."""
    school.clock.now = datetime.now(UTC)
    school.consent(number)
    with school.audited.work("operator:test") as work:
        store_template(work, school.permission, student(number), DlibEngine.version, embedding)


def open_register(school: School, lesson: str) -> None:
    school.clock.now = datetime.now(UTC)
    school.open(lesson)


def close_register(school: School, lesson: str) -> None:
    school.clock.now = datetime.now(UTC)
    with school.audited.work(teacher(1)) as work:
        RegisterService(work, school.settings).close(lesson)


def withdraw_consent(school: School, number: int) -> None:
    school.clock.now = datetime.now(UTC)
    with school.audited.work("operator:test") as work:
        record_withdrawal(work, f"student-{number}", f"guardian-{number}")


def marks(school: School, lesson: str) -> dict[str, Mark]:
    school.clock.now = datetime.now(UTC)
    return {entry.student_id: entry.mark for entry in school.show(lesson).entries}


def proposed(school: School, lesson: str) -> set[str]:
    return {
        student_id
        for student_id, mark in marks(school, lesson).items()
        if mark.state == EntryState.PROPOSED
    }


@dataclass
class Portraits:
    """Photos of real faces: chips of a photo, and the template of its largest face."""

    samples: Path
    engine: DlibEngine
    estimator: PoseEstimator

    def chips(self, name: str) -> list[FaceChip]:
        frame: BgrImage = np.asarray(cv2.imread(str(self.samples / "faces" / name)), np.uint8)
        return self.engine.chips(frame, self.estimator.estimate([frame])[0])

    def template(self, name: str) -> FloatArray:
        largest = max(self.chips(name), key=lambda chip: chip.quality.width_pixels)
        return np.asarray(self.engine.embed([largest])[0], np.float32)
