"""What one look at a camera tells: sizes, regions, the teacher's zone, a headcount.

    frames at the largest useful size -> people at each size -> CameraView

Pure: frames and the pose model are passed in, and nothing is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from cluster.calibration.input_sizes import MIN_PEOPLE
from cluster.calibration.visibility import RegionView, propose_teacher_zone, view_regions
from cluster.settings import INPUT_SIZES, Polygon
from cluster.vision.people import BgrImage, Letterbox, People
from cluster.vision.pose.input_size import (
    HeadSizes,
    HeadSummary,
    SizeChoice,
    choose_input_size,
    largest_useful_size,
)

FindPeople = Callable[[Sequence[BgrImage], int], list[People]]
"""Frames and input size to the people of each frame."""


@dataclass(frozen=True, slots=True)
class SizeView:
    """What is found at one input size.

    Attributes:
        input_size: Longer side of the network's input, in pixels.
        people: People in a frame, in the mean.
        fewest: In one frame.
        most: In one frame.
        head_pixels: Height of the smallest heads in the input, in pixels; None without people.
    """

    input_size: int
    people: float
    fewest: int
    most: int
    head_pixels: float | None


@dataclass(frozen=True, slots=True)
class CameraView:
    """What one look at a camera tells.

    Attributes:
        sizes: What is found at each useful input size.
        heads: Of the people at the largest size that is allowed, in pixels of the frames; None
            where no frame shows enough people.
        choice: The size that follows; None likewise.
        input_size: The size in force: the chosen one, else the largest that is allowed.
        regions: The regions with people at that size.
        teacher_zone: A proposal; None where nobody stands apart.
        shown: The people of one frame at that size, for drawing.
        frame_size: (width, height) of the frames, in pixels.
        scale: Pixels of the network's input for one of the frames, at that size.
    """

    sizes: tuple[SizeView, ...]
    heads: HeadSummary | None
    choice: SizeChoice | None
    input_size: int
    regions: tuple[RegionView, ...]
    teacher_zone: Polygon | None
    shown: People
    frame_size: tuple[int, int]
    scale: float

    @property
    def found(self) -> float:
        """People in a frame, in the mean, at the size in force."""
        return next(size.people for size in self.sizes if size.input_size == self.input_size)


def look_at(
    frames: Sequence[BgrImage],
    find: FindPeople,
    *,
    limit: int,
    frame_side: int,
    fixed_size: int | None = None,
) -> CameraView:
    """Find people at each useful size, and say what follows.

    Args:
        frames: One or more, of one shape; as large as the largest useful size asks for.
        find: The pose model.
        limit: The largest size that may be chosen.
        frame_side: Longer side of the camera's own frames, in pixels.
        fixed_size: The size that the settings fix; None where it is to be chosen.
    """
    height, width = frames[0].shape[:2]
    largest = largest_useful_size(frame_side, INPUT_SIZES[-1])
    sizes = [size for size in INPUT_SIZES if size <= largest]
    found = {size: find(frames, size) for size in sizes}
    heads = _measure(found[min(limit, largest)])
    choice = None
    if heads is not None:
        choice = choose_input_size(
            heads.smallest_head,
            measured_side=max(width, height),
            limit=limit,
            frame_side=frame_side,
        )
    in_force = fixed_size or (choice.input_size if choice else min(limit, largest))
    in_force = min(in_force, largest)
    here = found[in_force]
    scale = Letterbox.of(height, width, in_force).scale
    return CameraView(
        sizes=tuple(_size_view(size, found[size], (width, height)) for size in sizes),
        heads=heads,
        choice=choice,
        input_size=in_force,
        regions=tuple(view_regions(here, found[largest], frame_size=(width, height), scale=scale)),
        teacher_zone=propose_teacher_zone(here, (width, height)),
        shown=max(here, key=len),
        frame_size=(width, height),
        scale=scale,
    )


def _measure(found: Sequence[People], fewest: int = MIN_PEOPLE) -> HeadSummary | None:
    heads = HeadSizes()
    for people in found:
        if len(people) >= fewest:
            heads.add(people)
    return heads.summarise()


def _size_view(input_size: int, found: Sequence[People], frame_size: tuple[int, int]) -> SizeView:
    counts = [len(people) for people in found]
    heads = _measure(found, fewest=1)
    scale = Letterbox.of(frame_size[1], frame_size[0], input_size).scale
    return SizeView(
        input_size=input_size,
        people=fmean(counts),
        fewest=min(counts),
        most=max(counts),
        head_pixels=None if heads is None else heads.smallest_head * scale,
    )
