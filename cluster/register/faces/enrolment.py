"""Enrolment: computes one face embedding from a student's photos, which are not stored."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cluster.errors import FaceUnclear, FootageUnreadable
from cluster.register.faces.templates import Embedding
from cluster.vision.faces.base import FaceEngine, find_single_face
from cluster.vision.image_decoding import MAX_SIDE_PIXELS, decode_image
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.estimator import PoseEstimator

PHOTO_INPUT_SIZE = 640
MAX_PHOTO_BYTES = 50_000_000

_NOSE, _LEFT_EYE, _RIGHT_EYE = 0, 1, 2

MIN_UPRIGHT_MARGIN = 0.05
"""How upright a photo must be, beyond the same photo turned by quarters; see `_uprightness`. Of the
sample faces at three sizes, the smallest difference is 0.12."""


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
    for name, image in images.items():
        try:
            frame, people = _turn_upright(estimator, image)
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


def _turn_upright(estimator: PoseEstimator, image: BgrImage) -> tuple[BgrImage, People]:
    """Return a photo as its person stands, and who is in it.

    Phones and scanners turn photos without a note of it. In a face that lies on its side, the
    network sees another one that stands.

    Raises:
        FaceUnclear: It cannot be said which way up the photo is.
    """
    turned = [np.ascontiguousarray(np.rot90(image, quarters)) for quarters in range(4)]
    found = [estimator.estimate([frame], PHOTO_INPUT_SIZE)[0] for frame in turned]
    upright = np.array([_uprightness(people) for people in found])
    best = int(upright.argmax())
    if 0 < upright[best] < np.sort(upright)[-2] + MIN_UPRIGHT_MARGIN:
        raise FaceUnclear(
            "it is not clear which way up the photograph is.",
            hint="Take it from the front, with head and shoulders upright.",
        )
    return turned[best], found[best]


def _uprightness(people: People) -> float:
    """Return how upright the clearest person is, 0 to 1.

    It is the product of the network's score, the scores of eyes and nose, and how level the eyes
    are, the left one on the right. Each alone is misled by some photo that lies on its side.
    """
    if not len(people):
        return 0.0
    person = people.keypoints[people.scores.argmax()]
    across = person[_LEFT_EYE, :2] - person[_RIGHT_EYE, :2]
    level = max(0.0, float(across[0])) / max(1e-6, float(np.hypot(*across)))
    seen = float(person[[_NOSE, _LEFT_EYE, _RIGHT_EYE], 2].mean())
    return float(people.scores.max()) * level * seen


def _read(path: Path) -> BgrImage:
    try:
        if path.exists() and not path.is_file():
            raise FaceUnclear("it is not a file.", where=str(path))
        if path.stat().st_size > MAX_PHOTO_BYTES:
            raise FaceUnclear("the file is too large.", where=str(path))
        return decode_image(path.read_bytes(), MAX_SIDE_PIXELS)
    except OSError as error:
        raise FaceUnclear(f"cannot be read: {error.strerror}.", where=str(path)) from error
    except FootageUnreadable as error:
        raise FaceUnclear(
            f"it is not a readable image: {error.what}", where=str(path), hint=error.hint
        ) from error
