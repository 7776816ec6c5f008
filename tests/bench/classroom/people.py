"""Hand-made truth."""

from bench.classroom.truth import ClipTruth, FrameTruth, PersonTruth, TrueActivity, Visibility
from cluster.vision.people import KEYPOINTS

SEEN = Visibility.SEEN


def person(number: int = 1, **changes: object) -> PersonTruth:
    fields: dict[str, object] = {
        "id": number,
        "role": "student",
        "box": (100.0, 50.0, 200.0, 250.0),
        "keypoints": tuple((110.0 + place, 60.0 + place, SEEN) for place in range(len(KEYPOINTS))),
        "activity": TrueActivity.SITTING,
        "hidden": 0.1,
        "head_height": 40.0,
    }
    return PersonTruth.model_validate({**fields, **changes})


def clip(*frames: tuple[PersonTruth, ...]) -> ClipTruth:
    return ClipTruth(
        generator="a test",
        seed=1,
        room="rows",
        camera={"kind": "corner", "height": 2.5},
        width=400,
        height=300,
        rate=10,
        frames=tuple(
            FrameTruth(time=number / 10, people=people) for number, people in enumerate(frames)
        ),
    )
