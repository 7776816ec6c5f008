"""Raised hands in time, by what the classifier says of one person."""

from collections.abc import Sequence

import numpy as np
import pytest

from cluster.activity.classifier import CLASSES
from cluster.activity.durations import ActivityCounter, HandThresholds
from cluster.vision.activity import Activity
from cluster.vision.people import FloatArray
from tests.vision.bodies import person

HAND = CLASSES.index(Activity.HAND_RAISED)
SITTING = CLASSES.index(Activity.SITTING)
SURE, HELD, DOWN = 0.85, 0.5, 0.05


def count(hands: Sequence[float], thresholds: HandThresholds | None = None) -> list[str]:
    """What each frame of two a second is counted as: `up`, `UP` where it is confirmed, or `-`."""
    probabilities = iter(hands)

    def classify(features: FloatArray) -> FloatArray:
        found = np.zeros((len(features), len(CLASSES)), np.float32)
        found[:, HAND] = next(probabilities)
        found[:, SITTING] = 1 - found[:, HAND]
        return found

    counter = ActivityCounter(classify, thresholds or HandThresholds())
    counted = []
    for index in range(len(hands)):
        (one,) = counter.classify(index / 2, np.array([7]), person(), (1280, 720))
        is_up = one.activity == Activity.HAND_RAISED
        counted.append("UP" if one.hand_confirmed else "up" if is_up else "-")
    return counted


@pytest.mark.parametrize(
    ("hands", "counted"),
    [
        ([DOWN, SURE, SURE, SURE, DOWN], ["-", "-", "UP", "up", "-"]),
        ([SURE, HELD, HELD, DOWN], ["-", "UP", "up", "-"]),
        ([HELD, SURE, DOWN], ["-", "UP", "-"]),
        ([HELD, HELD, HELD, HELD], ["-", "-", "-", "-"]),
        ([SURE, *[HELD] * 6], ["-", "UP", "up", "up", "up", "-", "-"]),
        ([SURE, DOWN, DOWN, DOWN, DOWN, HELD], ["-", "-", "-", "-", "-", "-"]),
        ([SURE, DOWN, HELD, DOWN], ["-", "-", "UP", "-"]),
        ([SURE, SURE, DOWN, DOWN, DOWN, SURE, SURE], ["-", "UP", "-", "-", "-", "-", "UP"]),
        ([SURE, SURE, DOWN, DOWN, SURE, SURE], ["-", "UP", "-", "-", "up", "up"]),
    ],
    ids=[
        "sure",
        "sure, then held",
        "held, then sure",
        "never sure",
        "held for too long",
        "held too long after",
        "a gap is bridged",
        "twice",
        "a bridge is no second hand",
    ],
)
def test_a_hand_counts_once_when_it_is_sure_and_lasts(
    hands: list[float], counted: list[str]
) -> None:
    assert count(hands) == counted


def test_thresholds_decide_what_is_sure_and_what_is_held() -> None:
    assert count([0.5, 0.5, 0.5], HandThresholds(alone=0.5)) == ["-", "UP", "up"]
    assert count([SURE, HELD, HELD], HandThresholds(held=0.6)) == ["-", "-", "-"]
