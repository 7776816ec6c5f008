"""Hair, and what covers it: ellipsoids about the head.

Lengths are those of an adult. The frame of a head: its middle is between the ears, x to its left,
the face towards −y, z to the crown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from bench.classroom.geometry import Array
from bench.classroom.things import CLOTH, NOISE, Things

Hair = Literal[
    "short",
    "long",
    "bob",
    "tail",
    "bun",
    "hijab",
    "cap",
    "hood",
    "bald",
    "afro",
    "braids",
    "beanie",
]
SHARES: Final[dict[Hair, float]] = {
    "short": 0.39,
    "long": 0.17,
    "bob": 0.11,
    "tail": 0.08,
    "bun": 0.04,
    "hijab": 0.06,
    "cap": 0.03,
    "hood": 0.03,
    "bald": 0.025,
    "afro": 0.025,
    "braids": 0.02,
    "beanie": 0.02,
}
COVERING: Final = frozenset({"hijab", "cap", "beanie"})
Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Head:
    """A head to which hair is added.

    Attributes:
        things: To which it is added.
        person: Number of whose it is.
        middle: (3,) between the ears, in the room.
        axes: (3, 3) of the head, in the room.
        size: Against an adult's.
        colour: (3,) of hair, or of what covers it.
        sizes: Numbers from 0 to 1 that make two people's hair differ.
    """

    things: Things
    person: int
    middle: Array
    axes: Array
    size: float
    colour: Array
    sizes: tuple[float, ...]

    def at(self, x: float, y: float, z: float) -> Array:
        """Return a point (3,) of the room."""
        return np.asarray(self.middle + self.axes @ (np.array([x, y, z]) * self.size))

    def ball(self, at: Vector, radii: Vector, colour: Array, texture: int = NOISE) -> None:
        """Add an ellipsoid."""
        self.things.ball(
            self.at(*at),
            np.array(radii) * self.size,
            colour,
            axes=self.axes,
            texture=texture,
            person=self.person,
        )

    def strand(self, start: Vector, end: Vector, radius: float, colour: Array) -> None:
        """Add a long ellipsoid between two points."""
        self.things.limb(
            self.at(*start), self.at(*end), radius * self.size, colour, person=self.person
        )


def _long(head: Head, colour: Array) -> None:
    u = head.sizes
    head.ball((0, 0.035, -0.07), (0.085 + 0.02 * u[0], 0.07, 0.15 + 0.09 * u[1]), colour)
    if u[2] < 0.5:
        for side in (-1, 1):
            head.ball((side * 0.075, -0.02, -0.1), (0.028, 0.045, 0.12 + 0.08 * u[3]), colour)


def _bob(head: Head, colour: Array) -> None:
    head.ball((0, 0.03, 0), (0.096, 0.086, 0.115 + 0.025 * head.sizes[0]), colour)


def _tail(head: Head, colour: Array) -> None:
    u = head.sizes
    head.strand((0, 0.1, 0.05), (0, 0.12 + 0.05 * u[0], -0.2 + 0.12 * u[1]), 0.028, colour)


def _bun(head: Head, colour: Array) -> None:
    u = head.sizes
    head.ball((0, 0.05 + 0.05 * u[0], 0.05 + 0.07 * u[1]), (0.05, 0.05, 0.05), colour)


def _afro(head: Head, colour: Array) -> None:
    radius = 0.11 + 0.035 * head.sizes[0]
    head.ball((0, 0.03, 0.06), (radius, radius, radius * 0.95), colour)


def _braids(head: Head, colour: Array) -> None:
    for side in (-1, 1):
        head.strand((side * 0.075, 0.03, 0), (side * 0.09, -0.01, -0.26), 0.017, colour)


def _cap(head: Head, _colour: Array) -> None:
    front = -1 if head.sizes[0] < 0.8 else 1
    head.ball((0, 0.01, 0.06), (0.084, 0.1, 0.075), head.colour)
    head.ball((0, 0.115 * front, 0.065), (0.07, 0.075, 0.011), head.colour)


def _beanie(head: Head, _colour: Array) -> None:
    head.ball((0, 0.01, 0.07), (0.09, 0.102, 0.08), head.colour, CLOTH)


def _hijab(head: Head, _colour: Array) -> None:
    head.ball((0, 0.028, 0.02), (0.103, 0.098, 0.133), head.colour, CLOTH)
    head.ball((0, 0.02, -0.155), (0.125, 0.11, 0.085), head.colour, CLOTH)


_CUTS: Final[dict[str, Callable[[Head, Array], None]]] = {
    "long": _long,
    "bob": _bob,
    "tail": _tail,
    "bun": _bun,
    "afro": _afro,
    "braids": _braids,
    "cap": _cap,
    "beanie": _beanie,
    "hijab": _hijab,
}
"""Others are colours of the body alone."""


def add_hair(head: Head, hair: Hair) -> None:
    """Add what stands out from the body's own scalp."""
    if hair in _CUTS:
        _CUTS[hair](head, np.asarray(head.colour * 1.2))


def add_headphones(head: Head) -> None:
    """Add headphones over the ears."""
    for side in (-1, 1):
        head.ball((side * 0.078, 0.0, 0.0), (0.022, 0.034, 0.04), np.full(3, 0.025))
