"""What a configuration found in a frame."""

from dataclasses import dataclass

import numpy as np

from cluster.activity.durations import CurrentActivity
from cluster.vision.people import People


@dataclass(frozen=True, slots=True)
class Observation:
    """The people of one frame, with what each is counted as.

    Attributes:
        time_seconds: Of the frame, since the clip's first; 0 for a picture.
        people: In pixels of the picture or clip, whatever size was analysed.
        current: What each is counted as, in their order.
        input_scale: Pixels of the network's input for each pixel of the picture.
    """

    time_seconds: float
    people: People
    current: tuple[CurrentActivity, ...]
    input_scale: float


def scaled(people: People, scale: float) -> People:
    """Return people in the pixels of a picture that is `scale` times as large."""
    return People(
        (people.boxes * scale).astype(np.float32),
        people.scores,
        (people.keypoints * np.array([scale, scale, 1])).astype(np.float32),
    )
