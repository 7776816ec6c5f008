"""The pictures and clips of the score, with what is true of each.

The sample pictures of adults are `../shared/data` beside the repository; its README says what is in
them. More rooms come as truth files (`bench.classroom.truth`) beside their picture or clip.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from bench.classroom.truth import (
    ClipTruth,
    FrameTruth,
    PersonTruth,
    TrueActivity,
    Visibility,
)
from bench.scoring.hands import Box
from cluster.settings import AnalysisSettings
from cluster.vision.people import KEYPOINTS

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"

MEDIA_SUFFIXES: Final = (".mp4", ".mkv", ".png", ".jpg", ".jpeg")
SHOULDER_WIDTH_TO_HEAD: Final = 1 / 1.6
TORSO_TO_HEAD: Final = 1 / 2.4
"""Height of an adult's head as a fraction of other lengths, where a truth has keypoints alone."""

GIF_RATE: Final = 10.0
ANALYSIS_RATE: Final = AnalysisSettings().rate


class SampleSet(StrEnum):
    """Samples that are measured together."""

    RENDERED_CLIPS = "rendered clips"
    RENDERED_PICTURE = "a rendered picture"
    REAL_PICTURES = "real pictures of adults"
    OFFICE = "an office of adults"
    KEPT_APART = "rooms kept apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A picture or clip, and what is true of it; what is not known is None.

    Attributes:
        name: Of its file.
        sample_set: What it is measured with.
        path: Its file.
        rate: Analysed frames a second; None for a picture.
        truth: Everybody in each frame.
        headcount: People in each frame.
        at_most: No frame has more people.
        hands: Boxes of the raised hands.
        hand_number: Raised hands in each frame.
        nobody_stands: Whether that is true of each frame.
    """

    name: str
    sample_set: SampleSet
    path: Path
    rate: float | None = None
    truth: ClipTruth | None = None
    headcount: int | None = None
    at_most: int | None = None
    hands: tuple[Box, ...] | None = None
    hand_number: int | None = None
    nobody_stands: bool = False


def real_samples(data: Path, *, quick: bool) -> list[Sample]:
    """Return the sample pictures and clips in a folder; `quick` returns few of them."""
    real = SampleSet.REAL_PICTURES
    samples = [
        Sample(
            name="classroom-hand-raised.png",
            sample_set=real,
            path=data / "classroom-hand-raised.png",
            headcount=5,
            hand_number=1,
            nobody_stands=True,
        ),
        Sample(
            name="classroom.gif",
            sample_set=real,
            path=data / "classroom.gif",
            rate=GIF_RATE,
            headcount=4,
            hand_number=0,
            nobody_stands=True,
        ),
        Sample(
            name="one-by-one.mp4",
            sample_set=real,
            path=data / "one-by-one.mp4",
            rate=ANALYSIS_RATE,
            at_most=2,
        ),
    ]
    office = json.loads((data / "office" / "hands.json").read_text())
    hands = [
        Sample(
            name=name,
            sample_set=SampleSet.OFFICE,
            path=data / "office" / name,
            hands=tuple((box[0], box[1], box[2], box[3]) for box in known["raised_hands"]),
        )
        for name, known in sorted(office.items())
    ]
    if quick:
        samples, hands = samples[:2], hands[:4]
    rendered = data / "rendered-class.json"
    return [*samples, *hands, _rendered_picture(rendered)]


def samples_of_truth(files: Iterable[Path], sample_set: SampleSet) -> list[Sample]:
    """Return the samples that truth files describe.

    Raises:
        FileNotFoundError: A truth has no picture or clip beside it.
        ValueError: A file is not of the format.
    """
    samples = []
    for file in files:
        truth = ClipTruth.read(file)
        is_picture = truth.rate == 0 or len(truth.frames) == 1
        samples.append(
            Sample(
                name=file.name.split(".")[0],
                sample_set=sample_set,
                path=media_of(file),
                rate=None if is_picture else ANALYSIS_RATE,
                truth=truth,
            )
        )
    return samples


def media_of(truth: Path) -> Path:
    """Return the picture or clip beside its truth.

    Raises:
        FileNotFoundError: There is none.
    """
    stem = truth.name.removesuffix(".gz").removesuffix(".json").removesuffix(".truth")
    for suffix in MEDIA_SUFFIXES:
        path = truth.with_name(stem + suffix)
        if path.is_file():
            return path
    raise FileNotFoundError(f"there is no picture or clip beside {truth}")


def _rendered_picture(file: Path) -> Sample:
    """Return the rendered class, whose file has keypoints alone and not which of them are seen."""
    known = json.loads(file.read_text())
    people = tuple(
        _person_of_keypoints(index, person["activity"], person["keypoints"])
        for index, person in enumerate(known["people"])
    )
    truth = ClipTruth(
        generator=file.name,
        seed=0,
        room="rows",
        camera={},
        width=known["width"],
        height=known["height"],
        rate=0,
        frames=(FrameTruth(time=0, people=people),),
    )
    return Sample(
        name=known["picture"],
        sample_set=SampleSet.RENDERED_PICTURE,
        path=file.with_name(known["picture"]),
        truth=truth,
    )


def _person_of_keypoints(
    index: int, activity: str, keypoints: dict[str, list[float]]
) -> PersonTruth:
    points = np.array([keypoints[name] for name in KEYPOINTS], np.float64)
    shoulders = float(np.linalg.norm(points[5] - points[6]))
    torso = float(np.linalg.norm(points[[5, 6]].mean(axis=0) - points[[11, 12]].mean(axis=0)))
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return PersonTruth(
        id=index,
        role="student",
        box=(left, top, right, bottom),
        keypoints=tuple((x, y, Visibility.HIDDEN) for x, y in points.tolist()),
        activity=TrueActivity(activity),
        hidden=0.0,
        head_height=max(SHOULDER_WIDTH_TO_HEAD * shoulders, TORSO_TO_HEAD * torso),
    )
