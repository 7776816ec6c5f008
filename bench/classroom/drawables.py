"""What the renderer draws, in which light, and what it gives: plain data, without OpenGL."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.classroom.geometry import Array, cross, unit
from bench.classroom.things import Things

Uniforms = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Light:
    """Light of a room.

    Attributes:
        sun: (3,) direction to it.
        sun_colour: (3,) linear.
        sky: (3,) from above.
        ground: (3,) from below.
        lamps: (3, 3) places of lamps, in metres.
        lamp_colour: (3,).
        centre: (3,) of what throws shadows.
        radius: Metres about it.
    """

    sun: Array
    sun_colour: Array
    sky: Array
    ground: Array
    lamps: Array
    lamp_colour: Array
    centre: Array
    radius: float

    def matrix(self) -> Array:
        """Return the matrix (4, 4) from the room to the map of shadows."""
        right = unit(cross(-self.sun, np.array([0, 0.01, 1.0])))
        view = np.eye(4)
        view[0, :3], view[1, :3], view[2, :3] = right, cross(right, -self.sun), self.sun
        view[:3, 3] = -view[:3, :3] @ (self.centre + self.sun * 14)
        lens = np.diag([1 / self.radius, 1 / self.radius, -2 / 28, 1.0])
        lens[2, 3] = -1.0
        return np.asarray(lens @ view)


@dataclass
class Layer:
    """One cover of a body: its skin and clothes, a coat over it, or a skirt.

    Attributes:
        uniforms: Numbers and colours by name of the shader's uniforms.
        skirt_end: For a skirt, how low it goes on the body at rest, in metres; else none.
    """

    uniforms: Uniforms
    skirt_end: float | None = None


@dataclass
class Figure:
    """A person (or an empty coat) to draw.

    Attributes:
        number: From 1; 0 for what is not a person.
        layers: From inside to outside.
        vertices: (vertices, 3) in the person's frame.
        place: (4, 4) from the person's frame to the room.
        things: What is attached to the body, in the room's frame.
    """

    number: int
    layers: list[Layer]
    vertices: npt.NDArray[np.float32]
    place: Array
    things: Things = field(default_factory=Things)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawn frame, from its top, before the lens distorts it.

    Attributes:
        colours: (height, width, 3) uint8, BGR.
        ids: (height, width, 2) float32: person's number, and .5 more on the head; metres.
    """

    colours: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.float32]
