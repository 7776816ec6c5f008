"""From a student's photographs to one embedding; the photographs are not kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from cluster.errors import FaceUnclear
from cluster.register.faces.templates import Embedding
from cluster.vision.faces.base import FaceEngine, find_single_face
from cluster.vision.people import BgrImage
from cluster.vision.pose.estimator import PoseEstimator

PHOTO_INPUT_SIZE = 640
MOST_PIXELS = 50_000_000


def embedding_of(
    engine: FaceEngine, estimator: PoseEstimator, photographs: Sequence[Path]
) -> Embedding:
    """The mean embedding of one face on several photographs, which are read and not kept.

    Args:
        engine: Makes it.
        estimator: Finds the face.
        photographs: At least one; each must hold one clear face, and all the same.

    Returns:
        (d,) float32.

    Raises:
        FaceUnclear: A photograph cannot be read; or see `embedding_of_pictures`.
    """
    return embedding_of_pictures(engine, estimator, {str(p): _read(p) for p in photographs})


def embedding_of_pictures(
    engine: FaceEngine, estimator: PoseEstimator, pictures: Mapping[str, BgrImage]
) -> Embedding:
    """The mean embedding of one face on several pictures.

    Args:
        engine: Makes it.
        estimator: Finds the face.
        pictures: (height, width, 3) uint8 BGR, by the name that messages give them.

    Returns:
        (d,) float32.

    Raises:
        FaceUnclear: A picture holds no clear face or several, or they show different faces; the
            message says which, and what to do.
    """
    chips = []
    for name, frame in pictures.items():
        (people,) = estimator.estimate([frame], PHOTO_INPUT_SIZE)
        try:
            chips.append(find_single_face(engine, frame, people))
        except FaceUnclear as error:
            raise FaceUnclear(error.what, where=name, hint=error.hint) from None
    embeddings = engine.embed(chips)
    apart = engine.distances(embeddings, embeddings)
    if apart.max() > engine.thresholds.match_distance:
        first, second = divmod(int(apart.argmax()), len(chips))
        names = list(pictures)
        raise FaceUnclear(
            "the photographs do not show the same face.",
            where=f"{names[first]}, {names[second]}",
            hint="Leave out the one that shows somebody else.",
        )
    return np.asarray(embeddings.mean(axis=0), np.float32)


def _read(path: Path) -> BgrImage:
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise FaceUnclear(f"cannot be read: {error.strerror}.", where=str(path)) from error
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error:  # OpenCV's own bound on pixels, among others
        picture = None
    if picture is None:
        raise FaceUnclear("it is no picture that can be read.", where=str(path))
    if picture.shape[0] * picture.shape[1] > MOST_PIXELS:
        raise FaceUnclear("the picture is too large.", where=str(path))
    return np.asarray(picture, np.uint8)
