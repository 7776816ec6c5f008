"""The registers that cameras may serve now: found, and opened with their lesson if that is set."""

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


def live_rooms(settings: Settings) -> frozenset[str]:
    """The rooms with a camera that is read live."""
    return frozenset(camera.room for camera in settings.cameras if camera.address is not None)


def open_now(identity: AuditedRecords, rooms: Collection[str]) -> list[OpenRegister]:
    """The registers of some rooms that are open now.

    Raises:
        RecordsError: The records cannot be read.
    """
    with identity.records.reading() as session:
        return open_registers(session, rooms, identity.clock())


def may_use_faces(settings: Settings, registers: Collection[OpenRegister]) -> list[OpenRegister]:
    """Those whose class the policy names; `FacePermissions` decides for each student."""
    policy = FacePermissions(settings).policy()
    if policy is None or not policy.face_roll_call.switched_on:
        return []
    return [one for one in registers if one.class_id in policy.face_roll_call.classes]


def open_with_lessons(identity: AuditedRecords, settings: Settings, rooms: Collection[str]) -> int:
    """Open the registers of lessons that have just begun; how many.

    A lesson counts as just begun as long as a register is open. What a teacher opened before, or
    opened and closed, is left alone.

    Raises:
        RecordsError: The records cannot be read or written.
    """
    begun_within = timedelta(minutes=settings.registers.minutes)
    with identity.records.reading() as session:
        lessons = lessons_without_register(
            session, rooms, identity.clock(), begun_within=begun_within
        )
    opened = 0
    for lesson_id in lessons:
        try:
            with identity.work(ACTOR) as work:
                RegisterService(work, settings).open_if_new(lesson_id)
        except RegisterError as error:  # it ended, or a teacher was faster
            logger.info("a register was not opened with its lesson: %s", error.code)
        else:
            opened += 1
    return opened
