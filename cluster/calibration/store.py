"""What is measured of cameras, kept as a small JSON file for each: no picture (R8), nobody (R2).

    data_dir/calibration/<camera>.json

A file holds one measurement for each pose model, largest allowed input size and frame size, since
another of these needs another measurement, and a camera's sub-stream and its recordings may differ.
Beside them stand the headcounts of people who counted by eye. Files are replaced whole, under one
lock.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import CalibrationError
from cluster.files import atomic_write
from cluster.settings import Identifier, Settings
from cluster.settings.tables import FixedInputSize

logger = logging.getLogger(__name__)

FORMAT_VERSION: Final = 1
"""Files of another version are ignored: cameras are measured anew."""

MAX_HEADCOUNTS: Final = 200
"""The oldest headcounts of a camera are dropped beyond this number."""

LOCK_SECONDS: Final = 10.0

Origin = Literal["archive", "live"]


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SizeMeasurement(_Stored):
    """How small the people are that a camera shows, and the input size that this asks for.

    Attributes:
        model: Id of the pose model that found them.
        limit: The largest input size that was allowed, in pixels.
        frame_width: Of the camera's frames, in pixels.
        frame_height: Likewise.
        origin: Whether footage or the live stream was measured.
        input_size: The chosen size.
        head_pixels: Height of the smallest people's heads in an input of that size.
        frames: Frames in which people were measured.
        people: People in these frames, counted again in each of them.
        measured_at: When.
    """

    model: str
    limit: FixedInputSize
    frame_width: int = Field(ge=1)
    frame_height: int = Field(ge=1)
    origin: Origin
    input_size: FixedInputSize
    head_pixels: float = Field(ge=0)
    frames: int = Field(ge=1)
    people: int = Field(ge=1)
    measured_at: AwareDatetime

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) of the camera's frames, in pixels."""
        return (self.frame_width, self.frame_height)

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What it is a measurement of: one that is newer replaces one with the same key."""
        return (self.model, self.limit, self.frame_width, self.frame_height)


class HeadcountPair(_Stored):
    """A number of people that somebody counted, and the number that was found.

    Attributes:
        true: Counted by eye.
        found: Found in the frames of the same moment; their mean.
        model: Id of the pose model.
        input_size: At which they were found, in pixels.
        counted_at: When.
    """

    true: int = Field(ge=0, le=10_000)
    found: float = Field(ge=0)
    model: str
    input_size: FixedInputSize
    counted_at: AwareDatetime


class Calibration(_Stored):
    """What is known of one camera.

    Attributes:
        version: Of this format.
        camera_id: The camera.
        sizes: The newest measurement of each kind, the oldest first.
        headcounts: In the order in which they were counted.
    """

    version: Literal[1] = FORMAT_VERSION
    camera_id: Identifier
    sizes: tuple[SizeMeasurement, ...] = ()
    headcounts: tuple[HeadcountPair, ...] = ()

    def find_size(
        self,
        model: str,
        limit: int,
        *,
        frame_size: tuple[int, int] | None = None,
        origin: Origin | None = None,
    ) -> SizeMeasurement | None:
        """Return the newest measurement with a model and a limit.

        Args:
            model: Id of the pose model.
            limit: The largest input size that is allowed.
            frame_size: (width, height) of the frames; None: any.
            origin: What was measured; None: any.
        """
        matching = [
            size
            for size in self.sizes
            if (size.model, size.limit) == (model, limit)
            and frame_size in {None, size.frame_size}
            and origin in {None, size.origin}
        ]
        return matching[-1] if matching else None


class CalibrationStore:
    """The calibrations of an installation's cameras.

    Args:
        folder: Their folder; created by the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def of(settings: Settings) -> "CalibrationStore":
        """Return the store of an installation."""
        return CalibrationStore(settings.data_dir / "calibration")

    def read(self, camera_id: str) -> Calibration:
        """Return what is known of a camera: nothing where its file is missing or unreadable."""
        path = self._path(camera_id)
        try:
            found = Calibration.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Calibration(camera_id=camera_id)
        except (OSError, ValidationError, ValueError) as error:
            logger.warning("%s is ignored, it cannot be read: %s", path, type(error).__name__)
            return Calibration(camera_id=camera_id)
        if found.camera_id != camera_id:
            logger.warning("%s is ignored, it is of camera %s", path, found.camera_id)
            return Calibration(camera_id=camera_id)
        return found

    def read_all(self, camera_ids: Iterable[str]) -> dict[str, Calibration]:
        """Return what is known of cameras, by id."""
        return {camera_id: self.read(camera_id) for camera_id in camera_ids}

    def changed_at(self) -> int:
        """Return a number that changes whenever a file of the store is replaced."""
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def add_size(self, camera_id: str, size: SizeMeasurement) -> Calibration:
        """Store a measurement in place of an older one of the same kind.

        Raises:
            CalibrationError: It cannot be written.
        """

        def add(old: Calibration) -> Calibration:
            kept = tuple(one for one in old.sizes if one.key != size.key)
            return old.model_copy(update={"sizes": (*kept, size)})

        return self._change(camera_id, add)

    def add_headcount(self, camera_id: str, pair: HeadcountPair) -> Calibration:
        """Store a headcount.

        Raises:
            CalibrationError: It cannot be written.
        """

        def add(old: Calibration) -> Calibration:
            pairs = (*old.headcounts, pair)[-MAX_HEADCOUNTS:]
            return old.model_copy(update={"headcounts": pairs})

        return self._change(camera_id, add)

    def _change(self, camera_id: str, change: Callable[[Calibration], Calibration]) -> Calibration:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock", timeout=LOCK_SECONDS):
                new = change(self.read(camera_id))
                with atomic_write(self._path(camera_id)) as stream:
                    stream.write(new.model_dump_json(indent=2).encode())
        except OSError as error:  # a lock that is not free in time is one too
            raise CalibrationError(
                f"the calibration cannot be written: {error}.", where=str(self._path(camera_id))
            ) from error
        return new

    def _path(self, camera_id: str) -> Path:
        return self.folder / f"{camera_id}.json"
