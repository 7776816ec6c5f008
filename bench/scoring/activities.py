"""Activities of people against the truth: confusion, precision, recall, share right and unclear.

A person-frame is one person in one frame. Somebody who was missed counts against recall, and
somebody who is nobody against precision, as in the counts that users see.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.classroom.truth import FrameTruth, TrueActivity
from bench.scoring.ratios import Measures, Ratio
from cluster.vision.activity import Activity

NOBODY: Final = "nobody"
"""The true activity of a found person who is not there."""

MISSED: Final = "missed"
"""What a person is counted as who was not found."""

SETTLE_SECONDS: Final = 2.0
"""A person-frame counts if the true activity has lasted this long: docs/activity.md has minimum
durations of up to two seconds, so before that no answer is wrong."""

DESK_WORK: Final = "desk_work"
"""Reading and writing, taken together."""

Confusion = Mapping[tuple[str, str], float]
"""Person-frames by (true activity or `NOBODY`, counted activity or `MISSED`)."""

_DESK_WORK: Final = frozenset({"reading", "writing"})


def settled_activities(frames: Sequence[FrameTruth]) -> list[dict[int, TrueActivity]]:
    """Return, for each frame, who has done the same for `SETTLE_SECONDS`, and what."""
    since: dict[int, tuple[TrueActivity, float]] = {}
    settled = []
    for frame in frames:
        for person in frame.people:
            if person.id not in since or since[person.id][0] != person.activity:
                since[person.id] = (person.activity, frame.time)
        settled.append(
            {
                person.id: person.activity
                for person in frame.people
                if frame.time - since[person.id][1] >= SETTLE_SECONDS
            }
        )
    return settled


def merge_desk_work(confusion: Confusion) -> Confusion:
    """Return the same person-frames with reading and writing taken together."""
    merged: dict[tuple[str, str], float] = {}
    for (true, counted), number in confusion.items():
        key = tuple(DESK_WORK if name in _DESK_WORK else name for name in (true, counted))
        merged[key[0], key[1]] = merged.get((key[0], key[1]), 0) + number
    return merged


def measure_activities(confusion: Confusion, *, in_time: bool) -> Measures:
    """Measure the activities of one picture or clip.

    Args:
        confusion: Its person-frames, averaged over the frames of a clip.
        in_time: Whether it is a clip: in one picture, reading and writing look alike.
    """
    merged = merge_desk_work(confusion)
    measures = {
        "activity_right.desk_work_merged": _right(merged),
        "activity_unclear": Ratio(
            sum(n for (true, counted), n in _found(confusion) if counted == Activity.UNCLEAR),
            sum(n for _, n in _found(confusion)),
        ),
    }
    if in_time:
        measures["activity_right"] = _right(confusion)
    names = [str(name) for name in TrueActivity if in_time or name not in _DESK_WORK]
    for name, table in [*((name, confusion) for name in names), (DESK_WORK, merged)]:
        hits = table.get((name, name), 0.0)
        total_counted = sum(n for (_, counted), n in table.items() if counted == name)
        true = sum(n for (actual, _), n in table.items() if actual == name)
        measures[f"activity_precision.{name}"] = Ratio(hits, total_counted)
        measures[f"activity_recall.{name}"] = Ratio(hits, true)
    return measures


def _found(confusion: Confusion) -> list[tuple[tuple[str, str], float]]:
    """Return the person-frames of true people who were found."""
    return [
        (pair, number)
        for pair, number in confusion.items()
        if pair[0] != NOBODY and pair[1] != MISSED
    ]


def _right(confusion: Confusion) -> Ratio:
    found = _found(confusion)
    return Ratio(sum(n for (a, b), n in found if a == b), sum(n for _, n in found))
