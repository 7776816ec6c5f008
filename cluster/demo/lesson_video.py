"""Renders a lesson from a photograph, for the register: slow pans, changes of light, 1080p.

The photograph is the group picture in the installed `insightface` package; it is read from there
and never copied into this project.
"""

import importlib.util
import math
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from cluster.errors import HomeroomError

WIDTH, HEIGHT = 1920, 1080
SWAY_SECONDS = 23.0
SWAY = 0.03
LIGHT_SECONDS = 17.0
LIGHT_SWING = 0.12
CLOSE_UP_SECONDS = (32.0, 52.0)
"""The camera zooms in on part of the group here, and the headcount falls below k."""

CLOSE_UP = 0.5
"""Fraction of the photograph's width that is visible then."""

KEY_FRAME_SECONDS = 2
"""Interval of key frames, as is usual for network cameras."""


def group_photo() -> Path:
    """Return the path of the photograph inside the installed package.

    Raises:
        HomeroomError: The package is not installed or has no such file.
    """
    spec = importlib.util.find_spec("insightface")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / "images" / "t1.jpg"
        if path.is_file():
            return path
    raise HomeroomError(
        "the sample photograph is missing.",
        where="insightface/data/images/t1.jpg",
        hint="Reinstall insightface, or use `homeroom demo --video FILE`.",
    )


def frames_of_photo(photo: Path, seconds: float, rate: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield frames (1080, 1920, 3) uint8, BGR, that pan over a photograph.

    Raises:
        HomeroomError: OpenCV cannot read the photograph.
    """
    image = cv2.imread(str(photo))
    if image is None:
        raise HomeroomError("it is not a readable image.", where=str(photo))
    for index in range(round(seconds * rate)):
        time = index / rate
        fraction = 0.97 - (0.97 - CLOSE_UP) * _zoom(time)
        sway = SWAY * math.sin(2 * math.pi * time / SWAY_SECONDS)
        width = image.shape[1] * fraction
        left = max(0.0, min(image.shape[1] - width, image.shape[1] * (0.015 + sway / 2)))
        top = image.shape[0] * 0.03 * (1 + math.cos(2 * math.pi * time / SWAY_SECONDS))
        scale = WIDTH / width
        move = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        crop = cv2.warpAffine(image, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        light = 1 + LIGHT_SWING * math.sin(2 * math.pi * time / LIGHT_SECONDS)
        yield np.asarray(cv2.convertScaleAbs(crop, alpha=light), np.uint8)


def _zoom(time: float) -> float:
    """Return 0 for the whole group to 1 for the close-up; three seconds each way."""
    start, end = CLOSE_UP_SECONDS
    return max(0.0, min(1.0, (time - start) / 3, (end - time) / 3))


def write_lesson(path: Path, *, seconds: float, rate: int = 12, photo: Path | None = None) -> None:
    """Write a lesson as an MP4 (H.264, 1080p), atomically.

    Raises:
        HomeroomError: The photograph cannot be read, or the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {
            "preset": "ultrafast",
            "crf": "26",
            "g": str(KEY_FRAME_SECONDS * rate),
            "bf": "0",
        }
        with av.open(temporary, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=rate, options=options)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for pixels in frames_of_photo(photo or group_photo(), seconds, rate):
                frame = av.VideoFrame.from_ndarray(pixels, format="bgr24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        temporary.replace(path)
    except (OSError, av.FFmpegError) as error:
        raise HomeroomError(f"the lesson cannot be written: {error}.", where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
