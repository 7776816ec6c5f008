"""Pictures are turned and flipped as players do it, and masks and zones with them."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from cluster.activity.zone import is_in_zone
from cluster.streams.decode.file_sampler import FrameSampler
from cluster.streams.decode.orientation import UPRIGHT, Orientation
from cluster.streams.decode.probe import probe
from cluster.vision.people import People
from tests.conftest import write_video
from tests.streams.decode.numbered import HEIGHT, NO_B_FRAMES, WIDTH, Pixels

MATRICES = {
    "upright": ((1, 0, 0, 1), UPRIGHT),
    "a quarter turn": ((0, 1, -1, 0), Orientation(is_sideways=True, flips_x=True)),
    "a half turn": ((-1, 0, 0, -1), Orientation(flips_x=True, flips_y=True)),
    "three quarter turns": ((0, -1, 1, 0), Orientation(is_sideways=True, flips_y=True)),
    "mirrored": ((-1, 0, 0, 1), Orientation(flips_x=True)),
    "upside down mirrored": ((1, 0, 0, -1), Orientation(flips_y=True)),
    "mirrored on one diagonal": ((0, 1, 1, 0), Orientation(is_sideways=True)),
    "mirrored on the other": (
        (0, -1, -1, 0),
        Orientation(is_sideways=True, flips_x=True, flips_y=True),
    ),
}
"""Display matrices (a, b, c, d), which take (x, y) to (ax + cy, bx + dy), and what they mean."""


def marked(count: int) -> Iterator[Pixels]:
    """Grey pictures whose point at (3/4, 1/8) of their width and height is bright."""
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    picture[: HEIGHT // 4, WIDTH // 2 :] = 220
    return iter([picture] * count)


def displayed_point(matrix: tuple[int, int, int, int], x: float, y: float) -> tuple[float, float]:
    """Where a matrix takes a point from 0 to 1, with the picture moved back to its origin."""
    a, b, c, d = matrix
    return (a * x + c * y) % 1.0, (b * x + d * y) % 1.0


def with_matrix(folder: Path, matrix: tuple[int, int, int, int]) -> Path:
    source = write_video(
        folder / "stored.mp4", size=(WIDTH, HEIGHT), frames=marked(20), options=NO_B_FRAMES
    )
    target = folder / "displayed.mp4"
    a, b, c, d = (65536 * part for part in matrix)
    with av.open(source) as old, av.open(target, "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    return target


def brightness(pixels: Pixels, x: float, y: float) -> float:
    height, width = pixels.shape[:2]
    return float(pixels[int(y * height), int(x * width)].mean())


@pytest.mark.parametrize("name", MATRICES)
def test_a_display_matrix_is_applied_as_players_do(tmp_path: Path, name: str) -> None:
    matrix, orientation = MATRICES[name]
    path = with_matrix(tmp_path, matrix)
    x, y = displayed_point(matrix, 0.75, 0.125)

    video = probe(str(path))
    pixels = next(iter(FrameSampler(str(path)).frames())).pixels

    assert video.orientation == orientation
    assert video.orientation.is_mirrored == (matrix[0] * matrix[3] - matrix[1] * matrix[2] < 0)
    assert (video.width, video.height) == pixels.shape[1::-1]
    assert brightness(pixels, x, y) > 180
    assert brightness(pixels, 1 - x, 1 - y) < 100


@pytest.mark.parametrize("name", MATRICES)
def test_masks_refer_to_the_displayed_picture(tmp_path: Path, name: str) -> None:
    matrix, _ = MATRICES[name]
    path = with_matrix(tmp_path, matrix)
    x, y = displayed_point(matrix, 0.75, 0.125)
    mask = ((x - 0.1, y - 0.1), (x + 0.1, y - 0.1), (x + 0.1, y + 0.1), (x - 0.1, y + 0.1))

    pixels = next(iter(FrameSampler(str(path), masks=[mask]).frames())).pixels

    assert brightness(pixels, x, y) == 0
    assert brightness(pixels, 1 - x, 1 - y) > 40


@pytest.mark.parametrize("name", MATRICES)
def test_the_teachers_zone_refers_to_the_displayed_picture(tmp_path: Path, name: str) -> None:
    matrix, _ = MATRICES[name]
    pixels = next(iter(FrameSampler(str(with_matrix(tmp_path, matrix))).frames())).pixels
    rows, columns = np.nonzero(pixels[:, :, 0] > 180)
    box = [columns.min(), rows.min(), columns.max(), rows.max()]  # as the pose model finds it
    people = People(
        np.array([box], np.float32), np.ones(1, np.float32), np.zeros((1, 17, 3), np.float32)
    )
    x, y = displayed_point(matrix, 0.75, 0.125)
    left, top = 0.0 if x < 0.5 else 0.5, 0.0 if y < 0.5 else 0.5
    zone = ((left, top), (left + 0.5, top), (left + 0.5, top + 0.5), (left, top + 0.5))
    size = (pixels.shape[1], pixels.shape[0])

    assert is_in_zone(people, zone, size).tolist() == [True]
