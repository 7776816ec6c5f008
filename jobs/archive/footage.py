"""What the operator named, as a list of files that each have a camera and a start.

Files and folders carry both in the name, `<camera>_<YYYYmmddTHHMMSSZ>.<ext>`; a manifest (CSV:
path, camera_id, started_at) gives them for files of any name. What cannot be understood becomes
a `Problem` with its reason and does not stop the rest.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import fsspec

from cluster.district import parse_moment, place_of
from cluster.errors import FootageListError, HomeroomError
from cluster.runtime.footage_roots import is_remote, resolve_below_roots
from cluster.settings import Settings

MANIFEST_COLUMNS = ("path", "camera_id", "started_at")
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".webm"}
    | {".flv", ".wmv", ".gif", ".asf", ".3gp"}
)
_NAME = re.compile(r"^(?P<camera>[A-Za-z0-9][A-Za-z0-9.-]*)_(?P<stamp>\d{8}T\d{6}Z?)$")


@dataclass(frozen=True, slots=True)
class Footage:
    """One file.

    Attributes:
        address: An absolute path or an fsspec address.
        camera_id: The camera that took it.
        started_at: When its first picture was taken, UTC.
    """

    address: str
    camera_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be used, wholly or in part, and why."""

    address: str
    code: str
    reason: str

    @staticmethod
    def of(address: str, error: HomeroomError) -> "Problem":
        """The problem that an error tells of."""
        advice = f" {error.hint}" if error.hint else ""
        place = f"{error.where}: " if error.where and error.where != address else ""
        return Problem(address, error.code, f"{place}{error.what}{advice}")


def list_footage(
    inputs: Sequence[str],
    settings: Settings,
    *,
    manifest: str | None = None,
    camera_id: str | None = None,
    started_at: str | None = None,
    roots: Sequence[str] | None = None,
) -> tuple[list[Footage], list[Problem]]:
    """List the footage that was named.

    Args:
        inputs: Files, folders, fsspec addresses.
        settings: They know the cameras.
        manifest: A CSV with paths relative to its own folder.
        camera_id: The camera of a single file whose name does not say it.
        started_at: The start of that file, ISO 8601 with zone.
        roots: Folders and addresses; a file that lies, links followed, below none of them becomes
            a problem. None: files may lie anywhere.

    Returns:
        The files, each once, and the problems.

    Raises:
        FootageListError: The manifest cannot be read or lacks a column, `camera_id` and
            `started_at` do not go with the inputs, or nothing was named.
        SettingsError: `started_at` is no time or has no zone.
    """
    if not inputs and manifest is None:
        raise FootageListError("no footage was named.", hint="Name files, folders or a manifest.")
    found: dict[str, Footage] = {}
    problems: list[Problem] = []
    entries = _named_on_the_line(inputs, camera_id, started_at, problems)
    if manifest is not None:
        entries = [*entries, *_in_manifest(manifest)]
    for entry in entries:
        try:
            footage = _below(entry.footage(settings), roots)
            found.setdefault(footage.address, footage)
        except HomeroomError as error:
            problems.append(Problem.of(entry.address, error))
    return list(found.values()), problems


def _below(footage: Footage, roots: Sequence[str] | None) -> Footage:
    """The footage as it shall be opened: at the place that was looked at, not through a link.

    Raises:
        FootageListError: It lies below no root.
    """
    if roots is None:
        return footage
    found = resolve_below_roots(footage.address, roots)
    if found is None:
        raise FootageListError(
            "it lies outside of what may be analysed.",
            where=footage.address,
            hint="It is, or is reached by, a link: name what it leads to in archive.footage_roots, "
            "or remove it.",
        )
    return replace(footage, address=found)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file as it was named; not yet understood."""

    address: str
    where: str
    camera_id: str | None = None
    started_at: str | None = None

    def footage(self, settings: Settings) -> Footage:
        if self.camera_id is None or self.started_at is None:
            camera_id, started_at = _from_name(self.address)
        else:
            camera_id, started_at = self.camera_id, parse_moment(self.started_at, self.where)
        place_of(settings, camera_id, None if self.where == self.address else self.where)
        return Footage(self.address, camera_id, started_at)


def _named_on_the_line(
    inputs: Sequence[str], camera_id: str | None, started_at: str | None, problems: list[Problem]
) -> list[_Entry]:
    if camera_id is None and started_at is None:
        entries: list[_Entry] = []
        for item in inputs:
            try:
                entries += [_Entry(file, file) for file in _files_of(item)]
            except FootageListError as error:
                problems.append(Problem.of(item, error))
        return entries
    if camera_id is None or started_at is None or len(inputs) != 1:
        raise FootageListError(
            "--camera and --started-at go together, with one file.",
            hint="For several files of other names, write a manifest.",
        )
    parse_moment(started_at, "--started-at")
    return [_Entry(_absolute(inputs[0]), "--started-at", camera_id, started_at)]


def _files_of(item: str) -> Iterator[str]:
    """The file itself, or the videos below a folder, in the order of their names."""
    if is_remote(item):
        try:
            system, path = fsspec.url_to_fs(item)
            files = sorted(system.find(path)) if system.isdir(path) else [path]
        except (OSError, ImportError, ValueError) as error:
            raise FootageListError(f"it cannot be listed: {error}.", where=item) from error
        scheme = item.split("://", 1)[0]
        if files == [path]:
            yield item
            return
        videos = [file for file in files if Path(file).suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            raise FootageListError("the folder holds no video.", where=item)
        yield from (f"{scheme}://{file.lstrip('/')}" for file in videos)
        return
    folder = Path(item.removeprefix("file://"))
    if not folder.is_dir():
        yield _absolute(item)
        return
    files = sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    if not files:
        raise FootageListError("the folder holds no video.", where=item)
    yield from map(_absolute, files)


def _from_name(address: str) -> tuple[str, datetime]:
    match = _NAME.match(Path(address).stem)
    if match is None:
        raise FootageListError(
            "its name does not say camera and start.",
            where=address,
            hint="Name it <camera>_<YYYYmmddTHHMMSSZ>.mp4, or use --camera and --started-at, or a "
            "manifest.",
        )
    stamp = match["stamp"]
    if not stamp.endswith("Z"):
        raise FootageListError(
            f"the time {stamp} in its name has no zone.",
            where=address,
            hint="Rename it to UTC with a Z at the end, or use a manifest.",
        )
    try:
        moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise FootageListError(f"{stamp} is not a time.", where=address) from None
    return match["camera"], moment


def _in_manifest(manifest: str) -> list[_Entry]:
    try:
        with fsspec.open(manifest, "rb") as stream:
            text = stream.read().decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = rows.fieldnames or ()
        missing = [name for name in MANIFEST_COLUMNS if name not in columns]
        if missing:
            raise FootageListError(
                f"the column {', '.join(missing)} is missing (there are: {', '.join(columns)}).",
                where=manifest,
                hint=f"Its first line must name {', '.join(MANIFEST_COLUMNS)}.",
            )
        return list(_manifest_entries(manifest, rows))
    except (OSError, ImportError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise FootageListError(f"the manifest cannot be read: {error}.", where=manifest) from error


def _manifest_entries(manifest: str, rows: "csv.DictReader[str]") -> Iterable[_Entry]:
    for row in rows:
        where = f"{manifest}:{rows.line_num}"
        address = _beside(manifest, (row["path"] or "").strip())
        yield _Entry(address, where, (row["camera_id"] or "").strip(), row["started_at"] or "")


def _beside(manifest: str, path: str) -> str:
    """A path of a manifest, seen from the manifest's folder."""
    if "://" in path:
        return _absolute(path)
    if is_remote(manifest):
        return path if path.startswith("/") else f"{manifest.rsplit('/', 1)[0]}/{path}"
    return str(Path(manifest.removeprefix("file://")).absolute().parent / path)


def _absolute(path: str) -> str:
    return path if is_remote(path) else str(Path(path.removeprefix("file://")).absolute())
