"""Faces that may be compared: what is cut out of a frame, how good it is, who compares it.

    FaceCutter:    frame, People -> heads (from the keypoints) -> FaceChip
    FaceComparer:  FaceChip -> embed -> distances

An engine does both. On a live service they are apart: whoever reads a camera cuts, and has no
network that could compare. Nothing here learns who anybody is, or keeps a picture. Two engines
exist: `faces_dlib.DlibEngine` (the default) and `faces_insightface.InsightFaceEngine`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from cluster.errors import FaceUnclear
from cluster.vision.people import Floats, People, Pixels

if TYPE_CHECKING:
    from cluster.vision.face_figures import FaceEngineSpec

LEAST_POINT_SCORE: Final = 0.5
"""Keypoints below this are guesses: the pose model places eyes on the back of a head too."""


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What can be said of a face before it is compared.

    Attributes:
        width_pixels: Width of the face in the frame's own pixels.
        sharpness: Variance of the Laplacian over the variance of the picture, of the grey chip
            at a common size: free of contrast, and of how large the chip is.
        turn: How far the nose lies aside from the middle of the eyes, in units of the distance
            between the eyes: 0 seen from the front, about 0.5 with the nose below an eye.
        point_score: The least certain of the points that the face was found by, 0 to 1.
        brightness: Mean grey value, 0 to 255.
    """

    width_pixels: float
    sharpness: float
    turn: float
    point_score: float
    brightness: float


@dataclass(frozen=True, slots=True, eq=False)
class FaceChip:
    """A face cut out upright, in the form that its engine compares. Never stored.

    Attributes:
        pixels: (side, side, 3) uint8 BGR.
        quality: How good it is.
        person: Whose it is: the index into the `People` of the frame.
        box: Left, top, right, bottom of the face in the frame's pixels.
    """

    pixels: Pixels
    quality: FaceQuality
    person: int
    box: tuple[float, float, float, float]


class FaceFault(StrEnum):
    """Why a face cannot be compared."""

    TOO_SMALL = "too_small"
    UNCERTAIN = "uncertain"
    TURNED_AWAY = "turned_away"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """What a face must reach; the units are those of `FaceQuality`."""

    least_width_pixels: float
    least_sharpness: float
    most_turn: float
    least_brightness: float
    most_brightness: float
    least_point_score: float = LEAST_POINT_SCORE

    def fault_of(self, quality: FaceQuality) -> FaceFault | None:
        """The first thing wrong with a face, or `None`."""
        faults = {
            FaceFault.TOO_SMALL: quality.width_pixels < self.least_width_pixels,
            FaceFault.UNCERTAIN: quality.point_score < self.least_point_score,
            FaceFault.TURNED_AWAY: quality.turn > self.most_turn,
            FaceFault.TOO_DARK: quality.brightness < self.least_brightness,
            FaceFault.TOO_BRIGHT: quality.brightness > self.most_brightness,
            FaceFault.BLURRED: quality.sharpness < self.least_sharpness,
        }
        return next((fault for fault, found in faults.items() if found), None)


@dataclass(frozen=True, slots=True)
class FaceThresholds:
    """The figures that belong to one engine's distances.

    Attributes:
        match_distance: The largest distance at which a face may be a student's.
        margin: By how much at least the second nearest template must be farther.
        in_lesson: What a face in a lesson's frame must reach to be compared.
        in_photo: What the face of a photograph for a template must reach.
        source: Where the figures are from.
    """

    match_distance: float
    margin: float
    in_lesson: QualityLimits
    in_photo: QualityLimits
    source: str


class FaceCutter(Protocol):
    """Cuts faces out. It cannot compare any."""

    @property
    def thresholds(self) -> FaceThresholds:
        """Among others, what a face must reach to be cut."""

    def faces(self, frame: Pixels, people: People) -> list[FaceChip]:
        """Every face that is found, however poor.

        Args:
            frame: (height, width, 3) uint8 BGR, full size.
            people: The pose model's people of this frame, in its pixels.
        """

    def chips(self, frame: Pixels, people: People) -> list[FaceChip]:
        """The faces that are good enough to be compared in a lesson.

        Args:
            frame: (height, width, 3) uint8 BGR, full size.
            people: The pose model's people of this frame, in its pixels.
        """


class FaceComparer(Protocol):
    """Says how far faces are apart that were cut out before. It knows no names."""

    @property
    def name(self) -> str:
        """`dlib` or `insightface`."""

    @property
    def version(self) -> str:
        """Network and start of its checksum: templates of two versions are never compared."""

    @property
    def dimensions(self) -> int:
        """Length of an embedding."""

    @property
    def thresholds(self) -> FaceThresholds:
        """The figures that go with its distances."""

    def embed(self, chips: Sequence[FaceChip]) -> Floats:
        """Embeddings (n, dimensions) float32 of chips of this engine, in their order.

        Raises:
            VisionError: The network gave something that is not a number.
        """

    def distances(self, embeddings: Floats, templates: Floats) -> Floats:
        """How far each embedding (n, d) is from each template (m, d): (n, m) float32."""


class FaceEngine(FaceCutter, FaceComparer, Protocol):
    """Cuts faces out and compares them."""

    @property
    def figures(self) -> "FaceEngineSpec":
        """What must be known of it where its network is not."""


def good_enough(chips: Iterable[FaceChip], limits: QualityLimits) -> list[FaceChip]:
    """The chips without a fault."""
    return [chip for chip in chips if limits.fault_of(chip.quality) is None]


def check_photo(engine: FaceEngine, frame: Pixels, people: People) -> FaceChip:
    """The one clear face of a photograph for a template.

    People far behind, whose faces are too small to be compared in any lesson, do not count.

    Args:
        engine: The one that will make the template.
        frame: (height, width, 3) uint8 BGR.
        people: The pose model's people of this photograph.

    Raises:
        FaceUnclear: There is no face, more than one, or it is too small, turned away, too dark,
            too bright or blurred. The message says which, the hint what to do.
    """
    faces = engine.faces(frame, people)
    least = engine.thresholds.in_lesson.least_width_pixels
    large = [face for face in faces if face.quality.width_pixels >= least]
    if len(large) > 1:
        raise FaceUnclear(
            f"the photograph shows {len(large)} faces.",
            hint="Use one with nobody else in it, or cut the others off.",
        )
    if not faces:
        bodies = "a person" if len(people) == 1 else f"{len(people)} people"
        seen = f"{bodies}, but no face from the front" if len(people) else "nobody"
        raise FaceUnclear(
            f"the photograph shows {seen}.",
            hint="Take it from the front, with both eyes and the nose uncovered.",
        )
    face = max(faces, key=lambda face: face.quality.width_pixels)
    limits = engine.thresholds.in_photo
    fault = limits.fault_of(face.quality)
    if fault is not None:
        what, hint = _in_words(fault, face.quality, limits)
        raise FaceUnclear(what, hint=hint)
    return face


def _in_words(fault: FaceFault, quality: FaceQuality, limits: QualityLimits) -> tuple[str, str]:
    """What is wrong with the face of a photograph, and what to do."""
    least = f"{limits.least_width_pixels:.0f}"
    light = "Take it in even light, with no lamp or window behind the face."
    sayings = {
        FaceFault.TOO_SMALL: (
            f"the face is {quality.width_pixels:.0f} pixels wide, and at least {least} are needed.",
            "Take it from nearer, or use the picture in its full size.",
        ),
        FaceFault.UNCERTAIN: (
            "the eyes and the nose cannot be told with certainty.",
            "Take it from the front, with both eyes and the nose uncovered.",
        ),
        FaceFault.TURNED_AWAY: (
            "the face is turned aside.",
            "Take it from the front, with the eyes on the camera.",
        ),
        FaceFault.TOO_DARK: ("the face is too dark.", light),
        FaceFault.TOO_BRIGHT: ("the face is too bright.", light),
        FaceFault.BLURRED: (
            "the face is blurred.",
            "Hold the camera still, and wait until the picture is sharp.",
        ),
    }
    return sayings[fault]
