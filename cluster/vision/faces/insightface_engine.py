"""The optional engine: InsightFace's SCRFD and ArcFace on ONNX Runtime, from a pack in a folder.

    keypoints -> region round each head -> SCRFD: box, five landmarks
              -> upright chip of 112 pixels -> ArcFace: 512 numbers of length 1

SCRFD: Guo et al., 2021, arXiv:2105.04714. ArcFace: Deng et al., 2019, arXiv:1801.07698. The
published packs are for non-commercial research only; `model_pack` downloads them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from cluster.errors import VisionError, WeightsMissing
from cluster.vision.faces.alignment import Head, locate_heads, measure_quality
from cluster.vision.faces.base import (
    FaceChip,
    FaceEngineSpec,
    FaceThresholds,
    QualityLimits,
    filter_by_quality,
)
from cluster.vision.faces.model_pack import verify_pack
from cluster.vision.people import BgrImage, FloatArray, People

BATCH: Final = 32

REGION_FACE_WIDTHS: Final = 2.5
"""Side of the region around a head, in face widths: enough for the whole head and an error of the
keypoints, with few neighbours."""

DETECTOR_SIDE: Final = 160
"""Input of the detector, in pixels: a face is then 64 wide, within SCRFD's range of sizes."""

ARCFACE_LANDMARKS: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]], np.float32,
)  # fmt: skip
"""Eyes, nose and corners of the mouth in a chip of 112 pixels: the template of InsightFace's
`face_align`."""

TEMPLATE_SIDE: Final = 112

THRESHOLDS: Final = FaceThresholds(
    match_distance=0.6,
    margin=0.1,
    in_lesson=QualityLimits(
        min_width_pixels=40,
        min_sharpness=0.02,
        max_turn=0.5,
        min_brightness=10,
        max_brightness=245,
    ),
    in_photo=QualityLimits(
        min_width_pixels=84,  # the width of a face in a chip: it is never upscaled
        min_sharpness=0.05,
        max_turn=0.25,
        min_brightness=25,
        max_brightness=225,
    ),
    source=(
        "1 - cosine; InsightFace's own application takes a cosine of 0.4 and more for the same "
        "person. Not measured here: `python -m bench.faces --pack FOLDER` measures it."
    ),
)


class InsightFaceCutter:
    """SCRFD of one pack, on CUDA if ONNX Runtime supports it: cuts faces out, cannot compare them.

    Args:
        folder: Folder of the pack.
        checksums: File name to SHA-256; `pack.json` or the published sums unless given.
        threads: CPU threads of each network; ONNX Runtime's choice unless given.

    Raises:
        WeightsMissing: The folder or a file is not there, or no detector or recogniser is in it.
        WeightsMismatch: A file is not the one expected. None was loaded.
        VisionError: ONNX Runtime cannot load a file.
    """

    thresholds: Final = THRESHOLDS

    def __init__(
        self,
        folder: Path,
        *,
        checksums: Mapping[str, str] | None = None,
        threads: int | None = None,
    ) -> None:
        pack = _Pack(folder, checksums, threads)
        self._detector, self._side = pack.detector, pack.side

    def faces(self, frame: BgrImage, people: People) -> list[FaceChip]:
        """Return every face that the detector finds near the keypoints, whatever its quality."""
        found = (self._cut(frame, head) for head in locate_heads(people))
        return [chip for chip in found if chip is not None]

    def chips(self, frame: BgrImage, people: People) -> list[FaceChip]:
        """Return the faces whose quality suffices for a lesson."""
        return filter_by_quality(self.faces(frame, people), self.thresholds.in_lesson)

    def _cut(self, frame: BgrImage, head: Head) -> FaceChip | None:
        left, top, region = _region(frame, head)
        boxes, landmarks = self._detector.detect(region, input_size=(DETECTOR_SIDE,) * 2)
        if not len(boxes):
            return None
        corner = np.array([left, top], np.float32)
        centres = (boxes[:, :2] + boxes[:, 2:4]) / 2 + corner
        away = np.linalg.norm(centres - head.centre, axis=1)
        face = int(away.argmin())
        if away[face] > head.width / 2:
            return None
        points = np.asarray(landmarks[face] + corner, np.float32)
        box = boxes[face, :4] + np.tile(corner, 2)
        pixels = align(frame, points, self._side)
        quality = measure_quality(
            pixels,
            width_pixels=float(box[2] - box[0]),
            eyes=points[:2],
            nose=points[2],
            point_score=float(boxes[face, 4]),
        )
        x1, y1, x2, y2 = (float(value) for value in box)
        return FaceChip(pixels, quality, head.person, (x1, y1, x2, y2))


class InsightFaceEngine(InsightFaceCutter):
    """SCRFD and ArcFace of one pack, on CUDA if ONNX Runtime supports it.

    Args:
        folder: Folder of the pack.
        checksums: File name to SHA-256; `pack.json` or the published sums unless given.
        threads: CPU threads of each network; ONNX Runtime's choice unless given.

    Raises:
        WeightsMissing: The folder or a file is not there, or no detector or recogniser is in it.
        WeightsMismatch: A file is not the one expected. None was loaded.
        VisionError: ONNX Runtime cannot load a file.
    """

    name: Final = "insightface"

    def __init__(
        self,
        folder: Path,
        *,
        checksums: Mapping[str, str] | None = None,
        threads: int | None = None,
    ) -> None:
        pack = _Pack(folder, checksums, threads)
        self._detector, self._side, self._recogniser = pack.detector, pack.side, pack.recogniser
        self.version = pack.version
        blank = np.zeros((self._side, self._side, 3), np.uint8)
        self.dimensions = int(self._recogniser.get_feat(blank).shape[-1])
        self.spec = FaceEngineSpec(
            self.name, self.version, self.dimensions, self.thresholds, self._side, "cosine"
        )

    def embed(self, chips: Sequence[FaceChip]) -> FloatArray:
        """Return the embeddings (n, dimensions) float32 of chips, in their order, each of length 1.

        Raises:
            VisionError: The network returned NaN, infinity or zeros.
        """
        images = [chip.pixels for chip in chips]
        batch = 1 if self._recogniser.input_shape[0] == 1 else BATCH
        parts = [
            self._recogniser.get_feat(images[start : start + batch])
            for start in range(0, len(images), batch)
        ]
        embeddings = np.concatenate([np.zeros((0, self.dimensions)), *parts]).astype(np.float32)
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise VisionError("the face network returned NaN, infinity or zeros.")
        return np.asarray(embeddings / lengths, np.float32)

    def distances(self, embeddings: FloatArray, templates: FloatArray) -> FloatArray:
        """Return 1 - cosine (n, m) of embeddings (n, d) and templates (m, d), all of length 1."""
        return self.spec.distances(embeddings, templates)


class _Pack:
    """The networks of a pack; ONNX Runtime must load a file before it can tell its task."""

    def __init__(
        self, folder: Path, checksums: Mapping[str, str] | None, threads: int | None
    ) -> None:
        models: dict[str, tuple[Path, Any]] = {}
        files = verify_pack(folder, checksums)
        for path in files:
            model = _load(path, threads)
            task = getattr(model, "taskname", None)
            if task in ("detection", "recognition"):
                models.setdefault(task, (path, model))
        if len(models) < 2 or not models["detection"][1].use_kps:
            raise WeightsMissing(
                "the pack lacks a detector with landmarks (SCRFD) or a recogniser (ArcFace).",
                where=str(folder),
                hint="Use a whole pack, such as buffalo_l.",
            )
        self.detector = models["detection"][1]
        path, self.recogniser = models["recognition"]
        self.side = int(self.recogniser.input_size[0])
        self.version = f"{path.stem}-{files[path][:12]}"


def align(frame: BgrImage, landmarks: FloatArray, side: int) -> BgrImage:
    """Cut a face out so that its landmarks lie where ArcFace expects them.

    The least-squares similarity transform (Umeyama, 1991); in the plane it is one complex number
    and a translation. The result is that of InsightFace's `norm_crop`, which depends on a function
    that scikit-image removed.

    Args:
        frame: (height, width, 3) uint8 BGR.
        landmarks: (5, 2) eyes, nose, corners of the mouth, in the frame's pixels.
        side: Side of the chip, in pixels.

    Returns:
        (side, side, 3) uint8 BGR, black where the frame ends.
    """
    goal = ARCFACE_LANDMARKS.astype(np.float64) * (side / TEMPLATE_SIDE)
    start_plane, goal_plane = (points[:, 0] + 1j * points[:, 1] for points in (landmarks, goal))
    middle, goal_middle = start_plane.mean(), goal_plane.mean()
    spread = start_plane - middle
    turn = (spread.conj() @ (goal_plane - goal_middle)) / max(float((abs(spread) ** 2).sum()), 1e-9)
    shift = goal_middle - turn * middle
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return np.asarray(cv2.warpAffine(frame, matrix, (side, side), borderValue=0.0), np.uint8)


def _region(frame: BgrImage, head: Head) -> tuple[int, int, BgrImage]:
    """Return the square around a head, clipped at the frame's edges: left, top, pixels."""
    half = REGION_FACE_WIDTHS * head.width / 2
    height, width = frame.shape[:2]
    left, top = (max(0, int(value - half)) for value in head.centre)
    right, bottom = (int(value + half) + 1 for value in head.centre)
    return left, top, frame[top : min(bottom, height), left : min(right, width)]


def _load(path: Path, threads: int | None) -> Any:
    """Load a network; `None` if the library does not recognise its task."""
    import onnxruntime
    from insightface import model_zoo

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: warnings concern the author of the file
    if threads is not None:
        options.intra_op_num_threads = threads
    preferred = ("CUDAExecutionProvider", "CPUExecutionProvider")
    available = onnxruntime.get_available_providers()
    providers = [provider for provider in preferred if provider in available]
    try:
        return model_zoo.get_model(str(path), sess_options=options, providers=providers)
    except Exception as error:  # the library raises whatever its readers do
        raise VisionError(
            f"ONNX Runtime cannot load it: {error}.",
            where=str(path),
            hint="Use the .onnx files of one InsightFace pack.",
        ) from error
