"""Boxes and ellipsoids, of which rooms, furniture and what people wear are made.

A thing is a row of 20 numbers for the graphics card: the rows of a matrix (3, 4) that places a unit
shape, colour, person, texture, texture's scale, glow, texture's offset.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.classroom.geometry import IDENTITY, Array, cross, rotate, unit

PLAIN, NOISE, BLOTCHES, CLOTH, GRAIN = range(5)
STRIPES: Final = range(5, 11)
CHECKS: Final = range(11, 13)
WOOD: Final = range(13, 16)
TILES: Final = range(16, 18)
PAGES: Final = range(18, 23)
PRINTS: Final = range(23, 32)
PORTRAITS: Final = range(32, 40)
"""Numbers of textures, see `textures`."""

Colour = npt.ArrayLike
"""Red, green, blue (3,), linear, 0 to 1."""

GLOSSY: Final = -1.0


@dataclass
class Things:
    """Boxes and ellipsoids of a room or of a person's belongings."""

    boxes: list[list[float]] = field(default_factory=list)
    balls: list[list[float]] = field(default_factory=list)

    def box(
        self,
        centre: npt.ArrayLike,
        size: npt.ArrayLike,
        colour: Colour,
        *,
        texture: int = PLAIN,
        scale: float = 1.0,
        glow: float = 0.0,
        turn: float = 0.0,
        axes: Array | None = None,
        offset: float = 0.0,
        person: int = 0,
    ) -> None:
        """Add a box.

        Args:
            centre: (3,) metres.
            size: (3,) metres.
            colour: See `Colour`.
            texture: Its number.
            scale: Repetitions of the texture in a metre.
            glow: Own light; −1 for a glossy surface.
            turn: Degrees about the vertical.
            axes: (3, 3) rotation, in place of `turn`.
            offset: 0.5 to centre the texture.
            person: Number of the person to whom its pixels belong; 0 for nobody.
        """
        rotation = rotate("z", turn) if axes is None else axes
        row = _row(rotation * np.asarray(size, float), centre, colour, person)
        self.boxes.append([*row, float(texture), scale, glow, offset])

    def ball(
        self,
        centre: npt.ArrayLike,
        radii: npt.ArrayLike,
        colour: Colour,
        *,
        axes: Array | None = None,
        texture: int = NOISE,
        scale: float = 8.0,
        person: int = 0,
    ) -> None:
        """Add an ellipsoid; see `box`."""
        rotation = IDENTITY if axes is None else axes
        row = _row(rotation * np.asarray(radii, float), centre, colour, person)
        self.balls.append([*row, float(texture), scale, 0.0, 0.0])

    def limb(
        self,
        start: npt.ArrayLike,
        end: npt.ArrayLike,
        radius: float,
        colour: Colour,
        *,
        texture: int = NOISE,
        person: int = 0,
    ) -> None:
        """Add a long ellipsoid between two points (3,)."""
        first, second = np.asarray(start, float), np.asarray(end, float)
        along = second - first
        length = float(np.linalg.norm(along)) + 1e-6
        along = along / length
        across = unit(cross(along, np.array([0.3, 0.9, 0.2])))
        axes = np.column_stack([across, cross(along, across), along])
        self.ball(
            (first + second) / 2,
            [radius, radius, length / 2 + radius],
            colour,
            axes=axes,
            texture=texture,
            person=person,
        )

    def add(self, other: "Things") -> None:
        """Add all of others."""
        self.boxes += other.boxes
        self.balls += other.balls

    def rows(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return boxes and ellipsoids: (n, 20) float32 each."""
        return _rows(self.boxes), _rows(self.balls)


def _row(axes: Array, centre: npt.ArrayLike, colour: Colour, person: int) -> list[float]:
    x, y, z = np.asarray(centre, float)
    red, green, blue = np.asarray(colour, float)
    return [*axes[0], x, *axes[1], y, *axes[2], z, red, green, blue, float(person)]


def _rows(rows: list[list[float]]) -> npt.NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, 20)


def bright(rng: np.random.Generator) -> Array:
    """Return a colour (3,) of any kind."""
    return np.asarray(rng.random(3) ** 1.6)


def grey(rng: np.random.Generator, low: float, high: float) -> Array:
    """Return a grey (3,)."""
    return np.ones(3) * rng.uniform(low, high)
