"""What has been published of rooms, so that nothing else is published of the same people (R3).

    lake/published/<date>.json   room -> [camera, live | archive] whose shares are published that
                                 local day
    lake/published/runs.json     archive runs whose windows have been published

The live service writes the first kind before it gives a room's first share of a day, `homeroom
publish` writes both before it swaps its file in. The first writer of a room and day decides, and
nothing is ever changed: a camera that is added later, or whose footage is analysed later, gives
headcounts for the days that another one has given shares of.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from cluster.activity.suppression import Source
from cluster.errors import LakeBusy, LakeError, LakeUnwritable
from cluster.files import atomic_write
from cluster.settings import Identifier

LOCK_SECONDS: Final = 10.0
LIVE_SOURCE: Final = "live"

RoomDay = tuple[str, date]
"""(room id, local date at the school)."""


class ShareCamera(NamedTuple):
    """What gives the shares of a room on a day.

    Attributes:
        camera_id: The camera.
        source: Whether it was counted live or from an archive: these two see not quite the same.
    """

    camera_id: Identifier
    source: Source


_Stored = TypeVar("_Stored")
_CAMERAS = TypeAdapter(dict[Identifier, ShareCamera])
_RUNS = TypeAdapter(frozenset[str])


class PublishedShares:
    """The record of what has been published, below a lake.

    Args:
        lake_dir: The lake's folder.
    """

    def __init__(self, lake_dir: Path) -> None:
        self.folder = lake_dir / "published"

    def cameras(self, days: Iterable[date] | None = None) -> dict[RoomDay, ShareCamera]:
        """Return the cameras that give shares, of some days or of all.

        Raises:
            LakeError: A file cannot be read. It is not taken for empty: another choice would
                give back what the first one hides.
        """
        if days is None:
            days = [date.fromisoformat(path.stem) for path in self.folder.glob("????-??-??.json")]
        return {
            (room_id, day): camera_id
            for day in days
            for room_id, camera_id in self._read(self._day_path(day), _CAMERAS, {}).items()
        }

    def fix_cameras(self, proposed: Mapping[RoomDay, ShareCamera]) -> dict[RoomDay, ShareCamera]:
        """Store choices, unless others have been stored; they are on the disk when this returns.

        Returns:
            The choices in force, for the rooms and days that were proposed.

        Raises:
            LakeError: They cannot be read or written.
        """
        in_force: dict[RoomDay, ShareCamera] = {}
        with self._locked():
            for day in sorted({day for _, day in proposed}):
                path = self._day_path(day)
                stored: dict[str, ShareCamera] = self._read(path, _CAMERAS, {})
                new = {room: camera for (room, on), camera in proposed.items() if on == day}
                merged = {**new, **stored}
                if merged != stored:
                    self._write(path, dict(sorted(merged.items())))
                in_force |= {(room, day): merged[room] for room in new}
        return in_force

    def runs(self) -> frozenset[str]:
        """Return the ids of the archive runs whose windows have been published.

        Raises:
            LakeError: The file cannot be read.
        """
        return self._read(self.folder / "runs.json", _RUNS, frozenset())

    def add_runs(self, run_ids: Iterable[str]) -> None:
        """Record that the windows of runs are published.

        Raises:
            LakeError: It cannot be read or written.
        """
        with self._locked():
            known = self.runs()
            merged = known | set(run_ids)
            if merged != known:
                self._write(self.folder / "runs.json", sorted(merged))

    def _day_path(self, day: date) -> Path:
        return self.folder / f"{day.isoformat()}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=LOCK_SECONDS)
            lock.acquire()
        except Timeout:
            raise LakeBusy("another process writes here.", where=str(self.folder)) from None
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            yield
        finally:
            lock.release()

    @staticmethod
    def _read(path: Path, adapter: TypeAdapter[_Stored], empty: _Stored) -> _Stored:
        try:
            return adapter.validate_json(path.read_bytes())
        except FileNotFoundError:
            return empty
        except (OSError, ValidationError) as error:
            raise LakeError(
                f"what has been published cannot be read: {error}.",
                where=str(path),
                hint="Restore the file from a backup: without it, hidden counts could be computed.",
            ) from error

    @staticmethod
    def _write(path: Path, value: object) -> None:
        try:
            with atomic_write(path) as stream:
                stream.write(json.dumps(value, indent=1).encode())
        except OSError as error:
            raise _unwritable(path, error) from error


def keep_published(
    existing: Sequence[Mapping[str, Any]],
    new: Sequence[Mapping[str, Any]],
    published_runs: frozenset[str],
    k: int,
) -> list[dict[str, Any]]:
    """Return the rows of a part that is analysed again: what was published of a window stays.

    A second analysis finds some people more or less, and the difference tells what those few do.
    One that gives a headcount only replaces what was published: it tells less.

    Args:
        existing: The rows of the part so far.
        new: Those of the new analysis.
        published_runs: Archive runs whose windows have been published; live ones always have.
        k: Live, frames with so many people were part of shares, also where their window was not.
    """
    rows = {row["window_start"]: row for row in new}
    silent = {start for start, row in rows.items() if row["suppressed"]}
    for row in existing:
        if row["source"] == LIVE_SOURCE:
            was_published = not row["suppressed"] or row["people_max"] >= k
        else:
            was_published = not row["suppressed"] and row["run_id"] in published_runs
        if was_published and row["window_start"] not in silent:
            rows[row["window_start"]] = row
    return [dict(rows[start]) for start in sorted(rows)]


def _unwritable(path: Path, error: OSError) -> LakeUnwritable:
    return LakeUnwritable(
        f"what is to be published cannot be recorded: {error.strerror}. It is not published.",
        where=str(path),
        hint="Make room, or check the permissions below `data_dir`.",
    )
