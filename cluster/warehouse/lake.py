"""The lake: Parquet files, the source of truth of activity.

    lake/activity_windows/school_id=…/date=…/<camera>_<segment start>.parquet
    lake/runs/<run_id>.parquet
    lake/models/<model>.parquet
    lake/published/…               what has been published of it: published_shares.py

A part holds one segment of one camera. Its name says which, and its metadata says how it was made
(model and settings) and what it covers, so that a run can find what is left to do, and a new part
replaces the old one in one rename: no window is ever duplicated. Writes are on the disk when the
call returns.

The lake holds the shares of every camera, also those that R3 hides where two cameras see one room.
Only Homeroom reads it; analysts read what is published.
"""

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from cluster.errors import LakeBusy, LakeError, LakeUnwritable
from cluster.files import atomic_write
from cluster.warehouse.schema import ACTIVITY_WINDOWS, MODELS, PARTITION_COLUMNS, RUNS, TableSpec

PART_STAMP = "%Y%m%dT%H%M%SZ"
METADATA_KEY = b"homeroom"
COVERAGE_TOLERANCE_SECONDS = 0.5
READ_THREADS = 16
_DAMAGED = (OSError, pa.ArrowException, KeyError, TypeError, ValueError)

Interval = tuple[float, float]
"""(from, to) in seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class PartKey:
    """The segment that a part holds."""

    school_id: str
    date: str
    camera_id: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class PartMetadata:
    """How a part was made, and which intervals of its segment it covers."""

    analysis: str
    covered: tuple[Interval, ...]

    def satisfies(self, analysis: str, intervals: Sequence[Interval]) -> bool:
        """Whether a run with this analysis would make the same part of these intervals."""
        tolerance = COVERAGE_TOLERANCE_SECONDS
        return self.analysis == analysis and all(
            any(a <= start + tolerance and b >= end - tolerance for a, b in self.covered)
            for start, end in intervals
        )


class Lake:
    """The Parquet files below one folder.

    Args:
        folder: The lake's folder, created by the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self, wait_seconds: float = 0, *, sweep: bool = True) -> Iterator[None]:
        """Lock the lake for writing; the lock is released when the process ends, however it ends.

        Args:
            wait_seconds: How long to wait for another process that has locked it.
            sweep: Delete temporary files of killed writers in the whole lake. Callers that lock it
                every few seconds do without: writing a part again replaces its temporary file.

        Raises:
            LakeBusy: Another process has locked it.
            LakeUnwritable: The folder cannot be created or written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".writer.lock", timeout=max(0.0, wait_seconds))
            lock.acquire()
        except Timeout:
            raise LakeBusy(
                "another run is writing to this lake.",
                where=str(self.folder),
                hint="Wait for it, or stop it; then run this again.",
            ) from None
        except OSError as error:
            raise _unwritable_error(error, self.folder) from error
        try:
            if sweep:
                self._sweep()
            yield
        finally:
            lock.release()

    def part_path(self, key: PartKey) -> Path:
        """Return the path of a segment's part."""
        folder = self.folder / ACTIVITY_WINDOWS.name
        folder = folder / f"school_id={key.school_id}" / f"date={key.date}"
        return folder / f"{key.camera_id}_{key.starts_at.strftime(PART_STAMP)}.parquet"

    def read_metadata(self, keys: Sequence[PartKey]) -> list[PartMetadata | None]:
        """Return the metadata of each segment's part; None where none can be read."""
        with ThreadPoolExecutor(READ_THREADS) as pool:
            return list(pool.map(lambda key: _read_metadata(self.part_path(key)), keys))

    def write_part(
        self, key: PartKey, metadata: PartMetadata, rows: Sequence[dict[str, Any]]
    ) -> None:
        """Write a segment's windows, replacing an older part.

        Args:
            key: The segment.
            metadata: How the part was made.
            rows: One for each window, with the columns of `ACTIVITY_WINDOWS` except the
                partition's.

        Raises:
            LakeUnwritable: The disk is full or the folder read-only; an old part is unchanged.
        """
        schema = ACTIVITY_WINDOWS.arrow(without=PARTITION_COLUMNS)
        text = json.dumps({"analysis": metadata.analysis, "covered": metadata.covered})
        schema = schema.with_metadata({METADATA_KEY: text.encode()})
        _write(self.part_path(key), pa.Table.from_pylist(list(rows), schema=schema))

    def read_part(self, key: PartKey) -> tuple[PartMetadata, list[dict[str, Any]]] | None:
        """Return a segment's part with its rows; None if there is none, or it is damaged.

        Raises:
            LakeError: It exists and the disk does not return it: it may be undamaged.
        """
        path = self.part_path(key)
        try:
            buffer = pa.BufferReader(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LakeError(
                f"a part cannot be read: {error.strerror}.",
                where=str(path),
                hint="Check the disk and the permissions below `data_dir`.",
            ) from error
        try:
            table = pq.read_table(buffer, partitioning=None)
            return _parse_metadata(table.schema.metadata), table.to_pylist()
        except _DAMAGED:
            return None

    def write_run(self, row: dict[str, Any]) -> None:
        """Write or replace a run's row."""
        self._write_row(RUNS, row["run_id"], row)

    def read_run(self, run_id: str) -> dict[str, Any] | None:
        """Return a run's row; None if there is none that can be read."""
        return _first_row(self.folder / RUNS.name / f"{run_id}.parquet")

    def write_model(self, row: dict[str, Any]) -> None:
        """Write a model's row, if it is new."""
        if not (self.folder / MODELS.name / f"{row['model']}.parquet").is_file():
            self._write_row(MODELS, row["model"], row)

    def mark_interrupted_runs(self) -> None:
        """Mark runs that were killed as stopped; only the holder of the lock may."""
        for path in sorted((self.folder / RUNS.name).glob("*.parquet")):
            row = _first_row(path)
            if row is not None and row["state"] == "running":  # damaged: publishing reports it
                self.write_run({**row, "state": "stopped"})

    def _write_row(self, table: TableSpec, name: str, row: dict[str, Any]) -> None:
        path = self.folder / table.name / f"{name}.parquet"
        _write(path, pa.Table.from_pylist([row], schema=table.arrow()))

    def _sweep(self) -> None:
        """Delete temporary files of killed writers."""
        for table in (ACTIVITY_WINDOWS, RUNS, MODELS):
            for temporary in (self.folder / table.name).glob("**/.*.tmp"):
                temporary.unlink(missing_ok=True)


def _first_row(path: Path) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = pq.read_table(path, partitioning=None).to_pylist()[0]
    except (OSError, pa.ArrowException, IndexError):
        return None
    return row


def _read_metadata(path: Path) -> PartMetadata | None:
    try:
        return _parse_metadata(pq.read_metadata(path).metadata)
    except _DAMAGED:
        return None  # missing or damaged: the segment is analysed again


def _parse_metadata(metadata: Mapping[bytes, bytes] | None) -> PartMetadata:
    values = json.loads((metadata or {})[METADATA_KEY])
    covered = tuple((float(a), float(b)) for a, b in values["covered"])
    return PartMetadata(str(values["analysis"]), covered)


def _write(path: Path, table: pa.Table) -> None:
    try:
        with atomic_write(path) as stream:
            pq.write_table(table, stream, compression="zstd")
    except OSError as error:
        raise _unwritable_error(error, path) from error


def _unwritable_error(error: OSError, path: Path) -> LakeUnwritable:
    reasons = {
        errno.ENOSPC: ("the disk is full", "Make room, then run this again."),
        errno.EDQUOT: ("the disk quota is used up", "Make room, then run this again."),
        errno.EROFS: ("it is on a read-only disk", "Set `data_dir` to one that can be written."),
        errno.EACCES: ("it may not be written", "Set `data_dir`, or change its permissions."),
        errno.EPERM: ("it may not be written", "Set `data_dir`, or change its permissions."),
    }
    reason, hint = reasons.get(error.errno or 0, (str(error), "Check `data_dir` in the settings."))
    return LakeUnwritable(
        f"nothing can be written here: {reason}. What was written before is safe.",
        where=str(path),
        hint=hint,
    )
