"""The stages of the archive job, and what passes between them, as Ray Data runs them.

    stage         module       runs as     does                             gives rows of
    ReadRun       reading.py   CPU tasks   decode, shrink                   a segment's frames
    FindPeople    finding.py   actor pool  pose model                       a segment's people
    CountSegment  counting.py  actor pool  activity, windows, suppression   SegmentResult

Frames travel between the first two in memory alone, shrunken; bodies between the second and the
third; what leaves the third is what may be told. Each stage has a module of its own, so that a
worker imports only what its stage needs.
"""

from dataclasses import dataclass
from typing import Any

from cluster.activity.suppression import ActivityWindow
from cluster.warehouse.lake import Interval
from jobs.archive.footage import Problem
from jobs.archive.segments import Segment

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a file without pictures; not an error, but worth saying."""

    address: str
    begins: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a segment brought up besides frames."""

    covered: tuple[Interval, ...]
    problems: tuple[Problem, ...]
    gaps: tuple[Gap, ...]
    decoded: int


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """A segment done.

    Attributes:
        segment: Which.
        windows: What may be told of it.
        reading: What reading it brought up.
    """

    segment: Segment
    windows: tuple[ActivityWindow, ...]
    reading: Reading
