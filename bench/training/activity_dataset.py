"""What the activity classifier learns from: rendered clips, seen through the real pose network.

    clip.mp4 -> FrameSampler -> PoseEstimator -> PersonTracker -> BodyHistory -> features
    clip.truth.json -> matched people -> activities

The classifier so learns the network's errors too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.classroom.truth import ClipTruth, TrueActivity
from bench.scoring.matching import match_people
from bench.scoring.observations import scaled
from bench.scoring.samples import media_of
from cluster.activity.features import FEATURES, BodyHistory
from cluster.activity.tracking import PersonTracker
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from cluster.vision.people import FloatArray, People
from cluster.vision.pose.estimator import PoseEstimator

CLASSES: Final = tuple(TrueActivity)
BATCH_FRAMES: Final = 16


@dataclass(frozen=True, slots=True)
class Examples:
    """Person-frames of a clip.

    Attributes:
        features: (n, FEATURES) float32.
        labels: (n,) indices of `CLASSES`.
        hidden: (n,) share of the person that is hidden, 0 to 1.
        settled_seconds: (n,) for how long the true activity has lasted.
    """

    features: FloatArray
    labels: npt.NDArray[np.int64]
    hidden: FloatArray
    settled_seconds: FloatArray

    @staticmethod
    def join(parts: Sequence["Examples"]) -> "Examples":
        """Return all examples of several clips."""
        return Examples(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.hidden for part in parts]),
            np.concatenate([part.settled_seconds for part in parts]),
        )

    def save(self, path: Path) -> None:
        """Write them to an `.npz` file."""
        np.savez_compressed(
            path,
            features=self.features.astype(np.float16),
            labels=self.labels,
            hidden=self.hidden,
            settled_seconds=self.settled_seconds,
        )

    @staticmethod
    def load(path: Path) -> "Examples":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return Examples(
                stored["features"].astype(np.float32),
                stored["labels"],
                stored["hidden"],
                stored["settled_seconds"],
            )


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """The people that the network found in a frame of a clip.

    Attributes:
        time_seconds: Since the clip's first frame.
        people: In pixels of the analysed frame.
        frame_size: (width, height) of the analysed frame.
        to_clip: Pixels of the clip to one of the analysed frame.
    """

    time_seconds: float
    people: People
    frame_size: tuple[int, int]
    to_clip: float


def find_in_clip(
    clip: Path, estimator: PoseEstimator, *, rate: float, input_size: int
) -> list[FoundFrame]:
    """Find the people of a clip's frames, as the product does."""
    full_width = probe(str(clip)).width
    frames = list(FrameSampler(str(clip), rate=rate, long_side=input_size).frames())
    found: list[FoundFrame] = []
    for start in range(0, len(frames), BATCH_FRAMES):
        batch = frames[start : start + BATCH_FRAMES]
        people = estimator.estimate([frame.pixels for frame in batch], input_size)
        for frame, one in zip(batch, people, strict=True):
            height, width = frame.pixels.shape[:2]
            found.append(FoundFrame(frame.time_seconds, one, (width, height), full_width / width))
    return found


def examples_of_clip(truth: ClipTruth, found: Iterable[FoundFrame], *, rate: float) -> Examples:
    """Return the person-frames of a clip in which somebody was found."""
    tracker, history = PersonTracker(rate), BodyHistory()
    times = np.array([frame.time for frame in truth.frames])
    since = _times_of_change(truth)
    features, labels, hidden, settled = [np.zeros((0, FEATURES), np.float32)], [], [], []
    for frame in found:
        track_ids = tracker.update(frame.time_seconds, frame.people)
        seen = history.update(frame.time_seconds, track_ids, frame.people, frame.frame_size)
        index = int(np.abs(times - frame.time_seconds).argmin())
        true = truth.frames[index].people
        matching = match_people(scaled(frame.people, frame.to_clip), true)
        for row, column in matching.pairs:
            person = true[column]
            features.append(seen[row : row + 1])
            labels.append(CLASSES.index(person.activity))
            hidden.append(person.hidden)
            settled.append(times[index] - since[index][person.id])
    return Examples(
        np.concatenate(features),
        np.array(labels, np.int64),
        np.array(hidden, np.float32),
        np.array(settled, np.float32),
    )


def examples_of_folder(
    folder: Path, estimator: PoseEstimator, *, rate: float, input_size: int
) -> Examples:
    """Return the person-frames of the clip in a folder."""
    (file,) = sorted([*folder.glob("*.truth.json"), *folder.glob("*.truth.json.gz")])
    found = find_in_clip(media_of(file), estimator, rate=rate, input_size=input_size)
    return examples_of_clip(ClipTruth.read(file), found, rate=rate)


def _times_of_change(truth: ClipTruth) -> list[dict[int, float]]:
    """Return, for each frame, since when each person has done the same, in seconds."""
    current: dict[int, tuple[TrueActivity, float]] = {}
    result = []
    for frame in truth.frames:
        for person in frame.people:
            if person.id not in current or current[person.id][0] != person.activity:
                current[person.id] = (person.activity, frame.time)
        result.append({number: since for number, (_, since) in current.items()})
    return result
