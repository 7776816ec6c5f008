"""The service as an operator starts it, with a lesson in front of its camera."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.cli import demo_register
from cluster.demo.face_policy import policy_text
from cluster.demo.lesson_video import HEIGHT, WIDTH, frames_of_photo, group_photo
from cluster.demo.sample_roster import SCIENCE
from cluster.records.db.unit_of_work import open_audited_records
from cluster.settings import load_settings
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.pose.estimator import PoseEstimator
from tests.conftest import write_video
from tests.serve_apps.running_service import Service, running

ADULTS = 6
STUDENTS = 8
AGREED = demo_register.AGREED
POLICY = '[registers]\npolicy = "policy.toml"\n'


@dataclass(frozen=True, slots=True)
class LiveLesson:
    """A lesson on a running service.

    Attributes:
        service: The running service.
        lesson_id: The lesson.
        token: Sign-in token of its teacher.
    """

    service: Service
    lesson_id: str
    token: str

    @property
    def path(self) -> str:
        return f"/lessons/{self.lesson_id}"


@contextmanager
def live_lesson(folder: Path, *, extra_settings: str = "") -> Iterator[LiveLesson]:
    """Run a service with six adults in front of its camera, four with consent to face roll call.

    Args:
        folder: For its data and settings.
        extra_settings: Further tables of the settings.
    """
    footage = folder / "footage" / "lesson.mp4"
    footage.parent.mkdir()
    pictures = frames_of_photo(group_photo(), 4.0, 10)
    options = {"g": "20", "preset": "ultrafast"}
    write_video(footage, frames=pictures, rate=10, size=(WIDTH, HEIGHT), options=options)
    with running(folder, [str(footage)], extra_settings=POLICY + extra_settings) as service:
        settings = load_settings(folder / "homeroom.toml")
        estimator, engine = PoseEstimator.from_settings(settings), create_face_engine(settings)
        with open_audited_records(settings) as audited:
            (folder / "policy.toml").write_text(policy_text(SCIENCE, audited.clock().date()))
            lessons = demo_register._import(audited, settings, folder, "room-1")
            demo_register._consent_and_register(audited, settings, engine, estimator)
        token = service.homeroom("token", "create", "--role", "teacher", "--user", "teacher-1")
        yield LiveLesson(service, lessons[0], token.strip())
