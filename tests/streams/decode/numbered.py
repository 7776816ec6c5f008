"""Videos whose frames carry their number, so that a test knows which frame it was given."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.conftest import write_video

WIDTH, HEIGHT = 64, 48
BITS = [(row, column) for row in range(3) for column in range(4)]
NO_B_FRAMES = {"bf": "0", "sc_threshold": "0", "preset": "ultrafast"}

Pixels = npt.NDArray[np.uint8]


def numbered_frame(number: int) -> Pixels:
    """A frame that encodes a number from 0 to 4095 as twelve blocks, dark or bright."""
    frame = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    for bit, (row, column) in enumerate(BITS):
        if number >> bit & 1:
            frame[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 220
    return frame


def number_in(pixels: Pixels) -> int:
    """The number that a frame encodes, at any size."""
    height, width = pixels.shape[:2]
    return sum(
        1 << bit
        for bit, (row, column) in enumerate(BITS)
        if pixels[height * (2 * row + 1) // 6, width * (2 * column + 1) // 8].mean() > 125
    )


def numbered_video(
    path: Path,
    count: int,
    *,
    rate: int = 10,
    times: list[float] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    **more_options: str,
) -> Path:
    """Write a video of `count` numbered frames."""
    frames = (numbered_frame(number) for number in range(count))
    return write_video(
        path,
        rate=rate,
        size=(WIDTH, HEIGHT),
        frames=frames,
        times=times,
        codec=codec,
        options=NO_B_FRAMES | (options or {}) | more_options
        if codec == "libx264"
        else options or more_options,
    )
