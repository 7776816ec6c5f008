"""Chairs, desks and what lies on them."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from bench.classroom.geometry import Array, lifted, rotate
from bench.classroom.things import (
    CLOTH,
    GLOSSY,
    PAGES,
    PLAIN,
    PORTRAITS,
    PRINTS,
    WOOD,
    Things,
    bright,
    grey,
)

SeatKind = Literal["plain", "round", "cushion", "slats", "stool", "tall", "folding"]

Vector = tuple[float, float, float]

TOP: Final = 0.03
"""Metres of a desk's top."""


@dataclass(frozen=True, slots=True)
class Style:
    """How the furniture of one room looks.

    Attributes:
        seat: Kind of chair.
        seat_height: Metres.
        desk_height: Metres to the top's upper side.
        size: Of the class's people against adults of 1.65 m.
        wood: Colour of desks.
        desk_texture: Of desks.
        chair: Colour of chairs.
        chair_texture: Of chairs.
        legs: Colour of legs.
        back: Height of a chair's back above the seat, in metres.
        panel: Whether desks have a front.
        glossy: Whether desks shine.
        clutter: Things on a desk.
    """

    seat: SeatKind
    seat_height: float
    desk_height: float
    size: float
    wood: Array
    desk_texture: int
    chair: Array
    chair_texture: int
    legs: Array
    back: float
    panel: bool
    glossy: bool
    clutter: float


def draw_wood(rng: np.random.Generator) -> Array:
    """Return a colour (3,) of furniture."""
    woods = np.array([[0.6, 0.38, 0.18], [0.7, 0.55, 0.35], [0.65, 0.45, 0.1], [0.3, 0.17, 0.08]])
    if rng.random() < 0.62:
        tone = woods[rng.integers(4)] * rng.uniform(0.8, 1.2, 3) * rng.uniform(0.6, 1.3)
        return np.asarray(np.clip(tone, 0, 1))
    if rng.random() < 0.25:
        return np.asarray(rng.random(3) * 0.8 + 0.05)
    return grey(rng, 0.3, 0.9) * rng.uniform(0.93, 1.07, 3)


def draw_style(rng: np.random.Generator, stature: float, kind: str) -> Style:
    """Return the furniture of a room for people of a median stature, in metres."""
    seats: list[SeatKind] = ["plain", "round", "cushion", "slats", "stool", "tall"]
    seat = seats[int(rng.choice(6, p=[0.38, 0.15, 0.15, 0.18, 0.08, 0.06]))]
    if kind == "bus":
        seat = "tall"
    elif kind in {"lecture_hall", "hall"}:
        seat = "folding" if rng.random() < 0.6 else "cushion"
    height = stature * 0.262
    return Style(
        seat=seat,
        seat_height=height,
        desk_height=height + stature * rng.uniform(0.16, 0.18),
        size=stature / 1.65,
        wood=draw_wood(rng),
        desk_texture=int(rng.choice([PLAIN, *WOOD, CLOTH])),
        chair=draw_wood(rng)
        if rng.random() < 0.4
        else (rng.random(3) ** 2 * 0.7 if rng.random() < 0.4 else grey(rng, 0.02, 0.5)),
        chair_texture=int(rng.choice([PLAIN, WOOD[0], CLOTH])),
        legs=rng.random(3) ** 2 * 0.5 if rng.random() < 0.5 else grey(rng, 0.02, 0.5),
        back=float(rng.choice([0.28, 0.34, 0.42])),
        panel=bool(rng.random() < 0.4),
        glossy=bool(rng.random() < 0.4),
        clutter=float(rng.uniform(0, 2.0)),
    )


class Local:
    """Adds things in the frame of a piece of furniture: metres, turned by degrees."""

    def __init__(self, things: Things, x: float, y: float, floor: float, turn: float) -> None:
        self.things, self.turn = things, turn
        self.origin = np.array([x, y, floor])
        self.axes = rotate("z", turn)

    def at(self, x: float, y: float, z: float) -> Array:
        """Return a point (3,) of the room."""
        return np.asarray(self.origin + self.axes @ np.array([x, y, z]))


@dataclass(frozen=True, slots=True)
class _Chair:
    """A chair that is being built; lengths of an adult's."""

    local: Local
    style: Style

    def box(self, centre: Vector, extent: Vector, shade: float = 1.0) -> None:
        style = self.style
        self.local.things.box(
            self.local.at(*centre),
            extent,
            style.chair * shade,
            texture=style.chair_texture,
            scale=2,
            turn=self.local.turn,
        )

    def ball(self, centre: Vector, radii: Vector, texture: int) -> None:
        self.local.things.ball(
            self.local.at(*centre),
            radii,
            self.style.chair,
            axes=self.local.axes,
            texture=texture,
            scale=2,
        )

    def posts(self, apart: float, rear: float, height: float, thick: float) -> None:
        seat = self.style.seat_height
        for side in (-apart, apart):
            self.box((side, rear, seat + height / 2), (thick, thick, height))


def _round_back(chair: _Chair, size: float, seat: float, rear: float) -> None:
    back = chair.style.back
    chair.ball((0, rear, seat + back), (0.21 * size, 0.025, 0.17 * size), chair.style.chair_texture)
    chair.posts(0.15 * size, rear, back, 0.03)


def _cushion_back(chair: _Chair, size: float, seat: float, rear: float) -> None:
    back = chair.style.back
    chair.ball((0, 0.03 * size, seat - 0.03), (0.23 * size, 0.22 * size, 0.05), CLOTH)
    chair.ball((0, rear + 0.05, seat + back), (0.22 * size, 0.05, 0.27 * size), CLOTH)
    chair.box((0, rear + 0.06, seat + back / 2), (0.1, 0.04, back))


def _tall_back(chair: _Chair, size: float, seat: float, rear: float) -> None:
    chair.box((0, rear + 0.05, seat + 0.36 * size), (0.44 * size, 0.09, 0.72 * size))
    chair.box((0, rear + 0.04, seat + 0.74 * size), (0.3 * size, 0.08, 0.12 * size), 0.7)


def _slatted_back(chair: _Chair, size: float, seat: float, rear: float) -> None:
    back = chair.style.back
    for bar in range(3):
        chair.box((0, rear, seat + back - 0.14 + bar * 0.12), (0.4 * size, 0.022, 0.06))
    chair.posts(0.19 * size, rear, back + 0.18, 0.03)


def _folding_seat(chair: _Chair, size: float, seat: float, rear: float) -> None:
    chair.box((0, rear + 0.02, seat + 0.2 * size), (0.45 * size, 0.04, 0.46 * size))
    for side in (-0.24, 0.24):
        chair.box((side, 0.05, seat + 0.16), (0.045, 0.34 * size, 0.05), 0.6)
        chair.box((side, 0.1, seat / 2), (0.045, 0.1, seat), 0.6)


def _plain_back(chair: _Chair, size: float, seat: float, rear: float) -> None:
    back = chair.style.back
    height = (0.28 if back < 0.4 else 0.42) * size
    chair.box((0, rear, seat + back), (0.41 * size, 0.025, height))
    chair.posts(0.17 * size, rear + 0.01, back, 0.025)


_BACKS: Final = {
    "round": _round_back,
    "cushion": _cushion_back,
    "tall": _tall_back,
    "slats": _slatted_back,
    "folding": _folding_seat,
    "plain": _plain_back,
}


def add_chair(things: Things, x: float, y: float, floor: float, turn: float, style: Style) -> None:
    """Add a chair below the hip joints of somebody at a place."""
    local = Local(things, x, y, floor, turn)
    chair = _Chair(local, style)
    size, seat = style.size, style.seat_height
    chair.box((0, 0.03 * size, seat - 0.02), (0.41 * size, 0.4 * size, 0.04))
    if style.seat in _BACKS:
        _BACKS[style.seat](chair, size, seat, 0.245 * size)
    if style.seat == "folding":
        return
    for side in (-0.17, 0.17):
        for along in (-0.13, 0.2):
            things.box(
                local.at(side * size, along * size, (seat - 0.04) / 2),
                [0.028, 0.028, seat - 0.04],
                style.legs,
                turn=turn,
            )


def add_desk(
    things: Things,
    x: float,
    y: float,
    floor: float,
    turn: float,
    style: Style,
    width: float,
    depth: float,
    rng: np.random.Generator,
    *,
    clutter: float | None = None,
    height: float | None = None,
) -> None:
    """Add a desk about a place; its near side is where somebody sits who faces −y."""
    local = Local(things, x, y, floor, turn)
    top = height or style.desk_height
    things.box(
        local.at(0, 0, top - TOP / 2),
        [width, depth, TOP],
        style.wood,
        texture=style.desk_texture,
        scale=1.2,
        glow=GLOSSY if style.glossy else 0.0,
        turn=turn,
    )
    if style.panel:
        things.box(
            local.at(0, -depth / 2 + 0.03, top * 0.58),
            [width * 0.98, 0.02, top * 0.7],
            style.wood * 0.8,
            texture=style.desk_texture,
            scale=1.2,
            turn=turn,
        )
    for side in (-width / 2 + 0.04, width / 2 - 0.04):
        for along in (-depth / 2 + 0.05, depth / 2 - 0.05):
            things.box(
                local.at(side, along, (top - TOP) / 2),
                [0.035, 0.035, top - TOP],
                style.legs,
                turn=turn,
            )
    amount = style.clutter if clutter is None else clutter
    for _ in range(min(12, int(rng.poisson(amount * max(width / 0.7, 1))))):
        spot = (
            float(rng.uniform(-width / 2 + 0.1, width / 2 - 0.1)),
            float(rng.uniform(-depth / 2 + 0.08, max(-depth / 2 + 0.09, 0.0))),
            top,
        )
        add_clutter(things, local.at(*spot), turn + float(rng.normal(0, 25)), rng)


def add_clutter(things: Things, at: Array, turn: float, rng: np.random.Generator) -> None:
    """Add something that lies on a desk, at a point (3,) of its top."""
    kind = rng.random()
    if kind < 0.42:
        add_sheet(things, at, turn, rng)
    elif kind < 0.6:
        height = rng.uniform(0.01, 0.06)
        things.box(
            lifted(at, height / 2),
            [0.19, 0.26, height],
            bright(rng),
            texture=int(rng.choice(PRINTS)),
            scale=3.5,
            turn=turn,
        )
    elif kind < 0.67:
        for place in range(int(rng.integers(2, 6))):
            things.box(
                lifted(at, place * 0.035 + 0.017),
                [0.19, 0.26, 0.032],
                rng.random(3) ** 1.2,
                texture=CLOTH,
                scale=3.5,
                turn=turn + rng.uniform(-10, 10),
            )
    elif kind < 0.78:
        height = rng.uniform(0.16, 0.26)
        things.limb(lifted(at, 0.03), lifted(at, height), 0.033, rng.random(3))
    elif kind < 0.86:
        things.box(
            lifted(at, 0.035), [0.21, 0.07, 0.07], bright(rng), texture=CLOTH, scale=3, turn=turn
        )
    elif kind < 0.92:
        things.ball(
            lifted(at, 0.06),
            [rng.uniform(0.1, 0.16), rng.uniform(0.08, 0.12), rng.uniform(0.05, 0.1)],
            bright(rng),
            axes=rotate("z", turn),
            texture=CLOTH,
            scale=5,
        )
    else:
        add_laptop(things, at, turn, rng)


def add_sheet(things: Things, at: Array, turn: float, rng: np.random.Generator) -> None:
    """Add a sheet of paper on a desk."""
    things.box(
        lifted(at, 0.003),
        [0.21, 0.29, 0.006],
        grey(rng, 0.7, 0.95),
        texture=int(rng.choice(PAGES)),
        scale=3.4,
        turn=turn,
        offset=0.5,
    )


def add_laptop(things: Things, at: Array, turn: float, rng: np.random.Generator) -> None:
    """Add an open laptop on a desk; its screen is towards the near side."""
    colour = grey(rng, 0.05, 0.6)
    axes = rotate("z", turn)
    things.box(lifted(at, 0.01), [0.32, 0.22, 0.018], colour, turn=turn)
    lid = axes @ rotate("x", 14.0)
    hinge = at + axes @ np.array([0, -0.115, 0.02])
    things.box(hinge + lid @ np.array([0, 0, 0.105]), [0.32, 0.012, 0.21], colour, axes=lid)
    things.box(
        hinge + lid @ np.array([0, 0.008, 0.105]),
        [0.29, 0.004, 0.18],
        (0.8, 0.8, 0.8),
        texture=int(rng.choice([*PAGES, *PRINTS])),
        scale=3.2,
        glow=rng.uniform(0.4, 1.2),
        axes=lid,
    )


def add_monitor(
    things: Things, local: Local, back: float, top: float, rng: np.random.Generator
) -> None:
    """Add a screen with a foot and a keyboard to a desk.

    Args:
        things: To which it is added.
        local: The desk's frame.
        back: Where the screen is in it, along y.
        top: Height of the desk's top.
        rng: For its looks.
    """
    width = rng.uniform(0.4, 0.55)
    turn = local.turn
    case = grey(rng, 0.02, 0.05) if rng.random() < 0.7 else grey(rng, 0.5, 0.7)
    centre = local.at(0, back, top + 0.09 + width * 0.3)
    faces = [*PAGES, *PRINTS, *(PORTRAITS if rng.random() < 0.2 else ())]
    things.box(centre, [width, 0.035, width * 0.6], case, turn=turn)
    things.box(
        centre + local.axes @ np.array([0, 0.02, 0]),
        [width * 0.94, 0.004, width * 0.53],
        (0.8, 0.8, 0.8),
        texture=int(rng.choice(faces)),
        scale=1 / width,
        glow=rng.uniform(0.4, 1.3),
        turn=turn,
        offset=0.5,
    )
    things.box(local.at(0, back, top + 0.05), [0.08, 0.08, 0.1], case, turn=turn)
    things.box(local.at(0, back, top + 0.006), [0.22, 0.16, 0.012], case, turn=turn)
