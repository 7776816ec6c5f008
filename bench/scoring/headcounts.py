"""Headcounts: the error of the number, and who was found by the height of heads.

Misses and extra people cancel in a number, so all three are measured. A clip's frames are averaged,
so that it counts like one picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bench.classroom.truth import PersonTruth
from bench.scoring.matching import Matching
from bench.scoring.ratios import Measures, Ratio

HEAD_HEIGHTS: Final = (0.0, 8.0, 12.0, 20.0, 40.0, float("inf"))
"""Edges of the groups of head heights, in pixels."""


@dataclass(frozen=True, slots=True)
class MatchedFrame:
    """A frame whose people are matched.

    Attributes:
        time_seconds: Since the clip's first frame.
        matching: The people, matched.
        true: The true people.
        input_scale: See `Observation`.
    """

    time_seconds: float
    matching: Matching
    true: Sequence[PersonTruth]
    input_scale: float

    @property
    def true_count(self) -> int:
        """The people that somebody would count."""
        return len(self.matching.pairs) + len(self.matching.missed)

    @property
    def found_count(self) -> int:
        """The people that were found, without those who need not be."""
        return len(self.matching.pairs) + len(self.matching.extra)


def group_names() -> list[str]:
    """Return the names of the groups of head heights: `<8`, `8-12`, …, `>40`."""
    inner = HEAD_HEIGHTS[1:-1]
    middle = [f"{low:g}-{high:g}" for low, high in pairwise(inner)]
    return [f"<{inner[0]:g}", *middle, f">{inner[-1]:g}"]


def relative_error(counts: Sequence[tuple[float, float]]) -> Ratio:
    """Return the mean of |found − true| / true over (found, true), without frames of nobody."""
    errors = [abs(found - true) / true for found, true in counts if true > 0]
    return Ratio(sum(errors) / max(1, len(errors)), min(1, len(errors)))


def window_error(counts: Sequence[tuple[float, float, float]], window_seconds: float) -> Ratio:
    """Return `relative_error` of the mean counts of windows.

    Args:
        counts: (time in seconds, found, true) of each frame.
        window_seconds: Length of a window.
    """
    windows: dict[int, list[tuple[float, float]]] = {}
    for time, found, true in counts:
        windows.setdefault(int(time // window_seconds), []).append((found, true))
    means = [
        (
            sum(found for found, _ in frames) / len(frames),
            sum(true for _, true in frames) / len(frames),
        )
        for frames in windows.values()
    ]
    return relative_error(means)


def measure_headcount(frames: Sequence[MatchedFrame]) -> Measures:
    """Measure the headcounts of one picture or clip."""
    number = max(1, len(frames))
    true = sum(frame.true_count for frame in frames) / number
    pairs = sum(len(frame.matching.pairs) for frame in frames) / number
    extra = sum(len(frame.matching.extra) for frame in frames) / number
    measures = {
        "headcount_error": relative_error([(f.found_count, f.true_count) for f in frames]),
        "people_found": Ratio(pairs, true),
        "people_extra": Ratio(extra, true),
    }
    for space in ("picture", "input"):
        for name, low, high in zip(group_names(), HEAD_HEIGHTS[:-1], HEAD_HEIGHTS[1:], strict=True):
            ratio = _found_between(frames, low, high, in_input=space == "input")
            measures[f"people_found.{space}.{name}"] = ratio
    return measures


def _found_between(
    frames: Sequence[MatchedFrame], low: float, high: float, *, in_input: bool
) -> Ratio:
    found = total = 0
    for frame in frames:
        scale = frame.input_scale if in_input else 1.0

        def is_between(index: int, frame: MatchedFrame = frame, scale: float = scale) -> bool:
            return low <= frame.true[index].head_height * scale < high

        matched = sum(is_between(true) for _, true in frame.matching.pairs)
        found += matched
        total += matched + sum(map(is_between, frame.matching.missed))
    number = max(1, len(frames))
    return Ratio(found / number, total / number)
