from bench.classroom.truth import TrueActivity
from bench.scoring.activities import (
    DESK_WORK,
    MISSED,
    NOBODY,
    measure_activities,
    merge_desk_work,
    settled_activities,
)
from bench.scoring.ratios import Ratio
from tests.bench.scoring.people import true_frame, true_person

CONFUSION = {
    ("writing", "writing"): 4.0,
    ("writing", "reading"): 2.0,
    ("writing", "unclear"): 1.0,
    ("writing", MISSED): 1.0,
    ("reading", "reading"): 1.0,
    ("standing", "standing"): 2.0,
    ("sitting", "standing"): 1.0,
    (NOBODY, "standing"): 1.0,
}


def test_somebody_missed_counts_against_recall_and_nobody_against_precision() -> None:
    measures = measure_activities(CONFUSION, in_time=True)

    assert measures["activity_recall.writing"] == Ratio(4, 8)
    assert measures["activity_precision.writing"] == Ratio(4, 4)
    assert measures["activity_precision.reading"] == Ratio(1, 3)
    assert measures["activity_recall.standing"] == Ratio(2, 2)
    assert measures["activity_precision.standing"] == Ratio(2, 4)
    assert measures["activity_recall.head_down"] == Ratio(0, 0)


def test_shares_right_and_unclear_are_of_the_true_people_who_were_found() -> None:
    measures = measure_activities(CONFUSION, in_time=True)

    assert measures["activity_right"] == Ratio(7, 11)
    assert measures["activity_unclear"] == Ratio(1, 11)


def test_reading_and_writing_are_also_taken_together() -> None:
    merged = merge_desk_work(CONFUSION)
    assert merged[DESK_WORK, DESK_WORK] == 7
    assert merged[DESK_WORK, "unclear"] == 1
    assert sum(merged.values()) == sum(CONFUSION.values())

    measures = measure_activities(CONFUSION, in_time=True)
    assert measures["activity_right.desk_work_merged"] == Ratio(9, 11)
    assert measures[f"activity_recall.{DESK_WORK}"] == Ratio(7, 9)


def test_reading_and_writing_are_not_told_apart_in_one_picture() -> None:
    measures = measure_activities(CONFUSION, in_time=False)

    assert "activity_right" not in measures
    assert "activity_recall.writing" not in measures
    assert measures["activity_recall.standing"] == Ratio(2, 2)


def test_a_person_counts_two_seconds_after_the_activity_began() -> None:
    raised, sitting = TrueActivity.HAND_RAISED, TrueActivity.SITTING
    frames = [
        true_frame(
            true_person(20, id=1, activity=raised if 3 <= time < 7 else sitting),
            true_person(90, id=2),
            time=float(time),
        )
        for time in range(10)
    ]
    settled = settled_activities(frames)

    first = [known.get(1) for known in settled]
    assert first[:3] == [None, None, sitting]
    assert first[3:7] == [None, None, raised, raised]
    assert first[7:] == [None, None, sitting]
    assert [known.get(2) for known in settled] == [None, None, *[sitting] * 8]


def test_an_empty_confusion_measures_nothing() -> None:
    measures = measure_activities({}, in_time=True)

    assert set(measures.values()) == {Ratio(0, 0)}
