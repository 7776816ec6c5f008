"""Files on their camera's timeline, cut into minutes.

    footage -> probe -> timeline (overlaps clipped) -> segments -> those that are pending -> runs

Segments are whole minutes of UTC, whatever the files' starts: two files that follow each other
share the minute between them, and every window of a camera is made once, from all footage of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cluster.activity import RULES_VERSION
from cluster.activity.durations import MEMORY_SECONDS
from cluster.district import Place, find_place
from cluster.errors import FootageError
from cluster.settings import School, Settings, analysis_digest
from cluster.streams.decode.probe import VideoInfo, probe
from cluster.warehouse.lake import Interval, Lake, PartKey
from cluster.warehouse.rows import PART_SECONDS, make_part_key
from jobs.archive.footage import Footage, FootageNote, FootageProblem

SEGMENT_SECONDS = PART_SECONDS
OVERLAP_TOLERANCE_SECONDS = 1.5
"""Recorders round the start in a file's name to a second; less than this is not an overlap."""

MIN_SECONDS = 0.05
PROBE_THREADS = 16
MAX_RUN_SEGMENTS = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval of one file on the timeline.

    Attributes:
        address: The file.
        file_start: Start of the file, in seconds since 1970, UTC.
        file_seconds: Length of the file.
        start: Start of the interval, in seconds since 1970, UTC.
        end: Its end.
        is_seekable: Whether the file's frames can be found by their time.
    """

    address: str
    file_start: float
    file_seconds: float
    start: float
    end: float
    is_seekable: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """A minute of one camera.

    Attributes:
        camera_id: The camera.
        start: Seconds since 1970, UTC; a multiple of 60.
        pieces: Where its frames are, in the order of time.
        lead_in: Where the frames just before it are; tracks need them.
    """

    camera_id: str
    start: float
    pieces: tuple[Piece, ...]
    lead_in: tuple[Piece, ...]

    @property
    def seconds(self) -> float:
        """Length of the footage in it."""
        return sum(piece.end - piece.start for piece in self.pieces)

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The intervals that a part of it must cover."""
        return tuple((piece.start, piece.end) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to do.

    Attributes:
        pending: Segments without an up-to-date part.
        done: Segments that have one.
        places: Each camera with its room and school, by camera.
        videos: What each usable file holds, by address.
        problems: Files that cannot be used, wholly or in part, and why.
        notes: What else is odd about files.
    """

    pending: tuple[Segment, ...]
    done: tuple[Segment, ...]
    places: dict[str, Place]
    videos: dict[str, VideoInfo]
    problems: tuple[FootageProblem, ...]
    notes: tuple[FootageNote, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbedFootage:
    """Files, and what they hold.

    Attributes:
        files: All files.
        videos: What each usable file holds, by address.
        problems: Files that cannot be used, and why.
    """

    files: tuple[Footage, ...]
    videos: dict[str, VideoInfo]
    problems: tuple[FootageProblem, ...]


def make_plan(footage: ProbedFootage, settings: Settings, lake: Lake, model_id: str) -> Plan:
    """Cut footage into segments, and compare these with the parts of the lake."""
    videos, problems = footage.videos, list(footage.problems)
    timelines: dict[str, list[Piece]] = defaultdict(list)
    for file in footage.files:
        if file.address in videos:
            start, video = file.started_at.timestamp(), videos[file.address]
            seconds = max(MIN_SECONDS, video.duration_seconds)
            piece = Piece(file.address, start, seconds, start, start + seconds, video.is_seekable)
            timelines[file.camera_id].append(piece)
    segments: list[Segment] = []
    for camera_id, pieces in sorted(timelines.items()):
        timeline, overlapping = _clip_overlaps(pieces)
        problems.extend(overlapping)
        segments.extend(_cut(camera_id, timeline))
    places = {camera_id: find_place(settings, camera_id) for camera_id in timelines}
    keys = [part_key(segment, places[segment.camera_id].school) for segment in segments]
    existing = lake.read_metadata(keys)
    analyses = {c: analysis_name(settings, c, model_id) for c in timelines}
    finished = [
        metadata is not None and metadata.satisfies(analyses[segment.camera_id], segment.intervals)
        for segment, metadata in zip(segments, existing, strict=True)
    ]
    return Plan(
        pending=tuple(s for s, done in zip(segments, finished, strict=True) if not done),
        done=tuple(s for s, done in zip(segments, finished, strict=True) if done),
        places=places,
        videos=videos,
        problems=tuple(problems),
        notes=tuple(
            FootageNote(address, note) for address, video in videos.items() for note in video.notes
        ),
    )


def part_key(segment: Segment, school: School) -> PartKey:
    """Return the key of a segment's part in the lake."""
    starts_at = datetime.fromtimestamp(segment.start, UTC)
    return make_part_key(school.id, school.zone, segment.camera_id, starts_at)


def analysis_name(settings: Settings, camera_id: str, model_id: str) -> str:
    """Name everything that a camera's windows depend on: the model, the rules, the settings."""
    digest = analysis_digest(settings, settings.cameras_by_id[camera_id])
    return f"{model_id}/rules-{RULES_VERSION}/{digest}"


def group_into_runs(segments: Iterable[Segment], workers: int) -> list[list[Segment]]:
    """Group consecutive segments, so that one task reads a file in one go.

    Args:
        segments: In any order.
        workers: Tasks that will read at the same time. Runs become shorter towards the end, so
            that all end together (guided self-scheduling, Polychronopoulos and Kuck, 1987).
    """
    ordered = sorted(segments, key=lambda s: (s.camera_id, s.start))
    max_length = 1
    runs: list[list[Segment]] = []
    for index, segment in enumerate(ordered):
        last = runs[-1][-1] if runs else None
        follows = (
            last is not None
            and last.camera_id == segment.camera_id
            and last.start + SEGMENT_SECONDS == segment.start
        )
        if follows and len(runs[-1]) < max_length:
            runs[-1].append(segment)
        else:
            runs.append([segment])
            remaining = len(ordered) - index
            max_length = max(1, min(MAX_RUN_SEGMENTS, remaining // (2 * max(1, workers))))
    return runs


def probe_footage(footage: Sequence[Footage]) -> ProbedFootage:
    """Read what the files hold."""

    def probe_one(file: Footage) -> VideoInfo | FootageProblem:
        try:
            return probe(file.address)
        except FootageError as error:
            return FootageProblem.from_error(file.address, error)

    with ThreadPoolExecutor(PROBE_THREADS) as pool:
        results = list(pool.map(probe_one, footage))
    videos = {
        file.address: result
        for file, result in zip(footage, results, strict=True)
        if isinstance(result, VideoInfo)
    }
    problems = [result for result in results if isinstance(result, FootageProblem)]
    for address, video in videos.items():
        problems += [FootageProblem.from_error(address, error) for error in video.problems]
    return ProbedFootage(tuple(footage), videos, tuple(problems))


def _clip_overlaps(pieces: list[Piece]) -> tuple[list[Piece], list[FootageProblem]]:
    """Sort a camera's files by time; of two that overlap, the later gives what is beyond."""
    timeline: list[Piece] = []
    problems: list[FootageProblem] = []
    for piece in sorted(pieces, key=lambda p: (p.start, p.address)):
        previous = timeline[-1] if timeline else None
        overlap = previous.end - piece.start if previous else 0.0
        if previous is not None and overlap > OVERLAP_TOLERANCE_SECONDS:
            error = _overlap_error(piece, previous)
            problems.append(FootageProblem.from_error(piece.address, error))
        if previous is None or piece.end > previous.end:  # else it adds nothing
            timeline.append(replace(piece, start=piece.start + max(0.0, overlap)))
    return timeline, problems


def _overlap_error(piece: Piece, previous: Piece) -> FootageError:
    overlap = min(previous.end, piece.end) - piece.start
    used = "only what comes after is used" if piece.end > previous.end else "nothing of it is used"
    return FootageError(
        f"it overlaps {previous.address} of the same camera by {overlap:.0f} s: {used}.",
        where=piece.address,
        hint="If its start is wrong, correct it.",
    )


def _cut(camera_id: str, timeline: list[Piece]) -> list[Segment]:
    """Cut a timeline at whole minutes."""
    by_minute: dict[int, list[Piece]] = defaultdict(list)
    for piece in timeline:
        first = int(piece.start // SEGMENT_SECONDS)
        for minute in range(first, int(-(-piece.end // SEGMENT_SECONDS))):
            by_minute[minute].append(piece)
    segments = []
    for minute in sorted(by_minute):
        start = float(minute * SEGMENT_SECONDS)
        pieces = _within(by_minute[minute], start, start + SEGMENT_SECONDS)
        earlier = [*by_minute.get(minute - 1, ()), *by_minute[minute]]
        lead_in = _within(dict.fromkeys(earlier), start - MEMORY_SECONDS, start)
        if pieces:
            segments.append(Segment(camera_id, start, tuple(pieces), tuple(lead_in)))
    return segments


def _within(timeline: Iterable[Piece], start: float, end: float) -> list[Piece]:
    """Clip pieces to [start, end), and drop what is outside."""
    clipped = (
        replace(piece, start=max(piece.start, start), end=min(piece.end, end)) for piece in timeline
    )
    return [piece for piece in clipped if piece.end - piece.start >= MIN_SECONDS / 2]


def utc_from_timestamp(seconds: float) -> datetime:
    """Convert seconds since 1970 to a time in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
