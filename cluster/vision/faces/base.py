"""Faces of one frame: cut out as chips, rated, and compared by an engine.

    FaceCutter:    frame, People -> heads (from the keypoints) -> FaceChip
    FaceComparer:  FaceChip -> embed -> distances

An engine does both. In the live service they are separate: the process that reads a camera cuts,
and has no network that could compare. Nothing here knows an identity, or stores an image (R6).
There are two engines: `dlib_engine.DlibEngine` (the default) and
`insightface_engine.InsightFaceEngine`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol

import numpy as np

from cluster.errors import FaceUnclear
from cluster.vision.people import BgrImage, FloatArray, People

MIN_POINT_SCORE: Final = 0.5
"""Keypoints below this are guesses: the pose model also places eyes on the back of a head."""


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """Measurements of a face before it is compared.

    Attributes:
        width_pixels: Width of the face in the frame's own pixels.
        sharpness: Variance of the Laplacian over the variance of the image, of the grey chip at a
            common size: independent of contrast, and of the size of the chip.
        turn: Sideways distance of the nose from the middle of the eyes, in units of the distance
            between the eyes: 0 seen from the front, about 0.5 with the nose below an eye.
        point_score: Lowest score of the points that located the face, 0 to 1.
        brightness: Mean grey value, 0 to 255.
    """

    width_pixels: float
    sharpness: float
    turn: float
    point_score: float
    brightness: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceChip:
    """A face, cut out and aligned in the form that its engine compares. Never stored (R6).

    Attributes:
        pixels: (side, side, 3) uint8 BGR.
        quality: Its measurements.
        person: Index into the `People` of the frame.
        box: Left, top, right, bottom of the face in the frame's pixels.
    """

    pixels: BgrImage
    quality: FaceQuality
    person: int
    box: tuple[float, float, float, float]


class FaceDefect(StrEnum):
    """Why a face cannot be compared."""

    TOO_SMALL = "too_small"
    UNCERTAIN = "uncertain"
    TURNED_AWAY = "turned_away"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Required quality of a face; units as in `FaceQuality`."""

    min_width_pixels: float
    min_sharpness: float
    max_turn: float
    min_brightness: float
    max_brightness: float
    min_point_score: float = MIN_POINT_SCORE

    def find_defect(self, quality: FaceQuality) -> FaceDefect | None:
        """Return the first defect of a face, or `None`."""
        defects = {
            FaceDefect.TOO_SMALL: quality.width_pixels < self.min_width_pixels,
            FaceDefect.UNCERTAIN: quality.point_score < self.min_point_score,
            FaceDefect.TURNED_AWAY: quality.turn > self.max_turn,
            FaceDefect.TOO_DARK: quality.brightness < self.min_brightness,
            FaceDefect.TOO_BRIGHT: quality.brightness > self.max_brightness,
            FaceDefect.BLURRED: quality.sharpness < self.min_sharpness,
        }
        return next((defect for defect, found in defects.items() if found), None)


@dataclass(frozen=True, slots=True)
class FaceThresholds:
    """Thresholds for one engine's distances.

    Attributes:
        match_distance: Largest distance at which a face matches a student.
        margin: Smallest distance by which the second nearest template must be farther.
        in_lesson: Required quality of a face in a lesson's frame.
        in_photo: Required quality of the face of a photograph for a template.
        source: Where the thresholds come from.
    """

    match_distance: float
    margin: float
    in_lesson: QualityLimits
    in_photo: QualityLimits
    source: str


@dataclass(frozen=True, slots=True)
class FaceEngineSpec:
    """What a process must know of an engine to work with its embeddings, without its network.

    The live service embeds in one process and compares in another: templates are decrypted only in
    the second.

    Attributes:
        name: `dlib` or `insightface`.
        version: Network and start of its checksum.
        dimensions: Length of an embedding.
        thresholds: For its distances.
        chip_side: Side of the chips that it compares, in pixels.
        metric: Of its distances; `cosine` (1 - cosine) is for embeddings of length 1.
    """

    name: str
    version: str
    dimensions: int
    thresholds: FaceThresholds
    chip_side: int
    metric: Literal["euclidean", "cosine"]

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        """Return the distances (n, m) float32 of embeddings (n, d) and templates (m, d)."""
        if self.metric == "euclidean":
            # Not at the top: few of the processes that handle faces compare them.
            from scipy.spatial.distance import cdist

            return np.asarray(cdist(embeddings, templates), np.float32)
        return np.asarray(1 - embeddings @ templates.T, np.float32).clip(0, 2)


class FaceCutter(Protocol):
    """Cuts faces out. It cannot compare any."""

    @property
    def thresholds(self) -> FaceThresholds:
        """Required quality of a face, among others."""

    def faces(self, frame: BgrImage, people: People) -> list[FaceChip]:
        """Return every face that is found, whatever its quality.

        Args:
            frame: (height, width, 3) uint8 BGR, full size.
            people: The pose model's people of this frame, in its pixels.
        """

    def chips(self, frame: BgrImage, people: People) -> list[FaceChip]:
        """Return the faces whose quality suffices for a lesson.

        Args:
            frame: (height, width, 3) uint8 BGR, full size.
            people: The pose model's people of this frame, in its pixels.
        """


class FaceComparer(Protocol):
    """Compares chips. It knows no identities."""

    @property
    def name(self) -> str:
        """`dlib` or `insightface`."""

    @property
    def version(self) -> str:
        """Network and start of its checksum; templates of two versions are never compared."""

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""

    @property
    def thresholds(self) -> FaceThresholds:
        """Thresholds for its distances."""

    def embed(self, chips: Sequence[FaceChip]) -> FloatArray:
        """Return the embeddings (n, dimensions) float32 of chips of this engine, in their order.

        Raises:
            VisionError: The network returned NaN or infinity.
        """

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        """Return the distances (n, m) float32 of embeddings (n, d) and templates (m, d)."""


class FaceEngine(FaceCutter, FaceComparer, Protocol):
    """Cuts faces out and compares them."""

    @property
    def spec(self) -> FaceEngineSpec:
        """What other processes need to know of it."""


def filter_by_quality(chips: Iterable[FaceChip], limits: QualityLimits) -> list[FaceChip]:
    """Return the chips without a defect."""
    return [chip for chip in chips if limits.find_defect(chip.quality) is None]


def find_single_face(engine: FaceEngine, frame: BgrImage, people: People) -> FaceChip:
    """Return the only clear face of a photograph for a template.

    Faces in the background that are too small to be compared in a lesson do not count.

    Args:
        engine: The engine that will embed it.
        frame: (height, width, 3) uint8 BGR.
        people: The pose model's people of this photograph.

    Raises:
        FaceUnclear: There is no face, more than one, or it is too small, turned away, too dark,
            too bright or blurred. The message says which.
    """
    faces = engine.faces(frame, people)
    min_width = engine.thresholds.in_lesson.min_width_pixels
    large = [face for face in faces if face.quality.width_pixels >= min_width]
    if len(large) > 1:
        raise FaceUnclear(
            f"the photograph shows {len(large)} faces.",
            hint="Use a photograph of one person, or crop it.",
        )
    if not faces:
        bodies = "a person" if len(people) == 1 else f"{len(people)} people"
        shown = f"{bodies}, but no face from the front" if len(people) else "nobody"
        raise FaceUnclear(
            f"the photograph shows {shown}.",
            hint="Take it from the front, with both eyes and the nose uncovered.",
        )
    face = max(faces, key=lambda face: face.quality.width_pixels)
    limits = engine.thresholds.in_photo
    defect = limits.find_defect(face.quality)
    if defect is not None:
        what, hint = _describe(defect, face.quality, limits)
        raise FaceUnclear(what, hint=hint)
    return face


def _describe(defect: FaceDefect, quality: FaceQuality, limits: QualityLimits) -> tuple[str, str]:
    """Return what is wrong with the face of a photograph, and what to do."""
    min_width = f"{limits.min_width_pixels:.0f}"
    light = "Take it in even light, with no lamp or window behind the face."
    messages = {
        FaceDefect.TOO_SMALL: (
            f"the face is {quality.width_pixels:.0f} pixels wide; at least {min_width} are needed.",
            "Take it from nearer, or use the photograph in its full size.",
        ),
        FaceDefect.UNCERTAIN: (
            "the eyes and the nose are not clearly visible.",
            "Take it from the front, with both eyes and the nose uncovered.",
        ),
        FaceDefect.TURNED_AWAY: (
            "the face is turned aside.",
            "Take it from the front, with the eyes on the camera.",
        ),
        FaceDefect.TOO_DARK: ("the face is too dark.", light),
        FaceDefect.TOO_BRIGHT: ("the face is too bright.", light),
        FaceDefect.BLURRED: (
            "the face is blurred.",
            "Hold the camera still, and wait until it has focused.",
        ),
    }
    return messages[defect]
