"""What an import changes, counted by kind, and the check that rejects a truncated roster."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from cluster.errors import RosterError
from cluster.records.roster.csv_files import BadRow

IMPORT_COMMAND: Final = "homeroom roster import FOLDER"
"""How to import a roster, for hints."""

MAX_REMOVED_SHARE = 0.25
MIN_REMOVALS_REJECTED = 10
"""Fewer removals are always allowed: a small school's class of nine may end."""


@dataclass(slots=True)
class RowCounts:
    """How many rows of one kind an import changed.

    Attributes:
        added: New rows.
        changed: Rows with new values.
        unchanged: Rows that have the same values already.
        removed: Rows deleted; a user is marked as gone instead.
        kept: Rows that are no longer in the roster, but are still referred to.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0

    @property
    def changes(self) -> int:
        """How many rows were added, changed or removed."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import changed, or would change.

    Attributes:
        counts: By kind.
        bad_rows: The rows that were rejected, by file name and line.
        closed: Lessons of a timetable that were left out, because their school is closed that day.
    """

    counts: dict[str, RowCounts]
    bad_rows: tuple[BadRow, ...]
    closed: int = 0

    @property
    def total(self) -> int:
        """How many rows changed; 0 when the same roster is imported again."""
        return sum(counts.changes for counts in self.counts.values())

    def as_json(self) -> dict[str, Any]:
        """Return the result for `--json`."""
        return {
            "changes": self.total,
            "counts": {kind: asdict(counts) for kind, counts in self.counts.items()},
            "bad_rows": [asdict(bad) for bad in self.bad_rows],
            "closed": self.closed,
        }


def sort_bad_rows(bad_rows: list[BadRow]) -> tuple[BadRow, ...]:
    """Sort bad rows by file, line and column."""
    return tuple(sorted(bad_rows, key=lambda bad: (bad.file, bad.line, bad.column or "")))


def reject_mass_removal(kind: str, before: int, removed: int, *, where: str, command: str) -> None:
    """Stop an import whose file lacks so many rows that it was likely truncated.

    Args:
        kind: The kind of rows.
        where: The file that lacks them.
        before: How many are in the records.
        removed: How many of these the file lacks.
        command: The command that imports the file, for the hint.

    Raises:
        RosterError: The file lacks over a quarter, and at least ten.
    """
    if removed >= MIN_REMOVALS_REJECTED and removed > before * MAX_REMOVED_SHARE:
        raise RosterError(
            f"{removed} of {before} {kind} in the records are no longer in it.",
            where=where,
            hint=f"If that is intended, check it with `{command} --dry-run`, then import it with "
            f"`{command} --yes`.",
        )
