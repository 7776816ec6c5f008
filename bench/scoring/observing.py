"""Runs a configuration over a picture or clip, as the product does.

    file -> FrameSampler -> PoseEstimator -> FoundFrame -> RoomCounter -> Observation (one a frame)

A picture is held for `HELD_SECONDS`, so that what its postures show lasts long enough to be
counted; its last frame is observed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from bench.rules.durations import RuleCounter
from bench.rules.postures import estimate_postures
from bench.scoring.configurations import Configuration
from bench.scoring.observations import Observation, scaled
from bench.scoring.samples import ANALYSIS_RATE, Sample
from cluster.activity.analysed_frame import AnalysedFrame
from cluster.activity.durations import CurrentActivity
from cluster.activity.room import RoomCounter
from cluster.activity.tracking import PersonTracker
from cluster.calibration.input_sizes import MIN_PEOPLE
from cluster.settings import Settings
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.probe import probe
from cluster.streams.decode.spread_frames import spread_frames
from cluster.vision.people import BgrImage, Letterbox, People
from cluster.vision.pose.input_size import (
    WANTED_HEAD_PIXELS,
    HeadSizes,
    HeadSummary,
    choose_input_size,
)
from jobs.archive.input_sizes import FRAMES_PER_CAMERA

HELD_SECONDS: Final = 4.0
BATCH_FRAMES: Final = 16
START: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)


EstimatePeople = Callable[[Sequence[BgrImage], int], list[People]]
"""`PoseEstimator.estimate`."""


class RuleRoomCounter:
    """Counts like `RoomCounter`, with the rules instead of the classifier.

    Args:
        rate: Analysed frames a second.
    """

    def __init__(self, rate: float) -> None:
        self._tracker = PersonTracker(rate)
        self._counter = RuleCounter()

    def classify(self, frame: AnalysedFrame) -> tuple[People, list[CurrentActivity]]:
        """Classify the people of one frame; timestamps must increase."""
        time = frame.captured_at.timestamp()
        track_ids = self._tracker.update(time, frame.people)
        postures = estimate_postures(frame.people, frame.frame_size[1])
        return frame.people, self._counter.classify(time, track_ids, postures)


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """The people that were found in one frame, before they are counted.

    Attributes:
        time_seconds: From the beginning of the clip.
        people: In pixels of the frame that was analysed.
        frame_size: (width, height) of that frame.
        full_width: Width of the clip, in pixels.
        input_size: Longer side of the network's input, in pixels.
    """

    time_seconds: float
    people: People
    frame_size: tuple[int, int]
    full_width: int
    input_size: int


def observe(
    sample: Sample, configuration: Configuration, estimate: EstimatePeople
) -> list[Observation]:
    """Find and classify the people of each frame of a sample.

    Args:
        sample: The picture or clip.
        configuration: What is measured.
        estimate: Finds people with it.

    Raises:
        FootageUnreadable: The file cannot be read.
    """
    input_size = configuration.input_size
    if input_size == "auto":
        limit = configuration.max_input_size or Settings().analysis.max_input_size
        input_size = choose_size(sample, measure_heads(sample, estimate, limit), limit)
    rate = sample.rate or ANALYSIS_RATE
    counter: RoomCounter | RuleRoomCounter = (
        RoomCounter(rate) if configuration.pipeline == "product" else RuleRoomCounter(rate)
    )
    return classify(sample, find_people(sample, estimate, input_size), counter)


def find_people(sample: Sample, estimate: EstimatePeople, input_size: int) -> Iterator[FoundFrame]:
    """Find the people of each frame of a sample; arguments as those of `observe`."""
    full_width = probe(str(sample.path)).width
    rate = sample.rate or ANALYSIS_RATE
    frames = FrameSampler(str(sample.path), rate=rate, long_side=input_size).frames()
    while batch := list(islice(frames, BATCH_FRAMES)):
        found = estimate([frame.pixels for frame in batch], input_size)
        for frame, people in zip(batch, found, strict=True):
            height, width = frame.pixels.shape[:2]
            yield FoundFrame(frame.time_seconds, people, (width, height), full_width, input_size)


def classify(
    sample: Sample, frames: Iterable[FoundFrame], counter: RoomCounter | RuleRoomCounter
) -> list[Observation]:
    """Classify the people that were found in a sample."""
    rate = sample.rate or ANALYSIS_RATE
    observations = []
    for frame in frames:
        width, height = frame.frame_size
        for time in [frame.time_seconds] if sample.rate else _held_times(rate):
            analysed = AnalysedFrame(START + timedelta(seconds=time), frame.people, (width, height))
            counted, current = counter.classify(analysed)
        scale = Letterbox.of(height, width, frame.input_size).scale * width / frame.full_width
        people = scaled(counted, frame.full_width / width)
        observations.append(Observation(frame.time_seconds, people, tuple(current), scale))
    return observations


def measure_heads(sample: Sample, estimate: EstimatePeople, limit: int) -> HeadSummary | None:
    """Measure heads in a few frames at the largest allowed size, as the archive job does.

    Returns:
        Their heights; None where nobody was seen.
    """
    heads = HeadSizes()
    for frame in spread_frames(
        str(sample.path),
        FRAMES_PER_CAMERA,
        duration_seconds=probe(str(sample.path)).duration_seconds,
        long_side=limit,
    ):
        (people,) = estimate([frame.pixels], limit)
        if len(people) >= MIN_PEOPLE:
            heads.add(people)
    return heads.summarise()


def choose_size(
    sample: Sample,
    heads: HeadSummary | None,
    limit: int,
    wanted_head: float = WANTED_HEAD_PIXELS,
) -> int:
    """Choose the input size by what `measure_heads` measured at the same limit."""
    if heads is None:
        return limit
    video = probe(str(sample.path))
    side = max(video.width, video.height)
    return choose_input_size(
        heads.smallest_head,
        measured_side=min(side, limit),
        limit=limit,
        frame_side=side,
        wanted_head=wanted_head,
    ).input_size


def _held_times(rate: float) -> Sequence[float]:
    return [index / rate for index in range(round(HELD_SECONDS * rate) + 1)]
