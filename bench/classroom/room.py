"""A room with its seats and furniture, without people."""

from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from bench.classroom.belongings import Work
from bench.classroom.furniture import (
    Style,
)
from bench.classroom.motion import Place
from bench.classroom.plans import Station
from bench.classroom.things import (
    Things,
)

RoomKind = Literal[
    "rows",
    "pairs",
    "benches",
    "groups",
    "horseshoe",
    "lecture_hall",
    "exam",
    "computer_lab",
    "hall",
    "bus",
]
ROOMS: Final[tuple[RoomKind, ...]] = get_args(RoomKind)


@dataclass(frozen=True, slots=True)
class Seat:
    """A place to sit.

    Attributes:
        place: Where the hip joints of who sits there are.
        station: The furniture, seen from there.
        work: What lies before it.
        aisle: (x, y) beside it from where one can walk to the front; none if there is no way.
    """

    place: Place
    station: Station
    work: Work
    aisle: tuple[float, float] | None = None


@dataclass
class Room:
    """A room with its furniture, without people.

    Attributes:
        kind: Of the room.
        things: All that stands in it.
        seats: Places to sit.
        style: Of the furniture.
        first: Metres from the board's wall to the first row.
        last: To the last row.
        spread: Metres from the middle to the outermost seat.
        rise: Metres that the last row's floor is higher.
        half_width: Metres from the middle to a side wall.
        depth: Metres from the board's wall to the opposite one.
        height: Metres to the ceiling.
        bright_windows: Whether light from windows dazzles the camera.
    """

    kind: RoomKind
    style: Style
    things: Things = field(default_factory=Things)
    seats: list[Seat] = field(default_factory=list)
    first: float = 2.0
    last: float = 6.0
    spread: float = 3.0
    rise: float = 0.0
    half_width: float = 4.0
    depth: float = 8.0
    height: float = 3.0
    bright_windows: bool = False
