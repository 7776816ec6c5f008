"""Which part of a room a camera shows well, and which it does not, and why.

The frame is divided into nine regions, named as the camera sees the room: far is up, near is down,
left and right are the picture's. Everything here lives as long as one call of `homeroom calibrate`;
nothing of it is stored (R2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cluster.settings import Polygon
from cluster.vision.activity import find_standing
from cluster.vision.people import FloatArray, People
from cluster.vision.pose.input_size import (
    MIN_HEAD_PIXELS,
    SMALLEST_PERCENTILE,
    estimate_head_heights,
)

ROWS: Final = ("far", "middle", "near")
COLUMNS: Final = ("left", "centre", "right")

EDGE_SHARE: Final = 0.005
"""A box that ends this close to the frame's edge, as a share of its side, is cut by it."""

MANY_CUT: Final = 0.5
"""From this share of people who are cut by the edge, a region is reported."""

MANY_MISSED: Final = 0.25
"""Likewise for people who are found at the largest size only."""

MIN_PEOPLE_IN_REGION: Final = 0.5
"""Regions with fewer people in a frame, in the mean, are not judged."""

ZONE_MARGIN: Final = 0.03
MIN_STANDING_FRAMES: Final = 3
MAX_STANDING: Final = 2.0


@dataclass(frozen=True, slots=True)
class RegionView:
    """What is seen of one region.

    Attributes:
        name: Its row and column, such as `far left`.
        people: People in a frame, in the mean.
        smallest_head: Height of the smallest heads, in pixels of the network's input.
        cut_share: Share of the people who are cut by the frame's edge.
        missed: People in a frame, in the mean, who are found at the largest size only.
    """

    name: str
    people: float
    smallest_head: float
    cut_share: float
    missed: float

    @property
    def problems(self) -> list[str]:
        """Why it is not seen well; empty where it is."""
        found = []
        if self.smallest_head < MIN_HEAD_PIXELS:
            found.append(
                f"heads are {self.smallest_head:.0f} pixels high in the network's input, and "
                f"{MIN_HEAD_PIXELS:.0f} are needed"
            )
        if self.missed >= MANY_MISSED * (self.people + self.missed):
            found.append(f"{self.missed:.1f} more people are found at the largest size")
        if self.cut_share >= MANY_CUT:
            found.append(f"{self.cut_share:.0%} of the people are cut by the picture's edge")
        return found


def view_regions(
    found: Sequence[People],
    at_largest: Sequence[People],
    *,
    frame_size: tuple[int, int],
    scale: float,
) -> list[RegionView]:
    """Judge the regions in which people are.

    Args:
        found: The people of each frame, at the chosen input size.
        at_largest: Those of the same frames at the largest size.
        frame_size: (width, height) of the frames, in pixels.
        scale: Pixels of the chosen input for one of the frame.
    """
    here, largest = _joined(found), _joined(at_largest)
    frames = max(1, len(found))
    regions, regions_at_largest = _regions(here, frame_size), _regions(largest, frame_size)
    heads = estimate_head_heights(here) * scale
    is_cut = _cut_by_edge(here.boxes, frame_size)
    views = []
    for index in range(len(ROWS) * len(COLUMNS)):
        inside = regions == index
        count = int(inside.sum())
        more = max(0, int((regions_at_largest == index).sum()) - count)
        if (count + more) / frames < MIN_PEOPLE_IN_REGION:
            continue
        views.append(
            RegionView(
                name=f"{ROWS[index // 3]} {COLUMNS[index % 3]}",
                people=count / frames,
                smallest_head=float(np.percentile(heads[inside], SMALLEST_PERCENTILE))
                if count
                else 0.0,
                cut_share=float(is_cut[inside].mean()) if count else 0.0,
                missed=more / frames,
            )
        )
    return views


def propose_teacher_zone(found: Sequence[People], frame_size: tuple[int, int]) -> Polygon | None:
    """Propose a teacher's zone: where one or two people stand and nobody sits.

    Args:
        found: The people of each frame.
        frame_size: (width, height) of the frames, in pixels.

    Returns:
        A rectangle around the lower edges of their boxes, corners from 0 to 1; None where nobody
        stands in three frames, more than two people do, or somebody sits there.
    """
    standing: list[FloatArray] = []
    sitting: list[FloatArray] = []
    for people in found:
        stands = find_standing(people)
        feet = _feet(people.boxes, frame_size)
        standing.append(feet[stands])
        sitting.append(feet[~stands])
    with_standing = [feet for feet in standing if len(feet)]
    if len(with_standing) < MIN_STANDING_FRAMES:
        return None
    points, others = np.concatenate(with_standing), np.concatenate(sitting)
    if len(points) / len(with_standing) > MAX_STANDING:
        return None
    low = np.clip(points.min(axis=0) - ZONE_MARGIN, 0, 1)
    high = np.clip(points.max(axis=0) + ZONE_MARGIN, 0, 1)
    if ((others >= low) & (others <= high)).all(axis=1).any():
        return None
    (left, top), (right, bottom) = np.round(low, 2).tolist(), np.round(high, 2).tolist()
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _joined(frames: Sequence[People]) -> People:
    """Return the people of all frames together."""
    if not frames:
        return People.empty()
    return People(
        np.concatenate([people.boxes for people in frames]),
        np.concatenate([people.scores for people in frames]),
        np.concatenate([people.keypoints for people in frames]),
    )


def _regions(people: People, frame_size: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Return (n,) the region of each person's head, from 0 (far left) to 8 (near right)."""
    width, height = frame_size
    boxes = people.boxes
    across = (boxes[:, 0] + boxes[:, 2]) / 2 / width
    down = (boxes[:, 1] + estimate_head_heights(people) / 2) / height
    column = np.clip((across * 3).astype(np.intp), 0, 2)
    row = np.clip((down * 3).astype(np.intp), 0, 2)
    result: npt.NDArray[np.intp] = row * 3 + column
    return result


def _cut_by_edge(boxes: FloatArray, frame_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    size = np.asarray(frame_size, np.float32)
    margin = EDGE_SHARE * size
    touching = np.concatenate([boxes[:, :2] <= margin, boxes[:, 2:] >= size - margin], axis=1)
    return np.asarray(touching.any(axis=1), np.bool_)


def _feet(boxes: FloatArray, frame_size: tuple[int, int]) -> FloatArray:
    """Return (n, 2) the middles of the boxes' lower edges, from 0 to 1."""
    width, height = frame_size
    across, down = (boxes[:, 0] + boxes[:, 2]) / 2 / width, boxes[:, 3] / height
    return np.stack([across, down], axis=1).astype(np.float32)
