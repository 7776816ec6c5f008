"""Rooms: where seats and desks stand.

The board's wall is at y = 0; the class is beyond it and faces −y. The middle of the room is x = 0.
"""

from typing import Final

import numpy as np

from bench.classroom.belongings import Work
from bench.classroom.furniture import (
    Local,
    Style,
    add_chair,
    add_desk,
    add_monitor,
)
from bench.classroom.geometry import rotate
from bench.classroom.motion import Mood, Place
from bench.classroom.plans import Station
from bench.classroom.room import Room, RoomKind, Seat
from bench.classroom.room_shell import enclose
from bench.classroom.things import (
    CHECKS,
    CLOTH,
    grey,
)

MOODS_OF: Final[dict[RoomKind, tuple[Mood, ...]]] = {
    "rows": ("written", "reading", "lecture", "mixed", "mixed"),
    "pairs": ("written", "reading", "lecture", "mixed", "mixed"),
    "benches": ("written", "lecture", "mixed"),
    "groups": ("group", "mixed", "written"),
    "horseshoe": ("lecture", "mixed", "reading"),
    "lecture_hall": ("lecture", "lecture", "written"),
    "exam": ("exam", "exam", "written"),
    "computer_lab": ("computer", "computer", "mixed"),
    "hall": ("lecture",),
    "bus": ("ride",),
}


class _Layout:
    """Puts seats and desks into a room."""

    def __init__(self, room: Room, count: int, rng: np.random.Generator) -> None:
        self.room, self.style, self.count, self.rng = room, room.style, count, rng
        self.size = room.style.size
        self.gap = 0.23 * self.size
        room.first = float(rng.uniform(2.0, 3.2))

    def jitter(self, spread: float) -> float:
        return float(self.rng.normal(0, spread))

    def seat(
        self,
        x: float,
        y: float,
        floor: float,
        heading: float,
        *,
        desk: bool = True,
        depth: float = 0.5,
        work: Work | None = None,
        aisle: float | None = None,
        moved: float = 0.02,
    ) -> None:
        """Add a seat; its chair is turned and moved a little, as chairs are."""
        x, y = x + self.jitter(moved), y + abs(self.jitter(moved))
        gap = self.gap + self.rng.uniform(-0.02, 0.04) * self.size
        station = Station(
            self.style.seat_height, self.style.desk_height if desk else None, gap, depth
        )
        place = Place(x, y, floor, heading)
        if work is None:
            work = "paper" if self.rng.random() < 0.5 else "book"
            work = "laptop" if self.rng.random() < 0.12 else work
        self.room.seats.append(
            Seat(place, station, work if desk else "none", None if aisle is None else (aisle, y))
        )
        add_chair(self.room.things, x, y, floor, heading, self.style)

    def desk_before(
        self, x: float, y: float, floor: float, heading: float, width: float, depth: float
    ) -> None:
        """Add a desk whose near edge is before somebody at a place."""
        ahead = rotate("z", heading) @ np.array([0, -self.gap - depth / 2, 0])
        add_desk(
            self.room.things,
            x + ahead[0],
            y + ahead[1],
            floor,
            heading,
            self.style,
            width,
            depth,
            self.rng,
        )

    def grid(self, wide: float, deep: float, most: int) -> tuple[int, int]:
        """Return rows and columns for the count, with a room about as deep as it is wide."""
        columns = round(np.sqrt(self.count * deep / wide) * self.rng.uniform(0.85, 1.25))
        columns = int(np.clip(columns, 1, most))
        return -(-self.count // columns), columns

    def rows(self, *, pairs: bool, exam: bool, lab: bool) -> None:
        size, rng, room = self.size, self.rng, self.room
        depth = (0.7 if lab else rng.uniform(0.45, 0.55)) * size
        width = (rng.uniform(0.9, 1.15) if lab else rng.uniform(0.6, 0.75)) * size
        across = width + (0.02 if pairs or lab else rng.uniform(0.4, 0.65))
        along = depth + self.gap + 0.3 * size + rng.uniform(0.15, 0.4)
        if exam:
            across, along = width + rng.uniform(0.6, 1.1), along + rng.uniform(0.1, 0.4)
        rows, columns = self.grid(across, along, 8 if not pairs else 10)
        for row in range(rows):
            y = room.first + row * along
            for column in range(columns):
                x = (column - (columns - 1) / 2) * across
                beside: float | None = x + across / 2 if across - width > 0.5 else None
                if pairs or lab:
                    x += (column // 2 - (columns - 1) / 4) * 0.7
                    beside = x + across / 2 + 0.35 if column % 2 else None
                work: Work | None = "keyboard" if lab else ("paper" if exam else None)
                self.seat(x, y, 0, self.jitter(4), depth=depth, work=work, aisle=beside)
                self.desk_before(x, y, 0, 0, width, depth)
                if lab:
                    local = Local(room.things, x, y - self.gap - depth / 2, 0, 0)
                    top = self.style.desk_height
                    add_monitor(room.things, local, -depth / 2 + 0.14, top, rng)
                    room.things.box(
                        local.at(0, depth / 2 - 0.2 * size, top + 0.01),
                        [0.42, 0.14, 0.018],
                        grey(rng, 0.02, 0.5),
                        texture=CHECKS[1],
                        scale=20,
                    )
                room.spread = max(room.spread if row + column else 0.0, abs(x))
        room.last = room.first + (rows - 1) * along

    def benches(self, *, tiers: bool, desks: bool) -> None:
        size, rng, room = self.size, self.rng, self.room
        depth = rng.uniform(0.3, 0.4) * size
        across = rng.uniform(0.55, 0.72) * max(size, 0.8)
        along = (depth if desks else 0.12) + self.gap + 0.3 * size + rng.uniform(0.12, 0.3)
        step = float(rng.uniform(0.12, 0.32)) if tiers else 0.0
        rows, columns = self.grid(across, along, 14)
        middle = 0.5 if columns > 4 and rng.random() < 0.6 else 0.0
        for row in range(rows):
            y, floor = room.first + row * along, row * step
            halves: dict[float, list[float]] = {}
            for column in range(columns):
                side = 1.0 if column >= columns / 2 else -1.0
                x = (column - (columns - 1) / 2) * across + side * middle
                halves.setdefault(side if middle else 0.0, []).append(x)
                self.seat(x, y, floor, self.jitter(3), desk=desks, depth=depth, moved=0.015)
                room.spread = max(room.spread if row + column else 0.0, abs(x))
            if desks:
                for xs in halves.values():
                    centre = (xs[0] + xs[-1]) / 2
                    self.desk_before(centre, y, floor, 0, xs[-1] - xs[0] + across, depth)
            if step and row:
                start = y - self.gap - depth - 0.05
                room.things.box(
                    [0, start + 10, floor / 2 - 0.01],
                    [40, 20, floor],
                    grey(rng, 0.35, 0.5),
                    texture=CLOTH,
                )
        room.last = room.first + (rows - 1) * along
        room.rise = (rows - 1) * step

    def groups(self) -> None:
        size, rng, room = self.size, self.rng, self.room
        each = int(rng.choice([4, 4, 6]))
        tables = -(-self.count // each)
        wide = int(np.ceil(np.sqrt(tables)))
        width, depth = (0.65 * (each // 2)) * size, 1.0 * size
        across, along = width + 1.5 * size, depth + 1.75 * size
        for number in range(tables):
            x = (number % wide - (wide - 1) / 2) * across + self.jitter(0.1)
            y = room.first + 0.6 + number // wide * along + self.jitter(0.1)
            turn = self.jitter(9) if rng.random() < 0.7 else 90 + self.jitter(9)
            add_desk(room.things, x, y, 0, turn, self.style, width, depth, rng)
            for chair in range(min(each, self.count - number * each)):
                side = 1 if chair % 2 else -1
                step = (chair // 2 - (each // 2 - 1) / 2) * 0.65 * size
                away = depth / 2 + self.gap
                point = rotate("z", turn) @ np.array([step, side * away, 0])
                heading = turn + (0 if side > 0 else 180)
                self.seat(x + point[0], y + point[1], 0, heading + self.jitter(4), depth=depth / 2)
            room.spread = max(room.spread if number else 0.0, abs(x) + width / 2)
        room.last = room.first + 0.6 + (tables - 1) // wide * along

    def horseshoe(self) -> None:
        size, room = self.size, self.room
        width = 0.7 * size
        radius = max(1.7, self.count * width * 1.06 / np.deg2rad(220))
        middle = room.first + radius * 0.75
        for number in range(self.count):
            angle = -110 + 220 * (number + 0.5) / self.count
            point = rotate("z", angle) @ np.array([0, radius, 0])
            x, y = point[0], middle + point[1]
            self.seat(x, y, 0, angle, depth=0.45)
            self.desk_before(x, y, 0, angle, width, 0.45 * size)
        room.spread, room.last = radius, middle + radius

    def bus(self) -> None:
        rng, room = self.rng, self.room
        across, along = 0.47, rng.uniform(0.8, 0.95)
        rows = -(-self.count // 4)
        room.first = rng.uniform(1.4, 1.9)
        for row in range(rows):
            for column in range(4):
                x = (column - 1.5) * across + (0.25 if column > 1 else -0.25)
                self.seat(x, room.first + row * along, 0, 0, desk=False, moved=0.0)
        room.spread, room.last = 1.5 * across + 0.25, room.first + (rows - 1) * along


def build_room(kind: RoomKind, count: int, style: Style, rng: np.random.Generator) -> Room:
    """Return a room with at least as many seats as asked for."""
    room = Room(kind, style)
    layout = _Layout(room, max(1, count), rng)
    if kind in {"rows", "pairs", "exam", "computer_lab"}:
        layout.rows(pairs=kind == "pairs", exam=kind == "exam", lab=kind == "computer_lab")
    elif kind in {"benches", "lecture_hall"}:
        layout.benches(tiers=kind == "lecture_hall", desks=True)
    elif kind == "hall":
        layout.benches(tiers=bool(rng.random() < 0.3), desks=False)
    elif kind == "groups":
        layout.groups()
    elif kind == "horseshoe":
        layout.horseshoe()
    else:
        layout.bus()
    room.half_width = room.spread + float(rng.uniform(1.0, 2.2))
    room.depth = room.last + float(rng.uniform(1.0, 2.6))
    room.height = (
        float(rng.uniform(2.7, 3.6)) + room.rise * 1.3 + (kind == "hall") * rng.uniform(0, 2)
    )
    if kind == "bus":
        room.half_width, room.depth = room.spread + 0.32, room.last + 0.5
        room.height = float(rng.uniform(2.0, 2.3))
    enclose(room, rng)
    return room
