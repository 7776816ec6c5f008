"""What is measured of cameras, kept as a small JSON file for each: no picture (R8), nobody (R2).

    data_dir/calibration/<camera>.json

A file holds one measurement for each pose model, largest allowed input size and frame size, since
another of these needs another measurement, and a camera's sub-stream and its recordings may differ.
Beside them stand the headcounts of people who counted by eye.
"""

from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cluster.calibration.camera_files import CameraFiles, CameraRecord
from cluster.settings import Settings
from cluster.settings.tables import FixedInputSize

FORMAT_VERSION: Final = 1
"""Files of another version are ignored: cameras are measured anew."""

MAX_HEADCOUNTS: Final = 200
"""The oldest headcounts of a camera are dropped beyond this number."""

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


class Calibration(CameraRecord):
    """What is known of one camera.

    Attributes:
        version: Of this format.
        camera_id: The camera.
        sizes: The newest measurement of each kind, the oldest first.
        headcounts: In the order in which they were counted.
    """

    version: Literal[1] = FORMAT_VERSION
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


class CalibrationStore(CameraFiles[Calibration]):
    """The calibrations of an installation's cameras.

    Args:
        folder: Their folder; created by the first write.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Calibration)

    @staticmethod
    def of(settings: Settings) -> "CalibrationStore":
        """Return the store of an installation."""
        return CalibrationStore(settings.data_dir / "calibration")

    def add_size(self, camera_id: str, size: SizeMeasurement) -> Calibration:
        """Store a measurement in place of an older one of the same kind.

        Raises:
            CalibrationError: It cannot be written.
        """

        def add(old: Calibration) -> Calibration:
            kept = tuple(one for one in old.sizes if one.key != size.key)
            return old.model_copy(update={"sizes": (*kept, size)})

        return self.change(camera_id, add)

    def add_headcount(self, camera_id: str, pair: HeadcountPair) -> Calibration:
        """Store a headcount.

        Raises:
            CalibrationError: It cannot be written.
        """

        def add(old: Calibration) -> Calibration:
            pairs = (*old.headcounts, pair)[-MAX_HEADCOUNTS:]
            return old.model_copy(update={"headcounts": pairs})

        return self.change(camera_id, add)
