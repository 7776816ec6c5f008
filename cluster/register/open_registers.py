"""The registers that cameras may serve now, and opening them when their lesson starts."""

import logging
from collections.abc import Collection
from datetime import timedelta

from cluster.errors import RegisterError
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.records.repos.open_registers import (
    OpenRegister,
    lessons_without_register,
    open_registers,
)
from cluster.register.faces.permissions import FacePermissions
from cluster.register.service import RegisterService
from cluster.settings import Settings

ACTOR = "system:lesson-start"

logger = logging.getLogger(__name__)


def rooms_with_live_camera(settings: Settings) -> frozenset[str]:
    """Return the ids of rooms with a camera that is read live."""
    return frozenset(camera.room for camera in settings.cameras if camera.address is not None)


def find_open_registers(audited: AuditedRecords, rooms: Collection[str]) -> list[OpenRegister]:
    """Return the registers of some rooms that are open now.

    Raises:
        RecordsError: The records cannot be read.
    """
    with audited.records.reading() as session:
        return open_registers(session, rooms, audited.clock())


def filter_by_face_policy(
    settings: Settings, registers: Collection[OpenRegister]
) -> list[OpenRegister]:
    """Return the registers whose class the face policy names (R4), at most one for each room.

    A room's reader cuts faces for one register. Of classes that are taught together it is the one
    whose lesson has the first id; the others are taken by hand and by badge. `FacePermissions`
    still decides for each student.
    """
    policy = FacePermissions(settings).policy()
    if policy is None or not policy.face_roll_call.switched_on:
        return []
    by_room: dict[str, OpenRegister] = {}
    for register in sorted(registers, key=lambda one: one.lesson_id):
        if register.class_id in policy.face_roll_call.classes:
            by_room.setdefault(register.room_id, register)
    return list(by_room.values())


def open_due_registers(audited: AuditedRecords, settings: Settings, rooms: Collection[str]) -> int:
    """Open the registers of lessons that have started recently, and return how many.

    Recently is within the time that a register stays open. Registers that a teacher opened before,
    whether closed since or not, stay as they are.

    Raises:
        RecordsError: The records cannot be read or written.
    """
    started_within = timedelta(minutes=settings.registers.minutes)
    with audited.records.reading() as session:
        lessons = lessons_without_register(
            session, rooms, audited.clock(), begun_within=started_within
        )
    opened = 0
    for lesson_id in lessons:
        try:
            with audited.work(ACTOR) as work:
                RegisterService(work, settings).ensure_opened(lesson_id)
        except RegisterError as error:  # the lesson ended, or a teacher opened it first
            logger.info("a register was not opened with its lesson: %s", error.code)
        else:
            opened += 1
    return opened
