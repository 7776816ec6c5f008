"""Examples for the activity classifier, from clips and from mirrored people."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench.classroom.truth import ClipTruth, EventTruth, FrameTruth, TrueActivity
from bench.training.activity_dataset import CLASSES, FoundFrame, examples_of_clip
from bench.training.mirrored import mirror
from cluster.activity.classifier import CLASSES as OUTPUTS
from cluster.activity.features import FEATURES, BodyHistory
from cluster.vision.people import FloatArray, People
from tests.bench.scoring.people import found_people, true_person
from tests.vision.bodies import HAND_UP, Body, crowd, mirrored, person


def features_of(people: People) -> FloatArray:
    history = BodyHistory()
    ids = np.arange(len(people))
    found = [history.update(time, ids, people, (640, 360)) for time in (0.0, 0.5, 1.0)]
    return found[-1]


@pytest.mark.parametrize("body", [HAND_UP, {"left_knee": (0.4, 2.4)}, {"left_wrist": (0.9, 0.2)}])
def test_mirrored_features_are_those_of_the_mirrored_person(body: Body) -> None:
    one = features_of(person(body, at=(320, 150)))
    other = features_of(person(mirrored(body), at=(320, 150)))

    np.testing.assert_allclose(mirror(one), other, atol=1e-5)
    assert not np.allclose(one, other)


def test_the_outputs_of_the_classifier_are_the_classes_of_the_truth() -> None:
    assert [str(one) for one in OUTPUTS] == [str(one) for one in CLASSES]


def truth(activities: Sequence[TrueActivity]) -> ClipTruth:
    """A clip at two frames a second of one person who does these."""
    frames = []
    for index, activity in enumerate(activities):
        one = true_person(100, 100, activity=activity)
        frames.append(FrameTruth(time=index / 2, people=(one,)))
    return ClipTruth(
        generator="test",
        seed=1,
        room="rows",
        camera={},
        width=640,
        height=360,
        rate=2,
        frames=tuple(frames),
        events=(EventTruth(person=0, activity=TrueActivity.SITTING, begins=0, ends=1),),
    )


def test_examples_are_the_found_people_with_what_they_truly_do() -> None:
    doing = [TrueActivity.SITTING, TrueActivity.SITTING, TrueActivity.WRITING]
    people = found_people((100, 100))
    nobody = crowd(found_people((100, 100)), found_people((500, 100)))
    found = [
        FoundFrame(index / 2, one, (640, 360), 1.0)
        for index, one in enumerate([people, People.empty(), nobody])
    ]

    examples = examples_of_clip(truth(doing), found, rate=2.0)

    assert examples.features.shape == (2, FEATURES)
    assert [CLASSES[label] for label in examples.labels] == [doing[0], doing[2]]
    assert examples.settled_seconds.tolist() == [0, 0]
