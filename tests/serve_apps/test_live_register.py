"""A register with live face recognition: four students with consent, of whom one withdraws.

Only the names are fake: the service runs as an operator starts it, and the faces are those of the
demo's photo.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cluster.cli import demo_register
from cluster.demo.face_policy import policy_text
from cluster.demo.sample_roster import SCIENCE
from cluster.records.db.unit_of_work import open_audited_records
from cluster.settings import load_settings
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.pose.estimator import PoseEstimator
from tests.serve_apps.running_service import Service, running, until
from tests.serve_apps.test_live_service import lesson  # noqa: F401 (a fixture)

pytestmark = pytest.mark.ray

WITH_CONSENT = demo_register.AGREED


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory,
    lesson: Path,  # noqa: F811
) -> Iterator[tuple[Service, str]]:
    """A service whose school has a current lesson, and the id of the lesson."""
    folder = tmp_path_factory.mktemp("register")
    with running(
        folder, [str(lesson)], extra_settings='[registers]\npolicy = "policy.toml"\n'
    ) as service:
        settings = load_settings(folder / "homeroom.toml")
        estimator, engine = PoseEstimator.from_settings(settings), create_face_engine(settings)
        with open_audited_records(settings) as audited:
            today = audited.clock().date()
            (folder / "policy.toml").write_text(policy_text(SCIENCE, today))
            lessons = demo_register._import(audited, settings, folder, "room-1")
            demo_register._consent_and_register(audited, settings, engine, estimator)
        yield service, lessons[0]


def proposed(register: Any) -> set[str]:
    return {e["student_id"] for e in register["entries"] if e["state"] == "proposed"}


def test_faces_of_a_live_camera_are_proposed_and_confirmed(service: tuple[Service, str]) -> None:
    live, lesson_id = service
    token = live.homeroom("token", "create", "--role", "teacher", "--user", "teacher-1").strip()
    path = f"/api/lessons/{lesson_id}/register"
    with httpx.Client(
        base_url=live.url, headers={"Authorization": f"Bearer {token}"}, timeout=30
    ) as teacher:

        def register() -> Any:
            answer = teacher.get(path)
            assert answer.status_code == 200, answer.text
            return answer.json()

        room = teacher.get("/api/rooms/room-1")
        assert room.status_code == 200, room.text
        opened = teacher.post(f"{path}/open")
        assert opened.is_success, opened.text
        until(lambda: len(proposed(register())) == WITH_CONSENT, "four proposals")

        one = next(e for e in register()["entries"] if e["state"] == "proposed")
        assert one["method"] == "face"
        live.homeroom("consent", "withdraw", "student-2", *guardian_of(live))
        until(lambda: len(proposed(register())) == WITH_CONSENT - 1, "one proposal to be withdrawn")

        now = register()
        stale = teacher.post(f"{path}/confirm", json={"version": now["version"] - 1})
        assert stale.status_code == 409
        assert stale.json()["error"]["code"] == "register_changed"
        confirmed = teacher.post(f"{path}/confirm", json={"version": now["version"]})
        assert confirmed.is_success, confirmed.text
        assert proposed(register()) == set()
        assert teacher.post(f"{path}/close").is_success
        assert not register()["is_open"]


def guardian_of(service: Service) -> list[str]:
    from cluster.records.repos.people import first_guardian_of

    with (
        open_audited_records(load_settings(service.folder / "homeroom.toml")) as audited,
        audited.records.reading() as session,
    ):
        return ["--said-by", first_guardian_of(session, "student-2")]


def test_other_roles_are_denied(service: tuple[Service, str]) -> None:
    live, lesson_id = service
    path = f"/api/lessons/{lesson_id}/register"
    assert httpx.get(f"{live.url}{path}").status_code == 401
    for role in ("school_leader", "operator", "analyst"):
        answer = httpx.get(f"{live.url}{path}", headers=live.headers(role))
        assert answer.status_code == 403, role
