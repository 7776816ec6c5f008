from pathlib import Path

import pytest

from bench.scoring.configurations import (
    official_weights,
    parse_configuration,
    plain_ultralytics,
    product,
)
from cluster.settings import Camera
from cluster.vision.pose.weights import CLASSROOM_POSE, YOLO11N_POSE, sha256_of


def test_the_product_is_measured_with_its_default_settings() -> None:
    configuration = product()

    assert configuration.weights.sha256 == CLASSROOM_POSE.sha256
    assert configuration.confidence == CLASSROOM_POSE.confidence
    assert configuration.input_size == Camera.model_fields["input_size"].default
    assert configuration.pipeline == "product"


def test_the_plain_baseline_is_what_ultralytics_does_by_default() -> None:
    configuration = plain_ultralytics()

    assert (configuration.input_size, configuration.confidence) == (640, 0.25)
    assert configuration.weights.sha256 == YOLO11N_POSE.sha256
    assert configuration.pipeline == "plain"


def test_a_configuration_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "mine.pt"
    file.write_bytes(b"weights")

    parsed = parse_configuration(f"weights={file},input_size=960,confidence=0.1")

    assert parsed.name == "mine, 960, 0.10"
    assert (parsed.weights.path, parsed.weights.sha256) == (file, sha256_of(file))
    assert (parsed.input_size, parsed.confidence) == (960, 0.1)


def test_the_size_may_be_measured_of_each_sample() -> None:
    assert parse_configuration("input_size=auto").input_size == "auto"


def test_what_is_left_out_is_as_in_the_product() -> None:
    parsed = parse_configuration("weights=official")

    assert parsed.weights == official_weights()
    assert (parsed.input_size, parsed.confidence) == (product().input_size, product().confidence)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weights=/no/such.pt", "no weights file"),
        ("size=640", "no such key: size"),
        ("input_size=large", "large"),
        ("input_size=", "invalid literal"),
    ],
)
def test_nonsense_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_configuration(text)
