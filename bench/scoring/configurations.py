"""The configurations that are compared: weights, size, confidence, treatment of the output."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from cluster.settings import AnalysisSettings, Camera, Settings
from cluster.settings.tables import Quality
from cluster.vision.pose.estimator import PoseEstimator, model_cache_dir, select_device
from cluster.vision.pose.weights import (
    YOLO11N_POSE,
    WeightsFile,
    download_weights,
    find_packaged_weights,
    find_pose_weights,
    sha256_of,
)

PRODUCT_NAME: Final = "Homeroom"
PLAIN_INPUT_SIZE: Final = 640
PLAIN_CONFIDENCE: Final = 0.25
"""Ultralytics' defaults."""


InputSizeOrAuto = int | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A way to find and count people.

    Attributes:
        name: Its row in the tables.
        weights: Of the pose network.
        input_size: Longer side of the network's input, in pixels; `auto` is measured of each sample
            as the product does of a camera.
        confidence: Lowest score of a person.
        pipeline: `product` is the product's own; `rules` counts activities by `bench.rules`
            instead; `plain` does that too, and keeps duplicates, as Ultralytics does.
        max_input_size: The largest size that `auto` may become; the product's default unless given.
    """

    name: str
    weights: WeightsFile
    input_size: InputSizeOrAuto
    confidence: float
    pipeline: Literal["product", "rules", "plain"] = "product"
    max_input_size: int | None = None

    def create_estimator(self) -> PoseEstimator:
        """Create the estimator of this configuration."""
        settings = Settings()
        return PoseEstimator(
            self.weights,
            cache_dir=model_cache_dir(settings),
            device=select_device(settings.analysis),
            confidence=self.confidence,
            threads=settings.analysis.threads,
            keeps_duplicates=self.pipeline == "plain",
        )


def product() -> Configuration:
    """Return the product as it is with its default settings."""
    settings = Settings()
    weights = find_pose_weights(settings.weights, model_cache_dir(settings))
    return Configuration(
        name=PRODUCT_NAME,
        weights=weights,
        input_size=Camera.model_fields["input_size"].default,
        confidence=settings.analysis.confidence or weights.confidence,
    )


def product_of_quality(quality: Quality) -> Configuration:
    """Return the product with a value of `analysis.quality`."""
    limit = AnalysisSettings(quality=quality).max_input_size
    return replace(product(), name=name_of_quality(quality), max_input_size=limit)


def name_of_quality(quality: Quality) -> str:
    """Return the row of a quality in the tables: the default one is the product itself."""
    is_default = quality == Settings().analysis.quality
    return PRODUCT_NAME if is_default else f"{PRODUCT_NAME}, {quality}"


def product_with_rules() -> Configuration:
    """Return the product with the rules that counted activities before the classifier."""
    return replace(product(), name="Homeroom, rules", pipeline="rules")


def plain_ultralytics() -> Configuration:
    """Return the official weights with Ultralytics' own defaults."""
    return Configuration(
        name="yolo11n-pose, plain",
        weights=official_weights(),
        input_size=PLAIN_INPUT_SIZE,
        confidence=PLAIN_CONFIDENCE,
        pipeline="plain",
    )


def official_weights() -> WeightsFile:
    """Return the official weights, whatever the settings say."""
    model = YOLO11N_POSE
    path = find_packaged_weights(model) or download_weights(model, model_cache_dir(Settings()))
    return WeightsFile(model.name, path, sha256_of(path), f"package {model.package}", model.licence)


def parse_configuration(text: str) -> Configuration:
    """Return the configuration that an option describes.

    Args:
        text: `weights=PATH,input_size=960,confidence=0.1`; `official` are the official weights, and
            what is left out is as in the product. The weights are loaded without a checksum to
            compare: they must be your own.

    Raises:
        ValueError: It says something else.
    """
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    default = product()
    unknown = set(parts) - {"weights", "input_size", "confidence"}
    if unknown:
        raise ValueError(f"{text!r}: no such key: {', '.join(sorted(unknown))}")
    weights = _weights(parts["weights"]) if "weights" in parts else default.weights
    size = parts.get("input_size", default.input_size)
    input_size: InputSizeOrAuto = "auto" if size == "auto" else int(size)
    confidence = float(parts.get("confidence", default.confidence))
    name = f"{weights.name}, {input_size}, {confidence:.2f}"
    return Configuration(name, weights, input_size, confidence)


def _weights(name: str) -> WeightsFile:
    if name == "official":
        return official_weights()
    path = Path(name)
    if not path.is_file():
        raise ValueError(f"there is no weights file {name}")
    return WeightsFile(path.stem, path, sha256_of(path), "given", "unknown")
