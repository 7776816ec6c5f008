"""From what people do in a frame to what they are counted as: smoothing, and each hand once.

    features  -> classifier -> probabilities -> smoothed over 1.5 s -> activity, or unclear
    classifier alone, or with a forearm that points up -> a raised hand that lasts -> counted once

The rules are those of docs/activity.md. They need at most `MEMORY_SECONDS` of the past, so a
segment that starts with that much lead-in is counted like an uninterrupted run.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.activity.classifier import CLASSES, Classifier, load_classifier
from cluster.activity.features import HISTORY_SECONDS, UNTRACKED, BodyHistory
from cluster.vision.activity import Activity, find_raised_hands
from cluster.vision.people import FloatArray, People

SMOOTHING_SECONDS: Final = 1.5
"""Probabilities are averaged over the last frames, so that one odd frame changes nothing."""

MIN_PROBABILITY: Final = 0.45
"""An activity with a lower smoothed probability is `unclear`."""

MIN_HAND_PROBABILITY: Final = 0.8
"""From here on, the classifier alone makes a hand a raised one."""

MIN_RULE_HAND_PROBABILITY: Final = 0.4
"""From here on, it does so with a forearm that points up: a hand at the hair points up too."""

MIN_HELD_HAND_PROBABILITY: Final = 0.3
"""From here on, a hand that is a raised one in a neighbouring frame is still up (two thresholds, as
edges are traced: Canny, 1986)."""

HELD_SECONDS: Final = 2.0
"""For so long after such a frame; a longer memory would make segments need a longer lead-in."""

HAND_RAISED_SECONDS: Final = 0.4
BRIDGE_SECONDS: Final = 1.5
"""A gap in a raised hand that is shorter than this does not end it."""

MEMORY_SECONDS: Final = HISTORY_SECONDS + HELD_SECONDS + 4.5
"""What the features remember; then a hand that is held, two bridges and a raised hand, and one
frame at the lowest rate, in which the tracker has no ids yet."""

_HAND: Final = CLASSES.index(Activity.HAND_RAISED)
_STANDING: Final = CLASSES.index(Activity.STANDING)
_DESK_WORK: Final = [CLASSES.index(Activity.READING), CLASSES.index(Activity.WRITING)]


@dataclass(frozen=True, slots=True)
class HandThresholds:
    """How sure the classifier must be of a raised hand.

    Attributes:
        alone: Probability from which it alone makes a hand a raised one.
        with_rule: Probability from which it does so with a forearm that points up.
        held: Probability from which a hand is up next to a frame in which it is a raised one.
    """

    alone: float = MIN_HAND_PROBABILITY
    with_rule: float = MIN_RULE_HAND_PROBABILITY
    held: float = MIN_HELD_HAND_PROBABILITY


DEFAULT_HAND_THRESHOLDS: Final = HandThresholds()


@dataclass(slots=True)
class BridgedRun:
    """An uninterrupted run of a posture; gaps up to `BRIDGE_SECONDS` do not interrupt it."""

    since: float | None = None
    last: float = 0.0

    def update(self, time: float, is_present: bool, began: float | None = None) -> float | None:
        """Return how long it has lasted, in seconds; None where it is absent now.

        Args:
            time: Of the frame, in seconds; must increase.
            is_present: Whether the posture is there.
            began: When a run that begins with this frame is to have begun, if it is not now.
        """
        if self.since is not None and time - self.last > BRIDGE_SECONDS:
            self.since = None
        if not is_present:
            return None
        if self.since is None:
            self.since = time if began is None else began
        self.last = time
        return time - self.since


@dataclass(slots=True)
class _Track:
    hand: BridgedRun = field(default_factory=BridgedRun)
    last_raised_hand: float = -math.inf
    last_hand_up: float = -math.inf
    probabilities: deque[tuple[float, FloatArray]] = field(default_factory=deque)
    counted_hand_since: float | None = None
    last_seen: float = -math.inf


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Counts of one frame of a room, without track ids (R2).

    Attributes:
        time_seconds: Timestamp of the frame.
        people: Students in it.
        activities: How many do each activity; their sum is `people`.
        hand_raises: Raised hands that were confirmed at this frame.
    """

    time_seconds: float
    people: int
    activities: dict[Activity, int]
    hand_raises: int


@dataclass(frozen=True, slots=True)
class CurrentActivity:
    """What one person of a frame is counted as. It never leaves this process (R2).

    Attributes:
        activity: The activity.
        hand_confirmed: Whether a raised hand of this person was confirmed at this frame.
    """

    activity: Activity
    hand_confirmed: bool


class ActivityCounter:
    """Counts the activities of a camera's frames, one after another.

    Args:
        classifier: Gives probabilities from features; the one that comes with Homeroom if not
            given.
        hand_thresholds: How sure it must be of a raised hand.

    Raises:
        WeightsError: The classifier that comes with Homeroom is missing or was changed.
    """

    def __init__(
        self,
        classifier: Classifier | None = None,
        hand_thresholds: HandThresholds = DEFAULT_HAND_THRESHOLDS,
    ) -> None:
        self._classifier = classifier or load_classifier()
        self._hand_thresholds = hand_thresholds
        self._history = BodyHistory()
        self._tracks: dict[int, _Track] = {}

    def classify(
        self,
        time_seconds: float,
        track_ids: npt.NDArray[np.int64],
        people: People,
        frame_size: tuple[int, int],
    ) -> list[CurrentActivity]:
        """Classify the people of one frame.

        Args:
            time_seconds: Timestamp of the frame; must increase.
            track_ids: (n,) track ids, `UNTRACKED` for people without one.
            people: The same n people.
            frame_size: (width, height) of the frame, in pixels.

        Returns:
            The activity of each, in their order.
        """
        features = self._history.update(time_seconds, track_ids, people, frame_size)
        probabilities = self._classifier(features)
        is_raised = (probabilities[:, _HAND] >= self._hand_thresholds.alone) | (
            find_raised_hands(people)
            & (probabilities[:, _HAND] >= self._hand_thresholds.with_rule)
            & (probabilities[:, _STANDING] < MIN_PROBABILITY)
        )
        current = []
        is_up = is_raised | (probabilities[:, _HAND] >= self._hand_thresholds.held)
        for track_id, probability, raised, up in zip(
            track_ids.tolist(), probabilities, is_raised.tolist(), is_up.tolist(), strict=True
        ):
            is_tracked = track_id != UNTRACKED
            track = self._tracks.setdefault(track_id, _Track()) if is_tracked else _Track()
            current.append(
                _current_activity(track, time_seconds, probability, is_raised=raised, is_up=up)
            )
            track.last_seen = time_seconds
        self._drop_stale_tracks(time_seconds)
        return current

    def _drop_stale_tracks(self, time: float) -> None:
        stale = [i for i, track in self._tracks.items() if time - track.last_seen > MEMORY_SECONDS]
        for track_id in stale:
            del self._tracks[track_id]


def count_activities(time_seconds: float, current: Sequence[CurrentActivity]) -> FrameCounts:
    """Count the people of one frame by activity."""
    counts = dict.fromkeys(Activity, 0)
    for person in current:
        counts[person.activity] += 1
    raises = sum(person.hand_confirmed for person in current)
    return FrameCounts(time_seconds, len(current), counts, raises)


def _current_activity(
    track: _Track, time: float, probabilities: FloatArray, *, is_raised: bool, is_up: bool
) -> CurrentActivity:
    """Return the activity of one person, and whether a raised hand was confirmed now.

    Args:
        track: What is remembered of the person.
        time: Of the frame, in seconds.
        probabilities: (classes,) of the frame.
        is_raised: Whether a hand is surely up in it.
        is_up: Whether a hand may be up in it.
    """
    track.probabilities.append((time, probabilities))
    while time - track.probabilities[0][0] > SMOOTHING_SECONDS:
        track.probabilities.popleft()
    hand = _update_hand(track, time, is_raised=is_raised, is_up=is_up)
    if hand is not None and hand >= HAND_RAISED_SECONDS:
        is_new = track.counted_hand_since != track.hand.since
        track.counted_hand_since = track.hand.since
        return CurrentActivity(Activity.HAND_RAISED, is_new)
    if time - track.last_seen > BRIDGE_SECONDS:
        return CurrentActivity(Activity.UNCLEAR, False)  # one frame alone shows no duration
    smoothed = np.mean([one for _, one in track.probabilities], axis=0)
    return CurrentActivity(_likeliest(smoothed), False)


def _update_hand(track: _Track, time: float, *, is_raised: bool, is_up: bool) -> float | None:
    """Return how long a hand has been up, in seconds; None where it is down now."""
    if is_raised:
        track.last_raised_hand = time
    is_held = is_up and time - track.last_raised_hand <= HELD_SECONDS
    was_up = time - track.last_hand_up <= BRIDGE_SECONDS
    if is_up:
        began, track.last_hand_up = track.last_hand_up if was_up else time, time
    return track.hand.update(time, is_raised or is_held, began if is_up else None)


def _likeliest(probabilities: FloatArray) -> Activity:
    """Return the likeliest activity but a raised hand; reading and writing compete together."""
    grouped = probabilities.copy()
    grouped[_HAND] = 0
    grouped[_DESK_WORK] = probabilities[_DESK_WORK].sum()
    index = int(grouped.argmax())
    if grouped[index] < MIN_PROBABILITY:
        return Activity.UNCLEAR
    if index in _DESK_WORK:
        index = max(_DESK_WORK, key=lambda one: float(probabilities[one]))
    return CLASSES[index]
