"""What people use: pens, books, sheets, phones, keyboards; on the desk or in the hands."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.classroom.bodies import SIDES
from bench.classroom.cast import Member
from bench.classroom.furniture import Local, add_laptop
from bench.classroom.geometry import Array, cross, rotate, unit
from bench.classroom.motion import Moment
from bench.classroom.plans import Plan, Station
from bench.classroom.poses import page_turn
from bench.classroom.rig import Posed
from bench.classroom.things import PAGES, PLAIN, PRINTS, Things

Work = Literal["paper", "book", "laptop", "keyboard", "none"]


@dataclass(frozen=True, slots=True)
class Belongings:
    """What lies before one person.

    Attributes:
        work: What the person works at on the desk.
        held: What the person holds to read: a book, or a tablet.
        page: Texture of what is written or read.
        pen: Whether a pen stays in the hand when it is not used.
        turn: Degrees that the work lies turned.
        colour: (3,) of covers.
    """

    work: Work
    held: Literal["book", "tablet"]
    page: int
    pen: bool
    turn: float
    colour: Array


def draw_belongings(work: Work, colour: Array, rng: np.random.Generator) -> Belongings:
    """Return what somebody has."""
    return Belongings(
        work,
        "tablet" if rng.random() < 0.35 else "book",
        int(rng.choice(PAGES)),
        bool(rng.random() < 0.45),
        float(rng.normal(0, 7)),
        colour,
    )


def lay_out(
    things: Things,
    belongings: Belongings,
    station: Station,
    local: Local,
    size: float,
    rng: np.random.Generator,
) -> None:
    """Add what stays on the desk all the time."""
    if station.desk is None or belongings.work in {"none", "keyboard"}:
        return
    ahead = -station.gap - 0.2 * size
    if belongings.work == "laptop":
        add_laptop(things, local.at(0, ahead, station.desk), local.turn, rng)
        return
    turn = local.turn + belongings.turn + 180
    page = belongings.page
    if belongings.work == "paper":
        things.box(
            local.at(0, ahead, station.desk + 0.003),
            [0.21, 0.29, 0.006],
            np.ones(3) * 0.92,
            texture=page,
            scale=3.4,
            turn=turn,
            offset=0.5,
        )
        return
    things.box(
        local.at(0, ahead, station.desk + 0.005),
        [0.38, 0.27, 0.01],
        belongings.colour,
        texture=PLAIN,
        turn=turn,
    )
    for side in (-1, 1):
        centre = local.at(0, ahead, station.desk + 0.014) + rotate("z", turn) @ [side * 0.092, 0, 0]
        things.box(
            centre,
            [0.178, 0.25, 0.014],
            np.ones(3) * 0.9,
            texture=page,
            scale=3.6,
            turn=turn,
            offset=0.5,
        )


def carry(
    member: Member,
    belongings: Belongings,
    moment: Moment,
    posed: Posed,
    place: Array,
    station: Station,
    seconds: float,
) -> Things:
    """Return what is in somebody's hands at a moment.

    Args:
        member: The person.
        belongings: What the person has.
        moment: What the person does.
        posed: The body, in its own frame.
        place: (4, 4) from there to the room.
        station: The furniture about the person.
        seconds: Since the clip's first frame.
    """
    things = Things()
    rotation, origin = place[:3, :3], place[:3, 3]
    hands = {}
    for side in SIDES:
        palm, fingers = member.rig.hand_points(posed, side)
        hands[side] = rotation @ palm + origin, rotation @ fingers + origin
    face = rotation @ posed.keypoints[:3].mean(0) + origin
    plan = moment.main
    if _has_pen(plan, belongings):
        _pen(things, hands[plan.main], rotation, plan, member.accent)
    if moment.share_of("read_held") > 0.5:
        _hold(things, belongings, hands, face, plan, seconds)
    if moment.share_of("phone") > 0.5:
        _phone(things, hands[plan.main], face, rotation)
    if moment.share_of("read") > 0.5 and station.desk is not None and belongings.work == "book":
        turned = page_turn(plan, seconds)
        if turned:
            size = member.rig.scale
            at = rotation @ np.array([0, -station.gap - 0.2 * size, station.desk + 0.022]) + origin
            _leaf(things, at, rotation, turned, belongings)
    return things


def _has_pen(plan: Plan, belongings: Belongings) -> bool:
    if plan.action == "write":
        return True
    return belongings.pen and plan.action in {
        "raise",
        "raise_half",
        "raise_elbow",
        "desk",
        "chin",
        "at_board",
        "point",
        "read",
    }


def _pen(
    things: Things, hand: tuple[Array, Array], rotation: Array, plan: Plan, colour: Array
) -> None:
    palm, fingers = hand
    if plan.action == "write":
        tip = fingers + rotation @ np.array([0, -0.01, 0]) - [0, 0, 0.022]
        slant = rotation @ np.array([-0.25 if plan.main == "R" else 0.25, 0.55, 0.8])
        things.limb(tip, tip + unit(slant) * 0.14, 0.0045, colour)
    else:
        along = unit(fingers - palm)
        across = unit(cross(along, rotation @ np.array([0, 0, 1.0])) + along * 0.6)
        things.limb(
            palm * 0.4 + fingers * 0.6 - across * 0.06, fingers + across * 0.07, 0.0045, colour
        )


def _hold(
    things: Things,
    belongings: Belongings,
    hands: dict[str, tuple[Array, Array]],
    face: Array,
    plan: Plan,
    seconds: float,
) -> None:
    left, right = hands["L"][1], hands["R"][1]
    middle = (left + right) / 2
    width = float(np.clip(np.linalg.norm(left - right), 0.18, 0.38))
    across = unit(left - right)
    out = face - middle
    out = unit(out - across * (out @ across))
    axes = np.column_stack([across, cross(out, across), out])
    if belongings.held == "tablet":
        things.box(middle, [width, width * 0.7, 0.011], np.ones(3) * 0.03, axes=axes)
        things.box(
            middle + out * 0.007,
            [width * 0.92, width * 0.62, 0.003],
            np.ones(3) * 0.9,
            texture=belongings.page,
            scale=1 / width,
            glow=0.8,
            axes=axes,
            offset=0.5,
        )
        return
    for side in (-1, 1):
        leaf = axes @ rotate("y", side * -12.0)
        centre = middle + across * (side * width * 0.25) + out * 0.012
        things.box(
            centre,
            [width * 0.5, width * 0.68, 0.012],
            np.ones(3) * 0.9,
            texture=belongings.page,
            scale=2 / width,
            axes=leaf,
            offset=0.5,
        )
        things.box(
            centre - leaf[:, 2] * 0.011,
            [width * 0.52, width * 0.71, 0.007],
            belongings.colour,
            axes=leaf,
            texture=PRINTS[0],
        )
    turned = page_turn(plan, seconds)
    if turned:
        leaf = axes @ rotate("y", -80 + 160 * turned)
        things.box(
            middle + out * 0.02 + leaf[:, 0] * width * 0.2,
            [width * 0.42, width * 0.62, 0.002],
            np.ones(3) * 0.92,
            texture=belongings.page,
            scale=2 / width,
            axes=leaf,
            offset=0.5,
        )


def _phone(things: Things, hand: tuple[Array, Array], face: Array, rotation: Array) -> None:
    palm, fingers = hand
    out = unit(face - fingers)
    across = rotation @ np.array([1.0, 0, 0])
    across = unit(across - out * (across @ out))
    axes = np.column_stack([across, cross(out, across), out])
    centre = (palm + fingers) / 2 + out * 0.028
    things.box(centre, [0.073, 0.148, 0.009], np.ones(3) * 0.02, axes=axes)
    things.box(
        centre + out * 0.006,
        [0.066, 0.136, 0.002],
        np.ones(3) * 0.8,
        texture=PRINTS[2],
        scale=6,
        glow=0.8,
        axes=axes,
    )


def _leaf(
    things: Things, middle: Array, rotation: Array, turned: float, belongings: Belongings
) -> None:
    axes = rotation @ rotate("y", 180 * turned)
    things.box(
        middle - axes[:, 0] * 0.09,
        [0.175, 0.24, 0.002],
        np.ones(3) * 0.92,
        texture=belongings.page,
        scale=3.6,
        axes=axes,
        offset=0.5,
    )
