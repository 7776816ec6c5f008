"""The footage that an operator named, as a list of files with their camera and start.

Files and folders carry both in the name, `<camera>_<YYYYmmddTHHMMSSZ>.<ext>`; a manifest (CSV:
path, camera_id, started_at) gives them for files of any name. What cannot be used becomes a
`FootageProblem` with its reason and does not stop the rest.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import fsspec

from cluster.district import find_place, parse_timestamp
from cluster.errors import FootageListError, HomeroomError
from cluster.runtime.footage_roots import (
    absolute_path,
    is_remote,
    local_path,
    resolve_below_roots,
)
from cluster.settings import Settings
from jobs.archive.folders import check_is_file, find_remote_videos, find_videos

MANIFEST_COLUMNS = ("path", "camera_id", "started_at")
PLAUSIBLE_YEARS = range(1990, 2100)
"""Years in which footage may start: recorders whose clock was reset name others."""

_NAME = re.compile(r"^(?P<camera>[A-Za-z0-9][A-Za-z0-9.-]*)_(?P<stamp>\d{8}T\d{6}Z?)$")


@dataclass(frozen=True, slots=True)
class Footage:
    """One file.

    Attributes:
        address: An absolute path or an fsspec address.
        camera_id: The camera that took it.
        started_at: Time of its first frame, UTC.
    """

    address: str
    camera_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class FootageProblem:
    """A file that could not be used, wholly or in part, and why.

    Attributes:
        address: The file.
        code: Of the error.
        reason: For people.
    """

    address: str
    code: str
    reason: str

    @staticmethod
    def from_error(address: str, error: HomeroomError) -> "FootageProblem":
        """Describe an error as a problem of a file."""
        advice = f" {error.hint}" if error.hint else ""
        place = f"{error.where}: " if error.where and error.where != address else ""
        return FootageProblem(address, error.code, f"{place}{error.what}{advice}")


@dataclass(frozen=True, slots=True)
class FootageNote:
    """Something odd about a file of which nothing is lost.

    Attributes:
        address: The file.
        text: For people.
    """

    address: str
    text: str


def list_footage(
    inputs: Sequence[str],
    settings: Settings,
    *,
    manifest: str | None = None,
    camera_id: str | None = None,
    started_at: str | None = None,
    roots: Sequence[str] | None = None,
) -> tuple[list[Footage], list[FootageProblem]]:
    """List the footage that was named on the command line and in a manifest.

    Args:
        inputs: Files, folders, fsspec addresses.
        settings: They name the cameras.
        manifest: Path or address of a CSV with paths relative to its own folder.
        camera_id: The camera of a single file whose name does not say it.
        started_at: The start of that file, ISO 8601 with zone.
        roots: Folders and addresses; a file that is below none of them, with symbolic links
            resolved, becomes a problem. None: files may be anywhere.

    Returns:
        The files, without duplicates, and the problems.

    Raises:
        FootageListError: The manifest cannot be read or lacks a column, `camera_id` and
            `started_at` do not fit the inputs, or nothing was named.
        SettingsError: `started_at` is not a time, or has no zone.
    """
    if not inputs and manifest is None:
        raise FootageListError("no footage was named.", hint="Name files, folders or a manifest.")
    files: dict[tuple[str, str, datetime], Footage] = {}
    problems: list[FootageProblem] = []
    entries = _command_line_entries(inputs, camera_id, started_at, problems)
    if manifest is not None:
        entries = [*entries, *_read_manifest(manifest)]
    for entry in entries:
        try:
            footage = _resolve_below(entry.footage(settings), roots)
            files.setdefault(_identity(footage), footage)
        except HomeroomError as error:
            problems.append(FootageProblem.from_error(entry.address, error))
    return list(files.values()), problems


def _identity(footage: Footage) -> tuple[str, str, datetime]:
    """Return what two names of one recording have in common: `a.mp4` and `folder/../a.mp4`."""
    address = footage.address
    is_path = not is_remote(address) and "\0" not in address
    place = os.path.realpath(address) if is_path else address
    return place, footage.camera_id, footage.started_at


def _resolve_below(footage: Footage, roots: Sequence[str] | None) -> Footage:
    """Return the footage with its links resolved, so that what was checked is what is opened.

    Raises:
        FootageListError: It is below no root.
    """
    if roots is None:
        return footage
    resolved = resolve_below_roots(footage.address, roots)
    if resolved is None:
        raise FootageListError(
            "it is outside of the folders that may be analysed.",
            where=footage.address,
            hint="It is, or is reached by, a link: name what it leads to in archive.footage_roots, "
            "or remove it.",
        )
    return replace(footage, address=resolved)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file as it was named, not parsed yet."""

    address: str
    where: str
    camera_id: str | None = None
    started_at: str | None = None

    def footage(self, settings: Settings) -> Footage:
        if self.camera_id is None or self.started_at is None:
            camera_id, started_at = _parse_name(self.address)
        else:
            camera_id, started_at = self.camera_id, parse_timestamp(self.started_at, self.where)
        if started_at.year not in PLAUSIBLE_YEARS:
            raise FootageListError(
                f"it cannot have started in the year {started_at.year}.",
                where=self.where,
                hint="Check the recorder's clock; a manifest says when it started.",
            )
        find_place(settings, camera_id, None if self.where == self.address else self.where)
        if not is_remote(self.address):
            check_is_file(self.address)
        return Footage(self.address, camera_id, started_at)


def _command_line_entries(
    inputs: Sequence[str],
    camera_id: str | None,
    started_at: str | None,
    problems: list[FootageProblem],
) -> list[_Entry]:
    if camera_id is None and started_at is None:
        entries: list[_Entry] = []
        for item in inputs:
            try:
                entries += [_Entry(file, file) for file in _expand(item, problems)]
            except FootageListError as error:
                problems.append(FootageProblem.from_error(item, error))
        return entries
    if camera_id is None or started_at is None or len(inputs) != 1:
        raise FootageListError(
            "--camera and --started-at go together, with one file.",
            hint="For several files of other names, write a manifest.",
        )
    parse_timestamp(started_at, "--started-at")
    item = inputs[0]
    address = item if is_remote(item) else absolute_path(item)
    return [_Entry(address, "--started-at", camera_id, started_at)]


def _expand(item: str, problems: list[FootageProblem]) -> list[str]:
    """Return the file itself, or the videos below a folder, sorted by path.

    Args:
        item: As it was named.
        problems: What is passed over below the folder is added to them.

    Raises:
        FootageListError: It cannot be listed, or is a folder without a video.
    """
    if is_remote(item):
        return _expand_remote(item, problems)
    path = absolute_path(item)
    if not Path(path).is_dir():
        return [path]
    found = find_videos(Path(path))
    problems += [FootageProblem.from_error(error.where or path, error) for error in found.errors]
    return found.videos


def _expand_remote(item: str, problems: list[FootageProblem]) -> list[str]:
    try:
        system, path = fsspec.url_to_fs(item)
        files = sorted(system.find(path)) if system.isdir(path) else [path]
    except (OSError, ImportError, ValueError) as error:
        raise FootageListError(f"it cannot be listed: {error}.", where=item) from error
    if files == [path]:
        return [item]
    scheme = item.split("://", 1)[0]
    found = find_remote_videos(files, path, item)
    for passed in found.errors:
        address = f"{scheme}://{(passed.where or '').lstrip('/')}"
        problems.append(FootageProblem(address, passed.code, f"{passed.what} {passed.hint or ''}"))
    return [f"{scheme}://{file.lstrip('/')}" for file in found.videos]


def _parse_name(address: str) -> tuple[str, datetime]:
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
        started_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise FootageListError(f"{stamp} is not a time.", where=address) from None
    return match["camera"], started_at


def _read_manifest(manifest: str) -> list[_Entry]:
    try:
        with fsspec.open(local_path(manifest), "rb") as stream:
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
        address = _resolve_in_manifest(manifest, (row["path"] or "").strip())
        yield _Entry(address, where, (row["camera_id"] or "").strip(), row["started_at"] or "")


def _resolve_in_manifest(manifest: str, path: str) -> str:
    """Resolve a path of a manifest relative to the manifest's folder."""
    if "://" in path:
        return path if is_remote(path) else absolute_path(path)
    if is_remote(manifest):
        return path if path.startswith("/") else f"{manifest.rsplit('/', 1)[0]}/{path}"
    return absolute_path(str(Path(absolute_path(manifest)).parent / path))
