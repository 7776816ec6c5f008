"""What of a room stays in its place in the picture: where edges lie, without the people.

    frame ─> 160 × 90 grey ─> edges, without people and masks ─> sums over thirds ─> SceneSummary

For each column in the upper, middle and lower third of the picture, and each row in its left,
middle and right third, a summary says how many edges lie there, over some hundred frames. A sum
over a third of the picture is no picture and cannot be made one (R8), boxes of people are left out
of it, and so are frames with a few people (R2, R3). Where a camera is turned, the same sums lie
elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from cluster.settings import Polygon
from cluster.vision.people import BgrImage, FloatArray

GRID: Final = (160, 90)
"""(width, height) of the shrunken frame, in pixels: whatever its shape, so that sums compare."""

BANDS: Final = 3
BOX_MARGIN: Final = 0.08
"""A person's box is left out with this share of its sides around it."""

MASK_MARGIN_PIXELS: Final = 2
SOBEL_SUM: Final = 8
NORMAL_BRIGHTNESS: Final = 110.0
MAX_GAIN: Final = 3.0
"""Edges are summed as if the room had this mean grey level."""

EDGE_FLOOR: Final = 1.5
"""Grey levels a pixel of the shrunken frame; what changes less is noise, or a shadow's edge."""

EDGE_LIMIT: Final = 12.0
"""A stronger edge counts no more: a window in the sun does not outweigh the room."""

MIN_SEEN: Final = 0.25
"""A column or row of a third is known where this share of it, in the mean, was without people."""

CODE_STEPS: Final = 60.0
"""Steps of a summary's numbers, for one of the square root of grey levels."""

CELL_PIXELS: Final = 10
CELL_EDGE: Final = 3.0
CELL_SHARE: Final = 0.03
"""A cell of the shrunken frame has detail where this share of its pixels is such an edge."""

MIN_DETAIL: Final = 0.12
"""A frame with detail in a smaller share of its cells shows nothing: a covered lens, or no light.

In a covered camera's picture a line of text may be left, which is a twelfth of it at most."""

DARK_GREY_LEVELS: Final = 30.0

_BYTES: Final = BANDS * sum(GRID)


class SceneSummary(BaseModel):
    """Where the edges of a room lie in the picture.

    Attributes:
        sums: 3 × 160 bytes for the columns of the upper, middle and lower third, then 3 × 90 for
            the rows of the left, middle and right third: 0 for what is not known, else 1 and
            `CODE_STEPS` times the square root of the mean strength of edges.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64"
    )
    sums: Annotated[bytes, Field(min_length=_BYTES, max_length=_BYTES)]

    def columns(self) -> npt.NDArray[np.uint8]:
        """Return (3, 160): the columns of each third."""
        return np.frombuffer(self.sums, np.uint8)[: BANDS * GRID[0]].reshape(BANDS, GRID[0])

    def rows(self) -> npt.NDArray[np.uint8]:
        """Return (3, 90): the rows of each third."""
        return np.frombuffer(self.sums, np.uint8)[BANDS * GRID[0] :].reshape(BANDS, GRID[1])

    def merged(self, other: "SceneSummary", weight: int) -> "SceneSummary":
        """Return the mean with another summary; this one counts `weight` times as much."""
        mine, others = (
            np.frombuffer(one.sums, np.uint8).astype(np.float32) for one in (self, other)
        )
        both = (mine * weight + others) / (weight + 1)
        mean = np.where(mine == 0, others, np.where(others == 0, mine, both))
        return SceneSummary(sums=np.rint(mean).astype(np.uint8).tobytes())


@dataclass(frozen=True, slots=True)
class FrameDetail:
    """Whether a frame shows anything.

    Attributes:
        detail: Share of its cells in which there are edges, 0 to 1.
        brightness: Mean grey level, 0 to 255.
    """

    detail: float
    brightness: float

    @property
    def is_plain(self) -> bool:
        """Whether nothing can be seen in it."""
        return self.detail < MIN_DETAIL

    @property
    def is_dark(self) -> bool:
        """Whether it has hardly any light."""
        return self.brightness < DARK_GREY_LEVELS


class EdgeFrame:
    """The edges of one frame, on the shrunken grid.

    Args:
        pixels: (height, width, 3) uint8 BGR, any size.
        masks: Polygons that were blackened, corners from 0 to 1.
    """

    def __init__(self, pixels: BgrImage, masks: Sequence[Polygon] = ()) -> None:
        self._frame_size = (pixels.shape[1], pixels.shape[0])
        small = cv2.resize(pixels, GRID, interpolation=cv2.INTER_AREA)
        self._valid = _without_masks(masks)
        grey: npt.NDArray[np.uint8] = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        self.grey = grey
        self.across = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / SOBEL_SUM))
        self.down = np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / SOBEL_SUM))

    def detail(self) -> FrameDetail:
        """Return how much there is to be seen in the frame, people included."""
        has_edge = (np.maximum(self.across, self.down) > CELL_EDGE) & (self._valid > 0)
        shape = (GRID[1] // CELL_PIXELS, CELL_PIXELS, GRID[0] // CELL_PIXELS, CELL_PIXELS)
        counts = has_edge.reshape(shape).sum(axis=(1, 3))
        area = self._valid.reshape(shape).sum(axis=(1, 3))
        known = area >= CELL_PIXELS**2 / 2
        if not known.any():
            return FrameDetail(0.0, 0.0)
        has_detail = counts[known] > CELL_SHARE * area[known]
        return FrameDetail(float(has_detail.mean()), _mean_brightness(self.grey, self._valid))

    def without(self, boxes: FloatArray) -> npt.NDArray[np.float32]:
        """Return (90, 160) 1 where neither a mask nor one of some boxes lies, else 0.

        Args:
            boxes: (n, 4) left, top, right, bottom in pixels of the frame.
        """
        valid = self._valid.copy()
        if len(boxes):
            margin = BOX_MARGIN * (boxes[:, 2:] - boxes[:, :2])
            scale = np.tile(np.asarray(GRID, np.float32) / self._frame_size, 2)
            grown = np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1) * scale
            low = np.maximum(np.floor(grown[:, :2]), 0).astype(int)
            high = np.maximum(np.ceil(grown[:, 2:]), 0).astype(int)
            for (left, top), (right, bottom) in zip(low, high, strict=True):
                valid[top:bottom, left:right] = 0
        return valid


class SceneMeter:
    """Sums the edges of a room over several frames, in bounded memory."""

    def __init__(self) -> None:
        self.frames = 0
        """Frames that were added."""
        self._edges = [np.zeros((BANDS, side), np.float64) for side in GRID]
        self._seen = [np.zeros((BANDS, side), np.float64) for side in GRID]

    def add(self, frame: EdgeFrame, boxes: FloatArray) -> None:
        """Add a frame, without its people.

        Args:
            frame: The frame.
            boxes: (n, 4) of all who were found in it, in its pixels.
        """
        valid = frame.without(boxes)
        # With fewer lamps on, a room has the same edges.
        brightness = _mean_brightness(frame.grey, valid)
        gain = min(NORMAL_BRIGHTNESS / max(brightness, 1.0), MAX_GAIN)
        for index, (edges, axis) in enumerate(((frame.across, 0), (frame.down, 1))):
            strength = np.clip(gain * edges - EDGE_FLOOR, 0, EDGE_LIMIT) * valid
            for band, (one, area) in enumerate(
                zip(
                    np.array_split(strength, BANDS, axis=axis),
                    np.array_split(valid, BANDS, axis=axis),
                    strict=True,
                )
            ):
                self._edges[index][band] += one.sum(axis=axis)
                self._seen[index][band] += area.sum(axis=axis)
        self.frames += 1

    def summarise(self) -> SceneSummary:
        """Return the mean over all frames that were added."""
        coded = []
        for edges, seen, across in zip(self._edges, self._seen, reversed(GRID), strict=True):
            known = seen >= MIN_SEEN * max(1, self.frames) * across / BANDS
            mean = np.divide(edges, seen, out=np.zeros_like(edges), where=known)
            code = np.where(known, np.clip(1 + CODE_STEPS * np.sqrt(mean), 1, 255), 0)
            coded.append(np.rint(code).astype(np.uint8).tobytes())
        return SceneSummary(sums=b"".join(coded))


def _mean_brightness(grey: npt.NDArray[np.uint8], valid: npt.NDArray[np.float32]) -> float:
    return float(cv2.mean(grey, valid.astype(np.uint8))[0])


def _without_masks(masks: Sequence[Polygon]) -> npt.NDArray[np.float32]:
    valid = np.ones(GRID[::-1], np.float32)
    for mask in masks:
        corners = np.rint(np.asarray(mask) * GRID).astype(np.int32)
        cv2.fillPoly(valid, [corners], 0)
        cv2.polylines(valid, [corners], isClosed=True, color=0, thickness=2 * MASK_MARGIN_PIXELS)
    return valid
