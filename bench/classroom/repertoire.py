"""Draws plans: how somebody may write, hold a book, raise a hand, put the head down."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from bench.classroom.poses import RAISING, Action, ArmPlan, Plan
from bench.classroom.rig import SIGN

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Habits:
    """What stays the same in all that one person does.

    Attributes:
        main: The hand that writes.
        lean: Degrees that the back leans more than others'.
        liveliness: See `Plan`.
    """

    main: Literal["L", "R"] = "R"
    lean: float = 0.0
    liveliness: float = 1.0


def draw_habits(rng: np.random.Generator) -> Habits:
    """Return the habits of somebody."""
    return Habits(
        "L" if rng.random() < 0.11 else "R",
        float(rng.normal(0, 4)),
        float(rng.uniform(0.4, 1.5)),
    )


class _Draw:
    """Numbers for one plan; directions are for the left side, and mirrored for the right."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def about(self, spread: float) -> float:
        return float(self.rng.normal(0, spread))

    def flip(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)

    def sign(self) -> float:
        return 1.0 if self.flip() else -1.0

    def direction(self, side: str, *ranges: tuple[float, float]) -> Point:
        x, y, z = (self.between(*limits) for limits in ranges)
        return x * SIGN[side], y, z

    def arm(self, kind: str, side: str) -> ArmPlan:
        return _ARMS[kind](self, side)


def _wrist_height(curl: float) -> float:
    """Return how high over a desk a wrist is whose fingers are bent down to it, in metres."""
    return 0.028 + 0.0013 * curl


def _on_desk(d: _Draw, side: str) -> ArmPlan:
    curl = d.between(5, 35)
    at = (SIGN[side] * d.between(0.02, 0.24), d.between(0.04, 0.2), _wrist_height(curl))
    return ArmPlan("desk", at, pole=(SIGN[side] * 0.8, 0.2, -0.5), curl=curl, palm=(0, 0, -1))


def _pen(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.04, 0.14), d.between(0.04, 0.13), 0.05)
    palm = (-SIGN[side] * 0.9, 0.1, -0.5)
    return ArmPlan(
        "desk",
        at,
        pole=(SIGN[side] * 1.0, 0.3, -0.4),
        palm=palm,
        flex=d.between(-8, 5),
        curl=d.between(34, 50),
        stroke="pen",
    )


def _steady(d: _Draw, side: str) -> ArmPlan:
    """Lie on the paper's edge."""
    curl = d.between(5, 28)
    at = (SIGN[side] * d.between(0.06, 0.2), d.between(0.05, 0.15), _wrist_height(curl))
    return ArmPlan("desk", at, pole=(SIGN[side] * 1.0, 0.3, -0.4), curl=curl)


def _keys(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.1, 0.15), d.between(0.02, 0.08), 0.075)
    return ArmPlan("desk", at, pole=(SIGN[side] * 0.9, 0.4, -0.6), curl=28.0, stroke="keys")


def _page(d: _Draw, side: str) -> ArmPlan:
    curl = d.between(8, 28)
    at = (SIGN[side] * d.between(0.12, 0.19), d.between(0.06, 0.14), _wrist_height(curl))
    return ArmPlan("desk", at, pole=(SIGN[side] * 0.9, 0.3, -0.5), curl=curl, stroke="page")


def _hold(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.12, 0.15), d.between(0.22, 0.34), d.between(-0.3, -0.16))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 0.6, 0.2, -0.8),
        palm=(-SIGN[side], 0.5, 0.2),
        curl=d.between(30, 50),
    )


def _lap(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.02, 0.13), d.between(0.0, 0.2), 0.0)
    return ArmPlan("lap", at, pole=(SIGN[side] * 0.9, 0.6, -0.3), curl=d.between(10, 45))


def _phone(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.0, 0.09), d.between(0.16, 0.3), d.between(-0.36, -0.2))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 0.5, 0.2, -1.0),
        palm=(-SIGN[side] * 0.4, 0.8, 0.5),
        curl=d.between(30, 50),
    )


def _chin(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.03, 0.075), d.between(-0.01, 0.04), d.between(-0.17, -0.12))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 0.3, -0.6, -1.0),
        palm=(-SIGN[side] * 0.6, 0.8, 0.2),
        flex=-25,
        curl=d.between(30, 80),
    )


def _hair(d: _Draw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.1, 0.15), d.between(-0.12, 0.02), d.between(-0.02, 0.14))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 1.0, -0.3, -0.1),
        palm=(-SIGN[side], 0.3, 0.0),
        curl=d.between(20, 60),
        flex=d.between(10, 40),
    )


def _stretched(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.5, 0.9), (-0.1, 0.3), (0.3, 0.9)),
        lower=d.direction(side, (-0.7, 0.2), (-0.1, 0.4), (0.5, 1.0)),
        palm=(0, -1, 0.5),
    )


def _raised(d: _Draw, side: str) -> ArmPlan:
    height = np.deg2rad(d.between(15, 80))
    forwards = np.deg2rad(d.between(-10, 80))
    upper = (
        SIGN[side] * float(np.cos(height) * np.cos(forwards)),
        -float(np.cos(height) * np.sin(forwards)),
        float(np.sin(height)),
    )
    lower = d.direction(side, (-0.35, 0.25), (-0.35, 0.15), (0.8, 1.0))
    fist = d.flip(0.2)
    return ArmPlan(
        upper=upper,
        lower=lower,
        palm=(d.between(-0.6, 0.6), -1.0, 0.2),
        curl=d.between(60, 85) if fist else d.between(2, 16),
        point=d.flip(0.15),
        stroke="wave" if d.flip(0.12) else "none",
    )


def _half(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.3, 0.7), (-0.8, -0.3), (-0.65, -0.25)),
        lower=d.direction(side, (-0.2, 0.3), (-0.35, 0.0), (0.85, 1.0)),
        palm=(0, -1.0, 0.2),
        curl=d.between(2, 25),
    )


def _elbow(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.25, 0.6), (-0.95, -0.7), (-0.3, 0.0)),
        lower=d.direction(side, (-0.05, 0.3), (-0.3, 0.05), (0.9, 1.0)),
        palm=(-SIGN[side] * 0.4, -1.0, 0.2),
        curl=d.between(2, 25),
        point=d.flip(0.2),
    )


def _folded(d: _Draw, side: str) -> ArmPlan:
    """Cross before the chest, the right arm over the left one."""
    over = 0.03 if side == "R" else 0.0
    at = (-SIGN[side] * d.between(0.09, 0.13), 0.17 + over, -0.24 + over)
    return ArmPlan(
        "chest",
        at,
        pole=(SIGN[side] * 0.8, 0.0, -1.0),
        palm=(0, 1, -0.3),
        curl=d.between(10, 35),
    )


def _cradle(d: _Draw, side: str) -> ArmPlan:
    """Lie on the desk under the head."""
    at = (-SIGN[side] * d.between(0.04, 0.14), d.between(0.16, 0.24), 0.04)
    return ArmPlan("desk", at, pole=(SIGN[side] * 1.0, -0.25, 0.1), curl=d.between(10, 40))


def _along(d: _Draw, side: str) -> ArmPlan:
    """Lie stretched on the desk."""
    at = (SIGN[side] * d.between(0.05, 0.25), d.between(0.28, 0.38), 0.04)
    return ArmPlan("desk", at, pole=(SIGN[side] * 1.0, 0.0, 0.0), curl=d.between(5, 35))


def _hanging(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.12, 0.22), (-0.12, 0.1), (-1.0, -1.0)),
        lower=d.direction(side, (0.0, 0.12), (-0.35, -0.1), (-1.0, -1.0)),
        palm=(-SIGN[side], 0.2, 0.0),
        curl=d.between(15, 40),
    )


def _hip(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.6, 0.8), (0.1, 0.3), (-0.75, -0.6)),
        lower=(-SIGN[side] * 0.6, -0.35, -0.6),
        palm=(-SIGN[side], 0.3, 0.0),
        curl=d.between(20, 50),
    )


def _pointing(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.1, 0.7), (-1.0, -0.5), (-0.4, 0.1)),
        lower=d.direction(side, (-0.2, 0.5), (-1.0, -0.6), (-0.1, 0.3)),
        palm=(0, 0, -1),
        curl=d.between(30, 60),
        point=d.flip(0.7),
        stroke="gesture" if d.flip() else "none",
    )


def _talking(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.15, 0.4), (-0.4, -0.05), (-1.0, -0.8)),
        lower=d.direction(side, (-0.5, 0.2), (-0.9, -0.6), (0.0, 0.45)),
        palm=(-SIGN[side] * 0.5, 0.3, 0.6),
        curl=d.between(10, 35),
        stroke="gesture",
    )


def _at_board(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.1, 0.5), (-0.9, -0.6), (-0.1, 0.5)),
        lower=d.direction(side, (-0.3, 0.1), (-0.8, -0.4), (0.4, 0.9)),
        palm=(-SIGN[side] * 0.4, -0.5, -0.4),
        curl=d.between(35, 60),
        stroke="gesture",
    )


def _carry(d: _Draw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.12, 0.25), (-0.15, 0.1), (-1.0, -0.9)),
        lower=(-SIGN[side] * d.between(0.2, 0.4), -0.9, d.between(0.0, 0.4)),
        palm=(-SIGN[side] * 0.4, 0.3, 0.7),
        curl=d.between(30, 50),
    )


def _swing(_d: _Draw, _side: str) -> ArmPlan:
    """Leave the arm to the walk."""
    return ArmPlan()


_ARMS: Final[dict[str, Callable[[_Draw, str], ArmPlan]]] = {
    "desk": _on_desk,
    "pen": _pen,
    "steady": _steady,
    "keys": _keys,
    "page": _page,
    "hold": _hold,
    "lap": _lap,
    "phone": _phone,
    "chin": _chin,
    "hair": _hair,
    "stretched": _stretched,
    "raised": _raised,
    "half": _half,
    "elbow": _elbow,
    "folded": _folded,
    "cradle": _cradle,
    "along": _along,
    "hanging": _hanging,
    "hip": _hip,
    "pointing": _pointing,
    "talking": _talking,
    "board": _at_board,
    "carry": _carry,
    "swing": _swing,
}


def draw_plan(action: Action, habits: Habits, rng: np.random.Generator) -> Plan:
    """Return one way in which somebody does something."""
    d = _Draw(rng)
    main = habits.main
    other: Literal["L", "R"] = "L" if main == "R" else "R"
    fields: dict[str, Any] = {
        "lean": d.between(-2, 12) + habits.lean,
        "side": d.about(3),
        "twist": d.about(6),
        "pitch": d.between(-6, 12),
        "yaw": d.about(20),
        "tilt": d.about(4),
        "feet": tuple((sign * d.between(0.06, 0.2), d.between(0.2, 0.5)) for sign in (1, -1)),
    }
    hands = {main: "desk", other: "desk"}
    more, changed = _ACTIONS[action](d, main)
    fields.update(more)
    for role, kind in changed.items():
        hands[main if role == "main" else other] = kind
    if action in RAISING:
        fields["side"] += 5 * (1 if main == "L" else -1) * (-1 if action == "raise_both" else 1)
    arms = d.arm(hands["L"], "L"), d.arm(hands["R"], "R")
    return Plan(
        action,
        arms=arms,
        main=main,
        phases=tuple(float(phase) for phase in rng.uniform(0, 2 * np.pi, 8)),
        liveliness=habits.liveliness,
        **fields,
    )


Drawn = tuple[dict[str, Any], dict[str, str]]


def _write(d: _Draw, main: str) -> Drawn:
    other = str(
        d.rng.choice(["steady", "desk", "chin", "lap", "hair"], p=[0.5, 0.2, 0.12, 0.1, 0.08])
    )
    look = (SIGN[main] * 0.04, 0.24, 0.0)
    lean = d.between(10, 34)
    fields = {"lean": lean, "look": look, "pitch": d.between(-4, 14), "yaw": d.about(4)}
    return fields, {"main": "pen", "other": other}


def _type(d: _Draw, _main: str) -> Drawn:
    fields = {
        "lean": d.between(0, 20),
        "look": (0.0, 0.4, 0.16),
        "pitch": d.about(5),
        "yaw": d.about(4),
    }
    return fields, {"main": "keys", "other": "keys"}


def _read(d: _Draw, _main: str) -> Drawn:
    other = str(
        d.rng.choice(["page", "desk", "chin", "lap", "hair"], p=[0.45, 0.2, 0.18, 0.1, 0.07])
    )
    main = str(d.rng.choice(["page", "desk"], p=[0.8, 0.2]))
    fields = {
        "lean": d.between(4, 28),
        "look": (0.0, 0.22, 0.0),
        "pitch": d.about(4),
        "yaw": d.about(3),
    }
    return fields, {"main": main, "other": other}


def _read_held(d: _Draw, _main: str) -> Drawn:
    fields = {"lean": d.between(-6, 8), "pitch": d.between(16, 30), "yaw": d.about(5), "side": 0.0}
    return fields, {"main": "hold", "other": "hold"}


def _use_phone(d: _Draw, _main: str) -> Drawn:
    fields = {"lean": d.between(-2, 14), "pitch": d.between(22, 36), "yaw": d.about(6)}
    other = str(d.rng.choice(["phone", "desk", "lap", "chin"], p=[0.5, 0.2, 0.2, 0.1]))
    return fields, {"main": "phone", "other": other}


def _sit_at_desk(d: _Draw, _main: str) -> Drawn:
    kinds = ["desk", "lap", "desk"]
    return {}, {"main": str(d.rng.choice(kinds)), "other": str(d.rng.choice(kinds))}


def _hands_in_lap(_d: _Draw, _main: str) -> Drawn:
    return {}, {"main": "lap", "other": "lap"}


def _fold(d: _Draw, _main: str) -> Drawn:
    return {"lean": d.between(-10, 6), "twist": d.about(3)}, {"main": "folded", "other": "folded"}


def _rest_chin(d: _Draw, main: str) -> Drawn:
    fields = {
        "lean": d.between(10, 26),
        "pitch": d.between(-6, 12),
        "yaw": d.about(16),
        "tilt": SIGN[main] * -d.between(0, 8),
    }
    return fields, {"main": "chin", "other": str(d.rng.choice(["desk", "steady", "chin"]))}


def _scratch(d: _Draw, _main: str) -> Drawn:
    return {"lean": d.between(0, 16)}, {"main": "hair", "other": str(d.rng.choice(["desk", "lap"]))}


def _stretch(d: _Draw, _main: str) -> Drawn:
    fields = {"lean": d.between(-14, -2), "pitch": d.between(-20, 0)}
    return fields, {"main": "stretched", "other": "stretched"}


def _point(d: _Draw, _main: str) -> Drawn:
    return {"yaw": d.about(30)}, {"main": "pointing", "other": str(d.rng.choice(["desk", "lap"]))}


def _turn_round(d: _Draw, _main: str) -> Drawn:
    twist = d.sign() * d.between(25, 65)
    fields = {"twist": twist, "yaw": twist * d.between(1.1, 1.6), "lean": d.between(-4, 10)}
    kinds = ["lap", "talking", "lap", "folded"]
    return fields, {"main": str(d.rng.choice(kinds)), "other": "lap"}


def _raise_hand(d: _Draw, _main: str) -> Drawn:
    fields = {"lean": d.between(-4, 12), "pitch": d.between(-8, 6)}
    other = str(d.rng.choice(["desk", "steady", "lap", "chin"], p=[0.4, 0.3, 0.22, 0.08]))
    return fields, {"main": "raised", "other": other}


def _raise_both(d: _Draw, _main: str) -> Drawn:
    return {"lean": d.between(-6, 8), "pitch": d.between(-8, 4)}, {
        "main": "raised",
        "other": "raised",
    }


def _raise_elbow(d: _Draw, _main: str) -> Drawn:
    return {"lean": d.between(6, 20)}, {
        "main": "elbow",
        "other": str(d.rng.choice(["desk", "steady"])),
    }


def _raise_half(d: _Draw, _main: str) -> Drawn:
    return {"lean": d.between(0, 12)}, {"main": "half", "other": str(d.rng.choice(["desk", "lap"]))}


def _put_head_down(d: _Draw, _main: str) -> Drawn:
    fields = {"pitch": d.between(10, 30), "yaw": d.about(10), "slide": -0.07, "lean": 50.0}
    return fields, {"main": "cradle", "other": "cradle"}


def _put_head_on_arm(d: _Draw, _main: str) -> Drawn:
    turn = d.sign()
    fields = {
        "pitch": d.between(-5, 15),
        "yaw": turn * d.between(35, 65),
        "tilt": turn * d.between(-8, 20),
        "slide": -0.07,
        "lean": 45.0,
    }
    kinds = ["cradle", "along", "cradle"]
    return fields, {"main": str(d.rng.choice(kinds)), "other": str(d.rng.choice(kinds))}


def _feet(d: _Draw) -> tuple[tuple[float, float], tuple[float, float]]:
    wide = d.between(0.08, 0.14)
    return (wide, d.between(-0.06, 0.08)), (-wide, d.between(-0.06, 0.08))


def _stand(d: _Draw, _main: str) -> Drawn:
    kinds, shares = (
        ["hanging", "hip", "folded", "talking", "carry", "pointing"],
        [0.5, 0.08, 0.12, 0.15, 0.08, 0.07],
    )
    main = str(d.rng.choice(kinds, p=shares))
    other = (
        "folded"
        if main == "folded"
        else str(d.rng.choice(["hanging", "hanging", "hip", "talking"]))
    )
    fields = {"lean": d.between(-2, 7), "pitch": d.between(-4, 16), "feet": _feet(d), "slide": 0.1}
    return fields, {"main": main, "other": other}


def _lean_on_desk(d: _Draw, _main: str) -> Drawn:
    fields = {"lean": d.between(20, 38), "pitch": d.between(0, 20), "feet": _feet(d), "slide": 0.02}
    return fields, {"main": "desk", "other": str(d.rng.choice(["desk", "hanging"]))}


def _write_on_board(d: _Draw, _main: str) -> Drawn:
    fields = {
        "lean": d.between(-2, 6),
        "pitch": d.between(-16, 6),
        "yaw": d.about(8),
        "feet": _feet(d),
    }
    return fields, {"main": "board", "other": str(d.rng.choice(["hanging", "hip", "carry"]))}


def _bend(d: _Draw, _main: str) -> Drawn:
    fields = {
        "lean": d.between(28, 55),
        "pitch": d.between(-10, 15),
        "feet": _feet(d),
        "slide": -0.08,
    }
    return fields, {"main": "pointing", "other": str(d.rng.choice(["hanging", "hip", "hanging"]))}


def _squat(d: _Draw, _main: str) -> Drawn:
    feet = ((0.14, 0.12), (-0.14, 0.0))
    fields = {"lean": d.between(10, 30), "pitch": d.between(-20, 10), "feet": feet}
    return fields, {"main": "talking", "other": "talking"}


def _walk(d: _Draw, _main: str) -> Drawn:
    fields = {"lean": d.between(1, 6), "pitch": d.between(0, 12), "yaw": d.about(10)}
    carry = d.flip(0.2)
    return fields, {"main": "carry" if carry else "swing", "other": "carry" if carry else "swing"}


_ACTIONS: Final = {
    "write": _write,
    "type": _type,
    "read": _read,
    "read_held": _read_held,
    "phone": _use_phone,
    "desk": _sit_at_desk,
    "lap": _hands_in_lap,
    "fold": _fold,
    "chin": _rest_chin,
    "scratch": _scratch,
    "stretch": _stretch,
    "point": _point,
    "turn_round": _turn_round,
    "raise": _raise_hand,
    "raise_both": _raise_both,
    "raise_elbow": _raise_elbow,
    "raise_half": _raise_half,
    "head_down": _put_head_down,
    "head_on_arm": _put_head_on_arm,
    "stand": _stand,
    "lean_on_desk": _lean_on_desk,
    "at_board": _write_on_board,
    "bend": _bend,
    "squat": _squat,
    "walk": _walk,
}


def without_desk(plan: Plan, rng: np.random.Generator) -> Plan:
    """Return a plan for somebody without a desk: what would lie there is in the lap."""
    arms = tuple(
        replace(arm, anchor="lap", at=(arm.at[0], float(rng.uniform(0, 0.15)), arm.at[2]))
        if arm.anchor == "desk"
        else arm
        for arm in plan.arms
    )
    return replace(plan, arms=(arms[0], arms[1]))
