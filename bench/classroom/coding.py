"""H.264 by PyAV, the same bytes from the same frames."""

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from cluster.vision.people import BgrImage

REPEATABLE: Final = {"x264-params": "bframes=0"}
"""With B-frames, x264's macroblock tree depends on what is in memory that it has not written."""
KEY_SECONDS: Final = 6
"""From one key frame to the next."""


def write_clip(
    target: Path | BytesIO, frames: Iterable[BgrImage], rate: Fraction, crf: int, preset: str
) -> None:
    """Write frames (height, width, 3) BGR as H.264, yuv420p, into an MP4.

    Args:
        target: File.
        frames: With even width and height.
        rate: Frames a second.
        crf: Constant rate factor, 0 to 51; more is smaller and worse.
        preset: Of libx264.
    """
    file: str | BytesIO = str(target) if isinstance(target, Path) else target
    with av.open(file, "w", format="mp4") as container:
        stream: VideoStream | None = None
        for frame in frames:
            if stream is None:
                options = {"crf": str(crf), "preset": preset, "threads": "1", **REPEATABLE}
                stream = container.add_stream("libx264", rate, options=options)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                stream.codec_context.gop_size = max(1, round(float(rate) * KEY_SECONDS))
            planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)
            picture = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))


def starve(picture: BgrImage, crf: int) -> BgrImage:
    """Return what a video coder with too few bits makes of a picture."""
    file = BytesIO()
    write_clip(file, [picture, picture], Fraction(25), crf, "ultrafast")
    file.seek(0)
    with av.open(file, "r") as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return np.asarray(frames[-1], np.uint8)
