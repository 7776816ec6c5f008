"""What was found while a file was read, beside its frames."""

from dataclasses import dataclass, field, replace

Stretch = tuple[float, float]
"""(from, to) in seconds of file time."""


@dataclass(slots=True)
class SamplingReport:
    """Statistics and oddities of reading a file.

    Attributes:
        decoded: Frames that the decoder returned.
        last_seconds: Time of the last frame of the file that was reached.
        gaps: Stretches in which the file has no frames.
        damaged: Frames or packets that the decoder could not use.
        lost: Stretches that were wanted and that the decoder could not use.
        left_out: Single frames whose timestamps are out of order: the time of the frame before,
            and the one that is stated.
    """

    decoded: int = 0
    last_seconds: float = 0.0
    gaps: list[Stretch] = field(default_factory=list)
    damaged: int = 0
    lost: list[Stretch] = field(default_factory=list)
    left_out: list[Stretch] = field(default_factory=list)

    def take(self) -> "SamplingReport":
        """Return what was found since the last call."""
        found = replace(self)
        self.gaps, self.lost, self.left_out = [], [], []
        return found
