"""The light of a room."""

import numpy as np

from bench.classroom.drawables import Light
from bench.classroom.geometry import unit
from bench.classroom.room import Room


def draw_light(room: Room, rng: np.random.Generator) -> Light:
    """Return the light of a room: sun through windows, sky, lamps."""
    sun = unit([rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.5, 1.6)])
    total = float(rng.uniform(0.75, 1.45)) * (0.55 if room.bright_windows else 1.0)
    direct = float(rng.uniform(0.1, 0.7))
    tint = rng.uniform(0.87, 1.1, 3)
    lamps = np.array(
        [
            [
                rng.uniform(-0.8, 0.8) * room.half_width,
                rng.uniform(0.5, room.depth - 0.5),
                room.height - 0.3,
            ]
            for _ in range(3)
        ]
    )
    return Light(
        sun,
        tint * total * direct * 1.1,
        np.array([0.5, 0.52, 0.56]) * total * (1 - direct * 0.5) * rng.uniform(0.75, 1.1),
        np.array([0.26, 0.23, 0.2]) * total * rng.uniform(0.5, 1.2),
        lamps,
        np.array([1, 0.95, 0.88]) * rng.uniform(0.15, 0.6) * total,
        np.array([0, room.depth / 2, 1.0]),
        max(room.half_width, room.depth / 2) + 1.5,
    )
