"""CSV files of a roster or timetable, from a folder or a ZIP, read row by row.

    folder | ZIP  ->  a file by its name  ->  CsvRow: the requested cells, and the line

Files are opened by name and never extracted, so no path of a ZIP is written anywhere; a file over
`MAX_CSV_BYTES` is rejected before it is decompressed. A row that cannot be used is collected as a
`BadRow` and reading continues, up to `MAX_BAD_ROWS` of them; an error of a whole file is a
`RosterError`. Rows without any text, as spreadsheets write below a table, are no rows. A small ZIP
may hold a large file: lines, and rows without text, are bounded too.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from cluster.errors import RosterError
from cluster.records.roster.csv_dialect import (
    SEP_LINE,
    SEPARATORS,
    describe_encoding,
    describe_separator,
    separator_of,
)

MAX_CSV_BYTES = 256 * 2**20
MAX_BAD_ROWS = 10_000
MAX_LINE_CHARACTERS = 2**20
MAX_EMPTY_ROWS = 2**20
"""As many as a sheet of a spreadsheet has."""

MANIFEST = "manifest.csv"

Opener = Callable[[], IO[bytes]]


class CsvRow(NamedTuple):
    """The cells of one row.

    Attributes:
        cells: By header, stripped; empty cells are left out.
        line: The first line of the row in its file, from 1.
    """

    cells: dict[str, str]
    line: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was skipped, or of which a part was.

    Attributes:
        file: The file's name.
        line: From 1; the first line of a row that spans several.
        column: The header of the column; None where the row as a whole is wrong.
        reason: What is wrong, and what was imported where the row was not skipped.
    """

    file: str
    line: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        column = f"{self.column}: " if self.column else ""
        return f"{self.file}:{self.line}: {column}{self.reason}"


class BadRows(list[BadRow]):
    """The rows that cannot be used, so few that they can be shown and corrected.

    Args:
        where: The roster or file that they are of, for the error.
    """

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def append(self, bad: BadRow) -> None:
        """Add a row.

        Raises:
            RosterError: There are `MAX_BAD_ROWS` already.
        """
        if len(self) >= MAX_BAD_ROWS:
            raise RosterError(
                f"over {MAX_BAD_ROWS} of its rows cannot be used, the first: {self[0]}.",
                where=self._where,
                hint="Nothing was imported. Export it again, as OneRoster or as documented.",
            )
        super().append(bad)


class RosterFiles:
    """The files of a folder or a ZIP, by name.

    Args:
        where: The folder or ZIP.
        openers: Functions that open a file, by its name.
    """

    def __init__(self, where: Path, openers: Mapping[str, Opener]) -> None:
        self.where = where
        self._openers = openers

    def __contains__(self, name: str) -> bool:
        return name in self._openers

    def rows(
        self,
        name: str,
        required: tuple[str, ...],
        bad_rows: list[BadRow],
        optional: tuple[str, ...] = (),
    ) -> Iterator[CsvRow]:
        """Yield the rows of a file.

        Args:
            name: The file's name.
            required: The columns to read.
            bad_rows: Collects rows that are not CSV, too short or too long.
            optional: More columns to read, where they exist; a header that differs from one of
                them in case alone is an error.

        Raises:
            RosterError: There is no such file, it is not UTF-8, damaged, or lacks a column.
        """
        place = f"{self.where}/{name}"
        opener = self._openers.get(name)
        if opener is None:
            raise RosterError("there is no such file.", where=place)
        yield from read_rows(opener, place, name, required, bad_rows, optional)


@contextmanager
def open_files(path: Path) -> Iterator[RosterFiles]:
    """Open a folder, or a ZIP, in which the files may be in a folder of their own.

    Raises:
        RosterError: It is neither, or is damaged.
    """
    with ExitStack() as stack:
        try:
            files = _open(path, stack)
        except zipfile.BadZipFile:
            raise RosterError(
                "it is neither a folder nor a ZIP that can be read.", where=str(path)
            ) from None
        except OSError as error:
            raise RosterError(f"it cannot be read: {error.strerror}.", where=str(path)) from error
        yield files


def _open(path: Path, stack: ExitStack) -> RosterFiles:
    if path.is_dir():
        names = {file.name: file_opener(file) for file in path.iterdir() if file.is_file()}
        return RosterFiles(path, names)
    if path.is_file():
        return RosterFiles(path, _members(path, stack.enter_context(zipfile.ZipFile(path))))
    raise RosterError("there is no such folder or ZIP.", where=str(path))


def file_opener(file: Path) -> Opener:
    """Return a function that opens a file, unless it is too large."""

    def open_file() -> IO[bytes]:
        _check_size(file.stat().st_size, str(file))
        return file.open("rb")

    return open_file


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, Opener]:
    """Return the openers of the files in the manifest's folder."""
    infos = {
        PurePosixPath(info.filename.replace("\\", "/")): info  # as Windows writes names
        for info in archive.infolist()
        if not info.is_dir()
    }
    folders = sorted(str(name.parent) for name in infos if name.name == MANIFEST)
    if len(folders) > 1:
        raise RosterError(
            f"it holds {len(folders)} rosters, in the folders {', '.join(folders[:5])}.",
            where=str(path),
            hint="Make a ZIP of one of them.",
        )
    folder = PurePosixPath(folders[0]) if folders else PurePosixPath()

    def opener(info: zipfile.ZipInfo) -> Opener:
        def open_member() -> IO[bytes]:
            where = f"{path}/{info.filename}"
            _check_size(info.file_size, where)
            try:
                return archive.open(info)
            except (RuntimeError, NotImplementedError):  # a password, an unknown compression
                raise RosterError(
                    "it is encrypted, or compressed in an unsupported way.",
                    where=where,
                    hint="Make a plain ZIP.",
                ) from None

        return open_member

    return {name.name: opener(info) for name, info in infos.items() if name.parent == folder}


def _check_size(size: int, where: str) -> None:
    if size > MAX_CSV_BYTES:
        raise RosterError(
            f"it has {size / 2**20:.0f} MiB, and at most {MAX_CSV_BYTES // 2**20} are read.",
            where=where,
        )


def read_rows(
    opener: Opener,
    place: str,
    name: str,
    required: tuple[str, ...],
    bad_rows: list[BadRow],
    optional: tuple[str, ...] = (),
) -> Iterator[CsvRow]:
    """Yield the rows of one CSV file.

    Args:
        opener: Opens the file.
        place: The file in errors.
        name: The file in bad rows.
        required: See `RosterFiles.rows`, as for `bad_rows` and `optional`.
        bad_rows: See there.
        optional: See there.

    Raises:
        RosterError: See there.
    """
    try:
        with opener() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as stream:
            yield from _rows_of(stream, place, name, (*required, *optional), required, bad_rows)
    except UnicodeDecodeError as error:
        seems = describe_encoding(_start_of(opener) + error.object[error.start : error.end])
        raise RosterError(
            f"it is not UTF-8; it seems to be {seems}.", where=place, hint="Export it as UTF-8."
        ) from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RosterError(f"it cannot be read: {error}.", where=place) from error


def header_of(opener: Opener, columns: tuple[str, ...]) -> list[str]:
    """Return the names of a file's columns; none where it cannot be read.

    Args:
        opener: Opens the file.
        columns: Names to expect, which tell its separator.
    """
    try:
        with opener() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as stream:
            header, separator, _ = _first_line(stream, columns)
            return [cell.strip() for cell in next(csv.reader([header], delimiter=separator), [])]
    except (OSError, UnicodeDecodeError, csv.Error, EOFError, zipfile.BadZipFile, zlib.error):
        return []


def _rows_of(
    stream: io.TextIOWrapper,
    place: str,
    name: str,
    names: tuple[str, ...],
    required: tuple[str, ...],
    bad_rows: list[BadRow],
) -> Iterator[CsvRow]:
    header, separator, skipped = _first_line(stream, names)
    lines = chain([header], _bounded_lines(stream, place))
    reader = csv.reader(lines, delimiter=separator, strict=True)
    empty = 0
    width, columns = _read_header(reader, place, required, names[len(required) :], header)
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            bad_rows.append(BadRow(name, line, None, f"is not CSV: {error}"))
            continue
        if cells is None:
            return
        if not any(map(str.strip, cells)):
            empty += 1
            if empty > MAX_EMPTY_ROWS:
                raise RosterError(f"over {MAX_EMPTY_ROWS} of its rows are empty.", where=place)
            continue
        if len(cells) == width:
            found = {name: text for name, at in columns if (text := cells[at].strip())}
            yield CsvRow(found, line)
        else:
            reason = f"has {len(cells)} cells, and the header {width}"
            if width > 1:
                reason += f" (the separator is {SEPARATORS.get(separator, separator)})"
            bad_rows.append(BadRow(name, line, None, reason))


def _bounded_lines(stream: io.TextIOWrapper, place: str) -> Iterator[str]:
    """Yield the lines of a file, so that one without an end does not fill the memory."""
    while line := stream.readline(MAX_LINE_CHARACTERS):
        if len(line) >= MAX_LINE_CHARACTERS:
            raise RosterError(
                f"a line has over {MAX_LINE_CHARACTERS} characters: it is no table.", where=place
            )
        yield line


def _first_line(stream: io.TextIOWrapper, columns: tuple[str, ...]) -> tuple[str, str, int]:
    """Return the header, its separator, and how many lines are before it."""
    header = stream.readline(MAX_LINE_CHARACTERS)
    stated = SEP_LINE.fullmatch(header)
    if stated is not None and stated[1] in SEPARATORS:
        return stream.readline(MAX_LINE_CHARACTERS), stated[1], 1
    return header, separator_of(header, columns), 0


def _start_of(opener: Opener) -> bytes:
    with opener() as raw:
        return raw.read(4)


def _read_header(
    reader: Iterator[list[str]],
    place: str,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    line: str,
) -> tuple[int, list[tuple[str, int]]]:
    """Return the number of columns, and the requested ones with their indexes."""
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise RosterError(f"the header is not CSV: {error}.", where=f"{place}:1") from None
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise RosterError(f"the column {twice[0]} exists twice.", where=f"{place}:1")
    indexes = {name: index for index, name in enumerate(header)}
    by_lower = {name.lower(): name for name in header}
    for name in (*required, *optional):
        if name not in indexes and name.lower() in by_lower:
            raise RosterError(
                f"the column {name} is missing; {by_lower[name.lower()]} is not the same.",
                where=f"{place}:1",
                hint="Headers are case-sensitive.",
            )
    missing = [name for name in required if name not in indexes]
    if missing and "\0" in line:
        raise RosterError(
            "it is not UTF-8; it seems to be UTF-16.", where=place, hint="Export it as UTF-8."
        )
    if missing:
        separator = describe_separator(line, (*required, *optional))
        if separator is not None:
            raise RosterError(
                f"{separator}.", where=f"{place}:1", hint="Export it with commas between cells."
            )
        raise RosterError(f"the column {', '.join(missing)} is missing.", where=f"{place}:1")
    requested = [name for name in (*required, *optional) if name in indexes]
    return len(header), [(name, indexes[name]) for name in requested]
