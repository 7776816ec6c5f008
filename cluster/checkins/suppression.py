"""What may be told of a check-in's answers: design, section 2, rule 3. Pure functions.

    counts at k, 2k, 3k … answers -> told -> PublishedCounts (may leave the records)

- Nothing is told below `k` answers, and then only when another `k` have come: who watches the page
  could otherwise tell one student's answer from the difference. Between, only the number of answers
  rises.
- A share of 5% and less is told as `≤5%`, of 95% and more as `≥95%`; else the count, and its share.
- Where the rest would give a coded count back (the others add up, and leave it one value only), the
  least that would be told is withheld too, with all that have the same count; and then it is not
  told which of the withheld is which. Each of them may then hold the count of any other, so nobody
  can tell, not even who knows this rule. With fewer than 20 answers `≤5%` means none by itself, and
  `≥95%` all; nothing is withheld for its sake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cluster.checkins.feelings import Feeling

SMALLEST_K: Final = 5
TWENTIETHS: Final = 20
"""5% is one of these, 95% all but one: whole numbers, so that no rounding decides."""


class SuppressedCell(StrEnum):
    """What is told in place of a count."""

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
    """A snapshot as it may be told.

    Attributes:
        answers: How many it rests on.
        cells: A count or a code for each feeling.

    Raises:
        ValueError: It rests on too few, or tells a count that must be coded.
    """

    answers: int
    cells: Mapping[Feeling, Cell]

    def __post_init__(self) -> None:
        """Refuse what must not be told."""
        if self.answers < SMALLEST_K:
            raise ValueError(f"fewer than {SMALLEST_K} answers")
        if set(self.cells) != set(Feeling):
            raise ValueError("not each feeling is told of")
        for cell in self.cells.values():
            if not isinstance(cell, SuppressedCell) and _coded(cell, self.answers) != cell:
                raise ValueError(f"{cell} of {self.answers} must be coded")

    def count(self, feeling: Feeling) -> int | None:
        """How many said so; None where it is coded."""
        cell = self.cells[feeling]
        return None if isinstance(cell, SuppressedCell) else cell

    def share(self, feeling: Feeling) -> float | None:
        """From 0.05, which means 5% or less, to 0.95, 95% or more; None where it is withheld."""
        cell = self.cells[feeling]
        return _SHARES[cell] if isinstance(cell, SuppressedCell) else round(cell / self.answers, 3)

    def text(self, feeling: Feeling) -> str:
        """For people: `≤5%`, `12 (60%)`, `≥95%` or `withheld`."""
        cell = self.cells[feeling]
        return (
            _TEXTS[cell]
            if isinstance(cell, SuppressedCell)
            else f"{cell} ({cell / self.answers:.0%})"
        )

    def as_json(self) -> dict[str, Any]:
        """Its cells as the records keep them."""
        return {
            str(feeling): str(cell) if isinstance(cell, SuppressedCell) else cell
            for feeling, cell in self.cells.items()
        }

    @staticmethod
    def from_json(answers: int, cells: Mapping[str, Any]) -> "PublishedCounts":
        """Back from the records."""
        return PublishedCounts(
            answers,
            {
                Feeling(name): cell if isinstance(cell, int) else SuppressedCell(cell)
                for name, cell in cells.items()
            },
        )


def next_snapshot(
    counts: Mapping[Feeling, int], k: int, last: PublishedCounts | None
) -> PublishedCounts | None:
    """What may be told once an answer has come: a new snapshot, or still the last.

    Args:
        counts: All answers so far, the new one among them.
        k: Fewest answers between two snapshots.
        last: What was told before; None: nothing.
    """
    answers = sum(counts.values())
    return told(counts, k) if answers and answers % k == 0 else last


def told(counts: Mapping[Feeling, int], k: int) -> PublishedCounts:
    """What may be told of these counts.

    Raises:
        ValueError: They are fewer than `k`.
    """
    answers = sum(counts.values())
    if answers < max(k, SMALLEST_K):
        raise ValueError(f"{answers} answers are fewer than {k}")
    feelings = list(Feeling)
    cells = coded_cells([counts.get(feeling, 0) for feeling in feelings])
    return PublishedCounts(answers, dict(zip(feelings, cells, strict=True)))


def coded_cells(counts: Sequence[int]) -> list[Cell]:
    """Counts of a whole, as they are told; their order has no meaning."""
    answers = sum(counts)
    cells = [_coded(count, answers) for count in counts]
    coded = [place for place, cell in enumerate(cells) if isinstance(cell, SuppressedCell)]
    if not _gives_back([cells[place] for place in coded], answers, sum(counts[p] for p in coded)):
        return cells
    least = min(cell for cell in cells if not isinstance(cell, SuppressedCell))
    return [
        SuppressedCell.WITHHELD if isinstance(cell, SuppressedCell) or cell == least else cell
        for cell in cells
    ]


def _coded(count: int, answers: int) -> Cell:
    if TWENTIETHS * count <= answers:
        return SuppressedCell.FEW
    if TWENTIETHS * count >= (TWENTIETHS - 1) * answers:
        return SuppressedCell.MOST
    return count


def _gives_back(cells: Sequence[Cell], answers: int, together: int) -> bool:
    """Whether one of the coded counts can have one value only, and the code alone allows more.

    Args:
        cells: The codes.
        answers: Of all.
        together: What the coded counts add up to: anybody can subtract the others.
    """
    few = answers // TWENTIETHS
    most = -(-(TWENTIETHS - 1) * answers // TWENTIETHS)
    ranges = [(0, few) if cell is SuppressedCell.FEW else (most, answers) for cell in cells]
    lowest, highest = sum(low for low, _ in ranges), sum(high for _, high in ranges)
    return any(
        low < high and max(low, together - highest + high) == min(high, together - lowest + low)
        for low, high in ranges
    )
