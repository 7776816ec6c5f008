"""The register on the command line, with real faces, of students with consent (R4, R5)."""

import base64
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.cli.demo_register import show_register
from cluster.demo.face_policy import policy_text
from cluster.demo.sample_roster import SCIENCE, write_sample_roster
from cluster.errors import SettingsError
from cluster.settings import load_settings
from tests.cli.command import Homeroom
from tests.conftest import write_video

SETTINGS = """
[[schools]]
id = "hillside-school"
name = "Hillside School"
timezone = "Europe/London"
[[rooms]]
id = "room-12"
school = "hillside-school"
name = "Room 12"
[registers]
policy = "policy.toml"
"""
BY = "--by=teacher-1"
UNTIL = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()


@pytest.fixture
def lesson(homeroom: Homeroom) -> str:
    """The id of a running lesson of the sample class; the policy is in force."""
    Path("homeroom.toml").write_text(SETTINGS)
    now = datetime.now(UTC)
    write_sample_roster(Path("roster"), today=now.date())
    Path("policy.toml").write_text(policy_text(SCIENCE, now.date()))
    begins, ends = now - timedelta(minutes=2), now + timedelta(minutes=40)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", "BEGIN:VEVENT", "UID:one"]
    lines += [f"DTSTART:{begins:%Y%m%dT%H%M00Z}", f"DTEND:{ends:%Y%m%dT%H%M00Z}"]
    lines += ["LOCATION:room-12", f"SUMMARY:{SCIENCE}", "END:VEVENT", "END:VCALENDAR", ""]
    Path("today.ics").write_text("\r\n".join(lines))
    assert homeroom("roster", "import", "roster").code == 0
    assert homeroom("roster", "timetable", "today.ics").code == 0
    date = f"--date={begins.date()}"
    (one,) = homeroom("register", "lessons", date, "--json").json
    return str(one["lesson"])


def statuses(answer: dict[str, object]) -> dict[str, str]:
    entries = answer["entries"]
    assert isinstance(entries, list)
    return {
        entry["student"]: f"{entry['status']} {entry['state'] or ''}".strip() for entry in entries
    }


def agree(homeroom: Homeroom, student: str, guardian: str) -> None:
    answer = homeroom(
        "consent", "grant", student, f"--said-by={guardian}", "--notice=2026-1", f"--until={UNTIL}"
    )
    assert answer.code == 0, answer.err


def video_of(image: Path, video: Path, seconds: float = 7) -> Path:
    frame = np.asarray(cv2.imread(str(image)), np.uint8)
    height, width = (side // 2 * 2 for side in frame.shape[:2])
    frames = repeat(np.ascontiguousarray(frame[:height, :width]), round(seconds * 4))
    return write_video(video, rate=4, size=(width, height), frames=iter(frames))


@pytest.mark.samples
def test_students_with_consent_are_proposed_from_a_real_clip_and_a_stranger_is_not(
    homeroom: Homeroom, lesson: str, samples: Path, tmp_path: Path
) -> None:
    faces = samples / "faces"
    agree(homeroom, "student-1", "guardian-1")
    agree(homeroom, "student-3", "guardian-2")
    assert homeroom("face", "register", "student-1", str(faces / "obama.jpg")).code == 0
    assert homeroom("face", "register", "student-3", str(faces / "alex-lacamoire.png")).code == 0
    assert homeroom("register", "open", lesson, BY).code == 0
    clip = video_of(faces / "obama2.jpg", tmp_path / "one.mp4")
    watched = homeroom("register", "watch", f"--lesson={lesson}", f"--video={clip}", BY, "--json")
    assert watched.code == 0, watched.err
    found = statuses(watched.json)
    assert found.pop("student-1") == "present proposed"
    assert set(found.values()) == {"not_recorded"}
    stranger = video_of(faces / "biden.jpg", tmp_path / "two.mp4")
    watched = homeroom(
        "register", "watch", f"--lesson={lesson}", f"--video={stranger}", BY, "--json"
    )
    found = statuses(watched.json)
    assert found.pop("student-1") == "present proposed"
    assert set(found.values()) == {"not_recorded"}
    version = f"--version={watched.json['version']}"
    confirmed = homeroom("register", "confirm", lesson, BY, version, "--json")
    assert statuses(confirmed.json)["student-1"] == "present confirmed"
    late = homeroom("register", "confirm", lesson, BY, version)
    assert late.code == 1
    assert late.stderr_contains("somebody else changed it in between")
    assert homeroom("audit", "verify").stderr_contains("every link holds")
    Path("new.key").write_text(base64.b64encode(b"n" * 32).decode())
    Path("new.key").chmod(0o600)
    rotated = homeroom("face", "rotate-keys", "--new-master=new.key", "--json")
    assert rotated.json["students"] == 2
    assert rotated.json["rewrapped"] >= 5
    assert homeroom("roster", "list", f"--class={SCIENCE}").code == 1
    with Path("homeroom.toml").open("a") as stream:
        stream.write('[security]\nmaster_key_file = "new.key"\n')
    assert homeroom("roster", "list", f"--class={SCIENCE}").code == 0


@pytest.mark.samples
def test_without_consent_no_photo_is_read(homeroom: Homeroom, lesson: str, tmp_path: Path) -> None:
    assert lesson
    refused = homeroom("face", "register", "student-1", str(tmp_path / "none.jpg"))
    assert refused.code == 1
    assert refused.stderr_contains("no guardian has consented")


@pytest.mark.samples
def test_a_photo_without_one_clear_face_is_rejected_with_an_explanation(
    homeroom: Homeroom, lesson: str, samples: Path, tmp_path: Path
) -> None:
    assert lesson
    agree(homeroom, "student-1", "guardian-1")
    (tmp_path / "text.jpg").write_text("no picture")
    for photo, message in (
        (samples / "faces" / "obama_and_biden.jpg", "faces"),
        (samples / "classroom-hand-raised.png", ""),
        (tmp_path / "text.jpg", "not a readable image"),
        (tmp_path / "none.jpg", "cannot be read"),
    ):
        refused = homeroom("face", "register", "student-1", str(photo))
        assert refused.code == 1
        assert refused.stderr_contains(message)
    both = [str(samples / "faces" / name) for name in ("obama.jpg", "biden.jpg")]
    refused = homeroom("face", "register", "student-1", *both)
    assert refused.stderr_contains("do not show the same face")


def test_a_whole_register_by_hand_and_badge(homeroom: Homeroom, lesson: str) -> None:
    assert homeroom("badge", "print", f"--class={SCIENCE}", "--out=badges.html").code == 0
    assert Path("badges.html").stat().st_mode & 0o077 == 0
    assert homeroom("register", "open", lesson, BY).code == 0
    marked = homeroom(
        "register", "mark", lesson, "student-2=absent", "--rest=present", BY, "--json"
    )
    found = statuses(marked.json)
    assert found.pop("student-2") == "absent confirmed"
    assert set(found.values()) == {"present confirmed"}
    assert homeroom("register", "close", lesson, BY).code == 0
    assert homeroom("register", "mark", lesson, "student-2=excused", BY).code == 0
    assert "student-2: absent" in homeroom("register", "history", lesson, BY).out
    exported = homeroom("register", "export", lesson, BY)
    assert exported.out.count("present") == 7
    assert "student-2" in exported.out
    events = homeroom("register", "export", lesson, BY, "--format=ed-fi").json
    assert len(events) == 8


def test_invalid_arguments_are_reported_and_change_nothing(homeroom: Homeroom, lesson: str) -> None:
    for arguments, message in (
        (["register", "open", "no-lesson", BY], "there is no lesson"),
        (["register", "open", lesson, "--by=nobody"], "there is no user"),
        (["register", "open", lesson, "--by=teacher-2"], "must teach the class"),
        (["register", "show", lesson, BY], "has not been opened"),
        (["register", "mark", lesson, "student-1", BY], "is not STUDENT=STATUS"),
        (["register", "mark", lesson, "student-1=here", BY], "is not STUDENT=STATUS"),
        (["register", "mark", lesson, "student-99=present", BY], "there is no student"),
        (["register", "mark", lesson, "--badge=x", BY], "no badge of this district"),
        (
            ["consent", "grant", "student-1", "--said-by=guardian-9", "--notice=1", "--until=x"],
            "not a date",
        ),
        (["consent", "object", "student-1", "--said-by=teacher-1"], "neither"),
        (["consent", "list", "--class=none"], "there is no class"),
        (["badge", "print", "--out=b.html"], "either a class or students"),
        (["erase", "[/x]"], "there is no student"),
        (["erase", "student-99"], "there is no student"),
        (["face", "download", "none"], "no known pack"),
    ):
        answer = homeroom(*arguments)
        assert answer.code == 1, arguments
        assert answer.stderr_contains(message), (arguments, answer.err)
        assert "Traceback" not in answer.err


def test_an_erased_student_is_gone_and_the_receipt_has_no_name(
    homeroom: Homeroom, lesson: str
) -> None:
    assert lesson
    agree(homeroom, "student-1", "guardian-1")
    erased = homeroom("erase", "student-1", "--receipt=receipt.txt")
    assert erased.code == 0
    assert "student-1" not in Path("receipt.txt").read_text()
    assert homeroom("erase", "student-1").code == 1
    listed = homeroom("roster", "list", f"--class={SCIENCE}", "--json").json
    assert "student-1" not in {row["student"] for row in listed}
    assert homeroom("consent", "export", "--out=ledger.csv").code == 0
    assert "student-1" not in Path("ledger.csv").read_text()


def test_the_audit_log_is_verified_against_an_exported_head(
    homeroom: Homeroom, lesson: str
) -> None:
    assert lesson
    assert homeroom("audit", "export-head", "--out=head.json").code == 0
    assert homeroom("audit", "list", "--last=3").code == 0
    assert homeroom("audit", "verify", "--head=head.json").code == 0
    assert homeroom("register", "lessons", "--date=9999-12-31", "--json").json == []
    Path("homeroom-keys/audit-head.json").rename("kept.json")
    assert homeroom("audit", "verify").stderr_contains(
        "signed head that is stored with the keys is missing"
    )
    Path("kept.json").rename("homeroom-keys/audit-head.json")
    Path("odd.json").write_text('{"seq": 1, "mac": "x", "signature": 3, "public_key": 4}')
    assert homeroom("audit", "verify", "--head=odd.json").stderr_contains("not a signed head")
    Path("head.json").write_text(Path("head.json").read_text().replace('"seq": ', '"seq": 9'))
    broken = homeroom("audit", "verify", "--head=head.json")
    assert broken.code == 1
    assert broken.stderr_contains("signature")


def test_no_new_keys_are_created_for_records_in_use(homeroom: Homeroom, lesson: str) -> None:
    assert lesson
    Path("homeroom-keys").rename("elsewhere")
    answer = homeroom("roster", "list", f"--class={SCIENCE}")
    assert answer.code == 1
    assert answer.stderr_contains("their keys are not here")
    assert not Path("homeroom-keys").exists()


def test_the_demo_does_not_change_a_real_installation(
    lesson: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lesson
    monkeypatch.setenv("HOMEROOM_SECURITY__KEYS_DIR", str(Path("homeroom-keys").absolute()))
    before = sorted(path.name for path in Path("homeroom-keys").iterdir())
    settings = load_settings(Path("homeroom.toml"))
    with pytest.raises(SettingsError, match="in its folder"):
        show_register(Path("demo").absolute(), settings, "room-12")
    assert sorted(path.name for path in Path("homeroom-keys").iterdir()) == before


def test_consents_are_listed_with_their_reason(homeroom: Homeroom, lesson: str) -> None:
    assert lesson
    agree(homeroom, "student-1", "guardian-1")
    assert homeroom("consent", "object", "student-3", "--said-by=student-3").code == 0
    rows = homeroom("consent", "list", f"--class={SCIENCE}", "--json").json
    reasons = {row["student"]: row["reason"] for row in rows}
    assert reasons["student-1"] == "granted"
    assert reasons["student-2"] == "no_grant"
    assert reasons["student-3"] == "objection"
    assert homeroom("consent", "withdraw", "student-1", "--said-by=guardian-1").code == 0
    assert homeroom("face", "purge", "--json").json == {"destroyed": 0}
    assert homeroom("face", "rotate-keys", "--json").json == {"students": 0, "rewrapped": 0}
    assert homeroom("records", "upgrade", "--json").json["after"] == "0004"
