"""Stage one: decode runs of segments, and shrink their frames."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cluster.activity.durations import MEMORY_SECONDS
from cluster.errors import FootageError, FootageTruncated
from cluster.streams.decode.file_sampler import FrameSampler, SampledFrame
from cluster.vision.people import BgrImage
from cluster.warehouse.lake import Interval
from jobs.archive.footage import FootageNote, FootageProblem
from jobs.archive.segments import SEGMENT_SECONDS, Piece, Segment
from jobs.archive.stages import FootageGap, ReadReport, Row
from jobs.archive.worker_settings import CameraAnalysis, WorkerSettings

END_TOLERANCE_SECONDS = 1.0


class DecodeSegments:
    """Decodes a run of segments of one camera, one row a segment.

    A row holds `segment`, `read` (its `ReadReport`), `timestamps` (n,) float64 in seconds since
    1970, and `pixels` (n, height, width, 3) uint8 BGR; the lead-in's frames come first.

    Args:
        settings: How each camera's footage is analysed.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings

    def __call__(self, batch: Row) -> Iterator[Row]:
        """Read the segments of a run; yield each as soon as its frames are decoded.

        Args:
            batch: `run`, of length one: the segments.
        """
        segments: Sequence[Segment] = list(batch["run"][0])
        camera = self._settings.cameras[segments[0].camera_id]
        rate = self._settings.analysis.rate
        files = _RunFiles(camera, rate, segments)
        tail: list[_TimedFrame] = []
        for index, segment in enumerate(segments):
            buffer = _FrameBuffer(capacity=math.ceil((SEGMENT_SECONDS + MEMORY_SECONDS) * rate) + 2)
            for frame in tail:
                buffer.append(frame)
            if index == 0:
                files.read(segment.lead_in, buffer)
            report = files.read(segment.pieces, buffer)
            yield _as_batch(segment, report, buffer)
            tail = buffer.copy_since(segment.start + SEGMENT_SECONDS - MEMORY_SECONDS)


@dataclass(frozen=True, slots=True)
class _TimedFrame:
    timestamp: float
    pixels: BgrImage


class _FrameBuffer:
    """Frames in one array, written once: a segment's are some ninety megabytes."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pixels = np.zeros((0, 1, 1, 3), np.uint8)
        self.timestamps: list[float] = []

    @property
    def pixels(self) -> BgrImage:
        """(n, height, width, 3) uint8."""
        return self._pixels[: len(self.timestamps)]

    def append(self, frame: _TimedFrame) -> None:
        """Append a frame; one of another size is resized to that of the first."""
        count = len(self.timestamps)
        if not count:
            self._pixels = np.empty((self._capacity, *frame.pixels.shape), np.uint8)
        elif count == len(self._pixels):
            self._pixels = np.concatenate([self._pixels, np.empty_like(self._pixels)])
        height, width = self._pixels.shape[1:3]
        fits = frame.pixels.shape[:2] == (height, width)
        # A camera whose frames changed their size within a minute: keep one shape a segment.
        self._pixels[count] = frame.pixels if fits else cv2.resize(frame.pixels, (width, height))
        self.timestamps.append(frame.timestamp)

    def copy_since(self, start: float) -> list[_TimedFrame]:
        """Copy the frames from a timestamp on."""
        return [
            _TimedFrame(timestamp, self._pixels[index].copy())
            for index, timestamp in enumerate(self.timestamps)
            if timestamp >= start
        ]


class _FileReader:
    """One file, read forward once over all segments of a run."""

    def __init__(self, sampler: FrameSampler, start: float, end: float) -> None:
        self.sampler = sampler
        self._frames = sampler.frames(start, end)
        self._next: SampledFrame | None = None
        self.is_exhausted = False
        self.error: FootageError | None = None

    def frames_before(self, end: float) -> Iterator[SampledFrame]:
        """Yield the next frames before `end`, in seconds of the file.

        Raises:
            FootageError: The file cannot be read on; again each time.
        """
        if self.error is not None:
            raise self.error
        while True:
            if self._next is None:
                self._next = next(self._frames, None)
            if self._next is None:
                self.is_exhausted = True
                return
            if self._next.time_seconds >= end:
                return
            frame, self._next = self._next, None
            yield frame


class _RunFiles:
    """The files of a run."""

    def __init__(self, camera: CameraAnalysis, rate: float, run: Sequence[Segment]) -> None:
        self._camera = camera
        self._rate = rate
        self._readers: dict[tuple[str, float], _FileReader] = {}
        self._run = run

    def read(self, pieces: Sequence[Piece], buffer: _FrameBuffer) -> ReadReport:
        """Append the frames of some pieces to a buffer, and report what came of it."""
        covered: list[Interval] = []
        problems: list[FootageProblem] = []
        gaps: list[FootageGap] = []
        lost: list[FootageGap] = []
        notes: list[FootageNote] = []
        decoded = 0
        for piece in pieces:
            reader = self._reader(piece)
            before = reader.sampler.report.decoded
            reached, problem = self._read_piece(piece, reader, buffer)
            found = reader.sampler.report.take()
            if problem is not None:
                problems.append(problem)
            if reached > piece.start:
                covered.append((piece.start, min(reached, piece.end)))
            decoded += reader.sampler.report.decoded - before
            gaps += [FootageGap(piece.address, a, b - a) for a, b in found.gaps]
            lost += [FootageGap(piece.address, a, b - a) for a, b in found.lost]
            notes += [
                FootageNote(piece.address, _describe_left_out(*place)) for place in found.left_out
            ]
        return ReadReport(
            tuple(covered), tuple(problems), tuple(gaps), decoded, tuple(lost), tuple(notes)
        )

    def _read_piece(
        self, piece: Piece, reader: _FileReader, buffer: _FrameBuffer
    ) -> tuple[float, FootageProblem | None]:
        """Append the frames of a piece; return how far it was read, and what ended it before."""
        report = reader.sampler.report
        try:
            for frame in reader.frames_before(piece.end - piece.file_start):
                buffer.append(_TimedFrame(piece.file_start + frame.time_seconds, frame.pixels))
            if reader.is_exhausted:
                return self._reached_end(piece, reader), None
        except FootageError as error:
            reader.error = error
            problem = FootageProblem.from_error(piece.address, error)
            return piece.file_start + report.last_seconds, problem
        return piece.end, None

    def _reached_end(self, piece: Piece, reader: _FileReader) -> float:
        """Return the end of a piece of a file that was read to its end.

        Raises:
            FootageTruncated: The file ended before the piece does.
        """
        stated = piece.end - piece.file_start
        last = reader.sampler.report.last_seconds
        tolerance = max(END_TOLERANCE_SECONDS, 2 / self._rate)
        if last >= stated - tolerance:
            return piece.end
        raise FootageTruncated(
            f"it holds no frame after {last:.1f} s, though it states {piece.file_seconds:.1f} s.",
            where=piece.address,
            hint="It was cut; what came before is analysed.",
        )

    def _reader(self, piece: Piece) -> _FileReader:
        key = piece.address, piece.file_start
        if key not in self._readers:
            ahead = [
                other
                for segment in self._run
                for other in (*segment.lead_in, *segment.pieces)
                if (other.address, other.file_start) == key and other.end > piece.start
            ]
            sampler = FrameSampler(
                piece.address,
                rate=self._rate,
                long_side=self._camera.input_size,
                masks=self._camera.masks,
                offset_seconds=math.fmod(-piece.file_start, 1 / self._rate),
                is_seekable=piece.is_seekable,
            )
            self._readers[key] = _FileReader(
                sampler,
                piece.start - piece.file_start,
                max(other.end for other in ahead) - piece.file_start,
            )
        return self._readers[key]


def _describe_left_out(before: float, stated: float) -> str:
    return f"a single frame after {before:.1f} s states {stated:.1f} s, and was left out."


def _as_batch(segment: Segment, report: ReadReport, buffer: _FrameBuffer) -> Row:
    """Build one row as columns of length one: Ray Data takes these without copying arrays."""
    objects = np.empty((2, 1), object)
    objects[0, 0], objects[1, 0] = segment, report
    return {
        "segment": objects[0],
        "read": objects[1],
        "timestamps": np.array([buffer.timestamps], np.float64),
        "pixels": buffer.pixels[None],
    }
