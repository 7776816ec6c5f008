"""What Ray's workers need of the settings, and nothing else.

Ray keeps the arguments of tasks and actors in its control store and sends them to every node;
camera addresses, passwords and keys do not belong there (tests/jobs/test_canary.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cluster.calibration.headcounts import camera_factor
from cluster.calibration.store import CalibrationStore
from cluster.district import Place
from cluster.settings import AnalysisSettings, Polygon, Settings, WeightsSettings
from cluster.vision.headcounts import HeadcountFactor
from cluster.vision.pose.estimator import model_cache_dir


@dataclass(frozen=True, slots=True)
class CameraAnalysis:
    """How a camera's footage is analysed.

    Attributes:
        input_size: Longer side of the pose model's input, in pixels.
        masks: Polygons to blacken, corners (x, y) from 0 to 1.
        teacher_zone: People who stand in this polygon are not counted.
        headcount_only: The room's kind allows nothing else (R3).
        factor: Gives the bounds of its headcounts; None where they have none.
    """

    input_size: int
    masks: tuple[Polygon, ...]
    teacher_zone: Polygon | None
    headcount_only: bool
    factor: HeadcountFactor | None = None


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The settings of the stages.

    Attributes:
        analysis: Rate, confidence, device.
        weights: Where the pose model's weights are.
        cache_dir: Where converted models are kept.
        k: Fewest people of whom more than their number is published (R3).
        cameras: By id; those whose footage is analysed.
    """

    analysis: AnalysisSettings
    weights: WeightsSettings
    cache_dir: Path
    k: int
    cameras: dict[str, CameraAnalysis]


def worker_settings(
    settings: Settings,
    places: Iterable[Place],
    factors: Mapping[str, HeadcountFactor | None] = MappingProxyType({}),
) -> WorkerSettings:
    """Select what the stages need to analyse the footage of some cameras.

    Args:
        settings: All settings, with the input sizes that were measured.
        places: Of the cameras.
        factors: By camera; those of the others have no bounds.
    """
    return WorkerSettings(
        analysis=settings.analysis,
        weights=settings.weights,
        cache_dir=model_cache_dir(settings),
        k=settings.privacy.k,
        cameras={
            place.camera.id: camera_analysis(
                settings, place.camera.id, factors.get(place.camera.id)
            )
            for place in places
        },
    )


def camera_analysis(
    settings: Settings, camera_id: str, factor: HeadcountFactor | None = None
) -> CameraAnalysis:
    """Return how a camera's footage is analysed."""
    camera = settings.cameras_by_id[camera_id]
    return CameraAnalysis(
        input_size=settings.input_size_of(camera),
        masks=tuple(map(tuple, camera.masks)),
        teacher_zone=None if camera.teacher_zone is None else tuple(camera.teacher_zone),
        headcount_only=settings.rooms_by_id[camera.room].kind == "vehicle",
        factor=factor,
    )


def headcount_factors(
    settings: Settings, places: Iterable[Place], model_id: str
) -> dict[str, HeadcountFactor | None]:
    """Return what gives the bounds of headcounts, by camera.

    Args:
        settings: All settings, with the input sizes that were measured.
        places: Of the cameras.
        model_id: The pose model.
    """
    store = CalibrationStore.of(settings)
    return {
        place.camera.id: camera_factor(
            store.read(place.camera.id),
            model=model_id,
            input_size=settings.input_size_of(settings.cameras_by_id[place.camera.id]),
        )
        for place in places
    }
