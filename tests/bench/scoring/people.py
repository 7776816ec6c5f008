"""Made-up people in a frame, found and true."""

from typing import Literal

import numpy as np

from bench.classroom.truth import FrameTruth, PersonTruth, TrueActivity, Visibility
from bench.scoring.observations import Observation
from cluster.activity.durations import CurrentActivity
from cluster.vision.activity import Activity
from cluster.vision.people import KEYPOINTS, People

HEAD_HEIGHT = 10.0
LEFT_WRIST = 9


def body(x: float, y: float) -> list[tuple[float, float]]:
    """The keypoints of somebody who sits; (x, y) is the nose. The head is 10 pixels high."""
    places = [(0, 0), (1, -1), (-1, -1), (3, 0), (-3, 0), (8, 10), (-8, 10), (9, 20), (-9, 20)]
    places += [(6, 28), (-6, 28), (6, 32), (-6, 32), (8, 38), (-8, 38), (8, 50), (-8, 50)]
    return [(x + dx, y + dy) for dx, dy in places]


def box_of(x: float, y: float) -> tuple[float, float, float, float]:
    """The box of `body`."""
    return (x - 10, y - 6, x + 10, y + 52)


def true_person(
    x: float,
    y: float = 50.0,
    *,
    id: int = 0,  # noqa: A002 (the truth's word)
    activity: TrueActivity = TrueActivity.SITTING,
    hidden: float = 0.0,
    visibility: Visibility = Visibility.SEEN,
    head_visibility: Visibility | None = None,
    head_height: float = HEAD_HEIGHT,
    role: Literal["student", "teacher"] = "student",
) -> PersonTruth:
    """A true person whose nose is at (x, y); a raised hand is above its shoulder."""
    head = visibility if head_visibility is None else head_visibility
    places = body(x, y)
    if activity == TrueActivity.HAND_RAISED:
        places[LEFT_WRIST] = (x + 10, y - 8)
    return PersonTruth(
        id=id,
        role=role,
        box=box_of(x, y),
        keypoints=tuple(
            (px, py, head if index < 5 else visibility) for index, (px, py) in enumerate(places)
        ),
        activity=activity,
        hidden=hidden,
        head_height=head_height,
    )


def found_people(*noses: tuple[float, float], scores: float = 0.9) -> People:
    """People whose noses were found at some places."""
    keypoints = np.full((len(noses), len(KEYPOINTS), 3), scores, np.float32)
    boxes = np.zeros((len(noses), 4), np.float32)
    for index, (x, y) in enumerate(noses):
        keypoints[index, :, :2] = body(x, y)
        boxes[index] = box_of(x, y)
    return People(boxes, np.full(len(noses), 0.9, np.float32), keypoints)


def observation(
    people: People, *activities: Activity, time: float = 0.0, confirmed: tuple[int, ...] = ()
) -> Observation:
    """What was found in a frame; `confirmed` are the indices of new raised hands."""
    current = tuple(
        CurrentActivity(activity, index in confirmed) for index, activity in enumerate(activities)
    )
    return Observation(time, people, current, 0.5)


def true_frame(*people: PersonTruth, time: float = 0.0) -> FrameTruth:
    """A frame of the truth."""
    return FrameTruth(time=time, people=people)
