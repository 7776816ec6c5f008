"""The demo's minute: 24 people at work, and then a camera that closes in on a few.

Hands go up at four times, people read and write, two put their heads down, one stands up for a
while. From 44 s on, the picture holds four to six people: fewer than any count may be given for.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.classroom.actors import Actor
from bench.classroom.belongings import draw_belongings
from bench.classroom.bodies import Bodies
from bench.classroom.cameras import Camera, Shot
from bench.classroom.cast import draw_member, draw_rigs
from bench.classroom.effects import Effects
from bench.classroom.furniture import draw_style
from bench.classroom.geometry import Array
from bench.classroom.lighting import draw_light
from bench.classroom.motion import MOODS, Script, Writer, choose
from bench.classroom.overlays import Overlays
from bench.classroom.plans import Action
from bench.classroom.room import Room
from bench.classroom.rooms import build_room
from bench.classroom.scene import Scene, Wish, furnish, generator, space_of

PEOPLE: Final = 24
SECONDS: Final = 60.0
CRF: Final = 29
EFFECTS: Final = Effects(vignette=0.12, softness="blurred", amount=0.5)
OVERLAYS: Final = Overlays()
QUESTIONS: Final = ((8.0, 5), (19.0, 3), (31.0, 7), (51.0, 2))
"""Seconds at which hands go up, and how many."""
HEADS_DOWN: Final = ((6.0, 38.0), (14.0, 60.0))
"""From when to when two people have their heads down, in seconds."""
STANDS: Final = (22.0, 34.0)
CLOSING_IN: Final = (41.0, 44.0)
FEW: Final = (4, 6)


def draw_demo(wish: Wish, bodies: Bodies) -> Scene:
    """Return the demo's class for a seed; of the wish, seed and size are used."""
    wish = replace(wish, people=PEOPLE, seconds=SECONDS, room="rows", camera="corner")
    rng = generator(wish.seed, 0)
    rigs = draw_rigs(bodies, PEOPLE, (0.4, 0.62), rng)
    stature = float(np.median([rig.stature for rig in rigs]))
    style = replace(draw_style(rng, stature, "rows"), seat="plain", panel=False, clutter=0.4)
    room = build_room("rows", PEOPLE, style, generator(wish.seed, 1))
    scripts = generator(wish.seed, 2)
    order = scripts.permutation(PEOPLE)
    special = {int(order[0]): HEADS_DOWN[0], int(order[1]): HEADS_DOWN[1], int(order[2]): STANDS}
    eager = [int(number) for number in order[3:]]
    actors = []
    for number, rig in enumerate(rigs):
        own = np.random.default_rng(scripts.integers(2**63))
        member = draw_member(number + 1, "student", rig, None, own)
        seat = room.seats[number]
        writer = Writer(seat.place, seat.station, member.habits, own)
        raises = [
            begins
            for begins, count in QUESTIONS
            if number in _chosen(eager, int(begins), count, wish.seed)
        ]
        sinks = number in {int(order[0]), int(order[1])}
        script = _script(writer, raises, special.get(number), sinks=sinks)
        belongings = draw_belongings(seat.work, member.accent, own)
        actors.append(Actor(member, script, seat.station, belongings))
    coats = furnish(room, actors, bodies, generator(wish.seed, 3))
    light = draw_light(replace(room, bright_windows=False), generator(wish.seed, 5))
    scene = Scene(wish, room, tuple(actors), tuple(coats), _overview(wish, actors, room), light)
    return replace(scene, shot=_close_in(scene))


def _chosen(eager: list[int], moment: int, count: int, seed: int) -> set[int]:
    rng = np.random.default_rng([seed, 8, moment])
    return {int(number) for number in rng.choice(eager, count, replace=False)}


def _script(
    writer: Writer, raises: list[float], special: tuple[float, float] | None, *, sinks: bool
) -> Script:
    rng = writer.rng
    weights: dict[Action, float] = {"write": 5, "read": 3, "read_held": 1.5, "desk": 1, "chin": 0.5}
    weights = {action: weight for action, weight in weights.items() if action in MOODS["mixed"]}
    writer.add(-5.0, writer.plan(choose(weights, rng)))
    now = float(rng.uniform(6, 16))
    events: list[tuple[float, float, Action]] = [
        (begins + float(rng.uniform(0, 2.5)), float(rng.uniform(3.0, 7.0)), "raise")
        for begins in raises
    ]
    if special is not None:
        begins, ends = special
        down: Action = "head_down" if rng.random() < 0.5 else "head_on_arm"
        events.append((begins, ends - begins, down if sinks else "stand"))
    events.sort()
    while now < SECONDS or events:
        if events and events[0][0] < now + 3:
            begins, lasts, action = events.pop(0)
            before = writer.last
            writer.add(max(begins, writer.segments[-1].begins + 1.6), writer.plan(action))
            now = begins + lasts
            writer.add(now, before)
            now += float(rng.uniform(5, 12))
        elif now < SECONDS:
            writer.add(now, writer.plan(choose(weights, rng)))
            now += float(rng.uniform(9, 20))
        else:
            now = events[0][0]
    return writer.script()


def _overview(wish: Wish, actors: list[Actor], room: Room) -> Shot:
    """Return a camera in the front corner of the room that sees everybody."""
    space = space_of(room, actors)
    eye = np.array([space.half_width - 0.3, 0.4, min(2.7, space.height - 0.2)])
    at = np.median(space.heads, axis=0) + np.array([0, 0, -0.25])
    camera = Camera("corner", eye, at, 80.0, 0.0, 0.0, wish.width, wish.height)
    for fov in np.arange(50, 110, 2.0):
        camera = replace(camera, fov=float(fov))
        if _inside(camera, space.heads, 0.03).all():
            break
    return Shot(camera, camera)


def _inside(camera: Camera, points: Array, margin: float) -> npt.NDArray[np.bool_]:
    pixels, before = camera.project(points)
    size = np.array([camera.width, camera.height])
    low, high = size * margin, size * (1 - margin)
    return np.asarray(before & (pixels > low).all(1) & (pixels < high).all(1))


def _close_in(scene: Scene) -> Shot:
    """Return the shot that ends on a few people of whom no more than `FEW` can be seen."""
    start = scene.shot.start
    stances = [actor.at(SECONDS - 5) for actor in scene.actors]
    points = np.array([stance.world(stance.posed.keypoints[:13]) for stance in stances])
    best: tuple[float, Camera] | None = None
    for number in range(len(stances)):
        middle = points[number, :7].mean(0) - np.array([0, 0, 0.1])
        for fov in np.arange(14, 40, 1.5):
            camera = replace(start, at=middle, fov=float(fov))
            inside = _inside(camera, points.reshape(-1, 3), 0.0).reshape(points.shape[:2])
            about = _inside(camera, points.reshape(-1, 3), -0.05).reshape(points.shape[:2])
            touched = int(about.any(1).sum())
            whole = inside[:, :7].sum(1) >= 5
            if touched > FEW[1] or whole.sum() < FEW[0]:
                continue
            pixels, _ = camera.project(points[whole, 0])
            off = np.abs(pixels.mean(0) / [camera.width, camera.height] - 0.5).max()
            score = float(whole.sum()) * 2 - touched - 8 * float(off)
            if best is None or score > best[0]:
                best = score, camera
    if best is None:
        raise ValueError("no view of the demo's class holds four to six people: try another seed")
    return Shot(start, best[1], *CLOSING_IN)
