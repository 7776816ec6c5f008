"""Small-cell suppression of a check-in's counts (R3), as pure functions.

    counts at k, 2k, 3k … answers -> publish_counts -> PublishedCounts (may leave the records)

- Nothing is published below `k` answers, and then only after another `k`, so that the difference
  between two snapshots never reveals a single answer. In between, only the number of answers rises.
- A share of 5% or less is coded as `≤5%`, and of 95% or more as `≥95%`; other counts are published.
- Secondary suppression: if the published counts determine a coded count by subtraction, the
  smallest published count is withheld too, with all counts equal to it, and the withheld cells are
  no longer distinguished. Each of them may then hold the count of any other, also for somebody who
  knows this rule. Below 20 answers, `≤5%` means none and `≥95%` all; nothing is withheld for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cluster.checkins.feelings import Feeling
from cluster.settings import MIN_K

TWENTIETHS: Final = 20
"""5% is one of these, 95% all but one: integers, so that rounding never decides."""


class SuppressedCell(StrEnum):
    """What is published in place of a count."""

    FEW = "few"
    MOST = "most"
    WITHHELD = "withheld"


Cell = int | SuppressedCell

_TEXTS: Final = {
    SuppressedCell.FEW: "≤5%",
    SuppressedCell.MOST: "≥95%",
    SuppressedCell.WITHHELD: "withheld",
}
_SHARES: Final = {
    SuppressedCell.FEW: 0.05,
    SuppressedCell.MOST: 0.95,
    SuppressedCell.WITHHELD: None,
}


@dataclass(frozen=True, slots=True)
class PublishedCounts:
    """A snapshot of counts that may be published.

    Attributes:
        answers: Number of answers.
        cells: A count, or what replaces it, for each feeling.

    Raises:
        ValueError: There are too few answers, or a count that must be suppressed.
    """

    answers: int
    cells: Mapping[Feeling, Cell]

    def __post_init__(self) -> None:
        """Reject counts that must not be published."""
        if self.answers < MIN_K:
            raise ValueError(f"fewer than {MIN_K} answers")
        if set(self.cells) != set(Feeling):
            raise ValueError("a feeling is missing")
        for cell in self.cells.values():
            if not isinstance(cell, SuppressedCell) and _suppress(cell, self.answers) != cell:
                raise ValueError(f"{cell} of {self.answers} must be suppressed")

    def count(self, feeling: Feeling) -> int | None:
        """Return the count of a feeling; None if suppressed."""
        cell = self.cells[feeling]
        return None if isinstance(cell, SuppressedCell) else cell

    def share(self, feeling: Feeling) -> float | None:
        """Return a share from 0.05 (5% or less) to 0.95 (95% or more); None if withheld."""
        cell = self.cells[feeling]
        return _SHARES[cell] if isinstance(cell, SuppressedCell) else round(cell / self.answers, 3)

    def text(self, feeling: Feeling) -> str:
        """Format a cell: `≤5%`, `12 (60%)`, `≥95%` or `withheld`."""
        cell = self.cells[feeling]
        return (
            _TEXTS[cell]
            if isinstance(cell, SuppressedCell)
            else f"{cell} ({cell / self.answers:.0%})"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the cells in their stored form."""
        return {
            str(feeling): str(cell) if isinstance(cell, SuppressedCell) else cell
            for feeling, cell in self.cells.items()
        }

    @staticmethod
    def from_json(answers: int, cells: Mapping[str, Any]) -> "PublishedCounts":
        """Return counts from their stored form."""
        return PublishedCounts(
            answers,
            {
                Feeling(name): cell if isinstance(cell, int) else SuppressedCell(cell)
                for name, cell in cells.items()
            },
        )


def snapshot_from_json(
    answers: int | None, cells: Mapping[str, Any] | None
) -> PublishedCounts | None:
    """Return a stored snapshot; None if nothing was published."""
    return None if answers is None or cells is None else PublishedCounts.from_json(answers, cells)


def next_snapshot(
    counts: Mapping[Feeling, int], k: int, last: PublishedCounts | None
) -> PublishedCounts | None:
    """Return the snapshot after an answer: a new one, or still the last.

    Args:
        counts: All answers so far, including the new one.
        k: Number of answers between two snapshots.
        last: The last snapshot, if there was one.
    """
    answers = sum(counts.values())
    return publish_counts(counts, k) if answers and answers % k == 0 else last


def publish_counts(counts: Mapping[Feeling, int], k: int) -> PublishedCounts:
    """Return counts with small cells suppressed.

    Raises:
        ValueError: There are fewer than `k` answers.
    """
    answers = sum(counts.values())
    if answers < max(k, MIN_K):
        raise ValueError(f"{answers} answers are fewer than {k}")
    feelings = list(Feeling)
    cells = suppress_cells([counts.get(feeling, 0) for feeling in feelings])
    return PublishedCounts(answers, dict(zip(feelings, cells, strict=True)))


def suppress_cells(counts: Sequence[int]) -> list[Cell]:
    """Suppress small cells among the counts of a whole, in any order."""
    answers = sum(counts)
    cells = [_suppress(count, answers) for count in counts]
    coded = [index for index, cell in enumerate(cells) if isinstance(cell, SuppressedCell)]
    coded_total = sum(counts[index] for index in coded)
    if not _is_recoverable([cells[index] for index in coded], answers, coded_total):
        return cells
    smallest = min(cell for cell in cells if not isinstance(cell, SuppressedCell))
    return [
        SuppressedCell.WITHHELD if isinstance(cell, SuppressedCell) or cell == smallest else cell
        for cell in cells
    ]


def _suppress(count: int, answers: int) -> Cell:
    if TWENTIETHS * count <= answers:
        return SuppressedCell.FEW
    if TWENTIETHS * count >= (TWENTIETHS - 1) * answers:
        return SuppressedCell.MOST
    return count


def _is_recoverable(cells: Sequence[Cell], answers: int, total: int) -> bool:
    """Whether the total leaves one of the coded counts a single value, where its code allows more.

    Args:
        cells: The coded cells.
        answers: Number of all answers.
        total: Sum of the coded counts, which anybody can compute from the published ones.
    """
    few = answers // TWENTIETHS
    most = -(-(TWENTIETHS - 1) * answers // TWENTIETHS)
    ranges = [(0, few) if cell is SuppressedCell.FEW else (most, answers) for cell in cells]
    lowest, highest = sum(low for low, _ in ranges), sum(high for _, high in ranges)
    return any(
        low < high and max(low, total - highest + high) == min(high, total - lowest + low)
        for low, high in ranges
    )
