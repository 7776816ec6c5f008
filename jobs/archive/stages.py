"""The stages of the archive job, and what passes between them, as Ray Data runs them.

    stage           module             runs as     does                            rows
    DecodeSegments  decode_stage.py    CPU tasks   decode, shrink                  frames
    EstimatePoses   pose_stage.py      actor pool  pose model                      people
    CountActivity   activity_stage.py  actor pool  activity, windows, suppression  SegmentResult

Shrunken frames pass from the first to the second stage in memory alone (R8), and people from the
second to the third; what the third returns may be published (R3). Each stage has a module of its
own, so that a worker imports only what its stage needs.
"""

from dataclasses import dataclass
from typing import Any

from cluster.activity.suppression import ActivityWindow
from cluster.warehouse.lake import Interval
from jobs.archive.footage import FootageNote, FootageProblem
from jobs.archive.segments import Segment

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FootageGap:
    """A stretch of a file without frames, or without any that can be decoded.

    Attributes:
        address: The file.
        begins: Start of the stretch in the file, in seconds.
        seconds: Its length.
    """

    address: str
    begins: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What came of reading a segment, besides its frames.

    Attributes:
        covered: The intervals that were read.
        problems: Files that could not be read, wholly or in part.
        gaps: Stretches without frames.
        decoded: Frames that were decoded.
        lost: Stretches whose frames could not be decoded.
        notes: What else is odd about the files.
    """

    covered: tuple[Interval, ...]
    problems: tuple[FootageProblem, ...]
    gaps: tuple[FootageGap, ...]
    decoded: int
    lost: tuple[FootageGap, ...] = ()
    notes: tuple[FootageNote, ...] = ()

    @property
    def covered_seconds(self) -> float:
        """Length of the footage that was read."""
        return sum(end - start for start, end in self.covered)


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """A segment that was analysed.

    Attributes:
        segment: The segment.
        windows: Its windows, as they may be published.
        read: What came of reading it.
    """

    segment: Segment
    windows: tuple[ActivityWindow, ...]
    read: ReadReport
