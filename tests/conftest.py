"""What tests share: sample footage, made footage, a first school, a shared model cache."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.stream import VideoStream

from cluster.settings import Settings, load_settings

pytest_plugins = [
    "tests.databases",
    "tests.plugins.durability",
    "tests.plugins.hypothesis_profiles",
    "tests.plugins.measured",
    "tests.plugins.shared_ray",
    "tests.plugins.xdist_coverage",
]

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "data"

SCHOOL = """
data_dir = "{data_dir}"
[privacy]
k = {k}
[analysis]
rate = {rate}
[[schools]]
id = "hill"
name = "Hill School"
timezone = "Europe/Oslo"
[[rooms]]
id = "r1"
school = "hill"
name = "Room 1"
[[rooms]]
id = "bus"
school = "hill"
name = "Bus 7"
kind = "vehicle"
[[cameras]]
id = "cam1"
room = "r1"
{fixed_size}[[cameras]]
id = "cam2"
room = "bus"
{fixed_size}"""


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample pictures and clips; tests that need it skip without it."""
    if not SAMPLES.is_dir():
        pytest.skip(f"the sample pictures are not at {SAMPLES}")
    return SAMPLES


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOMEROOM_")]:
        monkeypatch.delenv(name)


def write_settings(
    folder: Path,
    *,
    k: int = 5,
    rate: float = 2.0,
    data_dir: str = "homeroom-data",
    input_size: int | None = None,
    more: str = "",
) -> Path:
    """Write the settings of a small school: cameras cam1 (classroom) and cam2 (a bus).

    Args:
        folder: Where `homeroom.toml` is written.
        k: As in the settings.
        rate: Analysed frames a second.
        data_dir: As in the settings.
        input_size: Of both cameras; measured unless given.
        more: Additional text, first of cam2.
    """
    fixed_size = "" if input_size is None else f"input_size = {input_size}\n"
    path = folder / "homeroom.toml"
    text = SCHOOL.format(k=k, rate=rate, data_dir=data_dir, fixed_size=fixed_size)
    path.write_text(text + more)
    return path


@pytest.fixture
def school(tmp_path: Path) -> Settings:
    """A small school in a folder of its own."""
    return load_settings(write_settings(tmp_path))


def moving_picture(index: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Frame `index` of a made-up video: a bright square that wanders over grey noise."""
    random = np.random.default_rng(index)
    picture = random.integers(90, 110, (height, width, 3)).astype(np.uint8)
    x = (index * 7) % max(1, width - 20)
    picture[height // 3 : height // 3 + 20, x : x + 20] = 255
    return picture


def write_video(
    path: Path,
    *,
    seconds: float = 4.0,
    rate: int = 10,
    size: tuple[int, int] = (160, 96),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    frames: Iterator[npt.NDArray[np.uint8]] | None = None,
    times: list[float] | None = None,
) -> Path:
    """Encode a video.

    Args:
        path: Its suffix says the container.
        seconds: Length, where neither `frames` nor `times` says it.
        rate: Frames a second, where `times` is not given.
        size: (width, height).
        codec: FFmpeg's name of the encoder.
        options: For the encoder.
        frames: Pictures (height, width, 3) uint8 BGR; made up unless given.
        times: Timestamp of each frame in seconds, for variable rates and gaps.
    """
    width, height = size
    count = len(times) if times is not None else round(seconds * rate)
    pictures = frames or (moving_picture(index, width, height) for index in range(count))
    with av.open(path, "w") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=rate, options=options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = round(1000 * (times[index] if times is not None else index / rate))
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
