"""Puts a class together from a seed: room, people, what they do, camera, light."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bench.classroom.actors import Actor
from bench.classroom.belongings import draw_belongings, lay_out
from bench.classroom.bodies import Bodies
from bench.classroom.cameras import CLOSE, CameraKind, Shot, Space, draw_camera
from bench.classroom.cast import draw_member, draw_outfit, draw_rigs
from bench.classroom.drawables import Figure, Light
from bench.classroom.furniture import Local, draw_style
from bench.classroom.lighting import draw_light
from bench.classroom.motion import MOODS, Mood, Place, Writer, choose, write_usual
from bench.classroom.plans import Station
from bench.classroom.props import add_bag, add_decoys, dress_chair
from bench.classroom.rig import Rig
from bench.classroom.room import Room, RoomKind
from bench.classroom.rooms import MOODS_OF, build_room

AGES: Final = ((0.22, 0.36), (0.34, 0.50), (0.45, 0.66), (0.5, 0.9))
"""Anny's ages of the members of a class: small children, pupils, youths, adults."""
ROOM_SHARES: Final[dict[RoomKind, float]] = {
    "rows": 0.22,
    "pairs": 0.15,
    "benches": 0.12,
    "groups": 0.13,
    "horseshoe": 0.06,
    "lecture_hall": 0.09,
    "exam": 0.06,
    "computer_lab": 0.07,
    "hall": 0.05,
    "bus": 0.05,
}
CAMERA_SHARES: Final[dict[CameraKind, float]] = {
    "corner": 0.26,
    "front": 0.17,
    "side": 0.09,
    "back": 0.06,
    "back_corner": 0.07,
    "steep": 0.05,
    "close": 0.15,
    "table": 0.08,
    "behind": 0.07,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; what is none is drawn.

    Attributes:
        seed: All is drawn from it.
        people: Students.
        seconds: Of the clip; 0 for a picture.
        width: Pixels.
        height: Pixels.
        room: Kind.
        camera: Kind.
    """

    seed: int
    people: int | None = None
    seconds: float = 0.0
    width: int = 1280
    height: int = 720
    room: RoomKind | None = None
    camera: CameraKind | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is needed to draw any moment of a class.

    Attributes:
        wish: What was asked for.
        room: With its furniture and decoys.
        actors: Everybody.
        coats: Empty coats and dummies.
        shot: The camera.
        light: Of the room.
    """

    wish: Wish
    room: Room
    actors: tuple[Actor, ...]
    coats: tuple[Figure, ...]
    shot: Shot
    light: Light


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Return random numbers for one purpose, which do not depend on how many others took."""
    return np.random.default_rng([seed, *purpose])


def draw_scene(wish: Wish, bodies: Bodies) -> Scene:
    """Return the class of a seed."""
    room, rigs, _ = _draw_room(wish, bodies)
    actors = _seat_people(wish, room, rigs, generator(wish.seed, 2), bodies)
    coats = furnish(room, actors, bodies, generator(wish.seed, 3))
    space = space_of(room, actors)
    shot = _draw_shot(wish, room.kind, space, generator(wish.seed, 4))
    return Scene(
        wish, room, tuple(actors), tuple(coats), shot, draw_light(room, generator(wish.seed, 5))
    )


def draw_other_lesson(scene: Scene, bodies: Bodies, number: int, people: int) -> Scene:
    """Return another lesson in the room of a scene, before the same camera.

    Furniture stays where it is; people, where they sit, what they do and brought, and the light are
    others.

    Args:
        scene: The first lesson.
        bodies: Of the people.
        number: Of the lesson, from 1 on.
        people: Students.
    """
    wish = scene.wish
    room, _, ages = _draw_room(wish, bodies)
    rigs = draw_rigs(bodies, max(people, 8), ages, generator(wish.seed, 0, number))[:people]
    actors = _seat_people(wish, room, rigs, generator(wish.seed, 2, number), bodies)
    coats = furnish(room, actors, bodies, generator(wish.seed, 3, number))
    light = draw_light(room, generator(wish.seed, 5, number))
    return Scene(wish, room, tuple(actors), tuple(coats), scene.shot, light)


def _draw_room(wish: Wish, bodies: Bodies) -> tuple[Room, list[Rig], tuple[float, float]]:
    """Return the empty room of a seed, the bodies of its students, and their range of ages."""
    rng = generator(wish.seed, 0)
    kinds = list(ROOM_SHARES)
    kind = wish.room or kinds[int(rng.choice(len(kinds), p=list(ROOM_SHARES.values())))]
    people = wish.people if wish.people is not None else _crowd(kind, rng)
    ages = AGES[int(rng.choice(4, p=[0.15, 0.3, 0.33, 0.22]))]
    rigs = draw_rigs(bodies, max(people, 8), ages, rng)
    style = draw_style(rng, float(np.median([rig.stature for rig in rigs])), kind)
    spare = 1.0 if rng.random() < 0.4 else float(rng.uniform(1.0, 1.35))
    room = build_room(kind, round(max(people, 1) * spare), style, generator(wish.seed, 1))
    return room, rigs[:people], ages


def _crowd(kind: RoomKind, rng: np.random.Generator) -> int:
    if rng.random() < 0.03:
        return 0
    most = {"lecture_hall": 70, "hall": 70, "bus": 36, "benches": 60, "horseshoe": 22}.get(kind, 36)
    return int(np.clip(rng.gamma(2.2, most / 5.5) + 2, 1, most))


def _seat_people(
    wish: Wish, room: Room, rigs: list[Rig], rng: np.random.Generator, bodies: Bodies
) -> list[Actor]:
    uniform = draw_outfit(rng) if rng.random() < 0.36 else None
    if uniform is not None:
        uniform = replace(uniform, skirt=None)
    moods = MOODS_OF[room.kind]
    mood = moods[int(rng.integers(len(moods)))]
    questions = tuple(
        float(value)
        for value in np.sort(rng.uniform(0, wish.seconds, max(1, int(wish.seconds / 14))))
    )
    chosen = np.sort(rng.permutation(len(room.seats))[: len(rigs)])
    raising = float(rng.choice([0.05, 0.12, 0.3]))
    actors = []
    for number, (index, rig) in enumerate(zip(chosen, rigs, strict=False), start=1):
        seat = room.seats[int(index)]
        own = np.random.default_rng(rng.integers(2**63))
        member = draw_member(number, "student", rig, uniform, own)
        writer = Writer(seat.place, seat.station, member.habits, own)
        if wish.seconds > 0:
            walks = seat.aisle is not None and own.random() < 0.035
            if walks and seat.aisle is not None:
                write_errand(writer, mood, wish.seconds, seat.aisle)
                actors.append(
                    Actor(
                        member,
                        writer.script(),
                        seat.station,
                        draw_belongings(seat.work, member.accent, own),
                    )
                )
                continue
            write_usual(
                writer,
                mood,
                wish.seconds,
                questions,
                heads_down=bool(own.random() < 0.07 and seat.station.desk is not None),
                stands=bool(own.random() < 0.06 and room.kind != "bus"),
            )
        else:
            _strike_pose(writer, mood, raising, room.kind)
        actors.append(
            Actor(
                member,
                writer.script(),
                seat.station,
                draw_belongings(seat.work, member.accent, own),
            )
        )
    if rng.random() < 0.72 and len(actors) < 74:
        grown = draw_rigs(bodies, 1, (0.55, 0.9), rng)[0]
        actors.append(_teacher(len(actors) + 1, grown, room, wish.seconds, rng))
    if wish.seconds == 0 and room.kind not in {"bus", "hall"}:
        actors += _stragglers(room, len(actors), bodies, rng)
    return actors


def _strike_pose(writer: Writer, mood: Mood, raising: float, kind: RoomKind) -> None:
    """Write one plan for a picture, or a transition between two."""
    rng = writer.rng
    weights = dict(MOODS[mood])
    for action, weight in MOODS["mixed"].items():
        weights[action] = weights.get(action, 0.0) + 0.35 * weight
    total = sum(weights.values())
    weights["raise"] = raising * total
    weights["raise_elbow"] = weights["raise_half"] = 0.2 * raising * total
    weights["raise_both"] = 0.1 * raising * total
    weights["stand"] = 0.02 * total if kind != "bus" else 0.0
    if writer.station.desk is None:
        for action in ("head_down", "head_on_arm", "type", "raise_elbow", "write"):
            weights.pop(action, None)
    writer.add(-100.0, writer.plan(choose(weights, rng)))
    if rng.random() < 0.12:
        writer.add(-float(rng.uniform(0.15, 0.6)), writer.plan(choose(weights, rng)))


def _teacher(number: int, rig: Rig, room: Room, seconds: float, rng: np.random.Generator) -> Actor:
    own = np.random.default_rng(rng.integers(2**63))
    member = draw_member(number, "teacher", rig, None, own)
    station = Station(rig.stature * 0.262, None)
    wide = room.half_width * 0.6
    front = (0.75, max(0.9, room.first - 1.1)) if room.kind != "bus" else (0.9, 1.0)

    def somewhere() -> tuple[float, float]:
        if room.kind == "bus":
            return float(own.normal(0, 0.05)), float(own.uniform(*front))
        return float(own.uniform(-wide, wide)), float(own.uniform(*front))

    x, y = somewhere()
    heading = 180 + float(own.normal(0, 25))
    writer = Writer(Place(x, y, 0.0, heading), station, member.habits, own)
    at_board = own.random() < 0.25 and room.kind != "bus"
    if at_board:
        writer.place = Place(x, 0.62, 0.0, float(own.normal(0, 12)))
    writer.add(-5.0, writer.plan("at_board" if at_board else "stand"))
    now = float(own.uniform(2, 8))
    while now < seconds and room.kind != "bus":
        at_board = own.random() < 0.3
        goal = somewhere()
        target = (goal[0], 0.62) if at_board else goal
        here = writer.place
        if abs(target[0] - here.x) + abs(target[1] - here.y) > 0.7:
            now = walk_to(writer, now, (target,))
        turn = float(own.normal(0, 12)) if at_board else 180 + float(own.normal(0, 25))
        writer.place = Place(*target, 0.0, turn)
        writer.add(now, writer.plan("at_board" if at_board else "stand"))
        now += float(own.uniform(5, 16))
    return Actor(member, writer.script(), station, draw_belongings("none", member.accent, own))


def write_errand(writer: Writer, mood: Mood, seconds: float, aisle: tuple[float, float]) -> None:
    """Write the script of somebody who goes to the board and comes back."""
    rng, seat = writer.rng, writer.place
    usual = MOODS[mood]
    writer.add(-float(rng.uniform(1, 9)), writer.plan(choose(usual, rng)))
    now = float(rng.uniform(0.1, 0.4)) * seconds
    writer.add(now, writer.plan("stand"))
    board = (float(np.clip(aisle[0] + rng.normal(0, 0.8), -1.2, 1.2)), 0.65)
    way = (aisle, (aisle[0], 1.1), board)
    now = walk_to(writer, now + float(rng.uniform(1.6, 2.5)), way)
    writer.place = Place(*board, seat.floor, float(rng.normal(0, 15)))
    writer.add(now, writer.plan("at_board"))
    now = walk_to(
        writer, now + float(rng.uniform(0.1, 0.3)) * seconds, (*way[1::-1], (seat.x, seat.y - 0.1))
    )
    writer.place = seat
    writer.add(now, writer.plan("stand"))
    writer.add(now + 0.8, writer.plan(choose(usual, rng)))


def walk_to(writer: Writer, begins: float, points: tuple[tuple[float, float], ...]) -> float:
    """Add a walk along points (x, y) of level floor, and return when it ends."""
    here = writer.place
    path = (here, *(Place(x, y, here.floor, here.heading) for x, y in points))
    speed = float(writer.rng.uniform(0.8, 1.15)) * writer.habits.liveliness**0.2
    plan = replace(writer.plan("walk"), speed=speed)
    writer.add(begins, plan, path)
    return float(begins + writer.segments[-1].length / speed)


def _stragglers(room: Room, before: int, bodies: Bodies, rng: np.random.Generator) -> list[Actor]:
    """Return people of a picture who stand, walk, bend or squat about the room."""
    actors: list[Actor] = []
    taken = np.array([[seat.place.x, seat.place.y] for seat in room.seats])
    for _ in range(int(rng.choice([0, 1, 2, 4], p=[0.55, 0.28, 0.12, 0.05]))):
        number = before + len(actors) + 1
        if number > 76:
            break
        own = np.random.default_rng(rng.integers(2**63))
        x = float(own.uniform(-room.half_width + 0.5, room.half_width - 0.5))
        y = float(own.uniform(0.5, room.depth - 0.5))
        if room.rise and y > room.first - 1.0:
            continue
        if len(taken) and np.hypot(taken[:, 0] - x, taken[:, 1] - 0.3 - y).min() < 0.75:
            continue
        rig = draw_rigs(bodies, 1, (0.3, 0.9), own)[0]
        member = draw_member(number, "student" if own.random() < 0.6 else "teacher", rig, None, own)
        action = choose({"stand": 0.45, "walk": 0.3, "bend": 0.17, "squat": 0.08}, own)
        station = Station(rig.stature * 0.262, None)
        writer = Writer(Place(x, y, 0.0, float(own.uniform(0, 360))), station, member.habits, own)
        plan = writer.plan(action)
        writer.add(-float(own.uniform(1, 9)), replace(plan, speed=1.0 if action == "walk" else 0.0))
        actors.append(
            Actor(member, writer.script(), station, draw_belongings("none", member.accent, own))
        )
    return actors


def furnish(
    room: Room, actors: list[Actor], bodies: Bodies, rng: np.random.Generator
) -> list[Figure]:
    """Lay out belongings, bags, coats and decoys."""
    coats: list[Figure] = []
    taken = set()
    for actor in actors:
        place = actor.script.segments[0].path[0]
        taken.add((place.x, place.y))
        if actor.member.role == "student":
            local = Local(room.things, place.x, place.y, place.floor, place.heading)
            lay_out(
                room.things, actor.belongings, actor.station, local, actor.member.rig.scale, rng
            )
    for seat in room.seats:
        here = (seat.place.x, seat.place.y) in taken
        if room.kind in {"bus", "lecture_hall", "hall"}:
            continue
        if rng.random() < 0.22:
            add_bag(room, seat, rng)
        if rng.random() < (0.08 if here else 0.24):
            coat = dress_chair(room, seat, bodies, rng)
            coats += [coat] if coat is not None else []
    if room.kind != "bus":
        coats += add_decoys(room, bodies, rng)
    return coats


def space_of(room: Room, actors: list[Actor]) -> Space:
    """Return what a camera needs to know."""
    stances = [actor.at(0.0) for actor in actors]
    heads = np.array([stance.world(stance.posed.keypoints)[0] for stance in stances])
    places = [stance.moment.place for stance in stances if stance.actor.member.role == "student"]
    seats = np.array([[place.x, place.y, place.floor, place.heading] for place in places])
    return Space(
        room.half_width,
        room.depth,
        room.height,
        room.first,
        room.last,
        room.spread,
        room.style.seat_height,
        room.rise,
        heads.reshape(-1, 3),
        seats.reshape(-1, 4),
    )


def _draw_shot(wish: Wish, kind: RoomKind, space: Space, rng: np.random.Generator) -> Shot:
    camera = wish.camera
    if camera is None:
        kinds = list(CAMERA_SHARES)
        shares = np.array([CAMERA_SHARES[name] for name in kinds])
        if wish.seconds > 0:
            shares = np.where(
                [name in CLOSE or name == "steep" for name in kinds], shares * 0.3, shares
            )
        camera = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
        if kind == "bus":
            camera = "aisle" if rng.random() < 0.75 else "close"
    tries = 4 if camera in CLOSE else 1
    drawn = [draw_camera(camera, space, wish.width, wish.height, rng) for _ in range(tries)]

    def seen(index: int) -> float:
        pixels, before = drawn[index].project(space.heads)
        inside = before & (pixels > 0).all(1) & (pixels < [wish.width, wish.height]).all(1)
        distance = drawn[index].distances(space.heads)
        return float((inside & (distance > 0.6)).astype(float) @ (1 / (1 + distance)))

    best = max(range(tries), key=seen) if len(space.heads) else 0
    return Shot(drawn[best], drawn[best])
