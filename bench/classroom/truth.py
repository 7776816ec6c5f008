"""The truth of a rendered clip or picture, as JSON beside it.

    clip.mp4            H.264, or scene.png for one picture
    clip.truth.json     one `ClipTruth`; `.json.gz` is read too

A frame of the truth is a frame of the clip, in the clip's pixels. Coordinates have one decimal.
"""

import gzip
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from cluster.vision.people import KEYPOINTS

FORMAT: Final = "homeroom-classroom/1"


class Visibility(IntEnum):
    """Whether a keypoint is in the picture, as COCO numbers it."""

    OUTSIDE = 0
    """Beyond the picture's edge, or behind furniture that hides the whole limb."""
    HIDDEN = 1
    """In the picture, behind the person's own body, another person, or a thing."""
    SEEN = 2


class TrueActivity(StrEnum):
    """What a person does in a frame; one each, the first that holds in this order."""

    HAND_RAISED = "hand_raised"
    HEAD_DOWN = "head_down"
    """The head, or the arms that carry it, is on the desk."""
    STANDING = "standing"
    """On the feet, walking too."""
    WRITING = "writing"
    """A pen or stylus is on the paper, or a keyboard is being typed on."""
    READING = "reading"
    """The gaze is on a book, sheet, tablet or phone; no pen is on it."""
    SITTING = "sitting"
    """Seated, the head up; the hands anywhere."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PersonTruth(_Frozen):
    """One person in one frame.

    Attributes:
        id: Number of the person in the clip; it means nothing outside of the clip.
        role: A teacher is not counted as a student.
        box: Left, top, right, bottom of the visible silhouette, in pixels.
        keypoints: 17 of (x, y, visibility), in the order of `KEYPOINTS`, in pixels.
        activity: What the person does.
        hidden: Share of the silhouette that other things hide or the edge cuts off, 0 to 1.
        head_hidden: The same of the head alone; what the body's own arms hide counts too.
        head_height: Height of the head from chin to crown, in pixels, hidden or not.
    """

    id: int
    role: Literal["student", "teacher"]
    box: tuple[float, float, float, float]
    keypoints: Annotated[
        tuple[tuple[float, float, Visibility], ...],
        Field(min_length=len(KEYPOINTS), max_length=len(KEYPOINTS)),
    ]
    activity: TrueActivity
    hidden: Annotated[float, Field(ge=0, le=1)]
    head_hidden: Annotated[float, Field(ge=0, le=1)] = 0.0
    head_height: Annotated[float, Field(ge=0)]


class FrameTruth(_Frozen):
    """One frame.

    Attributes:
        time: Seconds since the clip's first frame.
        people: Everybody of whom a pixel is seen.
    """

    time: float
    people: tuple[PersonTruth, ...]


class EventTruth(_Frozen):
    """Something that a person does for a while: a hand that is up, say, counts once.

    Attributes:
        person: The person's `id`.
        activity: What it is.
        begins: Seconds since the clip's first frame.
        ends: The same; the clip's end if it goes on.
    """

    person: int
    activity: TrueActivity
    begins: float
    ends: float


class ClipTruth(_Frozen):
    """A clip or a picture (one frame).

    Attributes:
        format: Version of this format.
        generator: Name and version of what made the clip.
        seed: The number that it was made from.
        room: Kind of room, such as `rows` or `lecture_hall`.
        camera: Where the camera is and what it is like, by name: metres, degrees.
        width: Of a frame, in pixels.
        height: Of a frame, in pixels.
        rate: Frames a second; 0 for a picture.
        frames: In order.
        events: By `begins`.
    """

    format: Literal["homeroom-classroom/1"] = FORMAT
    generator: str
    seed: int
    room: str
    camera: dict[str, float | str]
    width: int
    height: int
    rate: float
    frames: tuple[FrameTruth, ...]
    events: tuple[EventTruth, ...] = ()

    def write(self, path: Path) -> None:
        """Write the truth; a name that ends in `.gz` is compressed, the same from the same seed."""
        text = self.model_dump_json().encode()
        path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)

    @staticmethod
    def read(path: Path) -> "ClipTruth":
        """Read the truth.

        Raises:
            ValueError: It is not of this format.
        """
        data = path.read_bytes()
        return ClipTruth.model_validate_json(
            gzip.decompress(data) if path.suffix == ".gz" else data
        )
