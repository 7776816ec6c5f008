"""What is about the class: walls, floor, windows, the board's wall and lamps."""

import numpy as np

from bench.classroom.furniture import (
    add_desk,
    draw_wood,
)
from bench.classroom.geometry import Array
from bench.classroom.room import Room
from bench.classroom.things import (
    CLOTH,
    GRAIN,
    PAGES,
    PLAIN,
    PORTRAITS,
    PRINTS,
    STRIPES,
    TILES,
    WOOD,
    grey,
)


def enclose(room: Room, rng: np.random.Generator) -> None:
    """Add walls, floor, windows, and but in a bus the board's wall and lamps."""
    _add_shell(room, rng)
    _add_windows(room, rng)
    if room.kind != "bus":
        _add_front(room, rng)
        _add_lamps(room, rng)


def _add_shell(room: Room, rng: np.random.Generator) -> None:
    things, wide, deep, high = room.things, room.half_width, room.depth, room.height
    wall = np.array([0.75, 0.74, 0.7]) * rng.uniform(0.6, 1.2) * rng.uniform(0.85, 1.1, 3)
    if rng.random() < 0.12:
        wall = 0.3 + rng.random(3) * 0.45
    other = wall if rng.random() < 0.75 else 0.2 + rng.random(3) * 0.6
    texture = int(rng.choice([PLAIN, CLOTH, GRAIN, PLAIN]))
    floor = rng.random(3) * 0.12 + np.array([0.5, 0.47, 0.42]) * rng.uniform(0.4, 1.1)
    ground = int(rng.choice([PLAIN, CLOTH, *WOOD[:2], *TILES, TILES[0]]))
    if rng.random() < 0.2:
        floor, ground = rng.random(3) ** 1.5 * 0.5, GRAIN
    things.box(
        [0, deep / 2, -0.05],
        [2 * wide, deep + 0.2, 0.1],
        floor,
        texture=ground,
        scale=float(rng.uniform(0.5, 1.5)),
    )
    things.box(
        [0, deep / 2, high + 0.05],
        [2 * wide, deep + 0.2, 0.1],
        np.ones(3) * 0.8,
        texture=int(rng.choice([PLAIN, TILES[0], CLOTH])),
        scale=0.8,
    )
    walls = (
        (-wide - 0.05, deep / 2, 0.1, deep, wall),
        (wide + 0.05, deep / 2, 0.1, deep, other),
        (0.0, -0.05, 2 * wide, 0.1, wall),
        (0.0, deep + 0.05, 2 * wide, 0.1, other),
    )
    for x, y, across, along, colour in walls:
        things.box([x, y, high / 2], [across, along, high], colour, texture=texture, scale=0.5)
    if rng.random() < 0.35:
        dado = rng.random(3) * 0.6 if rng.random() < 0.5 else grey(rng, 0.25, 0.65)
        for x, y, across, along in (
            (-wide, deep / 2, 0.04, deep),
            (wide, deep / 2, 0.04, deep),
            (0.0, deep, 2 * wide, 0.04),
        ):
            things.box([x, y, 0.5], [across, along, 1.0], dado)


def _add_windows(room: Room, rng: np.random.Generator) -> None:
    things, wide, deep = room.things, room.half_width, room.depth
    room.bright_windows = bool(rng.random() < 0.15)
    glow = float(rng.uniform(2.5, 6) if room.bright_windows else rng.uniform(0.6, 2.2))
    bus = room.kind == "bus"
    for side in (-1.0, 1.0):
        if not bus and rng.random() > 0.6:
            continue
        count = int(rng.integers(2, 5))
        middle, high = (1.35, 0.8) if bus else (1.75, 1.5)
        for number in range(count):
            y = deep * (number + 0.5) / count
            width = deep / count * 0.7
            glass = np.array([0.8, 0.9, 1]) * rng.uniform(0.5, 1)
            if rng.random() < 0.3:
                glass = np.array([0.4, 0.55, 0.3]) * rng.uniform(0.5, 1.2)
            things.box(
                [side * wide, y, middle],
                [0.06, width, high],
                glass,
                texture=int(rng.choice([PLAIN, 2, 3, 2])),
                scale=0.3,
                glow=glow,
            )
            if bus:
                continue
            things.box([side * wide, y, middle], [0.09, 0.06, high], grey(rng, 0.6, 0.8))
            if rng.random() < 0.35:
                curtain = rng.random(3)
                things.box(
                    [side * (wide - 0.05), y - width / 2, 1.6],
                    [0.06, rng.uniform(0.3, width * 0.6), 2.0],
                    curtain,
                    texture=int(rng.choice([STRIPES[1], STRIPES[3], STRIPES[5]])),
                    scale=2,
                )
            elif rng.random() < 0.2:
                for slat in range(int(rng.uniform(6, 20))):
                    things.box(
                        [side * (wide - 0.05), y, middle + high / 2 - slat * 0.075],
                        [0.03, width, 0.05],
                        np.ones(3) * 0.75,
                    )


def _add_front(room: Room, rng: np.random.Generator) -> None:
    """Add the board, a screen, the teacher's desk, a second board, a door."""
    things, wide, deep = room.things, room.half_width, room.depth
    boards: tuple[Array, ...] = (np.array([0.02, 0.09, 0.05]), np.ones(3) * 0.85, np.ones(3) * 0.03)
    board = boards[int(rng.integers(3))]
    things.box(
        [0, 0.02, 1.55],
        [min(rng.uniform(2.4, 4), wide * 1.6), 0.04, 1.2],
        board,
        texture=int(rng.choice([CLOTH, PLAIN, *PAGES[:2]])),
        scale=0.5,
    )
    if rng.random() < 0.6:
        shown = [*PAGES, *PRINTS, *(PORTRAITS if rng.random() < 0.3 else ())]
        things.box(
            [rng.uniform(-1, 1), 0.045, 1.9],
            [1.5, 0.03, 0.9],
            np.ones(3) * 0.9,
            texture=int(rng.choice(shown)),
            scale=0.7,
            glow=float(rng.uniform(0.4, 1)),
            offset=0.5,
        )
    if rng.random() < 0.5:
        x = rng.uniform(-0.6, 0.6) * wide
        things.box(
            [x, deep - 0.03, rng.uniform(1.5, 2)],
            [rng.uniform(1.2, 2.6), 0.04, rng.uniform(0.8, 1.2)],
            boards[int(rng.integers(3))],
            texture=int(rng.choice([CLOTH, *PRINTS[:2]])),
            scale=0.6,
        )
    if rng.random() < 0.5:
        x = rng.uniform(-0.8, 0.8) * wide
        things.box(
            [x, deep - 0.02, 1.0], [0.9, 0.06, 2.05], draw_wood(rng), texture=WOOD[0], scale=0.7
        )
        things.box([x + 0.35, deep - 0.07, 1.0], [0.04, 0.06, 0.1], np.ones(3) * 0.5)
    if rng.random() < 0.6:
        x = float(rng.choice([-1, 1])) * min(wide * 0.55, 2.4)
        add_desk(things, x, 1.0, 0, 180, room.style, 1.3, 0.6, rng, height=0.74, clutter=1.5)


def _add_lamps(room: Room, rng: np.random.Generator) -> None:
    width, glow = float(rng.uniform(0.2, 0.6)), float(rng.uniform(1, 2.4))
    for x in np.linspace(-room.half_width * 0.6, room.half_width * 0.6, 3):
        for y in np.arange(1, room.depth, 2.4):
            room.things.box([x, y, room.height - 0.02], [width, 1.2, 0.03], np.ones(3), glow=glow)


def accent_wall(room: Room, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return a spot on a wall or the back wall: x, y, and degrees of what faces the room."""
    wide, deep = room.half_width, room.depth
    if rng.random() < 0.6:
        side = float(rng.choice([-1, 1]))
        return side * (wide - 0.12), float(rng.uniform(0.4, deep - 0.4)), 90.0
    return float(rng.uniform(-wide + 0.3, wide - 0.3)), deep - 0.12, 0.0
