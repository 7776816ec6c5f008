"""Preprocessing of decoded frames into arrays: downscaled, upright, masks blackened.

The only place where frames become pixels, so that none leaves without its masks.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from cluster.settings import Polygon
from cluster.streams.decode.orientation import frame_orientation
from cluster.vision.people import BgrImage


class Preprocessor:
    """Downscales with swscale, turns and flips upright, blackens masks.

    It uses the size of the frame and not of the stream, since a camera may change it on the way.

    Args:
        long_side: Longer side of the downscaled frame, in pixels; smaller frames keep their size.
        masks: Polygons to blacken, corners (x, y) from 0 to 1 of the upright picture.
    """

    def __init__(self, long_side: int, masks: Sequence[Polygon]) -> None:
        self._long_side = long_side
        self._masks = [np.asarray(mask, np.float64) for mask in masks]
        self._reformatter = VideoReformatter()
        self._full_reformatter = VideoReformatter()  # each keeps the tables of one pair of sizes

    def halves_size(self, width: int, height: int) -> bool:
        """Whether frames of a size are downscaled to half of it or less."""
        return max(width, height) >= 2 * self._long_side

    def __call__(self, frame: VideoFrame, stream: VideoStream) -> BgrImage:
        """Return the downscaled frame: (height, width, 3) uint8 BGR."""
        width, height = self.target_size(*upright_frame_size(frame, stream))
        return self._reformat(frame, width, height, self._reformatter)

    def full_size(self, frame: VideoFrame, stream: VideoStream) -> BgrImage:
        """Return the frame at full size: (height, width, 3) uint8 BGR."""
        width, height = upright_frame_size(frame, stream)
        return self._reformat(frame, width, height, self._full_reformatter)

    def _reformat(
        self, frame: VideoFrame, width: int, height: int, reformatter: VideoReformatter
    ) -> BgrImage:
        orientation = frame_orientation(frame)
        scaled = reformatter.reformat(
            frame,
            width=height if orientation.is_sideways else width,
            height=width if orientation.is_sideways else height,
            format="bgr24",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        pixels = orientation.apply(np.asarray(scaled.to_ndarray(), np.uint8))
        for mask in self._masks:
            corners = np.rint(mask * (width, height)).astype(np.int32)
            cv2.fillPoly(pixels, [corners], (0, 0, 0))
        return pixels

    def target_size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) of the downscaled frame, from those of the upright frame."""
        scale = min(1.0, self._long_side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


def upright_frame_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    """Return (width, height) of a frame as it is displayed: upright, with square pixels."""
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    width, height = round(frame.width * aspect), frame.height
    return (height, width) if frame_orientation(frame).is_sideways else (width, height)


def downscaled_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Return (width, height) of the downscaled frames of an upright picture."""
    return Preprocessor(long_side, ()).target_size(width, height)
