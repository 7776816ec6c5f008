"""Hard negatives: what looks a little like a person and carries no label.

Coats and bags on chairs, posters and portraits, screens with faces, tailor's dummies, radiators,
plants, stacked chairs, coats on hooks, balls and globes.
"""

import numpy as np

from bench.classroom.bodies import Bodies
from bench.classroom.cast import draw_rigs, empty_coat
from bench.classroom.drawables import Figure
from bench.classroom.furniture import Local, add_chair, draw_wood
from bench.classroom.geometry import IDENTITY, Array, lifted, rotate
from bench.classroom.plans import Station
from bench.classroom.poses import solve
from bench.classroom.repertoire import Habits, draw_plan
from bench.classroom.room import Room, Seat
from bench.classroom.room_shell import accent_wall
from bench.classroom.things import (
    CLOTH,
    PAGES,
    PLAIN,
    PORTRAITS,
    PRINTS,
    STRIPES,
    WOOD,
    bright,
    grey,
)


def placement(x: float, y: float, floor: float, heading: float) -> Array:
    """Return the matrix (4, 4) from the frame of a person to the room."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotate("z", heading)
    matrix[:3, 3] = x, y, floor
    return matrix


def dress_chair(room: Room, seat: Seat, bodies: Bodies, rng: np.random.Generator) -> Figure | None:
    """Add a coat, a jacket or a bag to a chair; an empty coat comes back to be drawn."""
    place, size = seat.place, room.style.size
    colour = bright(rng) * rng.uniform(0.2, 1)
    texture = int(rng.choice([1, 2, CLOTH, 11, STRIPES[1]]))
    local = Local(room.things, place.x, place.y, place.floor, place.heading)
    kind = rng.random()
    back = room.style.seat_height + 0.18
    if kind < 0.25:
        rig = draw_rigs(bodies, 1, (0.4, 0.9), rng)[0]
        plan = draw_plan("lap", Habits(), rng)
        posture = solve(plan, rig, Station(room.style.seat_height, None), 0.0)
        vertices, _ = rig.skin(rig.pose(posture))
        moved = local.at(0, float(rng.uniform(0.05, 0.18)), 0)
        where = placement(moved[0], moved[1], place.floor + rng.uniform(-0.12, 0.0), place.heading)
        return Figure(0, list(empty_coat(rng)), vertices, where)
    if kind < 0.65:
        wide = float(rng.uniform(0.19, 0.25)) * size
        room.things.ball(
            local.at(0, 0.28 * size, back + rng.uniform(0, 0.1)),
            [wide, rng.uniform(0.05, 0.09), rng.uniform(0.22, 0.32)],
            colour,
            axes=local.axes,
            texture=texture,
            scale=4,
        )
        for side in (-1, 1):
            room.things.limb(
                local.at(side * wide * 0.85, 0.29, back + 0.16),
                local.at(
                    side * (wide + rng.uniform(0, 0.06)),
                    0.3 + rng.uniform(-0.05, 0.08),
                    back - rng.uniform(0.1, 0.3),
                ),
                float(rng.uniform(0.035, 0.055)),
                colour,
                texture=texture,
            )
        if rng.random() < 0.4:
            room.things.ball(
                local.at(0, 0.31, back + 0.3),
                [0.12, 0.09, 0.07],
                colour,
                axes=local.axes,
                texture=texture,
                scale=4,
            )
    else:
        bag = float(rng.uniform(0.8, 1.15))
        room.things.ball(
            local.at(0, 0.37, back),
            np.array([0.15, 0.09, 0.2]) * bag,
            colour,
            axes=local.axes,
            texture=texture,
            scale=4,
        )
        room.things.ball(
            local.at(0, 0.45, back - 0.06),
            np.array([0.11, 0.05, 0.1]) * bag,
            colour * 0.7,
            axes=local.axes,
            texture=texture,
            scale=4,
        )
    return None


def add_bag(room: Room, seat: Seat, rng: np.random.Generator) -> None:
    """Add a bag on the floor beside a seat."""
    place = seat.place
    local = Local(room.things, place.x, place.y, place.floor, place.heading)
    spot = local.at(float(rng.choice([-0.34, 0.34])), float(rng.uniform(-0.2, 0.3)), 0.18)
    room.things.ball(
        spot,
        [rng.uniform(0.11, 0.18), rng.uniform(0.09, 0.14), rng.uniform(0.16, 0.22)],
        rng.random(3) ** 2,
        axes=rotate("z", float(rng.uniform(0, 90))),
        texture=CLOTH,
        scale=3,
    )


def add_decoys(room: Room, bodies: Bodies, rng: np.random.Generator) -> list[Figure]:
    """Add hard negatives to walls and free floor; dummies come back to be drawn."""
    for add, mean in (
        (_poster, 1.0),
        (_print, 2.5),
        (_radiator, 0.6),
        (_stack, 0.35),
        (_plant, 0.5),
        (_extinguisher, 0.35),
        (_globe, 0.5),
        (_curtain, 0.35),
        (_hooks, 0.5),
        (_shelf, 0.8),
        (_clock, 0.5),
        (_bin, 0.5),
        (_hanging_lamp, 0.25),
    ):
        for _ in range(int(rng.poisson(mean))):
            add(room, rng)
    return [_dummy(room, bodies, rng) for _ in range(int(rng.poisson(0.22)))]


def _poster(room: Room, rng: np.random.Generator) -> None:
    width = float(rng.uniform(0.4, 1.4))
    x, y, turn = accent_wall(room, rng)
    high = float(rng.uniform(1.3, 2.2))
    glow = float(rng.uniform(0.5, 1.2)) if rng.random() < 0.3 else 0.0
    room.things.box([x, y, high], [width + 0.06, 0.05, width + 0.06], bright(rng) * 0.5, turn=turn)
    room.things.box(
        [x, y, high],
        [width, 0.07, width],
        np.ones(3) * 0.8,
        texture=int(rng.choice(PORTRAITS)),
        scale=1 / width,
        glow=glow,
        turn=turn,
        offset=0.5,
    )


def _print(room: Room, rng: np.random.Generator) -> None:
    width = float(rng.uniform(0.3, 1.2))
    x, y, turn = accent_wall(room, rng)
    room.things.box(
        [x, y, rng.uniform(1.2, 2.2)],
        [width, 0.03, width * rng.uniform(0.6, 1.4)],
        np.ones(3) * 0.8,
        texture=int(rng.choice([*PAGES, *PRINTS])),
        scale=1 / width,
        turn=turn,
    )


def _radiator(room: Room, rng: np.random.Generator) -> None:
    x, y, turn = accent_wall(room, rng)
    axes, count, colour = rotate("z", turn), int(rng.integers(6, 22)), grey(rng, 0.5, 0.9)
    for rib in range(count):
        spot = np.array([x, y, 0.45]) + axes @ np.array([(rib - count / 2) * 0.07, 0, 0])
        room.things.box(spot, [0.05, 0.12, 0.6], colour, turn=turn)


def _stack(room: Room, rng: np.random.Generator) -> None:
    x = float(rng.uniform(-room.half_width + 0.4, room.half_width - 0.4))
    y = float(rng.uniform(room.last + 0.8, max(room.last + 0.81, room.depth - 0.3)))
    turn = float(rng.uniform(0, 360))
    if y > room.depth - 0.3:
        return
    for high in range(int(rng.integers(2, 6))):
        add_chair(room.things, x, y, room.rise + high * 0.12, turn, room.style)


def _plant(room: Room, rng: np.random.Generator) -> None:
    x, y, _ = accent_wall(room, rng)
    size = float(rng.uniform(0.5, 1.3))
    room.things.limb([x, y, 0.1], [x, y, 0.35 * size], 0.14 * size, bright(rng) * 0.6)
    green = np.array([0.05, 0.22, 0.05]) * rng.uniform(0.5, 2)
    for _ in range(9):
        room.things.ball(
            np.array([x, y, 0.75 * size]) + rng.normal(0, 0.17 * size, 3),
            np.array([0.16, 0.08, 0.2]) * size,
            green * rng.uniform(0.6, 1.4),
            axes=rotate("z", float(rng.uniform(0, 360))),
            texture=CLOTH,
            scale=4,
        )


def _extinguisher(room: Room, rng: np.random.Generator) -> None:
    x, y, _ = accent_wall(room, rng)
    room.things.limb([x, y, 0.5], [x, y, 1.0], 0.075, [0.6, 0.02, 0.02])
    room.things.ball([x, y, 1.12], [0.03, 0.03, 0.05], [0.05, 0.05, 0.05])


def _globe(room: Room, rng: np.random.Generator) -> None:
    x, y, _ = accent_wall(room, rng)
    radius = float(rng.uniform(0.09, 0.16))
    room.things.ball(
        [x, y, rng.uniform(0.1, 2.0)],
        [radius] * 3,
        bright(rng),
        texture=int(rng.choice([1, 2, 6, 11])),
        scale=4,
    )


def _curtain(room: Room, rng: np.random.Generator) -> None:
    side = float(rng.choice([-1, 1]))
    y, colour, high = (
        float(rng.uniform(0.4, room.depth - 0.4)),
        bright(rng),
        float(rng.uniform(1.2, 1.6)),
    )
    for fold in range(int(rng.integers(2, 5))):
        room.things.ball(
            [side * (room.half_width - 0.12), y + fold * 0.07, high],
            [0.08, 0.06, high * 0.9],
            colour,
            texture=int(rng.choice([STRIPES[0], STRIPES[1], CLOTH])),
            scale=3,
        )


def _hooks(room: Room, rng: np.random.Generator) -> None:
    x, y, turn = accent_wall(room, rng)
    axes = rotate("z", turn)
    for hook in range(int(rng.integers(1, 6))):
        spot = np.array([x, y, 0.0]) + axes @ np.array([hook * 0.22, 0, 0])
        colour = bright(rng) * rng.uniform(0.2, 1)
        room.things.ball(
            lifted(spot, rng.uniform(1.15, 1.35)),
            [rng.uniform(0.11, 0.19), 0.09, rng.uniform(0.3, 0.48)],
            colour,
            axes=axes,
            texture=CLOTH,
            scale=4,
        )
        if rng.random() < 0.5:
            for side in (-1, 1):
                room.things.limb(
                    spot + axes @ np.array([side * 0.12, 0, 0]) + [0, 0, 1.45],
                    spot + axes @ np.array([side * 0.17, -0.03, 0]) + [0, 0, 0.9],
                    0.045,
                    colour,
                    texture=CLOTH,
                )


def _shelf(room: Room, rng: np.random.Generator) -> None:
    side = float(rng.choice([-1, 1]))
    y, high, wide = (
        float(rng.uniform(0.6, room.depth - 0.6)),
        float(rng.uniform(0.5, 1)),
        float(rng.uniform(0.5, 1.2)),
    )
    room.things.box(
        [side * (room.half_width - 0.22), y, high],
        [0.42, wide, 2 * high],
        draw_wood(rng),
        texture=WOOD[0],
    )
    if rng.random() < 0.5:
        for row in range(4):
            room.things.box(
                [side * (room.half_width - 0.24), y, high * 2 * (row + 0.5) / 4],
                [0.42, wide * 0.92, high / 2 - 0.04],
                rng.random(3) ** 1.5,
                texture=int(rng.choice(PRINTS)),
                scale=2,
            )


def _clock(room: Room, rng: np.random.Generator) -> None:
    x, y, turn = accent_wall(room, rng)
    radius = float(rng.uniform(0.13, 0.2))
    room.things.ball(
        [x, y, rng.uniform(2, 2.5)],
        [radius, 0.03, radius],
        np.ones(3) * 0.85,
        axes=rotate("z", turn),
        texture=PAGES[0],
        scale=2,
    )


def _bin(room: Room, rng: np.random.Generator) -> None:
    x, y, _ = accent_wall(room, rng)
    high = float(rng.uniform(0.4, 0.9))
    room.things.box(
        [x, y, high / 2],
        [rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.4), high],
        bright(rng),
        texture=int(rng.choice([PLAIN, CLOTH])),
        scale=2,
        turn=float(rng.uniform(0, 90)),
    )


def _hanging_lamp(room: Room, rng: np.random.Generator) -> None:
    x = float(rng.uniform(-room.half_width + 0.5, room.half_width - 0.5))
    y, high = float(rng.uniform(1, room.depth - 0.5)), room.height - float(rng.uniform(0.3, 0.8))
    room.things.limb([x, y, high], [x, y, room.height], 0.008, [0.1, 0.1, 0.1])
    room.things.ball([x, y, high], [0.16, 0.16, 0.13], [0.9, 0.9, 0.9])


def _dummy(room: Room, bodies: Bodies, rng: np.random.Generator) -> Figure:
    """Return a jacket on a tailor's dummy."""
    x, y, _ = accent_wall(room, rng)
    x, y = x * 0.9, min(y, room.depth - 0.4)
    room.things.limb([x, y, 0], [x, y, 1.5], 0.02, [0.05, 0.05, 0.05])
    room.things.ball([x, y, 1.58], [0.07, 0.08, 0.11], draw_wood(rng), axes=IDENTITY)
    rig = draw_rigs(bodies, 1, (0.5, 0.9), rng)[0]
    plan = draw_plan("stand", Habits(), rng)
    vertices, _ = rig.skin(rig.pose(solve(plan, rig, Station(0.45, None), 0.0)))
    where = placement(x, y, 0.0, float(rng.uniform(0, 360)))
    return Figure(0, list(empty_coat(rng)), vertices, where)
