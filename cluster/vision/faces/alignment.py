"""What both face engines share: locating faces, rating chips, verifying weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from cluster.errors import WeightsMismatch, WeightsMissing
from cluster.vision.faces.base import MIN_POINT_SCORE, FaceQuality
from cluster.vision.people import KEYPOINTS, BgrImage, FloatArray, People
from cluster.vision.pose.weights import sha256_of

EYE_DISTANCE_TO_FACE_WIDTH: Final = 2.4
NOSE_DISTANCE_TO_FACE_WIDTH: Final = 4.6
"""Width of a face over the distance between its eyes, and over that from their middle to the
nose: medians over the sample faces, against the rectangles of dlib's own detector. The distance
between the eyes shrinks as a head turns, that to the nose as it tilts, so the larger width is
used."""

FACE_CENTRE_BELOW_EYES: Final = 0.2
"""Distance of the centre of a face below its eyes, in face widths (same measurement)."""

SHARPNESS_SIDE: Final = 75
"""Side in pixels at which sharpness is measured: about that of the smallest good face."""

NOSE, LEFT_EYE, RIGHT_EYE = (KEYPOINTS.index(name) for name in ("nose", "left_eye", "right_eye"))


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A face as located by the keypoints.

    Attributes:
        person: Index into the `People`.
        centre: (2,) x and y of the centre of the face, in the frame's pixels.
        width: Width of the face, in the frame's pixels.
        score: Lowest score of eyes and nose.
    """

    person: int
    centre: FloatArray
    width: float
    score: float


def locate_heads(people: People) -> list[Head]:
    """Locate the faces whose eyes and nose have sufficient scores.

    Where the pose model detects one body twice, only the face with the higher score is returned.
    """
    heads: list[Head] = []
    for person in np.argsort(-people.scores, kind="stable"):
        head = _head_of(int(person), people.keypoints[person])
        if head is not None and not any(_same_face(head, other) for other in heads):
            heads.append(head)
    return sorted(heads, key=lambda head: head.person)


def _head_of(person: int, keypoints: FloatArray) -> Head | None:
    nose, left, right = keypoints[NOSE], keypoints[LEFT_EYE], keypoints[RIGHT_EYE]
    score = float(min(nose[2], left[2], right[2]))
    apart = left[:2] - right[:2]
    eyes = float(np.linalg.norm(apart))
    if not score >= MIN_POINT_SCORE or eyes < 1:
        return None
    middle = (left[:2] + right[:2]) / 2
    width = max(
        EYE_DISTANCE_TO_FACE_WIDTH * eyes,
        NOSE_DISTANCE_TO_FACE_WIDTH * float(np.linalg.norm(nose[:2] - middle)),
    )
    down = np.array([-apart[1], apart[0]], np.float32) / eyes
    centre = middle + FACE_CENTRE_BELOW_EYES * width * down
    return Head(person, centre.astype(np.float32), width, score)


def _same_face(first: Head, second: Head) -> bool:
    away = float(np.linalg.norm(first.centre - second.centre))
    return away < min(first.width, second.width) / 2


def measure_quality(
    pixels: BgrImage, *, width_pixels: float, eyes: FloatArray, nose: FloatArray, point_score: float
) -> FaceQuality:
    """Measure the quality of a chip.

    Args:
        pixels: (side, side, 3) uint8 BGR.
        width_pixels: Width of the face in its frame.
        eyes: (2, 2) centre of each eye, x and y.
        nose: (2,) x and y.
        point_score: Lowest score of the points, 0 to 1.
    """
    apart = eyes[1] - eyes[0]
    square = max(float(apart @ apart), 1.0)
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return FaceQuality(
        width_pixels=float(width_pixels),
        sharpness=measure_sharpness(grey),
        turn=abs(float((nose - eyes.mean(axis=0)) @ apart)) / square,
        point_score=float(point_score),
        brightness=float(grey.mean()),
    )


def measure_sharpness(grey: BgrImage) -> float:
    """Return the variance of the Laplacian (Pech-Pacheco et al., 2000) over that of the image.

    Args:
        grey: (side, side) uint8.
    """
    side = (SHARPNESS_SIDE, SHARPNESS_SIDE)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(cv2.Laplacian(small, cv2.CV_32F).var() / max(float(small.var()), 1.0))


def verify_weights(path: Path, expected: str, *, hint: str) -> Path:
    """Return a weights file after verifying its SHA-256.

    Raises:
        WeightsMissing: There is no such file.
        WeightsMismatch: It has another checksum.
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
