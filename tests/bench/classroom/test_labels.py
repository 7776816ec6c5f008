"""Labels for training."""

from typing import Any

import pytest

from bench.classroom.labels import DATA, is_labelled, label_line, label_text
from bench.classroom.truth import Visibility
from cluster.vision.people import KEYPOINTS
from tests.bench.classroom.people import clip, person


def test_a_line_has_class_box_and_keypoints_as_shares() -> None:
    words = label_line(person(), 400, 300).split()
    assert words[0] == "0"
    assert [float(word) for word in words[1:5]] == [
        0.375,
        0.5,
        0.25,
        pytest.approx(2 / 3, abs=1e-5),
    ]
    assert len(words) == 5 + 3 * len(KEYPOINTS)
    assert [float(word) for word in words[5:8]] == [0.275, 0.2, 2]


def test_a_hidden_wrist_is_marked_and_a_hidden_nose_is_not() -> None:
    points = list(person().keypoints)
    for name in ("nose", "left_wrist"):
        place = KEYPOINTS.index(name)
        points[place] = (*points[place][:2], Visibility.HIDDEN)
    words = label_line(person(keypoints=tuple(points)), 400, 300).split()
    flags = dict(zip(KEYPOINTS, words[7::3], strict=True))
    assert flags["nose"] == "0"
    assert flags["left_wrist"] == "1"
    assert words[5:7] == ["0.00000", "0.00000"]


@pytest.mark.parametrize(
    ("changes", "labelled"),
    [
        ({}, True),
        ({"hidden": 0.95, "head_hidden": 0.2}, True),
        ({"hidden": 0.95, "head_hidden": 0.9}, False),
        ({"hidden": 0.3, "head_hidden": 1.0}, True),
        ({"box": (10.0, 10.0, 14.0, 16.0), "head_height": 4.0}, False),
        ({"hidden": 0.5, "head_height": 3.0, "box": (10.0, 10.0, 20.0, 20.0)}, False),
    ],
)
def test_who_is_hardly_seen_has_no_label(changes: dict[str, Any], labelled: bool) -> None:
    assert is_labelled(person(**changes)) is labelled


def test_the_labels_of_a_frame_have_a_line_for_each_who_is_seen() -> None:
    truth = clip((person(1), person(2, hidden=0.99, head_hidden=1.0), person(3)))
    assert label_text(truth.frames[0], truth).count("\n") == 2


def test_mirrored_keypoints_are_those_of_the_other_side() -> None:
    line = next(line for line in DATA.splitlines() if line.startswith("flip_idx"))
    order = [int(word) for word in line.split("[")[1].rstrip("]").split(",")]
    swapped = {"left": "right", "right": "left"}
    for place, name in enumerate(KEYPOINTS):
        side, _, rest = name.partition("_")
        assert KEYPOINTS[order[place]] == (f"{swapped[side]}_{rest}" if rest else name)
