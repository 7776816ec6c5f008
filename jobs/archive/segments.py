"""Files on their camera's timeline, cut into minutes.

    footage -> probed -> laid on the clock (overlaps refused) -> segments -> those to do -> runs

Segments lie on whole minutes of UTC, whatever the files' starts: two files that follow each
other share the minute between them, and every window of a camera is made once, from all that
is known of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cluster.activity.durations import MEMORY_SECONDS
from cluster.district import place_of
from cluster.errors import FootageError
from cluster.settings import Settings, analysis_digest
from cluster.streams.decode.container import VideoInfo, probe
from cluster.warehouse.lake import Interval, Lake, PartKey
from cluster.warehouse.rows import PART_SECONDS, part_key_of
from jobs.archive.footage import Footage, Problem

SEGMENT_SECONDS = PART_SECONDS
OVERLAP_TOLERANCE_SECONDS = 1.5
"""Recorders round the start in a file's name to a second; less than this is no overlap."""

SHORTEST_SECONDS = 0.05
PROBES = 16
LONGEST_RUN = 10


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one file on the clock. Seconds since 1970, UTC."""

    address: str
    file_starts: float
    file_seconds: float
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A minute of one camera.

    Attributes:
        camera_id: Whose.
        starts: Seconds since 1970, UTC; a multiple of 60.
        pieces: Where its pictures are, in the order of time.
        lead_in: Where the pictures just before it are; tracks need them.
    """

    camera_id: str
    starts: float
    pieces: tuple[Piece, ...]
    lead_in: tuple[Piece, ...]

    @property
    def seconds(self) -> float:
        """Footage in it."""
        return sum(piece.ends - piece.begins for piece in self.pieces)

    @property
    def wanted(self) -> tuple[Interval, ...]:
        """What a part of it must cover."""
        return tuple((piece.begins, piece.ends) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do.

    Attributes:
        to_do: Segments without an up-to-date part.
        done: Segments that have one.
        videos: What each usable file holds, by address.
        problems: Files that cannot be used, and why.
    """

    to_do: tuple[Segment, ...]
    done: tuple[Segment, ...]
    videos: dict[str, VideoInfo]
    problems: tuple[Problem, ...]


def make_plan(footage: Sequence[Footage], settings: Settings, lake: Lake, model_id: str) -> Plan:
    """Probe the files, lay them on the clock, and see what the lake already has."""
    videos, problems = _probe_all(footage)
    timelines: dict[str, list[Piece]] = defaultdict(list)
    for file in footage:
        if file.address in videos:
            starts = file.started_at.timestamp()
            seconds = max(SHORTEST_SECONDS, videos[file.address].duration_seconds)
            piece = Piece(file.address, starts, seconds, starts, starts + seconds)
            timelines[file.camera_id].append(piece)
    segments: list[Segment] = []
    for camera_id, pieces in sorted(timelines.items()):
        timeline, overlapping = _without_overlaps(pieces)
        problems.extend(overlapping)
        segments.extend(_cut(camera_id, timeline))
    keys = [part_key(segment, settings) for segment in segments]
    facts = lake.part_facts(keys)
    analyses = {c: analysis_name(settings, c, model_id) for c in timelines}
    finished = [
        fact is not None and fact.serves(analyses[segment.camera_id], segment.wanted)
        for segment, fact in zip(segments, facts, strict=True)
    ]
    return Plan(
        to_do=tuple(s for s, done in zip(segments, finished, strict=True) if not done),
        done=tuple(s for s, done in zip(segments, finished, strict=True) if done),
        videos=videos,
        problems=tuple(problems),
    )


def part_key(segment: Segment, settings: Settings) -> PartKey:
    """Where a segment's windows belong in the lake."""
    place = place_of(settings, segment.camera_id)
    starts_at = datetime.fromtimestamp(segment.starts, UTC)
    return part_key_of(place.school.id, place.school.zone, segment.camera_id, starts_at)


def analysis_name(settings: Settings, camera_id: str, model_id: str) -> str:
    """Name of all that a camera's windows depend on: model and settings."""
    return f"{model_id}/{analysis_digest(settings, settings.cameras_by_id[camera_id])}"


def group_into_runs(segments: Iterable[Segment], workers: int) -> list[list[Segment]]:
    """Put neighbouring segments together, so that one task reads a file in one go.

    Args:
        segments: To do.
        workers: Tasks that will read at once. Runs become shorter towards the end, so that all
            end at about the same time (guided self-scheduling, Polychronopoulos and Kuck, 1987).
    """
    ordered = sorted(segments, key=lambda s: (s.camera_id, s.starts))
    longest = 1
    runs: list[list[Segment]] = []
    for index, segment in enumerate(ordered):
        last = runs[-1][-1] if runs else None
        follows = (
            last is not None
            and last.camera_id == segment.camera_id
            and last.starts + SEGMENT_SECONDS == segment.starts
        )
        if follows and len(runs[-1]) < longest:
            runs[-1].append(segment)
        else:
            runs.append([segment])
            remaining = len(ordered) - index
            longest = max(1, min(LONGEST_RUN, remaining // (2 * max(1, workers))))
    return runs


def _probe_all(footage: Sequence[Footage]) -> tuple[dict[str, VideoInfo], list[Problem]]:
    def look(file: Footage) -> VideoInfo | Problem:
        try:
            return probe(file.address)
        except FootageError as error:
            return Problem.of(file.address, error)

    with ThreadPoolExecutor(PROBES) as pool:
        answers = list(pool.map(look, footage))
    videos = {
        file.address: answer
        for file, answer in zip(footage, answers, strict=True)
        if isinstance(answer, VideoInfo)
    }
    return videos, [answer for answer in answers if isinstance(answer, Problem)]


def _without_overlaps(pieces: list[Piece]) -> tuple[list[Piece], list[Problem]]:
    """A camera's files in the order of time; one that lies over another is left out."""
    timeline: list[Piece] = []
    problems: list[Problem] = []
    for piece in sorted(pieces, key=lambda p: (p.begins, p.address)):
        previous = timeline[-1] if timeline else None
        over = previous.ends - piece.begins if previous else 0.0
        if previous is not None and over > OVERLAP_TOLERANCE_SECONDS:
            error = FootageError(
                f"it overlaps {previous.address} of the same camera by {over:.0f} s, and was left "
                "out.",
                where=piece.address,
                hint="Correct its start, or remove one of the two.",
            )
            problems.append(Problem.of(piece.address, error))
            continue
        if previous is None or piece.ends > previous.ends:  # else it adds nothing
            timeline.append(replace(piece, begins=piece.begins + max(0.0, over)))
    return timeline, problems


def _cut(camera_id: str, timeline: list[Piece]) -> list[Segment]:
    """Cut a timeline at whole minutes."""
    by_minute: dict[int, list[Piece]] = defaultdict(list)
    for piece in timeline:
        first = int(piece.begins // SEGMENT_SECONDS)
        for minute in range(first, int(-(-piece.ends // SEGMENT_SECONDS))):
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
    """What of some pieces lies in [start, end)."""
    clipped = (
        replace(piece, begins=max(piece.begins, start), ends=min(piece.ends, end))
        for piece in timeline
    )
    return [piece for piece in clipped if piece.ends - piece.begins >= SHORTEST_SECONDS / 2]


def moment_of(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
