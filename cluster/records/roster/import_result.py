"""What an import changes, counted by kind; and the guard against a roster that lost its rows."""

from dataclasses import asdict, dataclass
from typing import Any

from cluster.errors import RosterError
from cluster.records.roster.csv_files import BadRow

MAX_REMOVED_SHARE = 0.25
MIN_REMOVALS_REJECTED = 10
"""As few may go at any time: a small school's class of nine may end."""


@dataclass(slots=True)
class RowCounts:
    """Rows of one kind.

    Attributes:
        added: New in the records.
        changed: There already, and different now.
        unchanged: There already, and the same.
        removed: Gone from the records; a user is switched off instead, and stays.
        kept: No longer in the roster, but in the records, because something refers to them.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0

    @property
    def changes(self) -> int:
        """How many rows are not as they were."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import changed, or would.

    Attributes:
        counts: By kind.
        bad_rows: Rows that were left out, in the order of the files' names and lines.
    """

    counts: dict[str, RowCounts]
    bad_rows: tuple[BadRow, ...]

    @property
    def total(self) -> int:
        """How many rows are not as they were; 0 the second time."""
        return sum(counts.changes for counts in self.counts.values())

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "changes": self.total,
            "counts": {kind: asdict(counts) for kind, counts in self.counts.items()},
            "bad_rows": [asdict(bad) for bad in self.bad_rows],
        }


def sort_bad_rows(bad_rows: list[BadRow]) -> tuple[BadRow, ...]:
    """Bad rows as people look for them."""
    return tuple(sorted(bad_rows, key=lambda bad: (bad.file, bad.line, bad.column or "")))


def reject_mass_removal(kind: str, before: int, removed: int) -> None:
    """Stop where a file that is whole in itself lacks so much that it was likely cut off.

    Args:
        kind: Of the rows.
        before: How many there are in the records.
        removed: How many of them the file no longer holds.

    Raises:
        RosterError: Over a quarter, and at least ten.
    """
    if removed >= MIN_REMOVALS_REJECTED and removed > before * MAX_REMOVED_SHARE:
        raise RosterError(
            f"{removed} of {before} {kind} in the records are no longer in it.",
            where=f"{kind}.csv",
            hint="If that is meant, look at it with --dry-run, then import it with --yes.",
        )
