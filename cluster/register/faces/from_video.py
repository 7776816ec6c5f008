"""The face path on a video file, as if it were the camera of the lesson's room.

The file begins now: its pictures count as taken from this moment on, and only while the register
is open. Nothing of a picture is kept.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from cluster.district import camera_of_room
from cluster.errors import RegisterError
from cluster.records.db.unit_of_work import AuditedRecords
from cluster.register.faces.permissions import FacePermissions
from cluster.register.faces.recognition_session import ACTOR, FaceRecogniser
from cluster.register.service import RegisterService
from cluster.register.views import RegisterView
from cluster.settings import Settings
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.vision.faces.base import FaceChip, FaceEngine
from cluster.vision.people import BgrImage
from cluster.vision.pose.estimator import PoseEstimator

LONGEST_SIDE = 3840
"""Faces need the camera's own pixels; a larger picture is shrunk to this."""

PROPOSE_EVERY = timedelta(seconds=5)

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of it.

    Attributes:
        register: As it stands now.
        frames: How many pictures were looked at.
        compared: In how many of them faces were compared.
        reasons: Why the faces of so many students were not, at the end.
    """

    register: RegisterView
    frames: int
    compared: int
    reasons: Mapping[str, int]


def watch(
    identity: AuditedRecords,
    settings: Settings,
    lesson_id: str,
    video: Path,
    *,
    engine: FaceEngine,
    estimator: PoseEstimator,
    progress: Progress | None = None,
) -> Watched:
    """Take a lesson's register by the faces in a video.

    Args:
        identity: Records, keys and log.
        settings: How registers are taken; the room's camera, for its masks and input size.
        lesson_id: Of which lesson; its register must be open.
        video: Any file that FFmpeg reads.
        engine: Compares faces.
        estimator: Finds people.
        progress: Told the seconds of footage that were done.

    Raises:
        FootageError: The video cannot be used.
        RegisterError: The register is not open.
    """
    permission = FacePermissions(settings)
    call = FaceRecogniser(identity, settings, permission, engine, lesson_id)
    with identity.work(ACTOR) as work:
        view = RegisterService(work, settings).show(lesson_id)
    if not view.is_open:
        raise RegisterError("the register is not open.", where=lesson_id)
    camera = camera_of_room(settings, view.room_id)
    sampler = FrameSampler(
        str(video),
        rate=settings.analysis.rate,
        long_side=LONGEST_SIDE,
        masks=camera.masks if camera else (),
    )
    input_size = camera.input_size if camera else 640
    begins, frames = identity.clock(), 0
    next_proposal = begins + PROPOSE_EVERY
    for frame in sampler.frames(0.0, _seconds_left(view, begins.timestamp())):
        moment = begins + timedelta(seconds=frame.time_seconds)
        if not call.see(moment, partial(_cut, engine, estimator, frame.pixels, input_size)):
            break
        frames += 1
        if moment >= next_proposal:
            view = call.propose()
            next_proposal = moment + PROPOSE_EVERY
        if progress:
            progress(frame.time_seconds)
    reasons = call.reasons()
    with suppress(RegisterError):  # closed meanwhile: what was proposed until then stands
        if frames:
            view = call.propose()
    return Watched(view, frames, call.frames_compared, reasons)


def _cut(
    engine: FaceEngine, estimator: PoseEstimator, pixels: BgrImage, input_size: int
) -> list[FaceChip]:
    (people,) = estimator.estimate([pixels], input_size)
    return engine.chips(pixels, people)


def _seconds_left(view: RegisterView, begins: float) -> float:
    """How much of a video that begins now lies within the register."""
    return max(0.0, view.closes_at.timestamp() - begins)
