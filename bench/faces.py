"""Speed and accuracy of face comparison: each engine, on the sample faces.

    python -m bench.faces          or          python -m bench.faces --pack FOLDER

Accuracy compares every face of the sample images with every other. Small faces are from the same
images, shrunk until a face has about the minimum width that the engine compares; they are compared
with the faces of the full images, as a lesson's faces are with templates.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from cluster.register.faces.matching import ClassMatcher
from cluster.settings import Settings
from cluster.vision.faces.base import FaceChip, FaceEngine
from cluster.vision.faces.dlib_engine import DlibEngine
from cluster.vision.faces.insightface_engine import InsightFaceEngine
from cluster.vision.people import BgrImage, FloatArray
from cluster.vision.pose.estimator import PoseEstimator, available_cores

FACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "faces"
CLASSROOM = "classroom-hand-raised.png"

WHO = {
    "alex-lacamoire.png": ["alex-lacamoire"],
    "biden.jpg": ["biden"],
    "obama.jpg": ["obama"],
    "obama2.jpg": ["obama"],
    "obama_and_biden.jpg": ["biden", "obama"],
    CLASSROOM: [f"pupil-{index}" for index in range(5)],
}
"""Ground truth: the people in an image from left to right, among the faces that are compared."""

DISTANCES = (0.40, 0.45, 0.50, 0.55, 0.60, 0.65)
BATCHES = (1, 2, 4, 8, 16, 32)
MIN_SECONDS = 3.0
CLASS_SIZE = 40
SEATS = 25


@dataclass(frozen=True)
class Face:
    """A face with its ground truth."""

    image: str
    who: str
    chip: FaceChip


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, default=FACES, help="Folder of the sample faces.")
    parser.add_argument("--pack", type=Path, help="Folder of an InsightFace pack.")
    options = parser.parse_args()
    estimator = PoseEstimator.from_settings(Settings())
    engines: list[FaceEngine] = [DlibEngine()]
    if options.pack:
        engines.append(InsightFaceEngine(options.pack))
    for engine in engines:
        print(f"{engine.name} {engine.version}, {available_cores()} cores\n")
        faces, small = _sample_faces(engine, estimator, options.faces)
        _speed(engine, estimator, options.faces, [face.chip for face in faces])
        _accuracy(engine, faces, small)
    _matching()


def _sample_faces(
    engine: FaceEngine, estimator: PoseEstimator, folder: Path
) -> tuple[list[Face], list[Face]]:
    """Return the faces of the images, and of the shrunken images."""
    min_width_pixels = engine.thresholds.in_lesson.min_width_pixels
    faces, small = [], []
    for name in WHO:
        path = folder.parent / name if name == CLASSROOM else folder / name
        if not path.is_file():
            raise SystemExit(f"there is no sample image {path}")
        image = np.asarray(cv2.imread(str(path)), np.uint8)
        found = _faces_in(engine, estimator, name, image)
        faces += found
        for face in found:
            scale = min_width_pixels / face.chip.quality.width_pixels
            shrunk = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            chip = _find_again(engine, estimator, np.asarray(shrunk, np.uint8), face.chip, scale)
            small += [Face(name, face.who, chip)] if chip else []
    return faces, small


def _find_again(
    engine: FaceEngine, estimator: PoseEstimator, shrunk: BgrImage, face: FaceChip, scale: float
) -> FaceChip | None:
    """Return the same face in the shrunken image, if it is found there."""
    (people,) = estimator.estimate([shrunk])
    centre = scale * np.add(face.box[:2], face.box[2:]) / 2
    for chip in engine.faces(shrunk, people):
        offset = np.abs(np.add(chip.box[:2], chip.box[2:]) / 2 - centre)
        if offset.max() < scale * face.quality.width_pixels / 4:
            return chip
    return None


def _faces_in(
    engine: FaceEngine, estimator: PoseEstimator, name: str, image: BgrImage
) -> list[Face]:
    (people,) = estimator.estimate([image])
    chips = sorted(engine.chips(image, people), key=lambda chip: chip.box[0])
    if len(chips) != len(WHO[name]):
        raise SystemExit(f"{name}: {len(chips)} faces are compared, and not {len(WHO[name])}")
    return [Face(name, who, chip) for who, chip in zip(WHO[name], chips, strict=True)]


def _speed(
    engine: FaceEngine, estimator: PoseEstimator, folder: Path, chips: Sequence[FaceChip]
) -> None:
    image = np.asarray(cv2.imread(str(folder.parent / CLASSROOM)), np.uint8)
    (people,) = estimator.estimate([image])
    rounds, seconds = _repeat(lambda: engine.chips(image, people))
    print(f"alignment     {rounds * len(WHO[CLASSROOM]) / seconds:8.1f} faces/s")
    for size in BATCHES:
        batch = [chips[index % len(chips)] for index in range(size)]
        rounds, seconds = _repeat(partial(engine.embed, batch))
        print(f"batch {size:>2}      {rounds * size / seconds:8.1f} faces/s")


def _accuracy(engine: FaceEngine, faces: Sequence[Face], small: Sequence[Face]) -> None:
    templates = engine.embed([face.chip for face in faces])
    print(f"\n{'':10}{'full size':^22}{'smallest':>18}")
    print(f"{'distance':10}{'true':>10}{'false':>12}{'true':>12}{'false':>12}")
    columns = []
    for probes in (faces, small):
        distances = engine.distances(engine.embed([face.chip for face in probes]), templates)
        columns.append(_pairs(probes, faces, distances, both_ways=probes is not faces))
    for limit in DISTANCES:
        cells = [
            f"{int((kind <= limit).sum())}/{len(kind)}" for column in columns for kind in column
        ]
        mark = "  <- match_distance" if np.isclose(limit, engine.thresholds.match_distance) else ""
        print(f"{limit:<10.2f}{cells[0]:>10}{''.join(f'{cell:>12}' for cell in cells[1:])}{mark}")
    for what, (true, false) in zip(("full size", "smallest"), columns, strict=True):
        print(
            f"{what}: same person {true.min():.2f} to {true.max():.2f}, "
            f"different from {false.min():.2f}"
        )


def _pairs(
    probes: Sequence[Face], faces: Sequence[Face], distances: FloatArray, *, both_ways: bool
) -> tuple[FloatArray, FloatArray]:
    """Return distances of the same person in two images, and of different people."""
    true, false = [], []
    for row, probe in enumerate(probes):
        for column, face in enumerate(faces):
            if not both_ways and column <= row:
                continue
            if probe.who != face.who:
                false.append(distances[row, column])
            elif probe.image != face.image:
                true.append(distances[row, column])
    return np.array(true, np.float32), np.array(false, np.float32)


def _matching() -> None:
    """Measure the matching of one frame in a class, without the networks."""
    random = np.random.default_rng(1)
    matcher = ClassMatcher(
        [f"student-{index}" for index in range(CLASS_SIZE)],
        template_distances=np.full((CLASS_SIZE, CLASS_SIZE), 0.8),
        match_distance=0.5,
        margin=0.1,
    )
    distances = random.uniform(0.6, 1.0, (SEATS, CLASS_SIZE))
    distances[np.arange(SEATS), random.permutation(CLASS_SIZE)[:SEATS]] = 0.3
    rounds, seconds = _repeat(lambda: matcher.update(time.monotonic(), distances))
    each = 1000 * seconds / rounds
    print(f"\nmatching {SEATS} faces to {CLASS_SIZE} templates: {each:.2f} ms a frame")


def _repeat(work: Callable[[], object]) -> tuple[int, float]:
    """Call repeatedly; returns the number of calls and their seconds."""
    work()
    rounds, began = 0, time.monotonic()
    while (seconds := time.monotonic() - began) < MIN_SECONDS:
        work()
        rounds += 1
    return rounds, seconds


if __name__ == "__main__":
    main()
