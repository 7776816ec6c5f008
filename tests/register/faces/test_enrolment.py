"""Photos become one template, whichever way up they are; others are refused."""

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.errors import FaceUnclear
from cluster.register.faces.enrolment import MAX_PHOTO_BYTES, embed_images, embed_photos
from cluster.register.faces.templates import Embedding
from cluster.settings import Settings
from cluster.vision.faces.dlib_engine import DlibEngine
from cluster.vision.people import BgrImage
from cluster.vision.pose.estimator import PoseEstimator
from tests.vision.test_image_decoding import png_with_size

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100)


@cache
def engine() -> DlibEngine:
    return DlibEngine()


@cache
def estimator() -> PoseEstimator:
    return PoseEstimator.from_settings(Settings())


def enrol(*photos: Path) -> Embedding:
    return embed_photos(engine(), estimator(), photos)


def read(path: Path) -> BgrImage:
    return np.asarray(cv2.imread(str(path)), np.uint8)


def distance(first: Embedding, second: Embedding) -> float:
    return float(engine().distances(first[None], second[None])[0, 0])


@pytest.mark.samples
def test_a_photo_on_its_side_gives_the_template_of_the_same_person_upright(samples: Path) -> None:
    faces = samples / "faces"
    assert distance(enrol(faces / "obama-sideways.jpg"), enrol(faces / "obama.jpg")) < 0.1
    limit = engine().thresholds.match_distance
    assert distance(enrol(faces / "obama-sideways.jpg"), enrol(faces / "obama2.jpg")) < limit
    assert distance(enrol(faces / "obama-sideways.jpg"), enrol(faces / "biden.jpg")) > limit


@pytest.mark.samples
@pytest.mark.parametrize("name", ["biden.jpg", "obama2.jpg", "alex-lacamoire.png"])
def test_each_turn_of_a_photo_gives_the_same_template(samples: Path, name: str) -> None:
    image = read(samples / "faces" / name)
    templates = [
        embed_images(engine(), estimator(), {name: np.ascontiguousarray(np.rot90(image, turn))})
        for turn in range(4)
    ]
    assert max(distance(templates[0], other) for other in templates[1:]) < 0.1


def test_a_photo_of_nobody_is_refused() -> None:
    with pytest.raises(FaceUnclear, match="shows nobody"):
        embed_images(engine(), estimator(), {"grey": np.full((400, 300, 3), 128, np.uint8)})


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (png_with_size(20_000, 20_000), "20000x20000 pixels", "at most 40 million"),
        (HEIC, "this is a HEIC image", "Save it as JPEG"),
        (b"no picture", "neither a JPEG nor a PNG", None),
        (b"", "neither a JPEG nor a PNG", None),
        (bytes(MAX_PHOTO_BYTES + 1), "the file is too large", None),
    ],
    ids=["pixels", "heic", "text", "empty", "bytes"],
)
def test_a_file_that_is_no_photo_is_refused_before_it_is_decoded(
    tmp_path: Path, content: bytes, message: str, hint: str | None
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(content)
    with pytest.raises(FaceUnclear, match=message) as raised:
        enrol(photo)
    assert raised.value.where == str(photo)
    assert (hint is None) == (raised.value.hint is None)
    assert (hint or "") in (raised.value.hint or "")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "photo.jpg"
    os.mkfifo(pipe)
    for path, message in ((pipe, "not a file"), (tmp_path, "not a file")):
        with pytest.raises(FaceUnclear, match=message):
            enrol(path)
    with pytest.raises(FaceUnclear, match="cannot be read: No such file"):
        enrol(tmp_path / "none.jpg")
