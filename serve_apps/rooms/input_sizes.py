"""What is measured of live cameras: input sizes, by the store or the readers, and headcounts.

    store ─> LiveInputSizes ─> settings with numbers ─> reconciling loop ─> readers
      ^            ^                                                          │
      └── new ─────┴───────────────────── reports, with measured heads ───────┘

A camera that is not measured yet is read at the largest allowed size. Once its reader has measured
enough people, the size is stored, and the reconciling loop restarts the camera with it; likewise
after somebody has counted heads.
"""

import logging
from collections.abc import Mapping

from cluster.calibration.headcounts import camera_factor
from cluster.calibration.input_sizes import apply_sizes, auto_cameras, measure_size
from cluster.calibration.store import Calibration, CalibrationStore, SizeMeasurement
from cluster.clock import utc_now
from cluster.errors import CalibrationError
from cluster.settings import Camera, Settings
from cluster.streams.reader.report import Report
from cluster.vision.headcounts import HeadcountFactor

logger = logging.getLogger(__name__)


class LiveInputSizes:
    """The input sizes that are known of an installation's live cameras, and their headcounts.

    Args:
        store: What is measured of the cameras.
        model_id: Id of the pose model.
    """

    def __init__(self, store: CalibrationStore, model_id: str) -> None:
        self._store = store
        self._model_id = model_id
        self._stamp: tuple[int, frozenset[str]] | None = None
        self._stored: Mapping[str, Calibration] = {}
        self._measured: dict[str, SizeMeasurement] = {}
        """What readers measured since the start; it holds where it cannot be written, too."""
        self._frame_sizes: dict[str, tuple[int, int]] = {}

    def reload(self, settings: Settings) -> None:
        """Read the store again, if a file of it or the cameras have changed."""
        camera_ids = frozenset(settings.cameras_by_id)
        stamp = (self._store.changed_at(), camera_ids)
        if stamp != self._stamp:
            self._stored = self._store.read_all(camera_ids)
            self._stamp = stamp

    def apply(self, settings: Settings) -> Settings:
        """Return the settings with the sizes that are known; of other cameras they stay `auto`."""
        limit = settings.analysis.max_input_size
        known = {
            camera.id: size
            for camera in auto_cameras(settings)
            if (size := self._find(camera, limit)) is not None
        }
        return apply_sizes(settings, known)

    def factor(
        self, settings: Settings, camera: Camera, *, has_drifted: bool = False
    ) -> HeadcountFactor | None:
        """Return what gives the bounds of a camera's headcounts; None where nothing does.

        Args:
            settings: As `apply` returns them.
            camera: The camera in them.
            has_drifted: It shows something else than when heads were counted: these counts do not
                hold.
        """
        nothing = Calibration(camera_id=camera.id)
        return camera_factor(
            nothing if has_drifted else self._stored.get(camera.id, nothing),
            model=self._model_id,
            input_size=settings.input_size_of(camera),
        )

    def take_new(self, report: Report, settings: Settings) -> dict[str, SizeMeasurement]:
        """Take what a report says of cameras; return the measurements to store, by camera."""
        limit = settings.analysis.max_input_size
        new = {}
        for reported in report.cameras:
            stream, heads = reported.health.metrics, reported.heads
            camera = settings.cameras_by_id.get(reported.health.camera_id)
            if camera is None or camera.input_size != "auto":
                continue
            if stream.width and stream.height:
                self._frame_sizes[camera.id] = (stream.width, stream.height)
            if heads is None or heads.limit != limit or self._find(camera, limit) is not None:
                continue
            new[camera.id] = measure_size(
                heads.heads,
                model=self._model_id,
                limit=limit,
                frame_size=heads.frame_size,
                origin="live",
                now=utc_now(),
            )
        self._measured |= new
        return new

    def store(self, new: Mapping[str, SizeMeasurement]) -> None:
        """Write measurements; what cannot be written is logged, and holds until the end."""
        for camera_id, size in new.items():
            logger.info("camera %s is analysed at %d pixels now", camera_id, size.input_size)
            try:
                self._store.add_size(camera_id, size)
            except CalibrationError as error:
                logger.warning("the input size of camera %s is not stored: %s", camera_id, error)

    def _find(self, camera: Camera, limit: int) -> SizeMeasurement | None:
        """Return the newest measurement that holds for a camera's stream as it is now.

        A camera with a sub-stream sends frames of two sizes; what recordings of its main stream
        gave does not hold for it.
        """
        has_substream = camera.substream is not None
        frame_size = None if has_substream else self._frame_sizes.get(camera.id)
        known = self._stored.get(camera.id, Calibration(camera_id=camera.id))
        if camera.id in self._measured:
            measured = self._measured[camera.id]
            known = known.model_copy(
                update={"sizes": tuple(sorted((*known.sizes, measured), key=_measured_at))}
            )
        return known.find_size(
            self._model_id,
            limit,
            frame_size=frame_size,
            origin="live" if has_substream else None,
        )


def _measured_at(size: SizeMeasurement) -> float:
    return size.measured_at.timestamp()
