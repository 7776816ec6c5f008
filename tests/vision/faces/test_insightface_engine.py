"""InsightFace's own library on networks that are built here: small, and known in every number."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cluster.errors import (
    LicenceNotAccepted,
    VisionError,
    WeightsError,
    WeightsMismatch,
    WeightsMissing,
)
from cluster.vision.faces import model_pack
from cluster.vision.faces.base import FaceChip, FaceDefect, FaceQuality, find_single_face
from cluster.vision.faces.insightface_engine import (
    ARCFACE_LANDMARKS,
    DETECTOR_SIDE,
    REGION_FACE_WIDTHS,
    InsightFaceCutter,
    InsightFaceEngine,
    align,
)
from cluster.vision.faces.model_pack import (
    LICENCE,
    MANIFEST,
    ModelPack,
    download_pack,
    fetch_pack,
    verify_pack,
)
from cluster.vision.people import BgrImage, FloatArray, People

STRIDES = (8, 16, 32)
ANCHOR_STRIDE = 16
ANCHOR = 5 * (DETECTOR_SIDE // ANCHOR_STRIDE) + 5
"""The cell of row 5 and column 5, whose centre is the pixel (80, 80): the middle of a region."""

BOX = (2.0, 2.5, 2.0, 2.5)
"""How far the box reaches left, up, right and down of it, in strides: 64 by 80 pixels."""

LANDMARKS = (-0.9, -0.6, 0.9, -0.6, 0.0, 0.3, -0.7, 1.2, 0.7, 1.2)
"""Eyes, nose, corners of the mouth from it, in strides."""

FACE = {"score": (1.5,), "box": BOX, "points": LANDMARKS}


def constant(name: str, values: npt.ArrayLike) -> onnx.NodeProto:
    array = np.array(values, np.float32)
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))


def write(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def write_detector(path: Path, *, landmarks: bool = True) -> Path:
    """A net with SCRFD's nine outputs: it sees one face, in the middle, where the input is bright.

    Its score grows with the mean brightness; a black picture holds nobody.
    """
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        constant("half", 0.5),
        helper.make_node("Add", ["mean", "half"], ["lifted"]),
        constant("one", 1),
        constant("nought", 0),
        helper.make_node("Clip", ["lifted", "nought", "one"], ["bright"]),
    ]
    outputs = []
    parts = {"score": 1, "box": 4} | ({"points": 10} if landmarks else {})
    for part, width in parts.items():
        for stride in STRIDES:
            anchors = 2 * (DETECTOR_SIDE // stride) ** 2
            values = np.zeros((anchors, width), np.float32)
            if stride == ANCHOR_STRIDE:
                values[2 * ANCHOR] = FACE[part]
            name = f"{part}{stride}"
            nodes.append(constant(f"{name}_values", values))
            factor = "bright" if part == "score" else "one"
            nodes.append(helper.make_node("Mul", [f"{name}_values", factor], [name]))
            outputs.append(
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["anchors", width])
            )
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, "height", "width"])
    return write(path, helper.make_graph(nodes, "detector", [pixels], outputs))


def write_recogniser(path: Path, *, batch: int | str = "batch", scale: float = 1.0) -> Path:
    """A net of ArcFace's shape: 112 pixels to 512 numbers, by pooling and a fixed matrix."""
    matrix = np.random.default_rng(7).standard_normal((3 * 14 * 14, 512)).astype(np.float32)
    nodes = [
        helper.make_node(
            "AveragePool", ["pixels"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        constant("matrix", matrix * np.float32(scale)),
        helper.make_node("MatMul", ["flat", "matrix"], ["embedding"]),
    ]
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 3, 112, 112])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 512])
    return write(path, helper.make_graph(nodes, "recogniser", [pixels], [embedding]))


def write_other(path: Path) -> Path:
    """A net of the shape of InsightFace's estimator of age and sex."""
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 96, 96])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 1, 1])
    node = helper.make_node("GlobalAveragePool", ["pixels"], ["out"])
    return write(path, helper.make_graph([node], "other", [pixels], [out]))


def sums(*paths: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `download_pack` leaves it."""
    folder = tmp_path_factory.mktemp("pack")
    files = sums(
        write_detector(folder / "det_small.onnx"), write_recogniser(folder / "rec_small.onnx")
    )
    (folder / MANIFEST).write_text(json.dumps({"sha256": files}))
    return folder


@pytest.fixture(scope="module")
def engine(pack: Path) -> InsightFaceEngine:
    return InsightFaceEngine(pack, threads=1)


def picture(seed: int = 1, size: tuple[int, int] = (400, 600)) -> BgrImage:
    """Bright blotches, sharp enough to be a face."""
    random = np.random.default_rng(seed)
    coarse = random.integers(90, 256, (size[0] // 10, size[1] // 10, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


EYES = 40.0
HEAD_WIDTH = 2.4 * EYES


def people_at(*middles: tuple[float, float]) -> People:
    """People whose faces, 96 pixels wide, have their middle here."""
    keypoints = np.zeros((len(middles), 17, 3), np.float32)
    for row, (x, y) in zip(keypoints, middles, strict=True):
        level = y - 0.2 * HEAD_WIDTH
        row[0] = x, level + 15, 0.9
        row[1] = x + EYES / 2, level, 0.9
        row[2] = x - EYES / 2, level, 0.9
    boxes = np.array([[x - 80, y - 60, x + 80, y + 300] for x, y in middles], np.float32)
    return People(boxes.reshape(-1, 4), np.full(len(middles), 0.9, np.float32), keypoints)


def chip(pixels: BgrImage) -> FaceChip:
    return FaceChip(pixels, FaceQuality(96, 0.2, 0, 0.9, 120), 0, (0, 0, 1, 1))


def chips_of(count: int) -> list[FaceChip]:
    return [chip(picture(seed, (112, 112))) for seed in range(count)]


def test_a_face_is_found_where_the_detector_says_in_the_frames_pixels(
    engine: InsightFaceEngine,
) -> None:
    frame = picture()
    (found,) = engine.chips(frame, people_at((300, 200)))
    scale = REGION_FACE_WIDTHS * HEAD_WIDTH / DETECTOR_SIDE
    half_width, half_height = 2 * ANCHOR_STRIDE * scale, 2.5 * ANCHOR_STRIDE * scale
    expected = (300 - half_width, 200 - half_height, 300 + half_width, 200 + half_height)
    assert found.box == pytest.approx(expected, abs=2)
    assert found.quality.width_pixels == pytest.approx(2 * half_width, abs=1)
    assert found.quality.turn == pytest.approx(0, abs=0.01)
    assert found.person == 0


def test_the_chip_is_what_the_library_cuts_from_the_same_landmarks(
    engine: InsightFaceEngine,
) -> None:
    frame = picture()
    (found,) = engine.chips(frame, people_at((300, 200)))
    scale = (2 * int(REGION_FACE_WIDTHS * HEAD_WIDTH / 2) + 1) / DETECTOR_SIDE
    corner = np.array([300, 200]) - int(REGION_FACE_WIDTHS * HEAD_WIDTH / 2)
    offsets = np.array(LANDMARKS).reshape(5, 2) * ANCHOR_STRIDE
    landmarks = (offsets + 80) * scale + corner
    expected = norm_crop(frame, landmarks.astype(np.float32))
    assert found.pixels.shape == expected.shape == (112, 112, 3)
    assert np.abs(found.pixels.astype(int) - expected.astype(int)).mean() < 4


def norm_crop(frame: BgrImage, landmarks: FloatArray) -> BgrImage:
    from insightface.utils import face_align

    with pytest.warns(FutureWarning, match="estimate"):
        return np.asarray(face_align.norm_crop(frame, landmarks), np.uint8)


@pytest.mark.parametrize("degrees", [-100, -20, 0, 35])
def test_faces_are_set_upright_as_insightface_does_it(degrees: float) -> None:
    frame = picture()
    turn = cv2.getRotationMatrix2D((56, 70), degrees, 1.7)
    straight = np.hstack([ARCFACE_LANDMARKS, np.ones((5, 1), np.float32)])
    random = np.random.default_rng(3)
    landmarks = straight @ turn.T + (200, 150) + random.uniform(-3, 3, (5, 2))
    landmarks = landmarks.astype(np.float32)
    np.testing.assert_allclose(
        align(frame, landmarks, 112).astype(int), norm_crop(frame, landmarks).astype(int), atol=3
    )


def test_each_of_several_people_gets_their_own_face(engine: InsightFaceEngine) -> None:
    found = engine.chips(picture(), people_at((150, 150), (450, 250)))
    assert [face.person for face in found] == [0, 1]
    assert [np.mean(face.box[::2]) for face in found] == pytest.approx([150, 450], abs=2)
    first, second = engine.embed(found)
    assert float(engine.distances(first[None], second[None])[0, 0]) > 0.1


def test_where_the_detector_sees_nobody_there_is_no_face(engine: InsightFaceEngine) -> None:
    assert engine.faces(np.zeros((400, 600, 3), np.uint8), people_at((300, 200))) == []
    assert engine.faces(picture(), People.empty()) == []


def test_a_detection_beside_the_head_is_not_taken_for_it(engine: InsightFaceEngine) -> None:
    """At the frame's edge the region is cut, and the net still sees its face in the middle."""
    assert engine.faces(picture(), people_at((5, 5))) == []


def test_a_face_that_is_too_small_is_found_and_not_compared(engine: InsightFaceEngine) -> None:
    people = people_at((300, 200))
    people.keypoints[0, :3, :2] = (people.keypoints[0, :3, :2] - (300, 200)) / 4 + (300, 200)
    (found,) = engine.faces(picture(), people)
    assert engine.thresholds.in_lesson.find_defect(found.quality) is FaceDefect.TOO_SMALL
    assert engine.chips(picture(), people) == []


def test_a_photograph_is_checked_with_this_engine_too(engine: InsightFaceEngine) -> None:
    face = find_single_face(engine, picture(), people_at((300, 200)))
    assert face.pixels.shape == (112, 112, 3)


def test_embeddings_have_length_one_and_differ_between_chips(engine: InsightFaceEngine) -> None:
    embeddings = engine.embed(chips_of(5))
    assert embeddings.shape == (5, engine.dimensions) == (5, 512)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    distances = engine.distances(embeddings, embeddings)
    np.testing.assert_allclose(np.diag(distances), 0, atol=1e-5)
    assert (distances[~np.eye(5, dtype=bool)] > 0.01).all()
    assert (distances >= 0).all()


def test_the_network_sees_red_first_between_minus_one_and_one(engine: InsightFaceEngine) -> None:
    """What ArcFace was trained on, computed here by hand."""
    (face,) = chips_of(1)
    blob = (face.pixels[..., ::-1].astype(np.float64) - 127.5) / 127.5
    pooled = blob.reshape(14, 8, 14, 8, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    expected = pooled.ravel() @ np.random.default_rng(7).standard_normal((588, 512))
    np.testing.assert_allclose(
        engine.embed([face])[0], expected / np.linalg.norm(expected), atol=1e-4
    )


def test_many_chips_give_what_each_gives_alone(engine: InsightFaceEngine) -> None:
    chips = chips_of(70)
    alone = np.concatenate([engine.embed([one]) for one in chips])
    np.testing.assert_allclose(engine.embed(chips), alone, atol=1e-5)
    assert engine.embed([]).shape == (0, 512)


def test_a_network_for_one_face_at_a_time_is_given_one_at_a_time(tmp_path: Path) -> None:
    files = sums(
        write_detector(tmp_path / "d.onnx"), write_recogniser(tmp_path / "r.onnx", batch=1)
    )
    assert InsightFaceEngine(tmp_path, checksums=files).embed(chips_of(3)).shape == (3, 512)


def test_a_network_that_gives_nothing_is_an_error(tmp_path: Path) -> None:
    files = sums(
        write_detector(tmp_path / "d.onnx"), write_recogniser(tmp_path / "r.onnx", scale=0)
    )
    with pytest.raises(VisionError, match="NaN, infinity or zeros"):
        InsightFaceEngine(tmp_path, checksums=files).embed(chips_of(1))


def test_the_version_names_the_recognisers_file_and_checksum(
    engine: InsightFaceEngine, pack: Path
) -> None:
    recogniser = sums(pack / "rec_small.onnx")["rec_small.onnx"]
    assert engine.version == f"rec_small-{recogniser[:12]}"
    assert engine.name == "insightface"


def test_a_cutter_cuts_what_the_engine_cuts(engine: InsightFaceEngine, pack: Path) -> None:
    people = people_at((300, 200))
    (cut,) = InsightFaceCutter(pack, threads=1).faces(picture(), people)
    (expected,) = engine.faces(picture(), people)
    np.testing.assert_array_equal(cut.pixels, expected.pixels)
    assert engine.spec.chip_side == cut.pixels.shape[0]


def test_loading_prints_nothing(pack: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = InsightFaceEngine(pack, threads=1)
    engine.embed(engine.faces(picture(), people_at((300, 200))))
    assert capfd.readouterr() == ("", "")


def test_a_changed_file_is_not_opened(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in pack.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "rec_small.onnx").open("ab") as stream:
        stream.write(b"more")
    monkeypatch.setattr("onnxruntime.InferenceSession", never)
    with pytest.raises(WeightsMismatch, match=r"has SHA-256 \w{64}, but \w{64} is expected"):
        InsightFaceEngine(tmp_path)


def never(*_: object, **__: object) -> Path:
    raise AssertionError("this must not be called")


def test_a_folder_that_is_not_there_says_which_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"nowhere.*insightface_pack"):
        InsightFaceEngine(tmp_path / "nowhere")


def test_a_folder_of_unknown_files_is_not_loaded(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "det_small.onnx").write_bytes((pack / "det_small.onnx").read_bytes())
    with pytest.raises(WeightsMissing, match=r"has neither a pack\.json"):
        InsightFaceEngine(tmp_path)


def test_a_published_pack_without_a_manifest_is_held_to_the_published_sums(
    tmp_path: Path,
) -> None:
    for name in ("det_500m.onnx", "w600k_mbf.onnx"):
        (tmp_path / name).write_bytes(b"not the published file")
    with pytest.raises(WeightsMismatch, match="5e4447f50245"):
        InsightFaceEngine(tmp_path)


def test_a_file_that_the_manifest_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"sha256": {"det.onnx": "0" * 64}}))
    with pytest.raises(WeightsMissing, match=r"det\.onnx"):
        verify_pack(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": ["det.onnx"]}', '{"sha256": 3}'])
def test_a_manifest_that_cannot_be_understood_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(WeightsError, match=r"pack\.json.*is invalid"):
        verify_pack(tmp_path)


def test_a_manifest_may_not_point_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"sha256": {"../det.onnx": "0" * 64}}))
    with pytest.raises(WeightsError, match="outside its folder"):
        verify_pack(tmp_path)


def only_detector(folder: Path) -> Sequence[Path]:
    return [write_detector(folder / "d.onnx")]


def only_recogniser(folder: Path) -> Sequence[Path]:
    return [write_recogniser(folder / "r.onnx"), write_other(folder / "age.onnx")]


def without_landmarks(folder: Path) -> Sequence[Path]:
    return [
        write_detector(folder / "d.onnx", landmarks=False),
        write_recogniser(folder / "r.onnx"),
    ]


@pytest.mark.parametrize("made", [only_detector, only_recogniser, without_landmarks])
def test_half_a_pack_is_refused(tmp_path: Path, made: Callable[[Path], Sequence[Path]]) -> None:
    files = sums(*made(tmp_path))
    with pytest.raises(WeightsMissing, match="lacks a detector with landmarks"):
        InsightFaceEngine(tmp_path, checksums=files)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "d.onnx").write_bytes(b"no network")
    with pytest.raises(VisionError, match=r"d\.onnx: ONNX Runtime cannot load it"):
        InsightFaceEngine(tmp_path, checksums=sums(tmp_path / "d.onnx"))


@pytest.fixture
def published(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[ModelPack, Path]:
    """A pack as a release has it: a zip with more in it than is wanted."""
    archive = tmp_path / "published.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in ("det_small.onnx", "rec_small.onnx"):
            opened.write(pack / name, f"tiny/{name}")
        opened.writestr("tiny/genderage.onnx", b"not wanted")
    files = sums(pack / "det_small.onnx", pack / "rec_small.onnx")
    tiny = ModelPack("tiny", sums(archive)["published.zip"], files)
    monkeypatch.setitem(model_pack.PACKS, "tiny", tiny)
    return tiny, archive


def test_a_download_without_the_licence_fetches_nothing(tmp_path: Path) -> None:
    with pytest.raises(LicenceNotAccepted, match="non-commercial research only") as caught:
        download_pack("buffalo_l", tmp_path / "here", licence_accepted=False, download=never)
    assert LICENCE in str(caught.value)
    assert not (tmp_path / "here").exists()


def test_a_downloaded_pack_holds_the_two_networks_and_its_sums(
    published: tuple[ModelPack, Path], tmp_path: Path
) -> None:
    tiny, archive = published
    folder = download_pack(
        "tiny", tmp_path / "here", licence_accepted=True, download=lambda *_: archive
    )
    assert {file.name for file in folder.iterdir()} == {*tiny.files, MANIFEST}
    assert json.loads((folder / MANIFEST).read_text())["licence"] == LICENCE
    assert InsightFaceEngine(folder, threads=1).dimensions == 512


def test_another_zip_than_the_published_is_not_unpacked(
    published: tuple[ModelPack, Path], tmp_path: Path
) -> None:
    _, archive = published
    archive.write_bytes(archive.read_bytes() + b"more")
    with pytest.raises(WeightsMismatch, match="has SHA-256"):
        download_pack("tiny", tmp_path / "here", licence_accepted=True, download=lambda *_: archive)
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "error"),
    [({"gone.onnx": "0" * 64}, WeightsMissing), ({"det_small.onnx": "0" * 64}, WeightsMismatch)],
)
def test_a_zip_with_other_files_than_published_leaves_nothing(
    published: tuple[ModelPack, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    error: type[WeightsError],
) -> None:
    tiny, archive = published
    monkeypatch.setitem(model_pack.PACKS, "tiny", ModelPack("tiny", tiny.zip_sha256, files))
    with pytest.raises(error):
        download_pack("tiny", tmp_path / "here", licence_accepted=True, download=lambda *_: archive)
    assert list((tmp_path / "here").iterdir()) == []


def test_an_unknown_pack_names_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"'buffalo_xl'.*buffalo_l, buffalo_s, buffalo_sc"):
        download_pack("buffalo_xl", tmp_path, licence_accepted=True, download=never)


def test_a_download_that_fails_says_from_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("pooch.retrieve", fail)
    with pytest.raises(WeightsMissing, match=r"buffalo_l\.zip.*no route to host.*another machine"):
        fetch_pack(model_pack.PACKS["buffalo_l"], tmp_path)


def test_a_download_is_checked_against_the_pinned_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def refuse(*arguments: object, **_: object) -> str:
        asked.extend(arguments)
        raise ValueError("SHA256 hash of downloaded file does not match")

    monkeypatch.setattr("pooch.retrieve", refuse)
    pack = model_pack.PACKS["buffalo_l"]
    with pytest.raises(WeightsMismatch, match="does not match"):
        fetch_pack(pack, tmp_path)
    assert asked == [pack.url, f"sha256:{pack.zip_sha256}"]
