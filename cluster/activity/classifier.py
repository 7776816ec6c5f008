"""The activity of a person, from the features of the last seconds: a small neural network.

A perceptron of two hidden layers (ReLU, then softmax), trained on rendered classes that the pose
network looked at (`python -m bench.training.train_activities`; docs/model-card.md). It runs in
NumPy: tens of thousands of people a second.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from cluster.activity.features import FEATURES
from cluster.errors import WeightsMismatch, WeightsMissing
from cluster.vision.activity import Activity
from cluster.vision.people import FloatArray

CLASSES: Final = (
    Activity.HAND_RAISED,
    Activity.HEAD_DOWN,
    Activity.STANDING,
    Activity.WRITING,
    Activity.READING,
    Activity.SITTING,
)
"""What the network tells apart, in the order of its outputs."""

WEIGHTS: Final = Path(__file__).with_name("activities.npz")
SHA256: Final = "368670d027069c79563e73919acc86485f4f0cfda6c21137af288d2f2a8f301b"


class Classifier(Protocol):
    """Gives the probability of each of `CLASSES`."""

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return (n, 6) probabilities from (n, FEATURES) features."""


class ActivityNetwork:
    """The network with its weights.

    Args:
        layers: Weights (inputs, outputs) and biases (outputs,) of each layer.
        mean: (FEATURES,) of the training examples.
        scale: (FEATURES,) one over their standard deviation.
    """

    def __init__(
        self, layers: list[tuple[FloatArray, FloatArray]], mean: FloatArray, scale: FloatArray
    ) -> None:
        self._layers = layers
        self._mean = mean
        self._scale = scale

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return (n, 6) probabilities from (n, FEATURES) features."""
        values = (features - self._mean) * self._scale
        for index, (weights, biases) in enumerate(self._layers):
            values = values @ weights + biases
            if index < len(self._layers) - 1:
                values = np.maximum(values, 0)
        values = np.exp(values - values.max(axis=1, keepdims=True))
        result: FloatArray = (values / values.sum(axis=1, keepdims=True)).astype(np.float32)
        return result


@cache
def load_classifier() -> ActivityNetwork:
    """Load the network that comes with Homeroom.

    Raises:
        WeightsMissing: Its file is not in the package.
        WeightsMismatch: Its file has another checksum.
    """
    try:
        content = WEIGHTS.read_bytes()
    except OSError as error:
        raise WeightsMissing(
            "the activity classifier is missing.",
            where=str(WEIGHTS),
            hint="Install Homeroom again.",
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise WeightsMismatch(
            f"it has SHA-256 {found}, but {SHA256} is expected; it was not loaded.",
            where=str(WEIGHTS),
            hint="Install Homeroom again.",
        )
    return read_network(WEIGHTS)


def read_network(path: Path) -> ActivityNetwork:
    """Read a network from an `.npz` file, which holds arrays and no code.

    Raises:
        ValueError: It does not fit these features.
    """
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files}
    if arrays["mean"].shape != (FEATURES,):
        raise ValueError(f"{path} was trained on other features")
    depth = sum(name.startswith("weights") for name in arrays)
    layers = [(arrays[f"weights{index}"], arrays[f"biases{index}"]) for index in range(depth)]
    return ActivityNetwork(layers, arrays["mean"], arrays["scale"])
