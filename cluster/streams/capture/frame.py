"""A frame of a camera, on its way from the capture thread to the reader."""

from dataclasses import dataclass

from cluster.vision.people import BgrImage


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A downscaled frame of a camera.

    Attributes:
        camera_id: Id of the camera.
        taken_at: `time.monotonic()` of its arrival, in seconds.
        pixels: (height, width, 3) uint8 BGR, upright, masks blackened.
        full: The same frame at full size, only while faces may be cut; never leaves the process
            (R8).
    """

    camera_id: str
    taken_at: float
    pixels: BgrImage
    full: BgrImage | None = None
