"""Face recognition on a video file, in place of the camera of the lesson's room.

The video counts as starting now: only the part within the open register is processed (R6). No frame
is stored (R8).
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
from cluster.register.types import RegisterView
from cluster.settings import INPUT_SIZES, Settings
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.vision.faces.base import FaceChip, FaceEngine
from cluster.vision.people import BgrImage
from cluster.vision.pose.estimator import PoseEstimator

MAX_SIDE_PIXELS = 3840
"""Faces need the camera's full resolution; only larger frames are shrunk."""

PROPOSAL_INTERVAL = timedelta(seconds=5)

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class VideoRecognition:
    """The result of face recognition on a video.

    Attributes:
        register: The register afterwards.
        frames: Number of frames that were processed.
        compared: Number of frames in which faces were compared.
        reasons: Why faces were not compared at the end: number of students by reason.
    """

    register: RegisterView
    frames: int
    compared: int
    reasons: Mapping[str, int]


def recognise_from_video(
    audited: AuditedRecords,
    settings: Settings,
    lesson_id: str,
    video: Path,
    *,
    engine: FaceEngine,
    estimator: PoseEstimator,
    progress: Progress | None = None,
) -> VideoRecognition:
    """Propose entries of a lesson's register by the faces in a video.

    Args:
        audited: Records, keys and audit log.
        settings: How registers are taken; the room's camera, for its masks and input size.
        lesson_id: The lesson; its register must be open.
        video: Any file that FFmpeg reads.
        engine: Compares faces.
        estimator: Finds people.
        progress: Called with the seconds of footage that are processed.

    Raises:
        FootageError: The video cannot be read.
        RegisterError: The register is not open.
    """
    permission = FacePermissions(settings)
    recogniser = FaceRecogniser(audited, settings, permission, engine, lesson_id)
    with audited.work(ACTOR) as work:
        view = RegisterService(work, settings).show(lesson_id)
    if not view.is_open:
        raise RegisterError("the register is not open.", where=lesson_id)
    camera = camera_of_room(settings, view.room_id)
    sampler = FrameSampler(
        str(video),
        rate=settings.analysis.rate,
        long_side=MAX_SIDE_PIXELS,
        masks=camera.masks if camera else (),
    )
    input_size = settings.input_size_of(camera) if camera else INPUT_SIZES[0]
    starts_at, frames = audited.clock(), 0
    next_proposal = starts_at + PROPOSAL_INTERVAL
    for frame in sampler.frames(0.0, _seconds_left(view, starts_at.timestamp())):
        captured_at = starts_at + timedelta(seconds=frame.time_seconds)
        if not recogniser.process_frame(
            captured_at, partial(_cut_chips, engine, estimator, frame.pixels, input_size)
        ):
            break
        frames += 1
        if captured_at >= next_proposal:
            view = recogniser.propose()
            next_proposal = captured_at + PROPOSAL_INTERVAL
        if progress:
            progress(frame.time_seconds)
    reasons = recogniser.denial_reasons()
    with suppress(RegisterError):  # closed meanwhile: earlier proposals remain
        if frames:
            view = recogniser.propose()
    return VideoRecognition(view, frames, recogniser.frames_compared, reasons)


def _cut_chips(
    engine: FaceEngine, estimator: PoseEstimator, pixels: BgrImage, input_size: int
) -> list[FaceChip]:
    (people,) = estimator.estimate([pixels], input_size)
    return engine.chips(pixels, people)


def _seconds_left(view: RegisterView, starts_at: float) -> float:
    """Return how much of a video that starts at a Unix time is within the register."""
    return max(0.0, view.closes_at.timestamp() - starts_at)
