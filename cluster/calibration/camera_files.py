"""What is kept of cameras: a small JSON file for each, replaced whole, under one lock."""

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Generic, TypeVar

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.errors import CalibrationError
from cluster.files import atomic_write
from cluster.settings import Identifier

logger = logging.getLogger(__name__)

LOCK_SECONDS: Final = 10.0


class CameraRecord(BaseModel):
    """What is kept of one camera.

    Attributes:
        camera_id: The camera.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    camera_id: Identifier


Record = TypeVar("Record", bound=CameraRecord)


class CameraFiles(Generic[Record]):
    """The records of an installation's cameras, one file each.

    Args:
        folder: Of the files; created by the first write.
        model: Class of the records; what it holds beside the camera's id has defaults.
    """

    def __init__(self, folder: Path, model: type[Record]) -> None:
        self.folder = folder
        self._model = model

    def read(self, camera_id: str) -> Record:
        """Return what is known of a camera: nothing where its file is missing or unreadable."""
        path = self.path(camera_id)
        try:
            found = self._model.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return self._model(camera_id=camera_id)
        except (OSError, ValidationError, ValueError) as error:
            logger.warning("%s is ignored, it cannot be read: %s", path, type(error).__name__)
            return self._model(camera_id=camera_id)
        if found.camera_id != camera_id:
            logger.warning("%s is ignored, it is of camera %s", path, found.camera_id)
            return self._model(camera_id=camera_id)
        return found

    def read_all(self, camera_ids: Iterable[str]) -> dict[str, Record]:
        """Return what is known of cameras, by id."""
        return {camera_id: self.read(camera_id) for camera_id in camera_ids}

    def changed_at(self) -> int:
        """Return a number that changes whenever a file of the folder is replaced."""
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def stamps(self) -> dict[str, int]:
        """Return a number for each file, by camera, that changes whenever it is replaced."""
        try:
            with os.scandir(self.folder) as entries:
                return {
                    entry.name.removesuffix(".json"): entry.stat().st_mtime_ns
                    for entry in entries
                    if entry.name.endswith(".json")
                }
        except OSError:
            return {}

    def change(self, camera_id: str, change: Callable[[Record], Record]) -> Record:
        """Replace what is known of a camera; a record that is returned as it was is not written.

        Raises:
            CalibrationError: It cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock", timeout=LOCK_SECONDS):
                old = self.read(camera_id)
                new = change(old)
                if new is not old:
                    with atomic_write(self.path(camera_id)) as stream:
                        stream.write(new.model_dump_json(indent=2).encode())
        except OSError as error:  # a lock that is not free in time is one too
            raise CalibrationError(
                f"the calibration cannot be written: {error}.", where=str(self.path(camera_id))
            ) from error
        return new

    def path(self, camera_id: str) -> Path:
        """Return the file of a camera."""
        return self.folder / f"{camera_id}.json"
