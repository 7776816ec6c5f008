"""The CSV files of a roster or timetable, opened with care and read row by row.

    folder | ZIP  ->  text of a named file  ->  cells of a row, with its line

Only files that are asked for by name are opened, so a ZIP can put nothing anywhere; a file over
`MAX_CSV_BYTES` is refused before a byte of it is unpacked. A row that cannot be used is collected
as a `BadRow` and the reading goes on; what is wrong with a whole file is a `RosterError`.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from cluster.errors import RosterError
from cluster.records.roster.csv_cells import CsvRow

MAX_CSV_BYTES = 256 * 2**20
MANIFEST = "manifest.csv"

Opener = Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, or of which a part was.

    Attributes:
        file: Its name.
        line: From 1; of a row over several lines, the first.
        column: Its header; None where it is the row as a whole.
        reason: What is wrong, and what became of the row where it was not left out.
    """

    file: str
    line: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        column = f"{self.column}: " if self.column else ""
        return f"{self.file}:{self.line}: {column}{self.reason}"


class RosterFiles:
    """Named files, from a folder or a ZIP.

    Args:
        where: The folder or ZIP.
        openers: By file name.
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
        """The rows of a file.

        Args:
            name: Which.
            required: Columns without which it cannot be used.
            bad_rows: Rows that are not CSV, too short or too long are added here.
            optional: Columns that may be missing; not, though, in another case.

        Raises:
            RosterError: There is no such file, it is not UTF-8, damaged, or misses a column.
        """
        place = f"{self.where}/{name}"
        opener = self._openers.get(name)
        if opener is None:
            raise RosterError("there is no such file.", where=place)
        yield from read_rows(opener, place, name, required, bad_rows, optional)


@contextmanager
def open_files(path: Path) -> Iterator[RosterFiles]:
    """The CSV files of a folder or a ZIP; in a ZIP they may lie in one folder of their own.

    Raises:
        RosterError: It is neither, or is damaged.
    """
    with ExitStack() as stack:
        try:
            files = _opened(path, stack)
        except zipfile.BadZipFile:
            raise RosterError(
                "it is neither a folder nor a ZIP that can be read.", where=str(path)
            ) from None
        except OSError as error:
            raise RosterError(f"it cannot be read: {error.strerror}.", where=str(path)) from error
        yield files


def _opened(path: Path, stack: ExitStack) -> RosterFiles:
    if path.is_dir():
        names = {file.name: file_opener(file) for file in path.iterdir() if file.is_file()}
        return RosterFiles(path, names)
    if path.is_file():
        return RosterFiles(path, _members(path, stack.enter_context(zipfile.ZipFile(path))))
    raise RosterError("there is no such folder or ZIP.", where=str(path))


def file_opener(file: Path) -> Opener:
    """Opens a file, unless it is too large."""

    def open_it() -> IO[bytes]:
        _refuse_size(file.stat().st_size, str(file))
        return file.open("rb")

    return open_it


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, Opener]:
    """Openers of the files beside the manifest."""
    infos = {PurePosixPath(info.filename): info for info in archive.infolist()}
    folders = [
        name.parent for name in infos if name.name == MANIFEST and len(name.parent.parts) <= 1
    ]
    if len(folders) > 1:
        raise RosterError(f"it holds {len(folders)} rosters.", where=str(path))
    folder = folders[0] if folders else PurePosixPath()

    def opener(info: zipfile.ZipInfo) -> Opener:
        def open_it() -> IO[bytes]:
            where = f"{path}/{info.filename}"
            _refuse_size(info.file_size, where)
            try:
                return archive.open(info)
            except (RuntimeError, NotImplementedError):  # a password, an unknown compression
                raise RosterError(
                    "it is encrypted, or compressed in a way that is not understood.",
                    where=where,
                    hint="Make a plain ZIP.",
                ) from None

        return open_it

    return {name.name: opener(info) for name, info in infos.items() if name.parent == folder}


def _refuse_size(size: int, where: str) -> None:
    if size > MAX_CSV_BYTES:
        raise RosterError(
            f"it holds {size / 2**20:.0f} MiB, and {MAX_CSV_BYTES // 2**20} are taken.",
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
    """The rows of one CSV file.

    Args:
        opener: Opens it.
        place: Names it in errors.
        name: Names it in bad rows.
        required: See `RosterFiles.rows`; so `bad_rows` and `optional`.
        bad_rows: See there.
        optional: See there.

    Raises:
        RosterError: See there.
    """
    try:
        with opener() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            columns = _columns(reader, place, required, optional)
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader, None)
                except csv.Error as error:
                    bad_rows.append(BadRow(name, line, None, f"is not CSV: {error}"))
                    continue
                if cells is None:
                    return
                if not cells:
                    continue
                if len(cells) == len(columns):
                    yield CsvRow(columns, cells, line)
                else:
                    reason = f"has {len(cells)} cells, and the header {len(columns)}"
                    bad_rows.append(BadRow(name, line, None, reason))
    except UnicodeDecodeError:
        raise RosterError("it is not UTF-8.", where=place, hint="Export it as UTF-8.") from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RosterError(f"it cannot be read: {error}.", where=place) from error


def _columns(
    reader: Iterator[list[str]], place: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, int]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise RosterError(f"the header is not CSV: {error}.", where=f"{place}:1") from None
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise RosterError(f"the column {twice[0]} stands twice.", where=f"{place}:1")
    known = set(header)
    alike = {name.lower(): name for name in header}
    for wanted in (*required, *optional):
        if wanted not in known and wanted.lower() in alike:
            raise RosterError(
                f"the column {wanted} is missing; {alike[wanted.lower()]} is not the same.",
                where=f"{place}:1",
                hint="Headers are case-sensitive.",
            )
    missing = [name for name in required if name not in known]
    if missing:
        raise RosterError(f"the column {', '.join(missing)} is missing.", where=f"{place}:1")
    return {name or f"column {index}": index for index, name in enumerate(header)}
