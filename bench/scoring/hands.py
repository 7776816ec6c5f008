"""Raised hands: as events in time, each counted once, and as boxes or a number in one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bench.classroom.truth import EventTruth, PersonTruth, Visibility
from bench.scoring.ratios import Measures, Ratio
from cluster.vision.activity import MIN_KEYPOINT_SCORE
from cluster.vision.people import People

EARLY_SECONDS: Final = 0.5
LATE_SECONDS: Final = 1.5
"""A hand may be counted this long before it is up and after it is down: a frame at two a second,
and the longest gap that the counter bridges."""

MIN_EVENT_SECONDS: Final = 1.0
"""A hand that is up for less need not be counted: at two frames a second it may be in one alone."""

MIN_FRAMES_SEEN: Final = 2
"""Nor need one that is seen in fewer analysed frames: it is above the picture, or hidden."""

BOX_MARGIN: Final = 0.5
"""A wrist belongs to a hand's box enlarged by this fraction of its sides on each side, since a box
may end above the wrist."""

SHOULDERS: Final = (5, 6)
WRISTS: Final = (9, 10)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class CountedHand:
    """A raised hand that was counted.

    Attributes:
        time_seconds: When, since the clip's first frame.
        person: The `id` of the true person; None for nobody.
    """

    time_seconds: float
    person: int | None


def is_hand_seen(person: PersonTruth) -> bool:
    """Return whether a wrist above its shoulder, or of one that is not in the picture, is seen."""
    points = person.keypoints
    for shoulder, wrist in zip(SHOULDERS, WRISTS, strict=True):
        if points[wrist][2] == Visibility.SEEN and (
            points[shoulder][2] == Visibility.OUTSIDE or points[wrist][1] <= points[shoulder][1]
        ):
            return True
    return False


def measure_hand_events(
    counted: Sequence[CountedHand],
    true: Sequence[EventTruth],
    unseen: Sequence[EventTruth] = (),
) -> Measures:
    """Measure the raised hands of one clip: each event is counted by one hand of its person.

    Args:
        counted: Hands that the counter confirmed.
        true: Raised hands of people who can be seen.
        unseen: Raised hands that need not be counted, but may be: then they are neither found nor
            false.
    """
    must = [event.ends - event.begins >= MIN_EVENT_SECONDS for event in true]
    due = [event for event, is_due in zip(true, must, strict=True) if is_due]
    optional = [*unseen, *(event for event, is_due in zip(true, must, strict=True) if not is_due)]
    events = [*due, *optional]
    fits = np.array(
        [[_fits(hand, event) for event in events] for hand in counted], np.bool_
    ).reshape(len(counted), len(events))
    _, columns = _assign(fits)
    found = sum(column < len(due) for column in columns)
    counting = len(counted) - (len(columns) - found)
    return {
        "hand_events_found": Ratio(found, len(due)),
        "hand_events_false": Ratio(counting - found, counting),
    }


def _fits(hand: CountedHand, event: EventTruth) -> bool:
    return (
        hand.person == event.person
        and event.begins - EARLY_SECONDS <= hand.time_seconds <= event.ends + LATE_SECONDS
    )


def measure_hand_boxes(people: People, is_raised: Sequence[bool], hands: Sequence[Box]) -> Measures:
    """Measure the raised hands of one picture whose hands are given as boxes.

    Args:
        people: n people.
        is_raised: Whether each counts as raising a hand.
        hands: Left, top, right, bottom of each raised hand.
    """
    raisers = people.select(np.array(is_raised, np.bool_))
    fits = np.array(
        [[_has_wrist_in(person, hand) for hand in hands] for person in raisers.keypoints], np.bool_
    ).reshape(len(raisers), len(hands))
    rows, _ = _assign(fits)
    return _hand_measures(len(rows), counted=len(raisers), true=len(hands))


def measure_hand_number(counted: float, true: float) -> Measures:
    """Measure the raised hands of one picture of which only their number is known."""
    return _hand_measures(min(counted, true), counted=counted, true=true)


def _hand_measures(right: float, *, counted: float, true: float) -> Measures:
    return {
        "hands_found": Ratio(right, true),
        "hands_false": Ratio(counted - right, counted),
    }


def _has_wrist_in(keypoints: npt.NDArray[np.float32], hand: Box) -> bool:
    left, top, right, bottom = hand
    wide, high = BOX_MARGIN * (right - left), BOX_MARGIN * (bottom - top)
    return any(
        score >= MIN_KEYPOINT_SCORE
        and left - wide <= x <= right + wide
        and top - high <= y <= bottom + high
        for x, y, score in keypoints[list(WRISTS)].tolist()
    )


def _assign(fits: npt.NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    """Return rows and columns of the largest assignment in which all fit."""
    rows, columns = linear_sum_assignment(fits, maximize=True)
    kept = fits[rows, columns]
    return rows[kept].tolist(), columns[kept].tolist()
