"""Textures, drawn by rule: noise, cloth, wood, tiles, pages, prints.

Their numbers are in `things`.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from bench.classroom.things import PORTRAITS, PRINTS

SIZE: Final = 256
COUNT: Final = PORTRAITS.stop
_LETTERS: Final = "ABCDEFGHKLMNOPRSTabcdefg0123456789"

Picture = npt.NDArray[np.float32]


def _fractal(rng: np.random.Generator, frequency: int) -> Picture:
    total = np.zeros((SIZE, SIZE), np.float32)
    for octave in range(5):
        cells = min(SIZE, frequency * 2**octave)
        grid = np.pad(rng.random((cells, cells)).astype(np.float32), ((0, 1), (0, 1)), "wrap")
        total += cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low), np.float32)


def _grey(picture: npt.NDArray[np.floating]) -> Picture:
    return np.repeat(picture[..., None], 3, 2).astype(np.float32)


def _page(rng: np.random.Generator) -> Picture:
    page = np.full((SIZE, SIZE, 3), 0.95, np.float32)
    for y in range(12, SIZE - 12, int(rng.integers(8, 16))):
        end = int(rng.integers(60, SIZE - 10))
        cv2.line(page, (14, y), (end, y), (0.3, 0.3, 0.3), int(rng.integers(1, 4)))
    if rng.random() < 0.6:
        x, y = (int(value) for value in rng.integers(20, 150, 2))
        cv2.rectangle(page, (x, y), (x + 80, y + 60), [float(v) for v in rng.random(3)], -1)
    return page


def _print(rng: np.random.Generator) -> Picture:
    picture = np.ones((SIZE, SIZE, 3), np.float32) * rng.random(3).astype(np.float32)
    for _ in range(14):
        x, y = (int(value) for value in rng.integers(0, SIZE, 2))
        size, kind = int(rng.integers(8, 90)), rng.random()
        colour = [float(value) for value in rng.random(3)]
        if kind < 0.5:
            cv2.rectangle(
                picture, (x, y), (x + size, y + int(size * rng.uniform(0.3, 1))), colour, -1
            )
        elif kind < 0.75:
            cv2.circle(picture, (x, y), size // 2, colour, -1)
        else:
            text = "".join(rng.choice(list(_LETTERS), 6))
            mask = np.zeros((SIZE, SIZE), np.uint8)
            cv2.putText(mask, text, (x - 60, y), 0, size / 40, 255, 2)
            picture[mask > 0] = colour
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1), np.float32)


def draw_textures(seed: int = 5) -> npt.NDArray[np.uint8]:
    """Return all textures (`COUNT`, 256, 256, 3) uint8.

    Portraits are grey: the renderer draws them.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    layers = [np.full((SIZE, SIZE, 3), 0.65, np.float32)]
    layers += [_grey(_fractal(rng, 16)), _grey(_fractal(rng, 4))]
    weave = 0.5 + 0.3 * _fractal(rng, 8)
    layers += [_grey(weave), _grey(0.5 + 0.3 * _fractal(rng, 32))]
    for count in (2, 4, 8):
        layers.append(_grey(((y * count * 2).astype(int) % 2) * 0.7 + 0.15))
        layers.append(_grey(((x * count * 2).astype(int) % 2) * 0.6 + 0.2))
    for count in (3, 6):
        down, across = (y * count * 2).astype(int) % 2, (x * count * 2).astype(int) % 2
        layers.append(_grey(0.3 + 0.35 * down + 0.35 * across))
    for _ in range(3):
        grain = 0.55 + 0.12 * np.sin(40 * y + 12 * _fractal(rng, 4)) + 0.2 * _fractal(rng, 16)
        layers.append(_grey(grain))
    for count in (2, 4):
        tile = 0.75 + 0.1 * _fractal(rng, 8)
        tile[((x * count) % 1 < 0.03) | ((y * count) % 1 < 0.03)] = 0.35
        layers.append(_grey(tile))
    layers += [_page(rng) for _ in range(5)]
    layers += [_print(rng) for _ in PRINTS]
    layers += [np.full((SIZE, SIZE, 3), 0.8, np.float32) for _ in PORTRAITS]
    return (np.clip(np.array(layers), 0, 1) * 255).astype(np.uint8)
