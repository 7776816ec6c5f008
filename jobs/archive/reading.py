"""Stage one: decodes runs of segments, and shrinks their frames."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cluster.activity.durations import MEMORY_SECONDS
from cluster.errors import FootageError, FootageTruncated
from cluster.settings import Camera, Settings
from cluster.streams.decode.file_sampler import FrameSampler, SampledFrame
from cluster.vision.people import BgrImage
from cluster.warehouse.lake import Interval
from jobs.archive.footage import Problem
from jobs.archive.segments import SEGMENT_SECONDS, Piece, Segment
from jobs.archive.stages import Gap, Reading, Row

END_TOLERANCE_SECONDS = 1.0


class ReadRun:
    """Decodes a run of segments of one camera, one row a segment.

    A row holds `segment`, `reading`, `moments` (n,) float64 in seconds since 1970, and `pixels`
    (n, height, width, 3) uint8; the lead-in's frames come first.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, batch: Row) -> Iterator[Row]:
        """Read the segments of a run, each as soon as its frames are there.

        Args:
            batch: `run`, of length one: the segments.
        """
        segments: Sequence[Segment] = list(batch["run"][0])
        camera = self._settings.cameras_by_id[segments[0].camera_id]
        rate = self._settings.analysis.rate
        files = _Files(camera, rate, segments)
        tail: list[_Taken] = []
        for index, segment in enumerate(segments):
            roll = _Roll(capacity=math.ceil((SEGMENT_SECONDS + MEMORY_SECONDS) * rate) + 2)
            for taken in tail:
                roll.add(taken)
            if index == 0:
                files.read(segment.lead_in, roll)
            reading = files.read(segment.pieces, roll)
            yield _as_batch(segment, reading, roll)
            tail = roll.since(segment.starts + SEGMENT_SECONDS - MEMORY_SECONDS)


@dataclass(frozen=True, slots=True)
class _Taken:
    moment: float
    pixels: BgrImage


class _Roll:
    """Frames in one array, written once: a segment's are some ninety megabytes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pixels = np.zeros((0, 1, 1, 3), np.uint8)
        self.moments: list[float] = []

    @property
    def pixels(self) -> BgrImage:
        """(n, height, width, 3) uint8."""
        return self._pixels[: len(self.moments)]

    def add(self, taken: _Taken) -> None:
        """Add a frame behind the others."""
        count = len(self.moments)
        if not count:
            self._pixels = np.empty((self._capacity, *taken.pixels.shape), np.uint8)
        elif count == len(self._pixels):
            self._pixels = np.concatenate([self._pixels, np.empty_like(self._pixels)])
        height, width = self._pixels.shape[1:3]
        fits = taken.pixels.shape[:2] == (height, width)
        # A camera whose picture changed its size within a minute: keep one shape a segment.
        self._pixels[count] = taken.pixels if fits else cv2.resize(taken.pixels, (width, height))
        self.moments.append(taken.moment)

    def since(self, moment: float) -> list[_Taken]:
        """Copies of the frames from a moment on."""
        return [
            _Taken(taken, self._pixels[index].copy())
            for index, taken in enumerate(self.moments)
            if taken >= moment
        ]


class _FileReader:
    """One file, read forward once over all the segments of a run."""

    def __init__(self, sampler: FrameSampler, begins: float, ends: float) -> None:
        self.sampler = sampler
        self._frames = sampler.frames(begins, ends)
        self._next: SampledFrame | None = None
        self.exhausted = False

    def until(self, end: float) -> Iterator[SampledFrame]:
        """The frames before `end` (file time)."""
        while True:
            if self._next is None:
                self._next = next(self._frames, None)
            if self._next is None:
                self.exhausted = True
                return
            if self._next.time_seconds >= end:
                return
            frame, self._next = self._next, None
            yield frame


class _Files:
    """The files of a run."""

    def __init__(self, camera: Camera, rate: float, run: Sequence[Segment]) -> None:
        self._camera = camera
        self._rate = rate
        self._readers: dict[str, _FileReader] = {}
        self._run = run

    def read(self, pieces: Sequence[Piece], roll: _Roll) -> Reading:
        """Put the frames of some pieces on a roll, and say what came up."""
        covered: list[Interval] = []
        problems: list[Problem] = []
        gaps: list[Gap] = []
        decoded = 0
        for piece in pieces:
            reader = self._reader(piece)
            report = reader.sampler.report
            before, gaps_before = report.decoded, len(report.gaps)
            reached = piece.ends
            try:
                for frame in reader.until(piece.ends - piece.file_starts):
                    roll.add(_Taken(piece.file_starts + frame.time_seconds, frame.pixels))
                if reader.exhausted:
                    reached = self._end_reached(piece, reader)
            except FootageError as error:
                problems.append(Problem.of(piece.address, error))
                reached = piece.file_starts + report.last_seconds
                reader.exhausted = True
            if reached > piece.begins:
                covered.append((piece.begins, min(reached, piece.ends)))
            decoded += report.decoded - before
            gaps += [Gap(piece.address, a, b - a) for a, b in report.gaps[gaps_before:]]
        return Reading(tuple(covered), tuple(problems), tuple(gaps), decoded)

    def _end_reached(self, piece: Piece, reader: _FileReader) -> float:
        """Where the file really ended, if that is before the piece does."""
        stated = piece.ends - piece.file_starts
        last = reader.sampler.report.last_seconds
        tolerance = max(END_TOLERANCE_SECONDS, 2 / self._rate)
        if last >= stated - tolerance:
            return piece.ends
        raise FootageTruncated(
            f"it holds no picture after {last:.1f} s, though it states {piece.file_seconds:.1f} s.",
            where=piece.address,
            hint="It was cut; what came before is analysed.",
        )

    def _reader(self, piece: Piece) -> _FileReader:
        if piece.address not in self._readers:
            stretch = [
                other
                for segment in self._run
                for other in (*segment.lead_in, *segment.pieces)
                if other.address == piece.address and other.ends > piece.begins
            ]
            sampler = FrameSampler(
                piece.address,
                rate=self._rate,
                long_side=self._camera.input_size,
                masks=self._camera.masks,
                offset_seconds=math.fmod(-piece.file_starts, 1 / self._rate),
            )
            self._readers[piece.address] = _FileReader(
                sampler,
                piece.begins - piece.file_starts,
                max(other.ends for other in stretch) - piece.file_starts,
            )
        return self._readers[piece.address]


def _as_batch(segment: Segment, reading: Reading, roll: _Roll) -> Row:
    """One row, as columns of length one: Ray Data takes arrays so without another copy."""
    objects = np.empty((2, 1), object)
    objects[0, 0], objects[1, 0] = segment, reading
    return {
        "segment": objects[0],
        "reading": objects[1],
        "moments": np.array([roll.moments], np.float64),
        "pixels": roll.pixels[None],
    }
