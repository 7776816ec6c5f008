"""Draws plans: how somebody may write, hold a book, raise a hand, put the head down."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from bench.classroom.arms import PlanDraw
from bench.classroom.plans import RAISING, Action, Plan
from bench.classroom.rig import SIGN


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


def draw_plan(action: Action, habits: Habits, rng: np.random.Generator) -> Plan:
    """Return one way in which somebody does something."""
    d = PlanDraw(rng)
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


def _write(d: PlanDraw, main: str) -> Drawn:
    other = str(
        d.rng.choice(["steady", "desk", "chin", "lap", "hair"], p=[0.5, 0.2, 0.12, 0.1, 0.08])
    )
    look = (SIGN[main] * 0.04, 0.24, 0.0)
    lean = d.between(10, 34)
    fields = {"lean": lean, "look": look, "pitch": d.between(-4, 14), "yaw": d.about(4)}
    return fields, {"main": "pen", "other": other}


def _type(d: PlanDraw, _main: str) -> Drawn:
    fields = {
        "lean": d.between(0, 20),
        "look": (0.0, 0.4, 0.16),
        "pitch": d.about(5),
        "yaw": d.about(4),
    }
    return fields, {"main": "keys", "other": "keys"}


def _read(d: PlanDraw, _main: str) -> Drawn:
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


def _read_held(d: PlanDraw, _main: str) -> Drawn:
    fields = {"lean": d.between(-6, 8), "pitch": d.between(16, 30), "yaw": d.about(5), "side": 0.0}
    return fields, {"main": "hold", "other": "hold"}


def _use_phone(d: PlanDraw, _main: str) -> Drawn:
    fields = {"lean": d.between(-2, 14), "pitch": d.between(22, 36), "yaw": d.about(6)}
    other = str(d.rng.choice(["phone", "desk", "lap", "chin"], p=[0.5, 0.2, 0.2, 0.1]))
    return fields, {"main": "phone", "other": other}


def _sit_at_desk(d: PlanDraw, _main: str) -> Drawn:
    kinds = ["desk", "lap", "desk"]
    return {}, {"main": str(d.rng.choice(kinds)), "other": str(d.rng.choice(kinds))}


def _hands_in_lap(_d: PlanDraw, _main: str) -> Drawn:
    return {}, {"main": "lap", "other": "lap"}


def _fold(d: PlanDraw, _main: str) -> Drawn:
    return {"lean": d.between(-10, 6), "twist": d.about(3)}, {"main": "folded", "other": "folded"}


def _rest_chin(d: PlanDraw, main: str) -> Drawn:
    fields = {
        "lean": d.between(10, 26),
        "pitch": d.between(-6, 12),
        "yaw": d.about(16),
        "tilt": SIGN[main] * -d.between(0, 8),
    }
    return fields, {"main": "chin", "other": str(d.rng.choice(["desk", "steady", "chin"]))}


def _scratch(d: PlanDraw, _main: str) -> Drawn:
    return {"lean": d.between(0, 16)}, {"main": "hair", "other": str(d.rng.choice(["desk", "lap"]))}


def _stretch(d: PlanDraw, _main: str) -> Drawn:
    fields = {"lean": d.between(-14, -2), "pitch": d.between(-20, 0)}
    return fields, {"main": "stretched", "other": "stretched"}


def _point(d: PlanDraw, _main: str) -> Drawn:
    return {"yaw": d.about(30)}, {"main": "pointing", "other": str(d.rng.choice(["desk", "lap"]))}


def _turn_round(d: PlanDraw, _main: str) -> Drawn:
    twist = d.sign() * d.between(25, 65)
    fields = {"twist": twist, "yaw": twist * d.between(1.1, 1.6), "lean": d.between(-4, 10)}
    kinds = ["lap", "talking", "lap", "folded"]
    return fields, {"main": str(d.rng.choice(kinds)), "other": "lap"}


def _raise_hand(d: PlanDraw, _main: str) -> Drawn:
    fields = {"lean": d.between(-4, 12), "pitch": d.between(-8, 6)}
    other = str(d.rng.choice(["desk", "steady", "lap", "chin"], p=[0.4, 0.3, 0.22, 0.08]))
    return fields, {"main": "raised", "other": other}


def _raise_both(d: PlanDraw, _main: str) -> Drawn:
    return {"lean": d.between(-6, 8), "pitch": d.between(-8, 4)}, {
        "main": "raised",
        "other": "raised",
    }


def _raise_elbow(d: PlanDraw, _main: str) -> Drawn:
    return {"lean": d.between(6, 20)}, {
        "main": "elbow",
        "other": str(d.rng.choice(["desk", "steady"])),
    }


def _raise_half(d: PlanDraw, _main: str) -> Drawn:
    return {"lean": d.between(0, 12)}, {"main": "half", "other": str(d.rng.choice(["desk", "lap"]))}


def _put_head_down(d: PlanDraw, _main: str) -> Drawn:
    fields = {"pitch": d.between(10, 30), "yaw": d.about(10), "slide": -0.07, "lean": 50.0}
    return fields, {"main": "cradle", "other": "cradle"}


def _put_head_on_arm(d: PlanDraw, _main: str) -> Drawn:
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


def _feet(d: PlanDraw) -> tuple[tuple[float, float], tuple[float, float]]:
    wide = d.between(0.08, 0.14)
    return (wide, d.between(-0.06, 0.08)), (-wide, d.between(-0.06, 0.08))


def _stand(d: PlanDraw, _main: str) -> Drawn:
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


def _lean_on_desk(d: PlanDraw, _main: str) -> Drawn:
    fields = {"lean": d.between(20, 38), "pitch": d.between(0, 20), "feet": _feet(d), "slide": 0.02}
    return fields, {"main": "desk", "other": str(d.rng.choice(["desk", "hanging"]))}


def _write_on_board(d: PlanDraw, _main: str) -> Drawn:
    fields = {
        "lean": d.between(-2, 6),
        "pitch": d.between(-16, 6),
        "yaw": d.about(8),
        "feet": _feet(d),
    }
    return fields, {"main": "board", "other": str(d.rng.choice(["hanging", "hip", "carry"]))}


def _bend(d: PlanDraw, _main: str) -> Drawn:
    fields = {
        "lean": d.between(28, 55),
        "pitch": d.between(-10, 15),
        "feet": _feet(d),
        "slide": -0.08,
    }
    return fields, {"main": "pointing", "other": str(d.rng.choice(["hanging", "hip", "hanging"]))}


def _squat(d: PlanDraw, _main: str) -> Drawn:
    feet = ((0.14, 0.12), (-0.14, 0.0))
    fields = {"lean": d.between(10, 30), "pitch": d.between(-20, 10), "feet": feet}
    return fields, {"main": "talking", "other": "talking"}


def _walk(d: PlanDraw, _main: str) -> Drawn:
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
