"""Made-up bodies in body units, placed anywhere at any size."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from cluster.vision.people import KEYPOINTS, People

Body = Mapping[str, tuple[float, float]]
"""Places of keypoints, in shoulder widths from the middle of the shoulders; y grows downwards."""

SEATED: Final[Body] = {
    "nose": (0.0, -0.6),
    "left_eye": (0.1, -0.7),
    "right_eye": (-0.1, -0.7),
    "left_ear": (0.22, -0.65),
    "right_ear": (-0.22, -0.65),
    "left_shoulder": (0.5, 0.0),
    "right_shoulder": (-0.5, 0.0),
    "left_elbow": (0.6, 0.6),
    "right_elbow": (-0.6, 0.6),
    "left_wrist": (0.3, 0.9),
    "right_wrist": (-0.3, 0.9),
    "left_hip": (0.35, 1.4),
    "right_hip": (-0.35, 1.4),
    "left_knee": (0.45, 1.6),
    "right_knee": (-0.45, 1.6),
    "left_ankle": (0.45, 2.2),
    "right_ankle": (-0.45, 2.2),
}
UPRIGHT: Final[Body] = {
    "left_knee": (0.35, 2.4),
    "right_knee": (-0.35, 2.4),
    "left_ankle": (0.35, 3.3),
    "right_ankle": (-0.35, 3.3),
}
HAND_UP: Final[Body] = {"left_elbow": (0.75, -0.1), "left_wrist": (0.65, -0.9)}
HEAD_ON_DESK: Final[Body] = {
    "nose": (0.0, 0.15),
    "left_eye": (0.1, 0.05),
    "right_eye": (-0.1, 0.05),
    "left_ear": (0.22, 0.0),
    "right_ear": (-0.22, 0.0),
}
FACE: Final = ("nose", "left_eye", "right_eye")


def person(
    *changes: Body,
    at: tuple[float, float] = (300.0, 200.0),
    unit: float = 40.0,
    unseen: Sequence[str] = (),
    score: float = 0.9,
) -> People:
    """One body in a frame.

    Args:
        changes: Keypoints that differ from somebody who sits and rests.
        at: Middle of the shoulders, in pixels.
        unit: Width of the shoulders, in pixels.
        unseen: Keypoints with a low score.
        score: Of the person.
    """
    places: dict[str, tuple[float, float]] = dict(SEATED)
    for change in changes:
        places |= change
    keypoints = np.zeros((1, len(KEYPOINTS), 3), np.float32)
    for index, name in enumerate(KEYPOINTS):
        x, y = places[name]
        keypoints[0, index] = at[0] + x * unit, at[1] + y * unit, 0.1 if name in unseen else 0.95
    points = keypoints[0, [name not in unseen for name in KEYPOINTS], :2]
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])[None]
    return People(box.astype(np.float32), np.array([score], np.float32), keypoints)


def crowd(*bodies: People) -> People:
    """Several people in one frame, in the given order."""
    return People(
        np.concatenate([body.boxes for body in bodies]),
        np.concatenate([body.scores for body in bodies]),
        np.concatenate([body.keypoints for body in bodies]),
    )


def mirrored(body: Body) -> Body:
    """The other hand's side."""
    swap = {"left": "right", "right": "left"}
    names = {name: "_".join(swap.get(word, word) for word in name.split("_")) for name in body}
    return {names[name]: (-x, y) for name, (x, y) in body.items()}
