"""What the pose model found in one frame, as counting takes it.

Apart from the counters, as who only reads cameras needs no tracker, which takes a second to import.
"""

from dataclasses import dataclass
from datetime import datetime

from cluster.vision.people import People


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
    """The people of one analysed frame.

    Attributes:
        captured_at: When it was captured, UTC.
        people: Their boxes and keypoints, in the frame's pixels.
        frame_size: (width, height) of the frame, in pixels.
    """

    captured_at: datetime
    people: People
    frame_size: tuple[int, int]
