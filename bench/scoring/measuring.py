"""The measures of one picture or clip: what was found in it against what is true of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.classroom.truth import ClipTruth, EventTruth, FrameTruth, TrueActivity
from bench.scoring.activities import (
    MISSED,
    NOBODY,
    Confusion,
    measure_activities,
    settled_activities,
)
from bench.scoring.hands import (
    MIN_FRAMES_SEEN,
    CountedHand,
    is_hand_seen,
    measure_hand_boxes,
    measure_hand_events,
    measure_hand_number,
)
from bench.scoring.headcounts import (
    MatchedFrame,
    measure_headcount,
    relative_error,
    window_error,
)
from bench.scoring.keypoints import measure_keypoints
from bench.scoring.matching import counts, match_people
from bench.scoring.observations import Observation
from bench.scoring.ratios import Measures, Ratio
from bench.scoring.samples import Sample
from cluster.activity.windows import WINDOW_SECONDS
from cluster.vision.activity import Activity


@dataclass(frozen=True, slots=True)
class SampleScore:
    """What was measured in one picture or clip.

    Attributes:
        measures: By name.
        confusion: Person-frames by true and counted activity, averaged over its frames.
    """

    measures: Measures
    confusion: Confusion


def measure_sample(sample: Sample, observations: Sequence[Observation]) -> SampleScore:
    """Measure one picture or clip.

    Args:
        sample: What is true of it.
        observations: What was found in each of its analysed frames.
    """
    if sample.truth is not None:
        return _measure_by_truth(sample.truth, observations, in_time=sample.rate is not None)
    return SampleScore(_measure_by_numbers(sample, observations), {})


def _measure_by_numbers(sample: Sample, observations: Sequence[Observation]) -> Measures:
    """Measure a sample of which only numbers, or boxes of hands, are known."""
    number = max(1, len(observations))
    found = [len(observation.people) for observation in observations]
    counted = Counter(one.activity for observation in observations for one in observation.current)
    people = sum(found) / number
    measures = {"activity_unclear": Ratio(counted[Activity.UNCLEAR] / number, people)}
    if sample.headcount is not None:
        true = float(sample.headcount)
        measures["headcount_error"] = relative_error([(count, true) for count in found])
    if sample.at_most is not None:
        above = sum(count > sample.at_most for count in found)
        measures["frames_above_limit"] = Ratio(above, len(found))
    if sample.nobody_stands:
        measures["standing_false"] = Ratio(counted[Activity.STANDING] / number, people)
    if sample.hand_number is not None:
        raised = counted[Activity.HAND_RAISED] / number
        measures |= measure_hand_number(raised, sample.hand_number)
    if sample.hands is not None:
        for observation in observations:  # a picture has one
            is_raised = [one.activity == Activity.HAND_RAISED for one in observation.current]
            measures |= measure_hand_boxes(observation.people, is_raised, sample.hands)
    return measures


def _measure_by_truth(
    truth: ClipTruth, observations: Sequence[Observation], *, in_time: bool
) -> SampleScore:
    """Measure a sample in which everybody is known."""
    times = np.array([frame.time for frame in truth.frames])
    indices = [int(np.abs(times - one.time_seconds).argmin()) for one in observations]
    true = [truth.frames[index] for index in indices]
    matched = [
        MatchedFrame(
            observation.time_seconds,
            match_people(observation.people, frame.people),
            frame.people,
            observation.input_scale,
        )
        for observation, frame in zip(observations, true, strict=True)
    ]
    measures = dict(measure_headcount(matched))
    measures |= measure_keypoints(
        [
            (observation.people, frame.true, frame.matching)
            for observation, frame in zip(observations, matched, strict=True)
        ]
    )
    known = [{person.id: person.activity for person in frame.people} for frame in truth.frames]
    if in_time:
        known = settled_activities(truth.frames)
    confusion = _confusion(observations, matched, [known[index] for index in indices])
    measures |= measure_activities(confusion, in_time=in_time)
    if in_time:
        numbers = [(frame.time_seconds, frame.found_count, frame.true_count) for frame in matched]
        measures["headcount_error_of_windows"] = window_error(numbers, WINDOW_SECONDS)
        measures |= _measure_events(truth, true, observations, matched)
    else:
        measures |= _measure_hands_of_people(confusion)
    return SampleScore(measures, confusion)


def _confusion(
    observations: Sequence[Observation],
    matched: Sequence[MatchedFrame],
    activities: Sequence[dict[int, TrueActivity]],
) -> Confusion:
    number = max(1, len(observations))
    confusion: Counter[tuple[str, str]] = Counter()
    for observation, frame, known in zip(observations, matched, activities, strict=True):
        counted = [str(one.activity) for one in observation.current]
        ids = [person.id for person in frame.true]
        for found, true in frame.matching.pairs:
            if ids[true] in known:
                confusion[str(known[ids[true]]), counted[found]] += 1
        for true in frame.matching.missed:
            if ids[true] in known:
                confusion[str(known[ids[true]]), MISSED] += 1
        for found in frame.matching.extra:
            confusion[NOBODY, counted[found]] += 1
    return {pair: count / number for pair, count in confusion.items()}


def _measure_events(
    truth: ClipTruth,
    true: Sequence[FrameTruth],
    observations: Sequence[Observation],
    matched: Sequence[MatchedFrame],
) -> Measures:
    """Measure the raised hands of a clip; those that are hardly seen need not be counted."""
    counted = []
    for observation, frame in zip(observations, matched, strict=True):
        people: dict[int, int | None] = dict.fromkeys(frame.matching.extra)
        people |= {found: frame.true[index].id for found, index in frame.matching.pairs}
        counted += [
            CountedHand(observation.time_seconds, people[index])
            for index, one in enumerate(observation.current)
            if one.hand_confirmed and index in people
        ]
    frames_seen = Counter(
        index
        for index, event in enumerate(truth.events)
        for frame in true
        if event.begins <= frame.time <= event.ends
        for person in frame.people
        if person.id == event.person and counts(person) and is_hand_seen(person)
    )
    due: list[EventTruth] = []
    unseen: list[EventTruth] = []
    for index, event in enumerate(truth.events):
        if event.activity == TrueActivity.HAND_RAISED:
            (due if frames_seen[index] >= MIN_FRAMES_SEEN else unseen).append(event)
    return measure_hand_events(counted, due, unseen)


def _measure_hands_of_people(confusion: Confusion) -> Measures:
    """Measure the raised hands of one picture in which everybody is known."""
    raised = str(Activity.HAND_RAISED)
    right = confusion.get((raised, raised), 0.0)
    counted = sum(number for (_, counted), number in confusion.items() if counted == raised)
    true = sum(number for (actual, _), number in confusion.items() if actual == raised)
    return {"hands_found": Ratio(right, true), "hands_false": Ratio(counted - right, counted)}
