"""Runs a configuration over a picture or clip, as the product does.

    file -> FrameSampler -> PoseEstimator -> RoomCounter -> Observation (one a frame)

A picture is held for `HELD_SECONDS`, so that what its postures show lasts long enough to be
counted; its last frame is observed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from cluster.streams.decode.container import VideoInfo, probe
from cluster.streams.decode.file_sampler import FrameSampler, SampledFrame
from cluster.streams.decode.spread_frames import spread_frames
from cluster.vision.people import BgrImage, Letterbox, People
from cluster.vision.pose.input_size import HeadSizes, choose_input_size
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
    rate = sample.rate or ANALYSIS_RATE
    counter: RoomCounter | RuleRoomCounter = (
        RoomCounter(rate) if configuration.pipeline == "product" else RuleRoomCounter(rate)
    )
    video = probe(str(sample.path))
    full_width = video.width
    input_size = configuration.input_size
    if input_size == "auto":
        limit = configuration.max_input_size or Settings().analysis.max_input_size
        input_size = _measure_input_size(sample, video, estimate, limit)
    sampler = FrameSampler(str(sample.path), rate=rate, long_side=input_size)
    observations = []
    for frame, people in _find_people(sampler.frames(), estimate, input_size):
        height, width = frame.pixels.shape[:2]
        scale = Letterbox.of(height, width, input_size).scale * width / full_width
        for time in [frame.time_seconds] if sample.rate else _held_times(rate):
            analysed = AnalysedFrame(START + timedelta(seconds=time), people, (width, height))
            counted, current = counter.classify(analysed)
        observations.append(
            Observation(
                frame.time_seconds, scaled(counted, full_width / width), tuple(current), scale
            )
        )
    return observations


def _measure_input_size(
    sample: Sample, video: VideoInfo, estimate: EstimatePeople, limit: int
) -> int:
    """Choose the input size by a few frames, as the archive job does."""
    heads = HeadSizes()
    for frame in spread_frames(
        str(sample.path),
        FRAMES_PER_CAMERA,
        duration_seconds=video.duration_seconds,
        long_side=limit,
    ):
        (people,) = estimate([frame.pixels], limit)
        if len(people) >= MIN_PEOPLE:
            heads.add(people)
    summary, side = heads.summarise(), max(video.width, video.height)
    if summary is None:
        return limit
    return choose_input_size(
        summary.smallest_head, measured_side=min(side, limit), limit=limit, frame_side=side
    ).input_size


def _held_times(rate: float) -> Sequence[float]:
    return [index / rate for index in range(round(HELD_SECONDS * rate) + 1)]


def _find_people(
    frames: Iterable[SampledFrame], estimate: EstimatePeople, input_size: int
) -> Iterator[tuple[SampledFrame, People]]:
    remaining = iter(frames)
    while batch := list(islice(remaining, BATCH_FRAMES)):
        found = estimate([frame.pixels for frame in batch], input_size)
        yield from zip(batch, found, strict=True)
