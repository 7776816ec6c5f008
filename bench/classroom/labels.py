"""Labels for training a pose network: Ultralytics' text format, one line a person.

class cx cy w h x1 y1 v1 ... x17 y17 v17        all but class and v as shares of the picture
"""

from typing import Final

from bench.classroom.truth import ClipTruth, FrameTruth, PersonTruth, Visibility
from cluster.vision.people import KEYPOINTS

FACE: Final = 5
"""Keypoints of the face: who sees a head from behind does not mark them."""
SMALLEST_HEAD: Final = 6.0
LARGE_HEAD: Final = 22.0
SMALLEST_BOX: Final = 9.0
SMALLEST_AREA: Final = 150.0

DATA: Final = f"""path: .
train: images
val: images
names:
  0: person
kpt_shape: [{len(KEYPOINTS)}, 3]
flip_idx: [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
"""
"""Ultralytics' description of a folder of pictures and labels."""


def is_labelled(person: PersonTruth) -> bool:
    """Whether enough of somebody is seen that a network should find them.

    That is a good part of a head, or enough of a body.
    """
    left, top, right, bottom = person.box
    if bottom - top < SMALLEST_BOX or (right - left) * (bottom - top) < SMALLEST_AREA / 2:
        return False
    seen_head = 1 - person.head_hidden
    head = person.head_height >= SMALLEST_HEAD and (
        seen_head > 0.45
        or (seen_head > 0.25 and (person.hidden < 0.94 or person.head_height >= LARGE_HEAD))
    )
    area = (right - left) * (bottom - top)
    body = person.hidden < 0.78 and area > SMALLEST_AREA
    return head or body


def label_line(person: PersonTruth, width: int, height: int) -> str:
    """Return the line of one person in a picture of a size in pixels."""
    left, top, right, bottom = person.box
    numbers = [
        (left + right) / 2 / width,
        (top + bottom) / 2 / height,
        (right - left) / width,
        (bottom - top) / height,
    ]
    words = ["0", *(f"{min(max(number, 0.0), 1.0):.5f}" for number in numbers)]
    for place, (x, y, flag) in enumerate(person.keypoints):
        unknown = flag == Visibility.OUTSIDE or (place < FACE and flag != Visibility.SEEN)
        shown = (0.0, 0.0, 0) if unknown else (x / width, y / height, int(flag))
        words += [f"{shown[0]:.5f}", f"{shown[1]:.5f}", str(shown[2])]
    return " ".join(words)


def label_text(frame: FrameTruth, truth: ClipTruth) -> str:
    """Return the labels of a frame."""
    lines = [
        label_line(person, truth.width, truth.height)
        for person in frame.people
        if is_labelled(person)
    ]
    return "".join(f"{line}\n" for line in lines)
