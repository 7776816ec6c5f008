"""How a body is bent: directions of its limbs, between two postures, and to reach a point."""

from dataclasses import dataclass

import numpy as np

from bench.classroom.geometry import (
    Array,
    length,
    slerp,
    unit,
)


@dataclass(frozen=True, slots=True)
class Arm:
    """Where an arm points.

    Attributes:
        upper: Direction (3,) of the upper arm.
        lower: Direction (3,) of the forearm.
        palm: Direction (3,) that the palm faces, as far as the forearm can turn.
        flex: Degrees that the hand is bent towards the palm.
        curl: Degrees that each joint of a finger is bent.
        point: Whether the index finger is stretched.
    """

    upper: Array
    lower: Array
    palm: Array
    flex: float = 0.0
    curl: float = 20.0
    point: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """Where a leg points.

    Attributes:
        thigh: Direction (3,).
        shin: Direction (3,).
        toes: Degrees that the foot points down; 0 is flat on the floor.
        out: Degrees that the foot points away from the other.
    """

    thigh: Array
    shin: Array
    toes: float = 0.0
    out: float = 8.0


@dataclass(frozen=True, slots=True)
class Posture:
    """How a body is bent, in degrees, and where it is.

    Attributes:
        hips: (3,) the middle between the hip joints, in metres.
        lean: Of the back, forwards.
        side: Of the back, to the right.
        twist: Of the shoulders against the hips, to the left.
        pitch: Of the head, downwards, beyond the back's lean.
        yaw: Of the head against the hips, to the left.
        tilt: Of the head, to the right.
        arms: Left, right.
        legs: Left, right.
    """

    hips: Array
    lean: float
    side: float
    twist: float
    pitch: float
    yaw: float
    tilt: float
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]


def blend(source: Posture, target: Posture, share: float) -> Posture:
    """Return the posture between two, by a share from 0 to 1; limbs move on arcs."""
    if share <= 0:
        return source
    if share >= 1:
        return target

    def mix(first: float, second: float) -> float:
        return first + (second - first) * share

    arms = [
        Arm(
            slerp(a.upper, b.upper, share),
            slerp(a.lower, b.lower, share),
            slerp(unit(a.palm), unit(b.palm), share),
            mix(a.flex, b.flex),
            mix(a.curl, b.curl),
            b.point if share > 0.5 else a.point,
        )
        for a, b in zip(source.arms, target.arms, strict=True)
    ]
    legs = [
        Leg(
            slerp(a.thigh, b.thigh, share),
            slerp(a.shin, b.shin, share),
            mix(a.toes, b.toes),
            mix(a.out, b.out),
        )
        for a, b in zip(source.legs, target.legs, strict=True)
    ]
    return Posture(
        source.hips + (target.hips - source.hips) * share,
        mix(source.lean, target.lean),
        mix(source.side, target.side),
        mix(source.twist, target.twist),
        mix(source.pitch, target.pitch),
        mix(source.yaw, target.yaw),
        mix(source.tilt, target.tilt),
        (arms[0], arms[1]),
        (legs[0], legs[1]),
    )


def reach(
    start: Array, target: Array, upper: float, lower: float, pole: Array
) -> tuple[Array, Array]:
    """Return the directions of two bones that bring the end of the second to a target.

    Args:
        start: (3,) where the first bone begins.
        target: (3,); if it is too far away, the bones point at it.
        upper: Length of the first bone.
        lower: Length of the second bone.
        pole: (3,) direction to which the joint between them goes.
    """
    line = target - start
    distance = length(line)
    along = line / (distance + 1e-9)
    distance = min(max(distance, abs(upper - lower) + 1e-3), (upper + lower) * 0.999)
    forward = (upper**2 - lower**2 + distance**2) / (2 * distance)
    height = max(upper**2 - forward**2, 0.0) ** 0.5
    across = pole - along * (pole @ along)
    if length(across) < 1e-3:  # the pole is on the line
        other = np.eye(3)[int(np.abs(along).argmin())]
        across = other - along * (other @ along)
    sideways = unit(across)
    joint = along * forward + sideways * height
    return unit(joint), unit(along * distance - joint)
