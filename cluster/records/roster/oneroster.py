"""OneRoster CSV, 1.1 and 1.2: a folder or ZIP to validated rows.

    manifest.csv      which files exist, and whether each is `bulk` (all rows) or `delta` (changes)
    orgs, academicSessions, courses, classes, users, roles (1.2), enrollments

Only the columns that Homeroom needs are read: of a person the names, the identifier, the role, the
schools and the guardians. E-mail addresses, telephone numbers, passwords, birthdays, user names,
pronouns and metadata are not, so they cannot get into the records.

A row is validated on its own here; what it refers to, in `cluster.records.roster.importer`. The
reader records the keys of each file and whether the whole file was valid, because nothing may be
removed on account of a file that was read in part.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar

from cluster.errors import RosterError
from cluster.records.roster.csv_cells import CellError, CsvModel, Text, quoted
from cluster.records.roster.csv_files import MANIFEST, BadRow, BadRows, RosterFiles, open_files
from cluster.records.roster.oneroster_rows import (
    DeletedRow,
    RosterRole,
    RosterRow,
    RosterUser,
    RosterUserWithRole,
)

FILES = ("orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments")

Row = TypeVar("Row", bound=RosterRow)


class FileMode(StrEnum):
    """What the manifest says of a file."""

    ABSENT = "absent"
    BULK = "bulk"
    DELTA = "delta"


class ManifestProperty(CsvModel):
    """A row of manifest.csv."""

    property_name: Text
    value: Text = ""


class OneRoster:
    """An opened roster.

    Args:
        files: Its files.

    Attributes:
        version: The version of OneRoster.
        modes: The mode of each file of `FILES`.
        bad_rows: The rows that were rejected so far.
        seen: For each file that was read, the line of each key.

    Raises:
        RosterError: The manifest is missing or invalid, or names a file that does not exist.
    """

    def __init__(self, files: RosterFiles) -> None:
        self._files = files
        self.bad_rows = BadRows(str(files.where))
        self.seen: dict[str, dict[str, int]] = {}
        self._read_to_end: set[str] = set()
        self._with_bad_rows: set[str] = set()
        manifest = self._read_manifest()
        self.version = self._version(manifest)
        self.modes = {name: self._mode(manifest, name) for name in FILES}
        if self.version == "1.1":
            self.modes["roles"] = FileMode.ABSENT

    def replaces(self, name: str) -> bool:
        """Whether a file lists all rows: it is bulk, was read to its end, and had no bad row."""
        return (
            self.modes[name] is FileMode.BULK
            and name in self._read_to_end
            and name not in self._with_bad_rows
        )

    def reject(self, name: str, line: int, column: str | None, reason: str) -> None:
        """Record that a row cannot be used."""
        self._with_bad_rows.add(name)
        self.bad_rows.append(BadRow(f"{name}.csv", line, column, reason))

    def users(self) -> Iterator[RosterUser | DeletedRow]:
        """Yield the rows of users.csv: `RosterUserWithRole` in OneRoster 1.1."""
        return self.read(RosterUserWithRole if self.version == "1.1" else RosterUser)

    def roles(self) -> Iterator[RosterRole]:
        """Yield the rows of roles.csv; those to be deleted too, since they name what to remove."""
        for row in self.read(RosterRole, validate_deleted=True):
            if isinstance(row, RosterRole):
                yield row

    def read(
        self, model: type[Row], *, validate_deleted: bool = False
    ) -> Iterator[Row | DeletedRow]:
        """Yield the rows of one file; rows that are not valid are rejected.

        Args:
            model: The model of the rows, which names the file.
            validate_deleted: Yield rows that are to be deleted as this model, too.

        Raises:
            RosterError: The file cannot be read, or lacks a column.
        """
        name = model.FILE
        seen = self.seen.setdefault(name, {})
        if self.modes[name] is FileMode.ABSENT:
            return
        malformed = BadRows(self._place(f"{name}.csv"))
        optional = model.OPTIONAL_COLUMNS
        required = tuple(column for column in model.columns() if column not in optional)
        for row in self._files.rows(f"{name}.csv", required, malformed, optional):
            if self.modes[name] is FileMode.BULK:
                row.cells.setdefault("status", "active")
            is_deleted = row.cells.get("status", "").lower() == "tobedeleted"
            key = row.cells.get("sourcedId", "")
            try:
                if key in seen:
                    raise CellError("sourcedId", f"exists in line {seen[key]} already")
                if key:
                    seen[key] = row.line
                yield (DeletedRow if is_deleted and not validate_deleted else model).parse(row)
            except CellError as bad:
                self.reject(name, row.line, bad.column, bad.reason)
        for bad_row in malformed:
            self.reject(name, bad_row.line, bad_row.column, bad_row.reason)
        self._read_to_end.add(name)

    def _read_manifest(self) -> dict[str, str]:
        if MANIFEST not in self._files:
            raise RosterError(
                "there is no manifest.csv.",
                where=str(self._files.where),
                hint="OneRoster's CSV has one: it says which files there are.",
            )
        bad_rows = BadRows(self._place(MANIFEST))
        rows = self._files.rows(MANIFEST, ManifestProperty.columns(), bad_rows)
        try:
            properties = [ManifestProperty.parse(row) for row in rows]
        except CellError as bad:
            raise RosterError(f"{bad.column} {bad.reason}.", where=self._place(MANIFEST)) from None
        if bad_rows:
            raise RosterError(f"{bad_rows[0].reason}.", where=self._place(MANIFEST))
        return {row.property_name: row.value for row in properties}

    def _version(self, manifest: dict[str, str]) -> Literal["1.1", "1.2"]:
        version = manifest.get("oneroster.version", "")
        for supported in ("1.1", "1.2"):
            if version == supported or version.startswith(f"{supported}."):
                return "1.1" if supported == "1.1" else "1.2"
        raise RosterError(
            f"oneroster.version is {quoted(version)}; 1.1 and 1.2 are supported.",
            where=self._place(MANIFEST),
        )

    def _mode(self, manifest: dict[str, str], name: str) -> FileMode:
        value = manifest.get(f"file.{name}", FileMode.ABSENT).lower()
        if value not in set(FileMode):
            raise RosterError(
                f"file.{name} is {quoted(value)}, and must be absent, bulk or delta.",
                where=self._place(MANIFEST),
            )
        mode = FileMode(value)
        if mode is not FileMode.ABSENT and f"{name}.csv" not in self._files:
            raise RosterError(
                f"manifest.csv lists it as {mode}, and it does not exist.",
                where=self._place(f"{name}.csv"),
                hint="Export the roster again.",
            )
        return mode

    def _place(self, name: str) -> str:
        return f"{self._files.where}/{name}"


@contextmanager
def open_roster(path: Path) -> Iterator[OneRoster]:
    """Open the roster in a folder or ZIP.

    Raises:
        RosterError: See `OneRoster`.
    """
    with open_files(path) as files:
        yield OneRoster(files)
