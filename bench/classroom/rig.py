"""From a posture to a posed mesh: forward kinematics and linear blend skinning.

All of it is in the person's own frame: origin on the floor, x to its left, it faces −y.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.classroom.bodies import PARTS, SIDES, Bodies
from bench.classroom.geometry import (
    IDENTITY,
    Array,
    align,
    cross,
    frame,
    length,
    lifted,
    rotate,
    rotate_about,
    unit,
)
from bench.classroom.posture import Arm, Leg, Posture

SPINE: Final = ("spine05", "spine04", "spine03", "spine02", "spine01")
SIGN: Final = {"L": 1.0, "R": -1.0}
RAISED_CLAVICLE: Final = 24.0
FORWARD_CLAVICLE: Final = 14.0
MAX_TWIST: Final = np.deg2rad(100)
"""Of the forearm about itself."""


@dataclass(frozen=True, slots=True)
class Posed:
    """A body in a posture, in the person's frame.

    Attributes:
        transforms: (bones, 3, 4) from the body at rest.
        rotations: (bones, 3, 3) from the body at rest.
        keypoints: (17, 3) COCO's, inside of the body.
    """

    transforms: Array
    rotations: Array
    keypoints: Array


class Rig:
    """One body, and what it needs to be posed."""

    def __init__(self, bodies: Bodies, index: int) -> None:
        self.bodies = bodies
        self.index = index
        self.number = {bone: place for place, bone in enumerate(bodies.bones)}
        self.heads, self.tails = bodies.heads[index], bodies.tails[index]
        self.hips = (self._head("upperleg01.L") + self._head("upperleg01.R")) / 2
        vertices = bodies.vertices[index]
        self.stature = float(np.ptp(vertices[:, 2]))
        self.scale = self.stature / 1.65
        ankles = self._head("foot.L")[2]
        self.ankle_height = float(ankles - vertices[:, 2].min()) + 0.015
        self.standing_hips = float(self.hips[2] - vertices[:, 2].min()) + 0.01
        self.upper_arm = self._length("upperarm01.L", "lowerarm01.L")
        self.forearm = self._length("lowerarm01.L", "wrist.L")
        self.hand = float(np.linalg.norm(self._tail("finger3-3.L") - self._head("wrist.L")))
        self.thigh = self._length("upperleg01.L", "lowerleg01.L")
        self.shin = self._length("lowerleg01.L", "foot.L")

    def _head(self, bone: str) -> Array:
        return np.asarray(self.heads[self.number[bone]])

    def _tail(self, bone: str) -> Array:
        return np.asarray(self.tails[self.number[bone]])

    def _length(self, first: str, second: str) -> float:
        return float(np.linalg.norm(self._head(second) - self._head(first)))

    @cached_property
    def _arm_rest(self) -> dict[str, tuple[Array, Array, Array, Array, Array]]:
        """Of each side: upper arm, forearm, hinge of the elbow, knuckles' axis, palm."""
        rest = {}
        for side in SIDES:
            upper = unit(self._head(f"lowerarm01.{side}") - self._head(f"upperarm01.{side}"))
            lower = unit(self._head(f"wrist.{side}") - self._head(f"lowerarm01.{side}"))
            knuckles = unit(self._head(f"finger5-1.{side}") - self._head(f"finger2-1.{side}"))
            finger = unit(self._tail(f"finger3-1.{side}") - self._head(f"finger3-1.{side}"))
            palm = cross(knuckles, finger)
            if palm[2] > 0:
                knuckles, palm = -knuckles, -palm
            rest[side] = (upper, lower, unit(cross(upper, lower)), knuckles, unit(palm))
        return rest

    @cached_property
    def _leg_rest(self) -> dict[str, tuple[Array, Array]]:
        return {
            side: (
                unit(self._head(f"lowerleg01.{side}") - self._head(f"upperleg01.{side}")),
                unit(self._head(f"foot.{side}") - self._head(f"lowerleg01.{side}")),
            )
            for side in SIDES
        }

    def spine(self, posture: Posture) -> dict[str, Array]:
        """Return the rotations (3, 3) of the back, the neck and the head."""
        rotations = {}
        for place, bone in enumerate(SPINE):
            share = (place + 1) / len(SPINE)
            rotations[bone] = (
                rotate("z", posture.twist * share)
                @ rotate("x", posture.lean * (0.35 + 0.65 * share))
                @ rotate("y", posture.side * share)
            )
        yaw = posture.yaw
        rotations["neck01"] = (
            rotate("z", posture.twist + (yaw - posture.twist) * 0.4)
            @ rotate("x", posture.lean * 0.6 + posture.pitch * 0.5)
            @ rotate("y", posture.tilt * 0.5)
        )
        rotations["head"] = (
            rotate("z", yaw)
            @ rotate("x", posture.lean * 0.35 + posture.pitch)
            @ rotate("y", posture.tilt)
        )
        return rotations

    def _along(self, chain: tuple[str, ...], rotations: dict[str, Array], hips: Array) -> Array:
        """Return where the last bone of a chain from the root begins."""
        point = self._head("root") + hips - self.hips
        above = IDENTITY
        before = "root"
        for bone in chain:
            point = point + above @ (self._head(bone) - self._head(before))
            above = rotations.get(bone, above)
            before = bone
        return np.asarray(point)

    def shoulder(self, posture: Posture, side: str, upper: Array | None = None) -> Array:
        """Return where an upper arm (3,) begins, for a direction of it if one is known."""
        rotations = self.spine(posture)
        clavicle = f"clavicle.{side}"
        if upper is not None:
            rotations[clavicle] = rotations["spine01"] @ self._clavicle(
                side, rotations["spine01"].T @ upper
            )
        return self._along((*SPINE, clavicle, f"upperarm01.{side}"), rotations, posture.hips)

    def face(self, posture: Posture) -> Array:
        """Return the middle (3,) of the front of the head, between nose and chin."""
        rotations = self.spine(posture)
        neck = self._along((*SPINE, "neck01", "head"), rotations, posture.hips)
        chin = self.bodies.skull[self.index, 1]
        return np.asarray(neck + rotations["head"] @ (lifted(chin, 0.03) - self._head("head")))

    @staticmethod
    def _clavicle(side: str, upper: Array) -> Array:
        """Return the turn (3, 3) of a clavicle by the upper arm's direction from the chest."""
        sign = SIGN[side]
        up = RAISED_CLAVICLE * max(0.0, (upper[2] + 0.35) / 1.35)
        forward = FORWARD_CLAVICLE * max(0.0, -upper[1])
        return rotate("z", -sign * forward) @ rotate("y", -sign * up)

    def _pose_arm(
        self, side: str, arm: Arm, chest: Array, turned: dict[str, Array], bent: dict[str, Array]
    ) -> None:
        upper, lower, hinge, knuckles, palm = self._arm_rest[side]
        clavicle = chest @ self._clavicle(side, chest.T @ arm.upper)
        turned[f"clavicle.{side}"] = clavicle
        swing = align(clavicle @ upper, arm.upper) @ clavicle
        axis = cross(arm.upper, arm.lower)
        usual = swing @ hinge
        bend = length(axis)
        if bend < 0.35:
            axis = axis / (bend + 1e-9) * (bend / 0.35) + usual * (1 - bend / 0.35)
        whole = frame(arm.upper, axis) @ frame(upper, hinge).T
        back = swing.T @ whole
        angle = float(np.arccos(np.clip((np.trace(back) - 1) / 2, -1, 1)))
        if 1e-4 < angle < 3.1:
            turn = np.array(
                [back[2, 1] - back[1, 2], back[0, 2] - back[2, 0], back[1, 0] - back[0, 1]]
            )
            half = swing @ rotate_about(unit(turn), angle / 2)
        else:
            half = whole
        turned[f"upperarm01.{side}"], turned[f"upperarm02.{side}"] = half, whole
        forearm = frame(arm.lower, axis) @ frame(lower, hinge).T
        now = forearm @ palm
        now = now - arm.lower * (now @ arm.lower)
        wanted = arm.palm - arm.lower * (arm.palm @ arm.lower)
        twist = 0.0
        if length(wanted) > 0.2:
            twist = float(np.arctan2(cross(now, wanted) @ arm.lower, now @ wanted))
            twist = float(np.clip(twist, -MAX_TWIST, MAX_TWIST))
        turned[f"lowerarm01.{side}"] = rotate_about(arm.lower, twist * 0.4) @ forearm
        turned[f"lowerarm02.{side}"] = rotate_about(arm.lower, twist * 0.85) @ forearm
        turned[f"wrist.{side}"] = (
            rotate_about(arm.lower, twist) @ forearm @ rotate_about(knuckles, np.deg2rad(arm.flex))
        )
        curled = rotate_about(knuckles, np.deg2rad(arm.curl))
        stretched = rotate_about(knuckles, np.deg2rad(arm.curl * 0.15))
        for finger in range(2, 6):
            for joint in range(1, 4):
                straight = finger == 2 and arm.point
                bent[f"finger{finger}-{joint}.{side}"] = stretched if straight else curled
        thumb = rotate_about(knuckles, np.deg2rad(arm.curl * 0.4))
        bent[f"finger1-2.{side}"] = bent[f"finger1-3.{side}"] = thumb

    def _pose_leg(self, side: str, leg: Leg, turned: dict[str, Array]) -> None:
        thigh, shin = self._leg_rest[side]
        across = cross(leg.thigh, leg.shin) + np.array([0.15, 0, 0])
        outwards = rotate("z", SIGN[side] * leg.out)
        turned[f"upperleg01.{side}"] = frame(leg.thigh, across) @ frame(thigh, IDENTITY[0]).T
        turned[f"lowerleg01.{side}"] = frame(leg.shin, across) @ frame(shin, IDENTITY[0]).T
        turned[f"foot.{side}"] = outwards @ rotate("x", leg.toes)

    def pose(self, posture: Posture) -> Posed:
        """Return the body in a posture."""
        turned = self.spine(posture)
        bent: dict[str, Array] = {}
        for place, side in enumerate(SIDES):
            self._pose_arm(side, posture.arms[place], turned["spine01"], turned, bent)
            self._pose_leg(side, posture.legs[place], turned)
        count = len(self.bodies.bones)
        rotations = np.empty((count, 3, 3))
        transforms = np.empty((count, 3, 4))
        points = np.empty((count, 3))
        for place, bone in enumerate(self.bodies.bones):
            parent = int(self.bodies.parents[place])
            if parent < 0:
                rotations[place] = IDENTITY
                points[place] = self.heads[place] + posture.hips - self.hips
            else:
                above = rotations[parent]
                points[place] = points[parent] + above @ (self.heads[place] - self.heads[parent])
                if bone in bent:
                    rotations[place] = above @ bent[bone]
                else:
                    rotations[place] = turned.get(bone, above)
        transforms[:, :, :3] = rotations
        transforms[:, :, 3] = points - np.einsum("bij,bj->bi", rotations, self.heads)
        weights = self.bodies.keypoints[self.index]
        keypoints = np.einsum("bij,kbj->ki", transforms, weights)
        return Posed(transforms, rotations, keypoints)

    def skin(self, posed: Posed) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return vertices and blended rotations' rows: (vertices, 3) and (vertices, 3, 4)."""
        flat = posed.transforms.reshape(-1, 12).astype(np.float32)
        blended = (self.bodies.weights @ flat).reshape(-1, 3, 4)
        rest = self.bodies.vertices[self.index]
        vertices = np.einsum("vij,vj->vi", blended[:, :, :3], rest) + blended[:, :, 3]
        return vertices, blended

    def point(self, posed: Posed, bone: str, rest: Array) -> Array:
        """Return where a point (3,) that follows a bone has gone."""
        transform = posed.transforms[self.number[bone]]
        return np.asarray(transform[:, :3] @ rest + transform[:, 3])

    def rotation(self, posed: Posed, bone: str) -> Array:
        """Return how a bone has turned (3, 3) since rest."""
        return np.asarray(posed.rotations[self.number[bone]])

    def hand_points(self, posed: Posed, side: str) -> tuple[Array, Array]:
        """Return the middle of a palm (3,) and of its fingers (3,)."""
        knuckle = self.point(posed, f"finger3-1.{side}", self._head(f"finger3-1.{side}"))
        wrist = self.point(posed, f"wrist.{side}", self._head(f"wrist.{side}"))
        tip = self.point(posed, f"finger3-3.{side}", self._head(f"finger3-3.{side}"))
        return wrist * 0.35 + knuckle * 0.65, knuckle * 0.4 + tip * 0.6

    def head_ends(self, posed: Posed) -> Array:
        """Return crown and chin (2, 3)."""
        return np.array([self.point(posed, "head", end) for end in self.bodies.skull[self.index]])

    @cached_property
    def head_mask(self) -> npt.NDArray[np.bool_]:
        """Which vertices (vertices,) are the head's."""
        return np.asarray(self.bodies.part == PARTS["head"])
