"""What recorders and apps draw over a picture: clocks, names, buttons, bars, logos.

Bars beside the picture make it smaller, and move the truth with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from bench.classroom.truth import PersonTruth
from cluster.vision.people import BgrImage

_LETTERS: Final = "ABCDEFGHKLMNOPRSTUVabcdefghikmnoprstu0123456789 -:"

Mark = Callable[[BgrImage, float], None]
"""Draws on a picture, at a number of seconds since the clip's first frame."""


@dataclass(frozen=True, slots=True)
class Overlays:
    """What is drawn over every frame.

    Attributes:
        scale: (2,) of the picture between its bars; 1 without bars.
        shift: (2,) pixels of its left and top.
        ground: Grey of the bars.
        marks: What else is drawn.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    shift: tuple[int, int] = (0, 0)
    ground: int = 0
    marks: tuple[Mark, ...] = field(default=())

    def apply(self, picture: BgrImage, seconds: float) -> BgrImage:
        """Return a picture of the same size with all that is drawn over it."""
        result = picture.copy()
        if self.scale != (1.0, 1.0):
            height, width = picture.shape[:2]
            size = round(width * self.scale[0]), round(height * self.scale[1])
            result[:] = self.ground
            left, top = self.shift
            result[top : top + size[1], left : left + size[0]] = cv2.resize(
                picture, size, interpolation=cv2.INTER_AREA
            )
        for mark in self.marks:
            mark(result, seconds)
        return result

    def move(self, person: PersonTruth) -> PersonTruth:
        """Return the truth of somebody in the picture between its bars."""
        if self.scale == (1.0, 1.0):
            return person
        (across, down), (left, top) = self.scale, self.shift
        x0, y0, x1, y1 = person.box
        return person.model_copy(
            update={
                "box": (
                    round(x0 * across + left, 1),
                    round(y0 * down + top, 1),
                    round(x1 * across + left, 1),
                    round(y1 * down + top, 1),
                ),
                "keypoints": tuple(
                    (round(x * across + left, 1), round(y * down + top, 1), flag)
                    if flag
                    else (x, y, flag)
                    for x, y, flag in person.keypoints
                ),
                "head_height": round(person.head_height * down, 1),
            }
        )


def draw_overlays(rng: np.random.Generator, width: int, height: int) -> Overlays:
    """Return what some recorder or app draws."""
    scale, shift, ground = (1.0, 1.0), (0, 0), 0
    if rng.random() < 0.12:
        smaller = float(rng.uniform(0.72, 0.96))
        kind = rng.random()
        scale = (
            (smaller, smaller) if kind < 0.4 else (1.0, smaller) if kind < 0.6 else (smaller, 1.0)
        )
        free = width - round(width * scale[0]), height - round(height * scale[1])
        shift = (
            int(rng.uniform(0, 1) * free[0]),
            int(rng.choice([0.5, rng.uniform(0, 1)]) * free[1]),
        )
        ground = int(rng.choice([0, 0, 0, 255, 30]))
    marks: list[Mark] = []
    for share, make in (
        (0.4, _clock),
        (0.25, _name),
        (0.14, _buttons),
        (0.06, _bar),
        (0.05, _logo),
    ):
        if rng.random() < share:
            marks.append(make(rng, width, height))
    return Overlays(scale, shift, ground, tuple(marks))


def _text(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list(_LETTERS), count))


def _clock(rng: np.random.Generator, width: int, height: int) -> Mark:
    at = int(rng.uniform(5, width * 0.55)), int(rng.choice([30, height - 20]))
    size = float(rng.uniform(0.6, 1.2))
    day = f"{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}-20{rng.integers(15, 27)}"
    start = int(rng.integers(7 * 3600, 17 * 3600))

    def draw(picture: BgrImage, seconds: float) -> None:
        now = start + int(seconds)
        text = f"{day} {now // 3600:02d}:{now // 60 % 60:02d}:{now % 60:02d}"
        cv2.putText(picture, text, at, 0, size, (255, 255, 255), 2)

    return draw


def _name(rng: np.random.Generator, width: int, height: int) -> Mark:
    text = _text(rng, int(rng.integers(4, 14)))
    at = int(rng.uniform(5, width * 0.7)), int(rng.choice([34, height - 24]))
    font, size, thick = (
        int(rng.integers(0, 4)),
        float(rng.uniform(0.6, 1.4)),
        int(rng.integers(1, 4)),
    )
    colour = [int(value) for value in rng.integers(120, 256, 3)]

    def draw(picture: BgrImage, _seconds: float) -> None:
        cv2.putText(picture, text, at, font, size, colour, thick)

    return draw


def _buttons(rng: np.random.Generator, width: int, height: int) -> Mark:
    count, radius = int(rng.integers(1, 7)), int(rng.uniform(16, 42))
    step = int(radius * rng.uniform(2.3, 3))
    x, y = (
        int(rng.uniform(60, width * 0.6)),
        int(rng.choice([height - 60, 60, height * rng.uniform(0.1, 0.9)])),
    )
    upright = rng.random() < 0.3
    tone, strength = int(rng.choice([0, 30, 255])), float(rng.uniform(0.35, 0.9))
    coloured = [rng.random() < 0.2 for _ in range(count)]
    colours = [
        [int(value) for value in rng.integers(0, 256, 3)] if own else [tone] * 3 for own in coloured
    ]
    signs = [int(value) for value in rng.integers(0, 4, count)]
    text = _text(rng, 2)
    ink = [255 if tone < 128 else 20] * 3
    spots = [(x, y + n * step) if upright else (x + n * step, y) for n in range(count)]

    def draw(picture: BgrImage, _seconds: float) -> None:
        layer = picture.copy()
        for spot, colour in zip(spots, colours, strict=True):
            cv2.circle(layer, spot, radius, colour, -1, cv2.LINE_AA)
        picture[:] = cv2.addWeighted(layer, strength, picture, 1 - strength, 0)
        third = radius // 3
        for (left, top), sign in zip(spots, signs, strict=True):
            if sign == 0:
                cv2.rectangle(
                    picture, (left - third, top - third), (left + third, top + third), ink, 2
                )
            elif sign == 1:
                cv2.circle(picture, (left, top), third, ink, 2, cv2.LINE_AA)
            elif sign == 2:
                corners = [
                    [left - third, top - third],
                    [left - third, top + third],
                    [left + third, top],
                ]
                cv2.fillPoly(picture, [np.array(corners)], ink)
            else:
                cv2.putText(picture, text, (left - radius // 2, top + 6), 0, 0.5, ink, 1)

    return draw


def _bar(rng: np.random.Generator, width: int, height: int) -> Mark:
    high = int(rng.uniform(20, 60))
    top = int(rng.choice([0, height - high]))
    colour = rng.integers(0, 256, 3).astype(np.float32)
    strength = float(rng.uniform(0.4, 1)) if rng.random() < 0.4 else 1.0
    text, at = _text(rng, 20), (int(rng.uniform(10, width * 0.3)), top + high - 8)

    def draw(picture: BgrImage, _seconds: float) -> None:
        strip = picture[top : top + high]
        strip[:] = (strip * (1 - strength) + colour * strength).astype(np.uint8)
        cv2.putText(picture, text, at, 0, 0.7, (255, 255, 255), 1)

    return draw


def _logo(rng: np.random.Generator, width: int, height: int) -> Mark:
    size = int(rng.uniform(40, 140))
    x, y = int(rng.choice([10, width - size - 10])), int(rng.choice([10, height - size - 10]))
    colour = [int(value) for value in rng.integers(0, 256, 3)]
    text = _text(rng, 3)

    def draw(picture: BgrImage, _seconds: float) -> None:
        centre = (x + size // 2, y + size // 2)
        cv2.ellipse(picture, centre, (size // 2, size // 3), 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.putText(
            picture, text, (x + size // 6, y + size // 2 + 6), 0, size / 90, (255, 255, 255), 2
        )

    return draw
