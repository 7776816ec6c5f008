from dataclasses import replace
from pathlib import Path

import pytest

from bench.classroom.truth import ClipTruth, EventTruth, FrameTruth, TrueActivity, Visibility
from bench.scoring.activities import MISSED, NOBODY
from bench.scoring.measuring import measure_sample
from bench.scoring.observations import scaled
from bench.scoring.ratios import Ratio
from bench.scoring.samples import Sample, SampleSet
from cluster.vision.activity import Activity
from cluster.vision.people import People
from tests.bench.scoring.people import found_people, observation, true_frame, true_person

RAISED, SITTING, WRITING = Activity.HAND_RAISED, Activity.SITTING, Activity.WRITING


def sample_of(
    frames: list[FrameTruth], *, rate: float | None, events: tuple[EventTruth, ...] = ()
) -> Sample:
    truth = ClipTruth(
        generator="test",
        seed=1,
        room="rows",
        camera={},
        width=640,
        height=360,
        rate=rate or 0,
        frames=tuple(frames),
        events=events,
    )
    return Sample(
        name="made up",
        sample_set=SampleSet.RENDERED_CLIPS,
        path=Path("none"),
        rate=rate,
        truth=truth,
    )


UNKNOWN = Sample(name="made up", sample_set=SampleSet.REAL_PICTURES, path=Path("none"))


def test_a_clip_is_measured_frame_by_frame_against_the_nearest_truth() -> None:
    """Person 1 raises a hand from 5 s on and is counted at 5.5 s; person 2 is never found."""
    frames = [
        true_frame(
            true_person(
                50, id=1, activity=TrueActivity.HAND_RAISED if time >= 50 else TrueActivity.SITTING
            ),
            true_person(200, id=2, activity=TrueActivity.WRITING),
            time=time / 10,
        )
        for time in range(100)
    ]
    event = EventTruth(person=1, activity=TrueActivity.HAND_RAISED, begins=5, ends=9.9)
    observations = [
        observation(
            found_people((50, 50)),
            RAISED if time >= 5.5 else SITTING,
            time=time + 0.01,
            confirmed=(0,) if time == 5.5 else (),
        )
        for time in (index / 2 for index in range(20))
    ]

    score = measure_sample(sample_of(frames, rate=2.0, events=(event,)), observations)

    assert score.measures["headcount_error"] == Ratio(0.5, 1)
    assert score.measures["headcount_error_of_windows"] == Ratio(0.5, 1)
    assert score.measures["people_found"] == Ratio(1, 2)
    assert score.measures["hand_events_found"] == Ratio(1, 1)
    assert score.measures["hand_events_false"] == Ratio(0, 1)
    right = score.measures["activity_right"]
    assert right.numerator == pytest.approx(right.denominator) == pytest.approx(12 / 20)
    assert score.confusion["writing", MISSED] == pytest.approx(16 / 20)
    assert set(score.confusion) == {
        ("sitting", "sitting"),
        ("hand_raised", "hand_raised"),
        ("writing", MISSED),
    }


def test_the_hand_of_somebody_who_cannot_be_seen_is_not_due() -> None:
    hidden = true_person(50, id=1, hidden=1.0, head_visibility=Visibility.HIDDEN)
    frames = [true_frame(hidden, time=time / 10) for time in range(60)]
    event = EventTruth(person=1, activity=TrueActivity.HAND_RAISED, begins=1, ends=5)

    score = measure_sample(
        sample_of(frames, rate=2.0, events=(event,)),
        [observation(People.empty(), time=time / 2) for time in range(12)],
    )

    assert score.measures["hand_events_found"] == Ratio(0, 0)


def test_a_hand_of_nobody_is_false() -> None:
    frames = [true_frame(time=time / 10) for time in range(60)]
    observations = [
        observation(found_people((50, 50)), RAISED, time=1.0, confirmed=(0,)),
        observation(found_people((50, 50)), RAISED, time=1.5),
    ]

    score = measure_sample(sample_of(frames, rate=2.0), observations)

    assert score.measures["hand_events_false"] == Ratio(1, 1)
    assert score.confusion == {(NOBODY, "hand_raised"): 1.0}


def test_a_picture_has_no_time_and_its_hands_are_counted_by_person() -> None:
    frame = true_frame(
        true_person(50, id=1, activity=TrueActivity.HAND_RAISED),
        true_person(150, id=2, activity=TrueActivity.HAND_RAISED),
        true_person(250, id=3, activity=TrueActivity.READING),
    )
    found = found_people((50, 50), (150, 50), (250, 50))

    score = measure_sample(
        sample_of([frame], rate=None), [observation(found, RAISED, SITTING, WRITING)]
    )

    assert score.measures["hands_found"] == Ratio(1, 2)
    assert score.measures["hands_false"] == Ratio(0, 1)
    assert score.measures["activity_right.desk_work_merged"] == Ratio(2, 3)
    assert "hand_events_found" not in score.measures
    assert "activity_right" not in score.measures


def test_a_clip_of_which_numbers_are_known_is_measured_by_them() -> None:
    observations = [
        observation(found_people((50, 50), (150, 50)), SITTING, Activity.STANDING),
        observation(found_people((50, 50), (150, 50), (250, 50)), RAISED, SITTING, SITTING),
    ]

    score = measure_sample(
        replace(UNKNOWN, headcount=2, at_most=2, hand_number=0, nobody_stands=True), observations
    )

    assert score.measures["headcount_error"] == Ratio(0.25, 1)
    assert score.measures["frames_above_limit"] == Ratio(1, 2)
    assert score.measures["standing_false"] == Ratio(0.5, 2.5)
    assert score.measures["hands_found"] == Ratio(0, 0)
    assert score.measures["hands_false"] == Ratio(0.5, 0.5)


def test_boxes_of_hands_are_measured_by_wrists() -> None:
    found = found_people((50, 50), (150, 50))

    score = measure_sample(
        replace(UNKNOWN, hands=((53.0, 70.0, 59.0, 80.0),)), [observation(found, RAISED, RAISED)]
    )

    assert score.measures["hands_found"] == Ratio(1, 1)
    assert score.measures["hands_false"] == Ratio(1, 2)
    assert "headcount_error" not in score.measures


def test_people_are_scaled_to_the_picture_and_scores_are_not() -> None:
    people = scaled(found_people((50, 40)), 2.0)

    assert people.keypoints[0, 0].tolist() == pytest.approx([100, 80, 0.9])
    assert people.boxes[0].tolist() == pytest.approx([80, 68, 120, 184])
