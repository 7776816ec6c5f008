"""How many people there are for each that is found: a factor, and the interval that it gives.

What is found of a room is a number that errs. `cluster.calibration` says by how much: of a camera,
after people have counted by eye, or of the shipped model, by the score.
"""

import math
from dataclasses import dataclass
from typing import Final

EMPTY_ROOM: Final = 0.5
"""Is added to both numbers, so that an empty room has a ratio."""


@dataclass(frozen=True, slots=True)
class HeadcountFactor:
    """How many people there are for each that is found.

    Attributes:
        low: Lower end of the interval.
        high: Upper end.
        headcounts: How many counts by eye it rests on; 0 for the score's.

    Raises:
        ValueError: The ends are not positive, or not in order.
    """

    low: float
    high: float
    headcounts: int

    def __post_init__(self) -> None:
        """Reject what is not an interval."""
        if not 0 < self.low <= self.high < math.inf:
            raise ValueError(f"a factor from {self.low} to {self.high}")

    def interval(self, found: float) -> tuple[int, int]:
        """Return the ends of the interval of the true number of people.

        Args:
            found: People that were found; 0 and more.
        """
        low, high = ((found + EMPTY_ROOM) * end - EMPTY_ROOM for end in (self.low, self.high))
        return max(0, math.floor(low)), max(0, math.ceil(high))

    def bounds(self, found: float) -> tuple[int, int]:
        """Return `people_low` and `people_high`: the interval, widened until it holds `found`.

        A published number never lies outside of its own bounds.
        """
        low, high = self.interval(found)
        return min(low, math.floor(found)), max(high, math.ceil(found))
