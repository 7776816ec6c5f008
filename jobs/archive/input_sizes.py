"""Which cameras' input sizes are to be measured, from which footage, and what is known of them.

    footage, videos -> main frame size of each camera -> stored measurement, or MeasureTask
    measured heads -> SizeMeasurement -> CalibrationStore -> settings with numbers

A camera is measured once, and not again while model, limit and frame size stay, so that all its
windows are made at one size. `size_stage` measures.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cluster.calibration.input_sizes import apply_sizes, measure_size
from cluster.calibration.store import CalibrationStore, SizeMeasurement
from cluster.clock import utc_now
from cluster.settings import Settings
from cluster.streams.decode.probe import VideoInfo
from cluster.vision.pose.input_size import HeadSummary
from jobs.archive.footage import Footage
from jobs.archive.worker_settings import CameraAnalysis, camera_analysis

MAX_FILES: Final = 4
FRAMES_PER_CAMERA: Final = 16
"""Frames that are looked at, spread over the first files."""

MIN_FRAMES: Final = 4
"""Fewer frames with people do not tell a camera's size."""


@dataclass(frozen=True, slots=True)
class MeasureTask:
    """A camera to measure.

    Attributes:
        camera_id: The camera.
        camera: How its footage is analysed; its input size is the largest allowed one.
        frame_size: (width, height) of its frames, in pixels.
        files: Address and length in seconds of the files that are looked at.
    """

    camera_id: str
    camera: CameraAnalysis
    frame_size: tuple[int, int]
    files: tuple[tuple[str, float], ...]


class InputSizes:
    """The input sizes of an installation's `auto` cameras in one run.

    Args:
        settings: All settings.
        footage: The files of the run.
        videos: What each usable file holds, by address.
        model_id: The pose model.
    """

    def __init__(
        self,
        settings: Settings,
        footage: Sequence[Footage],
        videos: Mapping[str, VideoInfo],
        model_id: str,
    ) -> None:
        self._settings = settings
        self._limit = settings.analysis.max_input_size
        self._model_id = model_id
        self._store = CalibrationStore.of(settings)
        self._files = _files_of_main_size(settings, footage, videos)
        self._known: dict[str, SizeMeasurement] = {}
        for camera_id, files in self._files.items():
            frame_size = _frame_size(files[0])
            known = self._store.read(camera_id).find_size(
                model_id, self._limit, frame_size=frame_size
            )
            if known is not None:
                self._known[camera_id] = known

    @property
    def settings(self) -> Settings:
        """The settings with all sizes that are known; of other cameras they stay `auto`."""
        return apply_sizes(self._settings, self._known)

    def unknown(self, camera_ids: set[str]) -> list[MeasureTask]:
        """Return what is to be measured, of some cameras."""
        return [
            MeasureTask(
                camera_id,
                camera_analysis(self._settings, camera_id),
                _frame_size(files[0]),
                tuple((file.address, video.duration_seconds) for file, video in files[:MAX_FILES]),
            )
            for camera_id, files in sorted(self._files.items())
            if camera_id in camera_ids and camera_id not in self._known
        ]

    def add(self, task: MeasureTask, heads: HeadSummary | None) -> SizeMeasurement | None:
        """Store what was measured of a camera; nothing where too few people were seen.

        Raises:
            CalibrationError: It cannot be written.
        """
        if heads is None or heads.frames < MIN_FRAMES:
            return None
        size = measure_size(
            heads,
            model=self._model_id,
            limit=self._limit,
            frame_size=task.frame_size,
            origin="archive",
            now=utc_now(),
        )
        self._store.add_size(task.camera_id, size)
        self._known[task.camera_id] = size
        return size


_File = tuple[Footage, VideoInfo]


def _frame_size(file: _File) -> tuple[int, int]:
    return (file[1].width, file[1].height)


def _files_of_main_size(
    settings: Settings, footage: Sequence[Footage], videos: Mapping[str, VideoInfo]
) -> dict[str, list[_File]]:
    """Return the files of each `auto` camera that have its main frame size, the earliest first.

    The main size is that of most of its footage: a camera has one input size.
    """
    by_size: dict[str, dict[tuple[int, int], list[_File]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(footage, key=lambda one: (one.started_at, one.address)):
        video = videos.get(file.address)
        if video is not None and settings.cameras_by_id[file.camera_id].input_size == "auto":
            by_size[file.camera_id][_frame_size((file, video))].append((file, video))
    return {
        camera_id: max(
            sizes.values(), key=lambda files: sum(video.duration_seconds for _, video in files)
        )
        for camera_id, sizes in by_size.items()
    }
