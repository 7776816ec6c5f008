"""How stored pictures are turned and flipped to be displayed.

Recorders and phones store pictures as the sensor gives them, and say with a display matrix how to
show them. Players turn and flip them back; so do we, before masks and zones are applied, whose
corners refer to the displayed picture.
"""

from dataclasses import dataclass

import numpy as np
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame

from cluster.vision.people import BgrImage


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is displayed: columns and rows swapped first, then flipped.

    Attributes:
        is_sideways: Its columns are displayed as rows.
        flips_x: Left and right are then swapped.
        flips_y: Top and bottom are then swapped.
    """

    is_sideways: bool = False
    flips_x: bool = False
    flips_y: bool = False

    @property
    def is_upright(self) -> bool:
        """Whether the picture is displayed as it is stored."""
        return self == UPRIGHT

    @property
    def is_mirrored(self) -> bool:
        """Whether the stored picture is a mirror image."""
        return (self.is_sideways + self.flips_x + self.flips_y) % 2 == 1

    def apply(self, pixels: BgrImage) -> BgrImage:
        """Return a picture (height, width, 3) as it is displayed."""
        if self.is_upright:
            return pixels
        if self.is_sideways:
            pixels = pixels.transpose(1, 0, 2)
        rows, columns = (-1 if flips else 1 for flips in (self.flips_y, self.flips_x))
        return np.ascontiguousarray(pixels[::rows, ::columns])


UPRIGHT = Orientation()


def frame_orientation(frame: VideoFrame) -> Orientation:
    """Return how a decoded frame is displayed, to the nearest quarter turn.

    Its display matrix (a, b, u, c, d, v, x, y, w) takes a stored point (x, y) to
    (ax + cy, bx + dy), y pointing down (ISO/IEC 14496-12, 8.3.2).
    """
    side_data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(side_data, SideData):
        return UPRIGHT
    matrix = np.frombuffer(bytes(side_data), np.int32)
    a, b, c, d = (int(matrix[index]) for index in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(is_sideways=True, flips_x=c < 0, flips_y=b < 0)
    return Orientation(flips_x=a < 0, flips_y=d < 0)
