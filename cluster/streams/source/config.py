"""The configuration of a camera that a reader receives.

settings ─> build_camera_config ─> CameraConfig ─> StreamReader
"""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from cluster.errors import SettingsError
from cluster.settings import Camera, Polygon, Settings
from cluster.streams.source.address import address_with_credentials
from cluster.vision.headcounts import HeadcountFactor


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """How one camera is read and counted.

    Attributes:
        camera_id: Its id.
        room_id: Id of its room.
        school_id: Id of its school.
        address: The stream that people are counted in (the sub-stream, where there is one), with
            credentials.
        full_address: The stream that faces are cut from; the same where there is no sub-stream.
        rate: Analysed frames a second.
        input_size: Longer side, in pixels, of the downscaled frame and of the pose model's input.
        measures_heads: That size is the largest allowed one until people were measured. A reader
            that has the camera already goes on as it is where nothing but this has changed.
        masks: Polygons to blacken.
        decode: Which frames are decoded.
        open_seconds: An open that takes longer is aborted.
        stall_seconds: A camera that sends nothing for this long is opened again.
        frozen_seconds: A picture that stays the same for this long is reported as frozen.
        longest_pause_seconds: Longest pause between two attempts to connect.
        k: Smallest number of people for whom more than a headcount is published (R3).
        headcount_only: The kind of the room permits nothing but a headcount.
        teacher_zone: People who stand in it are not counted.
        factor: Gives the bounds of its headcounts; None where they have none.
    """

    camera_id: str
    room_id: str
    school_id: str
    address: SecretStr
    full_address: SecretStr
    rate: float = 2.0
    input_size: int = 640
    measures_heads: bool = field(default=False, compare=False)
    masks: tuple[Polygon, ...] = ()
    decode: Literal["all", "key_frames"] = "all"
    open_seconds: float = 10.0
    stall_seconds: float = 10.0
    frozen_seconds: float = 60.0
    longest_pause_seconds: float = 60.0
    k: int
    headcount_only: bool
    teacher_zone: Polygon | None = None
    factor: HeadcountFactor | None = None


def build_camera_config(
    settings: Settings, camera: Camera, factor: HeadcountFactor | None = None
) -> CameraConfig | None:
    """Build the configuration of a camera; None where it has no address.

    Args:
        settings: All settings, with the input sizes that were measured.
        camera: The camera in them.
        factor: Gives the bounds of its headcounts.

    Raises:
        SettingsError: An address or the credentials file cannot be used.
    """
    where = f"cameras {camera.id!r}"
    if camera.address is None:
        if camera.substream is not None:
            raise SettingsError("it has a substream, but no address.", where=where)
        return None
    room = settings.rooms_by_id[camera.room]
    file = camera.credentials_file
    full_address = address_with_credentials(camera.address, file, f"{where}: address")
    address = full_address
    if camera.substream is not None:
        address = address_with_credentials(camera.substream, file, f"{where}: substream")
    return CameraConfig(
        camera_id=camera.id,
        room_id=room.id,
        school_id=room.school,
        address=address,
        full_address=full_address,
        rate=settings.analysis.rate,
        input_size=settings.input_size_of(camera),
        measures_heads=camera.input_size == "auto",
        masks=camera.masks,
        decode=camera.decode,
        open_seconds=settings.live.open_seconds,
        stall_seconds=settings.live.stall_seconds,
        frozen_seconds=settings.live.frozen_seconds,
        longest_pause_seconds=settings.live.longest_pause_seconds,
        k=settings.privacy.k,
        headcount_only=room.kind == "vehicle",
        teacher_zone=camera.teacher_zone,
        factor=factor,
    )
