"""OneRoster CSV, 1.1 and 1.2: a folder or ZIP to rows, each checked by itself.

    manifest.csv      which files there are, and whether each is `bulk` (all there is) or
                      `delta` (what changed)
    orgs, academicSessions, courses, classes, users, roles (1.2), enrollments

Read is what Homeroom needs and no more: of a person the names, the identifier, the role, the
schools and who speaks for them. E-mail addresses, telephone numbers, passwords, birthdays, user
names, pronouns and metadata are never looked at, so they cannot get into the records.

What a row says is checked here; what it refers to, in
`cluster.records.roster.importer`.
The reader remembers which keys stood in a file and whether all of its rows were good, because
nothing may be removed on the word of a file that was read in part.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar

from cluster.errors import RosterError
from cluster.records.roster import oneroster_rows as rows
from cluster.records.roster.csv_cells import CellError, CsvRow, quoted
from cluster.records.roster.csv_files import MANIFEST, BadRow, RosterFiles, open_files
from cluster.records.roster.oneroster_rows import (
    ClassLine,
    CourseLine,
    DeletedRow,
    EnrollmentLine,
    OrgLine,
    RoleLine,
    SessionLine,
    UserLine,
)

FILES = ("orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments")


class FileMode(StrEnum):
    """What the manifest says of a file."""

    ABSENT = "absent"
    BULK = "bulk"
    DELTA = "delta"


Line = TypeVar("Line")


class OneRoster:
    """An opened roster.

    Args:
        files: Its files.

    Attributes:
        version: Of OneRoster.
        modes: Of each file of `FILES`.
        bad_rows: Rows that were left out so far.
        seen: Of each file that was read, the line at which each key stands.

    Raises:
        RosterError: The manifest is missing or wrong, or names a file that is not there.
    """

    def __init__(self, files: RosterFiles) -> None:
        self._files = files
        self.bad_rows: list[BadRow] = []
        self.seen: dict[str, dict[str, int]] = {}
        self._read_to_end: set[str] = set()
        self._with_bad_rows: set[str] = set()
        stated = self._manifest()
        self.version = self._version(stated)
        self.modes = {name: self._mode(stated, name) for name in FILES}
        if self.version == "1.1":
            self.modes["roles"] = FileMode.ABSENT

    def replaces(self, name: str) -> bool:
        """Whether what does not stand in the file may go: it is bulk, read whole, all rows good."""
        return (
            self.modes[name] is FileMode.BULK
            and name in self._read_to_end
            and name not in self._with_bad_rows
        )

    def reject(self, name: str, line: int, column: str | None, reason: str) -> None:
        """Say that a row cannot be used."""
        self._with_bad_rows.add(name)
        self.bad_rows.append(BadRow(f"{name}.csv", line, column, reason))

    def orgs(self) -> Iterator[OrgLine | DeletedRow]:
        """Rows of orgs.csv."""
        return self._read("orgs", ("name", "type", "identifier", "parentSourcedId"), rows.org_line)

    def academic_sessions(self) -> Iterator[SessionLine | DeletedRow]:
        """Rows of academicSessions.csv."""
        columns = ("title", "type", "startDate", "endDate", "schoolYear")
        return self._read("academicSessions", columns, rows.session_line)

    def courses(self) -> Iterator[CourseLine | DeletedRow]:
        """Rows of courses.csv."""
        return self._read("courses", ("title", "courseCode"), rows.course_line)

    def classes(self) -> Iterator[ClassLine | DeletedRow]:
        """Rows of classes.csv."""
        columns = ("title", "courseSourcedId", "classCode", "location")
        return self._read(
            "classes", (*columns, "schoolSourcedId", "termSourcedIds"), rows.class_line
        )

    def users(self) -> Iterator[UserLine | DeletedRow]:
        """Rows of users.csv."""
        columns = ("enabledUser", "givenName", "familyName", "identifier", "agentSourcedIds")
        if self.version == "1.1":
            return self._read("users", (*columns, "orgSourcedIds", "role"), rows.user_1_1_line)
        return self._read("users", columns, rows.user_1_2_line, ("preferredGivenName",))

    def roles(self) -> Iterator[RoleLine]:
        """Rows of roles.csv; those to be deleted too, which say what to take away."""
        columns = ("userSourcedId", "roleType", "role", "orgSourcedId")
        for found in self._read("roles", columns, rows.role_line, parse_gone=True):
            if isinstance(found, RoleLine):
                yield found

    def enrollments(self) -> Iterator[EnrollmentLine | DeletedRow]:
        """Rows of enrollments.csv."""
        columns = ("classSourcedId", "userSourcedId", "role", "beginDate", "endDate")
        return self._read("enrollments", columns, rows.enrollment_line)

    def _read(
        self,
        name: str,
        columns: tuple[str, ...],
        parse: Callable[[CsvRow], Line],
        optional: tuple[str, ...] = (),
        *,
        parse_gone: bool = False,
    ) -> Iterator[Line | DeletedRow]:
        seen = self.seen.setdefault(name, {})
        if self.modes[name] is FileMode.ABSENT:
            return
        is_bulk = self.modes[name] is FileMode.BULK
        broken: list[BadRow] = []
        required = ("sourcedId", "status", *columns)
        for cells in self._files.rows(f"{name}.csv", required, broken, optional):
            try:
                key = cells.key("sourcedId")
                if key in seen:
                    raise CellError("sourcedId", f"stands in line {seen[key]} already")
                seen[key] = cells.line
                is_gone = not rows.is_active(cells, is_bulk=is_bulk)
                if is_gone and not parse_gone:
                    yield DeletedRow(key, cells.line)
                else:
                    yield parse(cells)
            except CellError as bad:
                self.reject(name, cells.line, bad.column, bad.reason)
        for bad_row in broken:
            self.reject(name, bad_row.line, bad_row.column, bad_row.reason)
        self._read_to_end.add(name)

    def _manifest(self) -> dict[str, str]:
        if MANIFEST not in self._files:
            raise RosterError(
                "there is no manifest.csv.",
                where=str(self._files.where),
                hint="OneRoster's CSV has one: it says which files there are.",
            )
        bad_rows: list[BadRow] = []
        found = self._files.rows(MANIFEST, ("propertyName", "value"), bad_rows)
        try:
            stated = {row.text("propertyName"): row.optional("value") or "" for row in found}
        except CellError as bad:
            raise RosterError(f"{bad.column} {bad.reason}.", where=self._place(MANIFEST)) from None
        if bad_rows:
            raise RosterError(f"{bad_rows[0].reason}.", where=self._place(MANIFEST))
        return stated

    def _version(self, stated: dict[str, str]) -> Literal["1.1", "1.2"]:
        version = stated.get("oneroster.version", "")
        for known in ("1.1", "1.2"):
            if version == known or version.startswith(f"{known}."):
                return "1.1" if known == "1.1" else "1.2"
        raise RosterError(
            f"oneroster.version is {quoted(version)}; 1.1 and 1.2 are understood.",
            where=self._place(MANIFEST),
        )

    def _mode(self, stated: dict[str, str], name: str) -> FileMode:
        value = stated.get(f"file.{name}", FileMode.ABSENT).lower()
        if value not in set(FileMode):
            raise RosterError(
                f"file.{name} is {quoted(value)}, and must be absent, bulk or delta.",
                where=self._place(MANIFEST),
            )
        mode = FileMode(value)
        if mode is not FileMode.ABSENT and f"{name}.csv" not in self._files:
            raise RosterError(
                f"manifest.csv calls it {mode}, and it is not there.",
                where=self._place(f"{name}.csv"),
                hint="Export the roster again.",
            )
        return mode

    def _place(self, name: str) -> str:
        return f"{self._files.where}/{name}"


@contextmanager
def open_roster(path: Path) -> Iterator[OneRoster]:
    """A roster in a folder or ZIP.

    Raises:
        RosterError: See `OneRoster`.
    """
    with open_files(path) as files:
        yield OneRoster(files)
