"""The posture that a plan gives at a moment.

A plan says where hands go in terms of the desk and the face, so that `solve` brings a pen to the
paper for small and tall people alike. Small motions (breathing, a pen's strokes, keys) depend on
the time alone.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from bench.classroom.bodies import SIDES
from bench.classroom.geometry import Array, rotate_about, unit
from bench.classroom.plans import (
    SINKING,
    Anchor,
    ArmPlan,
    Plan,
    Station,
    Stroke,
)
from bench.classroom.posture import Arm, Leg, Posture, reach
from bench.classroom.rig import SIGN, Rig


def solve(plan: Plan, rig: Rig, station: Station, seconds: float) -> Posture:
    """Return the posture of a body at a moment of a plan.

    Args:
        plan: What the person does.
        rig: The body.
        station: The furniture about it.
        seconds: Since the clip's first frame; small motions depend on it.
    """
    if plan.action == "walk":
        return _walk(plan, rig, seconds)
    posture = _trunk(plan, rig, station, seconds)
    if plan.action in SINKING:
        posture = _sink(posture, rig, station)
    arms = []
    for side, arm in zip(SIDES, plan.arms, strict=True):
        arms.append(_arm(side, arm, plan, rig, station, posture, seconds))
    posture = replace(posture, arms=(arms[0], arms[1]))
    if plan.look is not None:
        posture = _look(plan.look, rig, station, posture)
    return posture


def _wave(plan: Plan, place: int, seconds: float, hertz: float) -> float:
    """Return a slow motion from −1 to 1 that repeats after long."""
    phase = plan.phases[place % len(plan.phases)]
    angle = 2 * np.pi * hertz * seconds + phase
    return float(0.7 * np.sin(angle) + 0.3 * np.sin(2.37 * angle + 1.7 * phase))


def _trunk(plan: Plan, rig: Rig, station: Station, seconds: float) -> Posture:
    lively = plan.liveliness
    calm = 0.3 if plan.action in SINKING else 1.0
    size = rig.scale
    if plan.action == "squat":
        height = rig.standing_hips * 0.42
    elif plan.on_feet:
        height = rig.standing_hips * (0.985 if plan.action != "bend" else 0.96)
    else:
        height = station.seat + 0.09 * size
    sway = 0.012 * lively * _wave(plan, 6, seconds, 0.11) if plan.on_feet else 0.0
    hips = np.array([sway, -plan.slide * size, height])
    legs = []
    for place, side in enumerate(SIDES):
        left, forwards = plan.feet[place]
        ankle = np.array([left * size, -forwards * size, rig.ankle_height])
        socket = hips + (rig.heads[rig.number[f"upperleg01.{side}"]] - rig.hips)
        pole = np.array([SIGN[side] * 0.12, -1.0, 0.45])
        thigh, shin = reach(socket, ankle, rig.thigh, rig.shin, pole)
        hanging = socket[2] - ankle[2] > rig.thigh + rig.shin
        legs.append(Leg(thigh, shin, 25.0 if hanging else 0.0))
    breath = 0.5 * np.sin(2 * np.pi * 0.25 * seconds + plan.phases[0])
    still = Arm(np.array([0, 0, -1.0]), np.array([0, 0, -1.0]), np.array([0, 0, -1.0]))
    return Posture(
        hips,
        plan.lean + breath + calm * lively * 2.0 * _wave(plan, 1, seconds, 0.06),
        plan.side + calm * lively * 1.2 * _wave(plan, 2, seconds, 0.05),
        plan.twist + calm * lively * 2.0 * _wave(plan, 3, seconds, 0.04),
        plan.pitch + calm * lively * 3.0 * _wave(plan, 4, seconds, 0.13),
        plan.yaw + calm * lively * 6.0 * _wave(plan, 5, seconds, 0.09),
        plan.tilt + calm * lively * 1.5 * _wave(plan, 7, seconds, 0.07),
        (still, still),
        (legs[0], legs[1]),
    )


FACE_ON_ARMS: Final = 0.085
"""Metres of an adult from the desk's top to the middle of a face that lies on the arms."""


def _sink(posture: Posture, rig: Rig, station: Station) -> Posture:
    """Lean forwards until the face is on the arms."""
    top = station.desk if station.desk is not None else station.seat + 0.25
    wanted = top + FACE_ON_ARMS * rig.scale
    low, high = 15.0, 92.0
    for _ in range(9):
        middle = (low + high) / 2
        height = rig.face(replace(posture, lean=middle))[2]
        low, high = (middle, high) if height > wanted else (low, middle)
    return replace(posture, lean=low)


def _look(
    look: tuple[float, float, float], rig: Rig, station: Station, posture: Posture
) -> Posture:
    """Turn the head to what is looked at: two thirds of the way, as the eyes do the rest."""
    target = _place("desk", look, rig, station, posture)
    line = target - rig.face(posture)
    down = np.rad2deg(np.arctan2(-line[2], np.hypot(line[0], line[1])))
    left = np.rad2deg(np.arctan2(line[0], -line[1]))
    return replace(
        posture,
        pitch=posture.pitch + float(down) * 0.66 - posture.lean * 0.35,
        yaw=posture.yaw + float(np.clip(left, -60, 60)) * 0.7,
    )


def _place(
    anchor: Anchor, at: tuple[float, float, float], rig: Rig, station: Station, posture: Posture
) -> Array:
    size = rig.scale
    left, forwards, up = at
    if anchor == "face":
        return rig.face(posture) + np.array([left, -forwards, up]) * size
    if anchor == "chest":
        shoulders = (rig.shoulder(posture, "L") + rig.shoulder(posture, "R")) / 2
        about = rotate_about(np.array([0, 0, 1.0]), np.deg2rad(posture.twist))
        return np.asarray(shoulders + about @ np.array([left, -forwards, up]) * size)
    if anchor == "lap" or station.desk is None:
        height = station.seat + (0.19 + max(up, 0.0)) * size
        return np.array([left * size, posture.hips[1] - (0.16 + forwards * 0.6) * size, height])
    return np.array([left * size, -station.gap - forwards * size, station.desk + up * size])


def _arm(
    side: str,
    arm: ArmPlan,
    plan: Plan,
    rig: Rig,
    station: Station,
    posture: Posture,
    seconds: float,
) -> Arm:
    palm, flex = unit(arm.palm), arm.flex
    if arm.anchor is None:
        turn = np.deg2rad(posture.twist)
        about = rotate_about(np.array([0, 0, 1.0]), turn)
        sway = (
            0.05
            * plan.liveliness
            * np.array([_wave(plan, place + (side == "R"), seconds, 0.17) for place in (1, 3, 5)])
        )
        upper = unit(about @ (unit(arm.upper) + sway * 0.5))
        lower = np.asarray(arm.lower, float)
        if arm.stroke == "wave":
            swing = 0.18 * np.sin(2 * np.pi * 1.6 * seconds + plan.phases[2])
            lower = lower + np.array([swing, 0, 0])
        elif arm.stroke == "gesture":
            lower = lower + 0.35 * np.array(
                [
                    _wave(plan, 2, seconds, 0.5),
                    _wave(plan, 4, seconds, 0.35),
                    _wave(plan, 6, seconds, 0.6),
                ]
            )
        return Arm(
            upper, unit(about @ (unit(lower) + sway)), about @ palm, flex, arm.curl, arm.point
        )
    target = _place(arm.anchor, arm.at, rig, station, posture)
    target = target + _stroke(arm.stroke, side, plan, seconds) * rig.scale
    pole = unit(arm.pole)
    upper, lower = _reach(side, target, pole, rig, posture)
    if arm.anchor == "desk" and station.desk is not None:
        upper, lower = _clear(side, target, pole, rig, (station.gap, station.desk), posture)
        flex -= float(np.clip(np.rad2deg(np.arcsin(-lower[2])), -20, 65))  # the hand lies flat
    return Arm(upper, lower, palm, flex, arm.curl, arm.point)


def _stroke(stroke: Stroke, side: str, plan: Plan, seconds: float) -> Array:
    """Return how far a hand is from its place (3,), in metres of an adult."""
    phase = plan.phases[0] + (1.9 if side == "L" else 0.0)
    if stroke == "pen":
        line = (seconds / 5.0 + phase) % 1.0
        pause = 1.0 if _wave(plan, 3, seconds, 0.05) > -0.75 else 0.0
        along = -0.04 + 0.08 * min(line / 0.9, (1 - line) / 0.1)
        return np.array(
            [
                -along + 0.004 * pause * np.sin(2 * np.pi * 2.3 * seconds + phase),
                0.006 * pause * np.sin(2 * np.pi * 2.9 * seconds)
                - 0.03 * ((seconds / 60 + phase) % 1),
                0.003 * pause * np.sin(2 * np.pi * 3.1 * seconds + 1),
            ]
        )
    if stroke == "keys":
        quick = np.sin(2 * np.pi * 2.1 * seconds + phase) * np.sin(
            2 * np.pi * 0.23 * seconds + phase
        )
        return np.array(
            [0.015 * np.sin(2 * np.pi * 0.8 * seconds + phase), 0.008 * quick, 0.006 * abs(quick)]
        )
    if stroke == "page" and side == plan.main:
        turn = page_turn(plan, seconds)
        across = SIGN[side] * -0.26 * np.sin(np.pi * turn)
        return np.array([across, 0.0, 0.09 * np.sin(np.pi * turn)])
    return np.zeros(3)


PAGE_SECONDS: Final = 1.2


def page_turn(plan: Plan, seconds: float) -> float:
    """Return how far a page is turned, 0 to 1; 0 between pages."""
    period = 9.0 + 5.0 * (plan.phases[5] / (2 * np.pi))
    since = (seconds + plan.phases[6]) % period
    return since / PAGE_SECONDS if since < PAGE_SECONDS else 0.0


def _reach(
    side: str, target: Array, pole: Array, rig: Rig, posture: Posture
) -> tuple[Array, Array]:
    upper, lower = np.array([0, 0, -1.0]), np.array([0, 0, -1.0])
    for _ in range(2):
        shoulder = rig.shoulder(posture, side, upper)
        upper, lower = reach(shoulder, target, rig.upper_arm, rig.forearm, pole)
    return upper, lower


SWIVELS: Final = (0.0, 20.0, -20.0, 40.0, -40.0, 60.0, -60.0, 85.0, -85.0, 110.0, -110.0)


def _clear(
    side: str,
    target: Array,
    pole: Array,
    rig: Rig,
    edge: tuple[float, float],
    posture: Posture,
) -> tuple[Array, Array]:
    """Reach with the elbow turned away from its pole as little as keeps it out of the desk."""
    gap, desk = edge
    best = np.inf
    upper, _ = _reach(side, target, pole, rig, posture)
    shoulder = rig.shoulder(posture, side, upper)
    along = unit(target - shoulder)
    for swivel in SWIVELS:
        turned = rotate_about(along, np.deg2rad(swivel)) @ pole
        upper, lower = reach(shoulder, target, rig.upper_arm, rig.forearm, turned)
        if best == np.inf:
            chosen = upper, lower
        elbow = shoulder + upper * rig.upper_arm
        over = max(0.0, -gap + 0.03 - elbow[1])
        below = max(0.0, desk + 0.045 - elbow[2]) if over > 0 else 0.0
        wrist = shoulder + upper * rig.upper_arm + lower * rig.forearm
        inside = max(0.0, desk + 0.03 - wrist[2]) if -wrist[1] > gap else 0.0
        cost = abs(swivel) / 200 + 12 * min(below, over + 0.02) + 4 * inside
        if cost < best:
            best, chosen = cost, (upper, lower)
        if cost < 0.01:
            break
    return chosen


def _walk(plan: Plan, rig: Rig, seconds: float) -> Posture:
    """Return a step of a walk; the hips stay above the origin."""
    stride = 0.78 * rig.scale
    phase = 2 * np.pi * (plan.speed * seconds / (2 * stride)) + plan.phases[0]
    legs, arms = [], []
    lowest = 0.0
    for side in SIDES:
        step = phase + (0.0 if side == "L" else np.pi)
        swing = np.deg2rad(27.0) * np.sin(step)
        knee = np.deg2rad(10.0) + np.deg2rad(42.0) * max(0.0, np.cos(step)) ** 1.5
        thigh = np.array([0.02 * SIGN[side], -np.sin(swing), -np.cos(swing)])
        bend = swing - knee
        shin = np.array([0.0, -np.sin(bend), -np.cos(bend)])
        legs.append(Leg(unit(thigh), unit(shin), float(np.rad2deg(max(0.0, knee - swing)) * 0.5)))
        reached = rig.thigh * np.cos(swing) + rig.shin * np.cos(bend)
        lowest = max(lowest, reached)
        arm = -np.deg2rad(20.0) * np.sin(step)
        upper = np.array([0.14 * SIGN[side], -np.sin(arm), -np.cos(arm)])
        lower = np.array([0.05 * SIGN[side], -np.sin(arm + 0.35), -np.cos(arm + 0.35)])
        arms.append(Arm(unit(upper), unit(lower), np.array([-SIGN[side], 0, 0.0]), 0, 25.0))
    for place, arm_plan in enumerate(plan.arms):
        if arm_plan.upper != (0.0, 0.0, -1.0):
            arms[place] = Arm(
                unit(arm_plan.upper), unit(arm_plan.lower), unit(arm_plan.palm), 0, arm_plan.curl
            )
    hips = np.array([0.0, 0.0, lowest + rig.ankle_height])
    return Posture(
        hips,
        plan.lean,
        2.0 * float(np.sin(phase)),
        5.0 * float(np.sin(phase)),
        plan.pitch,
        plan.yaw + 4 * _wave(plan, 5, seconds, 0.1),
        plan.tilt,
        (arms[0], arms[1]),
        (legs[0], legs[1]),
    )
