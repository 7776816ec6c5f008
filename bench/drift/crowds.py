"""Trials by geometry alone: are seats that were moved told from other lessons?

Rooms, seats and cameras are those of `bench.classroom`, people are points on seats: nothing is
rendered, so that thousands of lessons are cheap. Each class that comes to a room has its own
seats; some people are absent, and some are not found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.classroom.bodies import Bodies
from bench.classroom.cameras import Camera, CameraKind, Space, draw_camera
from bench.classroom.cast import draw_rigs
from bench.classroom.furniture import draw_style
from bench.classroom.geometry import Array
from bench.classroom.room import RoomKind
from bench.classroom.rooms import build_room
from bench.classroom.scene import AGES
from cluster.calibration.crowd import CrowdMeter, CrowdSummary
from cluster.calibration.drift import RECENT_CROWDS, REFERENCE_CROWDS, sit_elsewhere
from cluster.vision.people import People

ROOM_KINDS: Final[tuple[RoomKind, ...]] = (
    "rows",
    "pairs",
    "benches",
    "groups",
    "horseshoe",
    "exam",
    "computer_lab",
)
HUNG: Final[tuple[CameraKind, ...]] = ("corner", "front", "side", "back", "back_corner")
CLASSES: Final = (1, 1, 2, 4, 8)
"""How many classes come to a room."""

PREFERENCES: Final = ("any", "any", "front", "back", "left")
K: Final = 10
FRAMES: Final = 40
"""Of an hour: a few of the 720, as people hardly move."""

SAME: Final = "the same classes"
NEW_CLASSES: Final = "other classes come (not a fault of the camera)"
REARRANGED: Final = "seats in another order on the same floor"
MOVED_BACK: Final = "all seats 1.2 m farther back"
CLOSER: Final = "all seats on 60% of the floor"


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class that comes to a room.

    Attributes:
        share: Of the seats that it takes.
        preference: Where it likes to sit.
        seed: Of who sits where; the same in each lesson.
    """

    share: float
    preference: str
    seed: int


@dataclass(frozen=True, slots=True)
class CrowdTrial:
    """What was said of five hours after ten.

    Attributes:
        case: What had happened.
        classes: How many classes come to the room.
        said: Whether people are said to sit elsewhere; None where too few were seen.
    """

    case: str
    classes: int
    said: bool | None


def run_crowd_trials(rooms: int, seed: int, bodies: Bodies) -> Iterator[CrowdTrial]:
    """Yield the trials of some rooms.

    Args:
        rooms: How many.
        seed: All is drawn from it.
        bodies: Whose sizes the furniture fits.
    """
    for number in range(rooms):
        yield from _trials_of_room(bodies, np.random.default_rng([seed, number]))


def _trials_of_room(bodies: Bodies, rng: np.random.Generator) -> Iterator[CrowdTrial]:
    kind = ROOM_KINDS[int(rng.integers(len(ROOM_KINDS)))]
    count = int(rng.integers(16, 36))
    rigs = draw_rigs(bodies, 8, AGES[int(rng.integers(len(AGES)))], rng)
    style = draw_style(rng, float(np.median([rig.stature for rig in rigs])), kind)
    room = build_room(kind, count, style, rng)
    heads = np.array([[s.place.x, s.place.y, s.place.floor + 1.15] for s in room.seats])
    space = Space(
        room.half_width,
        room.depth,
        room.height,
        room.first,
        room.last,
        room.spread,
        style.seat_height,
        room.rise,
        heads,
        np.zeros((0, 4)),
    )
    camera = draw_camera(HUNG[int(rng.integers(len(HUNG)))], space, 1280, 720, rng)
    classes = [_draw_class(rng) for _ in range(int(rng.choice(CLASSES)))]
    reference = _hours(heads, camera, classes, REFERENCE_CROWDS, rng)
    other = ROOM_KINDS[(ROOM_KINDS.index(kind) + int(rng.integers(1, 7))) % len(ROOM_KINDS)]
    rearranged = build_room(other, count, draw_style(rng, 1.6, other), rng)
    places = np.array([[s.place.x, s.place.y, 1.15] for s in rearranged.seats])
    cases = {
        SAME: (heads, classes),
        NEW_CLASSES: (heads, [_draw_class(rng) for _ in classes]),
        REARRANGED: (_on_floor_of(places, heads), classes),
        MOVED_BACK: (heads + np.array([0, 1.2, 0]), classes),
        CLOSER: (_on_floor_of(heads, heads, 0.6), classes),
    }
    for case, (where, who) in cases.items():
        recent = _hours(where, camera, who, RECENT_CROWDS, rng)
        is_known = len(reference) == REFERENCE_CROWDS and len(recent) == RECENT_CROWDS
        said = sit_elsewhere(reference, recent) if is_known else None
        yield CrowdTrial(case, len(classes), said)


def _draw_class(rng: np.random.Generator) -> SchoolClass:
    preference = PREFERENCES[int(rng.integers(len(PREFERENCES)))]
    return SchoolClass(float(rng.uniform(0.5, 1.0)), preference, int(rng.integers(2**31)))


def _hours(
    heads: Array,
    camera: Camera,
    classes: Sequence[SchoolClass],
    count: int,
    rng: np.random.Generator,
) -> list[CrowdSummary]:
    """Return the summaries of some lessons; hours in which too few people are seen have none."""
    hours = []
    for _ in range(count):
        one = classes[int(rng.integers(len(classes)))]
        people = _seated(heads, one)
        people = people[rng.random(len(people)) > 0.06]
        summary = _hour(people, camera, rng)
        if summary is not None:
            hours.append(summary)
    return hours


def _seated(heads: Array, one: SchoolClass) -> Array:
    """Return (n, 3) the heads of a class on the seats that it takes."""
    own = np.random.default_rng(one.seed)
    liked = own.normal(0, 0.8, len(heads))
    if one.preference == "front":
        liked += heads[:, 1]
    elif one.preference == "back":
        liked -= heads[:, 1]
    elif one.preference == "left":
        liked += heads[:, 0]
    return heads[np.argsort(liked)[: max(K, round(one.share * len(heads)))]]


def _hour(heads: Array, camera: Camera, rng: np.random.Generator) -> CrowdSummary | None:
    pixels, is_before = camera.project(heads + rng.normal(0, 0.05, heads.shape))
    sides = np.array([camera.width, camera.height])
    is_inside = is_before & (pixels > 0).all(axis=1) & (pixels < sides).all(axis=1)
    height = camera.focal * camera.width / 2 * 0.23 / np.maximum(camera.distances(heads), 0.3)
    chance = np.clip((height - 6) / 10, 0.3, 0.97)  # small heads are found less often
    meter = CrowdMeter(K)
    for _ in range(FRAMES):
        found = is_inside & (rng.random(len(heads)) < chance)
        middles = pixels[found] + rng.normal(0, 4, (int(found.sum()), 2))
        # Without keypoints, a head is measured by the width of its box.
        half = 1.2 * height[found, None] * rng.normal(1, 0.08, (len(middles), 1))
        boxes = np.concatenate([middles - half, middles + half], axis=1).astype(np.float32)
        count = len(boxes)
        people = People(boxes, np.ones(count, np.float32), np.zeros((count, 17, 3), np.float32))
        meter.add(people, (camera.width, camera.height))
    return meter.summarise() if meter.frames >= FRAMES // 2 else None


def _on_floor_of(places: Array, heads: Array, share: float = 1.0) -> Array:
    """Return places moved and scaled to a share of the floor that some heads are above."""
    low, size = places[:, :2].min(axis=0), np.maximum(np.ptp(places[:, :2], axis=0), 0.1)
    target = np.ptp(heads[:, :2], axis=0) * share
    moved = places.copy()
    moved[:, :2] = (places[:, :2] - low) / size * target + heads[:, :2].min(axis=0)
    return moved
