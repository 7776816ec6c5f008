"""What both face engines share: where a face lies, how good its chip is, the check of weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from cluster.errors import WeightsMismatch, WeightsMissing
from cluster.vision.faces.base import LEAST_POINT_SCORE, FaceQuality
from cluster.vision.people import KEYPOINTS, Floats, People, Pixels
from cluster.vision.pose.weights import sha256_of

EYES_TO_FACE: Final = 2.4
NOSE_TO_FACE: Final = 4.6
"""Width of a face over the distance between its eyes, and over that from their middle to the
nose: the medians over the sample faces, against the rectangles of dlib's own detector. The
first shrinks as a head turns aside, the second as it tilts, so the larger one holds."""

EYES_TO_CENTRE: Final = 0.2
"""How far below the eyes the middle of a face lies, in widths of the face (same measurement)."""

SHARPNESS_SIDE: Final = 75
"""Chips are compared for sharpness at this side: about the pixels of the smallest good face."""

NOSE, LEFT_EYE, RIGHT_EYE = (KEYPOINTS.index(name) for name in ("nose", "left_eye", "right_eye"))


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Where the keypoints place a face.

    Attributes:
        person: The index into the `People`.
        centre: (2,) x and y of the middle of the face, in the frame's pixels.
        width: Of the face, in the frame's pixels.
        score: Of the least certain of eyes and nose.
    """

    person: int
    centre: Floats
    width: float
    score: float


def heads_of(people: People) -> list[Head]:
    """The faces that the keypoints show: both eyes and the nose, each with a sufficient score.

    Where the pose model gives one body twice, the face is given once: the better scored.
    """
    heads: list[Head] = []
    for person in np.argsort(-people.scores, kind="stable"):
        head = _head_of(int(person), people.keypoints[person])
        if head is not None and not any(_same_face(head, other) for other in heads):
            heads.append(head)
    return sorted(heads, key=lambda head: head.person)


def _head_of(person: int, keypoints: Floats) -> Head | None:
    nose, left, right = keypoints[NOSE], keypoints[LEFT_EYE], keypoints[RIGHT_EYE]
    score = float(min(nose[2], left[2], right[2]))
    apart = left[:2] - right[:2]
    eyes = float(np.linalg.norm(apart))
    if not score >= LEAST_POINT_SCORE or eyes < 1:
        return None
    middle = (left[:2] + right[:2]) / 2
    width = max(EYES_TO_FACE * eyes, NOSE_TO_FACE * float(np.linalg.norm(nose[:2] - middle)))
    down = np.array([-apart[1], apart[0]], np.float32) / eyes
    centre = middle + EYES_TO_CENTRE * width * down
    return Head(person, centre.astype(np.float32), width, score)


def _same_face(first: Head, second: Head) -> bool:
    away = float(np.linalg.norm(first.centre - second.centre))
    return away < min(first.width, second.width) / 2


def quality_of(
    pixels: Pixels, *, width_pixels: float, eyes: Floats, nose: Floats, point_score: float
) -> FaceQuality:
    """Judge a chip.

    Args:
        pixels: (side, side, 3) uint8 BGR.
        width_pixels: Of the face in its frame.
        eyes: (2, 2) the middle of each eye, x and y.
        nose: (2,) x and y.
        point_score: Of the points, 0 to 1.
    """
    apart = eyes[1] - eyes[0]
    square = max(float(apart @ apart), 1.0)
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return FaceQuality(
        width_pixels=float(width_pixels),
        sharpness=sharpness_of(grey),
        turn=abs(float((nose - eyes.mean(axis=0)) @ apart)) / square,
        point_score=float(point_score),
        brightness=float(grey.mean()),
    )


def sharpness_of(grey: Pixels) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000) over that of the picture.

    Args:
        grey: (side, side) uint8.
    """
    side = (SHARPNESS_SIDE, SHARPNESS_SIDE)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(cv2.Laplacian(small, cv2.CV_32F).var() / max(float(small.var()), 1.0))


def checked_weights(path: Path, expected: str, *, hint: str) -> Path:
    """A weights file, once its SHA-256 was compared; nothing is loaded before.

    Raises:
        WeightsMissing: There is no such file.
        WeightsMismatch: It is another file.
    """
    if not path.is_file():
        raise WeightsMissing("there is no such weights file.", where=str(path), hint=hint)
    found = sha256_of(path)
    if found != expected:
        raise WeightsMismatch(
            f"the weights file has SHA-256 {found}, but {expected} is expected; it was not loaded.",
            where=str(path),
            hint=hint,
        )
    return path
