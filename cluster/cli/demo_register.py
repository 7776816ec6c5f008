"""The register's part of `homeroom demo`: a roll call that asks first.

Eight made-up students; six stand for the six adults of the photograph. Four have consent and a
template: those are proposed, and of the others nothing is said. Then one consent is withdrawn.
"""

import itertools
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from cluster.cli.console import say
from cluster.demo.face_policy import NOTICE, policy_text
from cluster.demo.lesson_video import group_photo, write_lesson
from cluster.demo.sample_roster import SCIENCE, write_sample_roster
from cluster.errors import SettingsError
from cluster.records.db import audit_log
from cluster.records.db.database import SQLITE_FILE
from cluster.records.db.unit_of_work import AuditedRecords, open_audited_records
from cluster.records.repos.people import first_guardian_of, names_of, user_of
from cluster.records.repos.registers import lessons_between
from cluster.records.roster.importer import import_roster_in
from cluster.records.roster.oneroster import open_roster
from cluster.records.timetable.importer import import_timetable_in
from cluster.register.faces.consent_ledger import record_grant, record_withdrawal
from cluster.register.faces.enrolment import embed_images
from cluster.register.faces.from_video import recognise_from_video
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.templates import store_template
from cluster.register.service import RegisterService
from cluster.register.states import EntryState
from cluster.register.types import RegisterView
from cluster.security.audit import verify_chain
from cluster.security.audit_actions import AuditAction
from cluster.settings import Settings
from cluster.vision.faces.base import FaceEngine
from cluster.vision.faces.factory import create_face_engine
from cluster.vision.people import BgrImage
from cluster.vision.pose.estimator import PoseEstimator

ACTOR = "operator:demo"
TEACHER = "teacher-1"
POLICY_FILE = "face-policy.toml"
CLIP_SECONDS = 16
AGREED = 4
HEAD_AND_SHOULDERS = 0.45
"""What is cut out of the photograph around a face, in widths of the face, on each side."""


def show_register(folder: Path, settings: Settings, room: str) -> dict[str, int]:
    """Import, ask, register, watch, withdraw, watch again; how many were proposed each time.

    Args:
        folder: The demo's.
        settings: With the policy file `POLICY_FILE` and keys in the folder.
        room: Where the lessons are.
    """
    _start_anew(folder, settings)
    estimator, engine = PoseEstimator.from_settings(settings), create_face_engine(settings)
    with open_audited_records(settings) as audited:
        now = audited.clock()
        (folder / POLICY_FILE).write_text(policy_text(SCIENCE, now.date()), encoding="utf-8")
        lessons = _import(audited, settings, folder, room)
        _consent_and_register(audited, settings, engine, estimator)
        clip = folder / "footage" / "register.mp4"
        if not clip.exists():
            write_lesson(clip, seconds=CLIP_SECONDS)
        first = _recognise(audited, settings, lessons[0], clip, engine, estimator)
        say(_format_entries(audited, first))
        with audited.work(ACTOR) as work:
            record_withdrawal(work, "student-2", first_guardian_of(work.session, "student-2"))
        say("\nThe guardian of student-2 withdraws; the template is destroyed. The next lesson:\n")
        second = _recognise(audited, settings, lessons[1], clip, engine, estimator)
        say(_format_entries(audited, second))
        with audited.records.reading() as session:
            head = audited.head.read()
            entries, _ = verify_chain(
                audit_log.entries(session), audited.keys, [head] if head else []
            )
    say(f"\nThe audit log has {entries} entries, and every link of its chain holds.")
    return {"proposed": _proposed(first), "proposed_after_withdrawal": _proposed(second)}


def _start_anew(folder: Path, settings: Settings) -> None:
    """A demo that runs again begins with empty records; it removes nothing outside its folder.

    Raises:
        SettingsError: The records or the keys lie elsewhere.
    """
    inside = (settings.records_dir, settings.security.keys_dir)
    if settings.records.url or not all(path.is_relative_to(folder) for path in inside):
        raise SettingsError(
            "the demo's records and keys must lie in its folder.", where=str(folder)
        )
    for name in (SQLITE_FILE, f"{SQLITE_FILE}-wal", f"{SQLITE_FILE}-shm"):
        (settings.records_dir / name).unlink(missing_ok=True)
    shutil.rmtree(settings.security.keys_dir, ignore_errors=True)


def _import(audited: AuditedRecords, settings: Settings, folder: Path, room: str) -> list[str]:
    """Import the roster and two lessons: one that is on, and the one after it."""
    roster, now = folder / "roster", audited.clock()
    write_sample_roster(roster, today=now.date())
    with open_roster(roster) as source, audited.work(ACTOR) as work:
        import_roster_in(work.session, audited.keys, source, now=work.now)
        work.audit(AuditAction.ROSTER_IMPORT)
    zone = settings.schools_by_id[settings.rooms_by_id[room].school].zone
    start = now.astimezone(zone).replace(second=0, microsecond=0) - timedelta(minutes=2)
    hours = [start, start + timedelta(minutes=9), start + timedelta(minutes=49)]
    lines = ["class,room,weekday,start,end,from,to"]
    lines += [_line(room, begins, ends) for begins, ends in itertools.pairwise(hours)]
    timetable = roster / "today.csv"
    timetable.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with audited.work(ACTOR) as work:
        import_timetable_in(work.session, settings, timetable, now=work.now)
        work.audit(AuditAction.ROSTER_TIMETABLE)
        found = lessons_between(work.session, now, now + timedelta(hours=1))
        return [lesson.id for lesson in found]


def _line(room: str, begins: datetime, ends: datetime) -> str:
    day = begins.date().isoformat()
    return f"{SCIENCE},{room},{begins:%A},{begins:%H:%M},{ends:%H:%M},{day},{day}"


def _consent_and_register(
    audited: AuditedRecords, settings: Settings, engine: FaceEngine, estimator: PoseEstimator
) -> None:
    permission = FacePermissions(settings)
    for number, picture in enumerate(portraits(engine, estimator), start=1):
        student = f"student-{number}"
        with audited.work(ACTOR) as work:
            guardian = first_guardian_of(work.session, student)
            ends = work.now + timedelta(days=180)
            record_grant(work, student, guardian, notice_version=NOTICE, expires_at=ends)
        embedding = embed_images(engine, estimator, {student: picture})
        with audited.work(ACTOR) as work:
            student_id = user_of(work.session, student).id
            store_template(work, permission, student_id, engine.version, embedding)


def portraits(engine: FaceEngine, estimator: PoseEstimator) -> list[BgrImage]:
    """Of the clearest faces of the photograph, cut out in memory."""
    photo = np.asarray(cv2.imread(str(group_photo())), np.uint8)
    (people,) = estimator.estimate([photo], 640)
    limits = engine.thresholds.in_photo
    clear = [f for f in engine.faces(photo, people) if limits.find_defect(f.quality) is None]
    portraits = []
    for face in clear[:AGREED]:
        left, top, right, bottom = face.box
        around = HEAD_AND_SHOULDERS * (right - left)
        rows = slice(max(0, round(top - around)), round(bottom + around))
        columns = slice(max(0, round(left - around)), round(right + around))
        portraits.append(np.ascontiguousarray(photo[rows, columns]))
    return portraits


def _recognise(
    audited: AuditedRecords,
    settings: Settings,
    lesson: str,
    clip: Path,
    engine: FaceEngine,
    estimator: PoseEstimator,
) -> RegisterView:
    with audited.records.reading() as session:
        teacher = user_of(session, TEACHER).id
    with audited.work(teacher) as work:
        RegisterService(work, settings).open(lesson)
    recognised = recognise_from_video(
        audited, settings, lesson, clip, engine=engine, estimator=estimator
    )
    with audited.work(teacher) as work:
        service = RegisterService(work, settings)
        view = service.show(lesson)
        service.close(lesson)
    return replace(view, version=recognised.register.version)


def _format_entries(audited: AuditedRecords, view: RegisterView) -> str:
    with audited.work(ACTOR) as work:
        names = names_of(work.session, work.keys, [e.student_id for e in view.entries])
        work.audit(AuditAction.REGISTER_SHOW, view.lesson_id)
    rows = sorted(
        (names[e.student_id].display_name, str(e.mark.status), str(e.mark.state or ""))
        for e in view.entries
    )
    return "\n".join(f"  {name:<22}{status:<14}{state}" for name, status, state in rows)


def _proposed(view: RegisterView) -> int:
    return sum(entry.mark.state is EntryState.PROPOSED for entry in view.entries)
