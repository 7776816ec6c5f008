"""Ways in which an arm is held: with a pen, on a page, at the chin, raised."""

from collections.abc import Callable
from typing import Final

import numpy as np

from bench.classroom.plans import ArmPlan
from bench.classroom.rig import SIGN

Point = tuple[float, float, float]


class PlanDraw:
    """Numbers for one plan; directions are for the left side, and mirrored for the right."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        """Return a uniform number between two."""
        return float(self.rng.uniform(low, high))

    def about(self, spread: float) -> float:
        """Return a normal number about 0 with a standard deviation."""
        return float(self.rng.normal(0, spread))

    def flip(self, share: float = 0.5) -> bool:
        """Return whether something that happens to a share of draws happens."""
        return bool(self.rng.random() < share)

    def sign(self) -> float:
        """Return 1 or -1."""
        return 1.0 if self.flip() else -1.0

    def direction(self, side: str, *ranges: tuple[float, float]) -> Point:
        """Return a direction (3,) within ranges of x, y, z."""
        x, y, z = (self.between(*limits) for limits in ranges)
        return x * SIGN[side], y, z

    def arm(self, kind: str, side: str) -> ArmPlan:
        """Return one way to hold an arm, of a kind of `ARMS`."""
        return ARMS[kind](self, side)


def _wrist_height(curl: float) -> float:
    """Return how high over a desk a wrist is whose fingers are bent down to it, in metres."""
    return 0.028 + 0.0013 * curl


def _on_desk(d: PlanDraw, side: str) -> ArmPlan:
    curl = d.between(5, 35)
    at = (SIGN[side] * d.between(0.02, 0.24), d.between(0.04, 0.2), _wrist_height(curl))
    return ArmPlan("desk", at, pole=(SIGN[side] * 0.8, 0.2, -0.5), curl=curl, palm=(0, 0, -1))


def _pen(d: PlanDraw, side: str) -> ArmPlan:
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


def _steady(d: PlanDraw, side: str) -> ArmPlan:
    """Lie on the paper's edge."""
    curl = d.between(5, 28)
    at = (SIGN[side] * d.between(0.06, 0.2), d.between(0.05, 0.15), _wrist_height(curl))
    return ArmPlan("desk", at, pole=(SIGN[side] * 1.0, 0.3, -0.4), curl=curl)


def _keys(d: PlanDraw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.1, 0.15), d.between(0.02, 0.08), 0.075)
    return ArmPlan("desk", at, pole=(SIGN[side] * 0.9, 0.4, -0.6), curl=28.0, stroke="keys")


def _page(d: PlanDraw, side: str) -> ArmPlan:
    curl = d.between(8, 28)
    at = (SIGN[side] * d.between(0.12, 0.19), d.between(0.06, 0.14), _wrist_height(curl))
    return ArmPlan("desk", at, pole=(SIGN[side] * 0.9, 0.3, -0.5), curl=curl, stroke="page")


def _hold(d: PlanDraw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.12, 0.15), d.between(0.22, 0.34), d.between(-0.3, -0.16))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 0.6, 0.2, -0.8),
        palm=(-SIGN[side], 0.5, 0.2),
        curl=d.between(30, 50),
    )


def _lap(d: PlanDraw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.02, 0.13), d.between(0.0, 0.2), 0.0)
    return ArmPlan("lap", at, pole=(SIGN[side] * 0.9, 0.6, -0.3), curl=d.between(10, 45))


def _phone(d: PlanDraw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.0, 0.09), d.between(0.16, 0.3), d.between(-0.36, -0.2))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 0.5, 0.2, -1.0),
        palm=(-SIGN[side] * 0.4, 0.8, 0.5),
        curl=d.between(30, 50),
    )


def _chin(d: PlanDraw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.03, 0.075), d.between(-0.01, 0.04), d.between(-0.17, -0.12))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 0.3, -0.6, -1.0),
        palm=(-SIGN[side] * 0.6, 0.8, 0.2),
        flex=-25,
        curl=d.between(30, 80),
    )


def _hair(d: PlanDraw, side: str) -> ArmPlan:
    at = (SIGN[side] * d.between(0.1, 0.15), d.between(-0.12, 0.02), d.between(-0.02, 0.14))
    return ArmPlan(
        "face",
        at,
        pole=(SIGN[side] * 1.0, -0.3, -0.1),
        palm=(-SIGN[side], 0.3, 0.0),
        curl=d.between(20, 60),
        flex=d.between(10, 40),
    )


def _stretched(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.5, 0.9), (-0.1, 0.3), (0.3, 0.9)),
        lower=d.direction(side, (-0.7, 0.2), (-0.1, 0.4), (0.5, 1.0)),
        palm=(0, -1, 0.5),
    )


def _raised(d: PlanDraw, side: str) -> ArmPlan:
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


def _half(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.3, 0.7), (-0.8, -0.3), (-0.65, -0.25)),
        lower=d.direction(side, (-0.2, 0.3), (-0.35, 0.0), (0.85, 1.0)),
        palm=(0, -1.0, 0.2),
        curl=d.between(2, 25),
    )


def _elbow(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.25, 0.6), (-0.95, -0.7), (-0.3, 0.0)),
        lower=d.direction(side, (-0.05, 0.3), (-0.3, 0.05), (0.9, 1.0)),
        palm=(-SIGN[side] * 0.4, -1.0, 0.2),
        curl=d.between(2, 25),
        point=d.flip(0.2),
    )


def _folded(d: PlanDraw, side: str) -> ArmPlan:
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


def _cradle(d: PlanDraw, side: str) -> ArmPlan:
    """Lie on the desk under the head."""
    at = (-SIGN[side] * d.between(0.04, 0.14), d.between(0.16, 0.24), 0.04)
    return ArmPlan("desk", at, pole=(SIGN[side] * 1.0, -0.25, 0.1), curl=d.between(10, 40))


def _along(d: PlanDraw, side: str) -> ArmPlan:
    """Lie stretched on the desk."""
    at = (SIGN[side] * d.between(0.05, 0.25), d.between(0.28, 0.38), 0.04)
    return ArmPlan("desk", at, pole=(SIGN[side] * 1.0, 0.0, 0.0), curl=d.between(5, 35))


def _hanging(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.12, 0.22), (-0.12, 0.1), (-1.0, -1.0)),
        lower=d.direction(side, (0.0, 0.12), (-0.35, -0.1), (-1.0, -1.0)),
        palm=(-SIGN[side], 0.2, 0.0),
        curl=d.between(15, 40),
    )


def _hip(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.6, 0.8), (0.1, 0.3), (-0.75, -0.6)),
        lower=(-SIGN[side] * 0.6, -0.35, -0.6),
        palm=(-SIGN[side], 0.3, 0.0),
        curl=d.between(20, 50),
    )


def _pointing(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.1, 0.7), (-1.0, -0.5), (-0.4, 0.1)),
        lower=d.direction(side, (-0.2, 0.5), (-1.0, -0.6), (-0.1, 0.3)),
        palm=(0, 0, -1),
        curl=d.between(30, 60),
        point=d.flip(0.7),
        stroke="gesture" if d.flip() else "none",
    )


def _talking(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.15, 0.4), (-0.4, -0.05), (-1.0, -0.8)),
        lower=d.direction(side, (-0.5, 0.2), (-0.9, -0.6), (0.0, 0.45)),
        palm=(-SIGN[side] * 0.5, 0.3, 0.6),
        curl=d.between(10, 35),
        stroke="gesture",
    )


def _at_board(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.1, 0.5), (-0.9, -0.6), (-0.1, 0.5)),
        lower=d.direction(side, (-0.3, 0.1), (-0.8, -0.4), (0.4, 0.9)),
        palm=(-SIGN[side] * 0.4, -0.5, -0.4),
        curl=d.between(35, 60),
        stroke="gesture",
    )


def _carry(d: PlanDraw, side: str) -> ArmPlan:
    return ArmPlan(
        upper=d.direction(side, (0.12, 0.25), (-0.15, 0.1), (-1.0, -0.9)),
        lower=(-SIGN[side] * d.between(0.2, 0.4), -0.9, d.between(0.0, 0.4)),
        palm=(-SIGN[side] * 0.4, 0.3, 0.7),
        curl=d.between(30, 50),
    )


def _swing(_d: PlanDraw, _side: str) -> ArmPlan:
    """Leave the arm to the walk."""
    return ArmPlan()


ARMS: Final[dict[str, Callable[[PlanDraw, str], ArmPlan]]] = {
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
