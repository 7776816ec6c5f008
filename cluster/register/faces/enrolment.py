"""Enrolment: computes one face embedding from a student's photos, which are not stored."""

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
MAX_PHOTO_PIXELS = 50_000_000


def embed_photos(engine: FaceEngine, estimator: PoseEstimator, photos: Sequence[Path]) -> Embedding:
    """Return the mean embedding of one face on several photos.

    Args:
        engine: Computes embeddings.
        estimator: Finds the face.
        photos: At least one; each must show one clear face, and all the same face.

    Returns:
        (d,) float32.

    Raises:
        FaceUnclear: A photo cannot be read; or see `embed_images`.
    """
    return embed_images(engine, estimator, {str(photo): _read(photo) for photo in photos})


def embed_images(
    engine: FaceEngine, estimator: PoseEstimator, images: Mapping[str, BgrImage]
) -> Embedding:
    """Return the mean embedding of one face on several images.

    Args:
        engine: Computes embeddings.
        estimator: Finds the face.
        images: (height, width, 3) uint8 BGR, by the name that errors refer to them by.

    Returns:
        (d,) float32.

    Raises:
        FaceUnclear: An image shows no clear face or several, or the images show different faces.
    """
    chips = []
    for name, frame in images.items():
        (people,) = estimator.estimate([frame], PHOTO_INPUT_SIZE)
        try:
            chips.append(find_single_face(engine, frame, people))
        except FaceUnclear as error:
            raise FaceUnclear(error.what, where=name, hint=error.hint) from None
    embeddings = engine.embed(chips)
    distances = engine.distances(embeddings, embeddings)
    if distances.max() > engine.thresholds.match_distance:
        first, second = divmod(int(distances.argmax()), len(chips))
        names = list(images)
        raise FaceUnclear(
            "the photos do not show the same face.",
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
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error:  # raised for OpenCV's own limit on pixels, too
        image = None
    if image is None:
        raise FaceUnclear("it is not a readable image.", where=str(path))
    if image.shape[0] * image.shape[1] > MAX_PHOTO_PIXELS:
        raise FaceUnclear("the image is too large.", where=str(path))
    return np.asarray(image, np.uint8)
