"""Lessons by geometry: the same seed gives the same, and nothing is said of what did not change."""

from collections import Counter

from bench.classroom.bodies import Bodies
from bench.drift.__main__ import crowd_table
from bench.drift.crowds import CLOSER, SAME, CrowdTrial, run_crowd_trials


def test_moved_seats_are_noticed_more_often_than_lessons_of_the_same_classes(
    bodies: Bodies,
) -> None:
    trials = list(run_crowd_trials(16, 8000, bodies))
    said = Counter(trial.case for trial in trials if trial.said)
    assert said[SAME] == 0
    assert said[CLOSER] >= 6
    assert list(run_crowd_trials(2, 8000, bodies)) == trials[:10]


def test_the_table_counts_by_the_number_of_classes() -> None:
    trials = [
        CrowdTrial("case", 1, said=True),
        CrowdTrial("case", 1, said=False),
        CrowdTrial("case", 8, said=None),
        CrowdTrial("case", 4, said=False),
    ]
    assert crowd_table(trials).splitlines()[-1] == "| case | 1 of 2 | 0 of 0 | 0 of 1 | 25% |"
