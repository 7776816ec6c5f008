"""Decoded frames on their way into arrays: shrunken, upright, masks blackened.

The one place where pictures become pixels, so that no picture leaves without its masks.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from cluster.vision.people import BgrImage

Polygon = Sequence[tuple[float, float]]


class Preprocessor:
    """Shrinks inside swscale, turns upright, blackens masks.

    The frame's own size counts and not the stream's, so that a camera may change it on its way.

    Args:
        long_side: Pixels of the shrunken frame's longer side; a smaller picture stays as it is.
        masks: Polygons to blacken, corners (x, y) from 0 to 1 of the upright picture.
    """

    def __init__(self, long_side: int, masks: Sequence[Polygon]) -> None:
        self._long_side = long_side
        self._masks = [np.asarray(mask, np.float64) for mask in masks]
        self._reformatter = VideoReformatter()
        self._full_reformatter = VideoReformatter()  # each keeps the tables of one pair of sizes

    def halves(self, width: int, height: int) -> bool:
        """Whether pictures of a size come out at half of it or less."""
        return max(width, height) >= 2 * self._long_side

    def __call__(self, frame: VideoFrame, stream: VideoStream) -> BgrImage:
        """The shrunken picture: (height, width, 3) uint8 BGR."""
        width, height = self.target_size(*upright(frame, stream))
        return self._picture(frame, width, height, self._reformatter)

    def full(self, frame: VideoFrame, stream: VideoStream) -> BgrImage:
        """The same picture at its full size: (height, width, 3) uint8 BGR."""
        return self._picture(frame, *upright(frame, stream), self._full_reformatter)

    def _picture(
        self, frame: VideoFrame, width: int, height: int, reformatter: VideoReformatter
    ) -> BgrImage:
        turned = frame.rotation % 180 != 0
        small = reformatter.reformat(
            frame,
            width=height if turned else width,
            height=width if turned else height,
            format="bgr24",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        pixels = np.asarray(small.to_ndarray(), np.uint8)
        if frame.rotation % 360:
            pixels = np.ascontiguousarray(np.rot90(pixels, k=frame.rotation // 90))
        for mask in self._masks:
            corners = np.rint(mask * (width, height)).astype(np.int32)
            cv2.fillPoly(pixels, [corners], (0, 0, 0))
        return pixels

    def target_size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the shrunken picture of an upright one."""
        scale = min(1.0, self._long_side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


def upright(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """(width, height) of a frame as it is meant to be seen, with square pixels."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = round(frame.width * aspect), frame.height
    return (height, width) if frame.rotation % 180 else (width, height)


def shrunken_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(width, height) that frames of an upright picture will have."""
    return Preprocessor(long_side, ()).target_size(width, height)
