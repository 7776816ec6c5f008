"""Scripts: what each person does when, with the transitions between.

A script is a list of segments. At a segment's beginning the posture goes over from the one before
in `transition` seconds, so that hands rise and sink, and people stand up and sit down.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from bench.classroom.geometry import smooth
from bench.classroom.plans import ACTIVITY, ON_FEET, RAISING, SINKING, Action, Plan, Station
from bench.classroom.poses import solve
from bench.classroom.posture import Posture, blend
from bench.classroom.repertoire import Habits, draw_plan, without_desk
from bench.classroom.rig import Posed, Rig
from bench.classroom.truth import TrueActivity

Mood = Literal["written", "reading", "lecture", "mixed", "computer", "exam", "group", "ride"]

MOODS: Final[dict[Mood, dict[Action, float]]] = {
    "written": {"write": 9, "read": 1.5, "desk": 1.5, "chin": 1, "scratch": 0.4, "lap": 0.4},
    "reading": {"read": 6, "read_held": 3, "desk": 1, "chin": 1.2, "write": 0.7, "lap": 0.5},
    "lecture": {
        "desk": 4,
        "lap": 1.5,
        "fold": 2,
        "chin": 1.5,
        "write": 2.5,
        "read": 0.7,
        "scratch": 0.4,
        "turn_round": 0.4,
        "phone": 0.4,
    },
    "mixed": {
        "write": 4,
        "read": 2.5,
        "read_held": 1,
        "type": 0.8,
        "desk": 2.5,
        "lap": 0.8,
        "fold": 0.8,
        "chin": 1,
        "phone": 0.7,
        "scratch": 0.4,
        "stretch": 0.15,
        "point": 0.2,
        "turn_round": 0.6,
        "head_down": 0.4,
        "head_on_arm": 0.3,
    },
    "computer": {"type": 7, "read": 1, "desk": 1, "chin": 0.8, "fold": 0.5, "phone": 0.4},
    "exam": {"write": 8, "read": 3, "chin": 1, "scratch": 0.6, "head_on_arm": 0.4, "desk": 0.6},
    "group": {
        "desk": 3,
        "turn_round": 2,
        "point": 1,
        "write": 2.5,
        "read": 1,
        "lap": 1,
        "chin": 0.8,
        "fold": 0.6,
        "phone": 0.4,
    },
    "ride": {"lap": 4, "phone": 3, "fold": 1, "turn_round": 1.5, "desk": 1, "read_held": 0.5},
}
"""How often the members of a class do what; a hand or a head goes up or down beside it."""

RARE: Final[dict[Action, float]] = {
    "raise": 6,
    "raise_elbow": 1.5,
    "raise_half": 1,
    "raise_both": 0.7,
}
TRANSITIONS: Final[dict[str, tuple[float, float]]] = {
    "raise": (0.5, 0.9),
    "sink": (1.0, 1.5),
    "stand": (1.0, 1.5),
    "walk": (0.5, 0.7),
    "usual": (0.6, 1.3),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person's origin is: metres, and degrees to the left from facing −y."""

    x: float
    y: float
    floor: float
    heading: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Something that a person does from `begins` on, until the next segment does.

    Attributes:
        begins: Seconds since the clip's first frame; before it for the first segment.
        plan: What it is.
        transition: Seconds that the posture takes to come over from the segment before.
        path: Where the person is; a walk visits all in turn, at `plan.speed`.
    """

    begins: float
    plan: Plan
    transition: float
    path: tuple[Place, ...]

    def place(self, seconds: float) -> Place:
        """Return where the person is."""
        if len(self.path) == 1:
            return self.path[0]
        walked = max(0.0, seconds - self.begins) * self.plan.speed
        for start, end in zip(self.path, self.path[1:], strict=False):
            length = float(np.hypot(end.x - start.x, end.y - start.y))
            if walked <= length and length > 0:
                share = walked / length
                heading = float(np.rad2deg(np.arctan2(end.x - start.x, -(end.y - start.y))))
                ahead = min(1.0, walked / 0.5)
                return Place(
                    start.x + (end.x - start.x) * share,
                    start.y + (end.y - start.y) * share,
                    start.floor + (end.floor - start.floor) * share,
                    start.heading + _turn(start.heading, heading) * smooth(ahead),
                )
            walked -= length
        last, before = self.path[-1], self.path[-2]
        heading = float(np.rad2deg(np.arctan2(last.x - before.x, -(last.y - before.y))))
        return Place(last.x, last.y, last.floor, heading)

    @property
    def length(self) -> float:
        """Metres of the path."""
        return sum(
            float(np.hypot(b.x - a.x, b.y - a.y))
            for a, b in zip(self.path, self.path[1:], strict=False)
        )


def _turn(source: float, target: float) -> float:
    """Return the shorter way from one heading to another, in degrees."""
    return (target - source + 180) % 360 - 180


@dataclass(frozen=True, slots=True)
class Moment:
    """A person at one time.

    Attributes:
        posture: Of the body.
        place: Of its origin.
        before: The plan that is left.
        plan: The plan that is come to.
        share: How far, 0 to 1.
    """

    posture: Posture
    place: Place
    before: Plan
    plan: Plan
    share: float

    @property
    def main(self) -> Plan:
        """The plan that has more of the posture."""
        return self.plan if self.share >= 0.5 else self.before

    def share_of(self, *actions: Action) -> float:
        """Return how much of the posture belongs to some actions."""
        return (self.share if self.plan.action in actions else 0.0) + (
            1 - self.share if self.before.action in actions else 0.0
        )


@dataclass(frozen=True, slots=True)
class Script:
    """All that one person does in a clip; segments in order of time."""

    segments: tuple[Segment, ...]

    def at(self, seconds: float, rig: Rig, station: Station) -> Moment:
        """Return the person at a time."""
        now = 0
        for number, segment in enumerate(self.segments):
            if segment.begins <= seconds:
                now = number
        segment = self.segments[now]
        place = segment.place(seconds)
        posture = solve(segment.plan, rig, station, seconds)
        since = seconds - segment.begins
        if now == 0 or since >= segment.transition:
            return Moment(posture, place, segment.plan, segment.plan, 1.0)
        share = smooth(since / segment.transition)
        before = self.segments[now - 1]
        old = solve(before.plan, rig, station, seconds)
        there = before.place(segment.begins)
        if len(segment.path) == 1:
            place = Place(
                there.x + (place.x - there.x) * share,
                there.y + (place.y - there.y) * share,
                there.floor + (place.floor - there.floor) * share,
                there.heading + _turn(there.heading, place.heading) * share,
            )
        return Moment(blend(old, posture, share), place, before.plan, segment.plan, share)


SHOULDERS: Final = {"L": 5, "R": 6}
ELBOWS: Final = {"L": 7, "R": 8}
WRISTS: Final = {"L": 9, "R": 10}


def hand_is_up(posed: Posed, side: str) -> bool:
    """Whether a wrist is above its shoulder, with the upper arm or the forearm pointing up."""
    shoulder, elbow, wrist = (
        posed.keypoints[joints[side]] for joints in (SHOULDERS, ELBOWS, WRISTS)
    )
    if wrist[2] <= shoulder[2] + 0.02:
        return False
    upper, lower = elbow - shoulder, wrist - elbow
    return bool(lower[2] > 0.35 * np.linalg.norm(lower) or upper[2] > 0.35 * np.linalg.norm(upper))


LYING: Final = 0.8
"""How much of the posture is one with the head on the desk before the head counts as down."""


def true_activity(moment: Moment, posed: Posed) -> TrueActivity:
    """Return what a person does, by the plan and by where the hands are."""
    sides = {*moment.plan.raised, *(moment.before.raised if moment.share < 1 else ())}
    if any(hand_is_up(posed, side) for side in sides):
        return TrueActivity.HAND_RAISED
    main, other = moment.plan, moment.before
    if moment.share < 0.5:
        main, other = other, main
    if main.action in RAISING:
        return TrueActivity.STANDING if other.action in ON_FEET else TrueActivity.SITTING
    activity = ACTIVITY.get(main.action, TrueActivity.SITTING)
    if activity is TrueActivity.HEAD_DOWN and moment.share_of(*SINKING) < LYING:
        return TrueActivity.SITTING
    return activity


def draw_transition(before: Plan | None, plan: Plan, rng: np.random.Generator) -> float:
    """Return how long the change from one plan to another takes, in seconds."""
    kind = "usual"
    changes = before is not None and before.on_feet != plan.on_feet
    if plan.action == "walk" or (before is not None and before.action == "walk" and not changes):
        kind = "walk"
    elif changes:
        kind = "stand"
    elif plan.action in SINKING:
        kind = "sink"
    elif plan.action in RAISING:
        kind = "raise"
    return float(rng.uniform(*TRANSITIONS[kind]))


class Writer:
    """Writes one person's script, segment by segment."""

    def __init__(
        self, place: Place, station: Station, habits: Habits, rng: np.random.Generator
    ) -> None:
        self.place, self.station, self.habits, self.rng = place, station, habits, rng
        self.segments: list[Segment] = []

    def plan(self, action: Action) -> Plan:
        """Draw a plan for the person's station."""
        plan = draw_plan(action, self.habits, self.rng)
        return plan if self.station.desk is not None else without_desk(plan, self.rng)

    def add(self, begins: float, plan: Plan, path: tuple[Place, ...] | None = None) -> None:
        """Go over to a plan at a time."""
        before = self.segments[-1].plan if self.segments else None
        transition = draw_transition(before, plan, self.rng) if before is not None else 0.0
        self.segments.append(Segment(begins, plan, transition, path or (self.place,)))

    @property
    def last(self) -> Plan:
        """The plan of the last segment."""
        return self.segments[-1].plan

    def script(self) -> Script:
        """Return what was written."""
        return Script(tuple(self.segments))


def choose(weights: dict[Action, float], rng: np.random.Generator) -> Action:
    """Return an action, drawn by weight."""
    actions = list(weights)
    shares = np.array([weights[action] for action in actions])
    return actions[int(rng.choice(len(actions), p=shares / shares.sum()))]


def write_usual(
    writer: Writer,
    mood: Mood,
    seconds: float,
    questions: tuple[float, ...],
    *,
    heads_down: bool = False,
    stands: bool = False,
) -> None:
    """Write a script of usual classwork.

    Args:
        writer: Of the person.
        mood: What the class does.
        seconds: Of the clip.
        questions: Times at which the teacher asks something.
        heads_down: Whether the person puts the head down for a while.
        stands: Whether the person stands up for a while.
    """
    rng = writer.rng
    weights = MOODS[mood]
    now = -float(rng.uniform(1, 12))
    writer.add(now, writer.plan(choose(weights, rng)))
    eager = float(rng.beta(1.2, 2.2))
    wanted: list[tuple[float, float, Action]] = []
    for question in questions:
        if rng.random() < eager:
            begins = question + float(rng.gamma(2.0, 0.7))
            wanted.append((begins, float(rng.uniform(2.0, 9.0)), choose(RARE, rng)))
    if heads_down:
        begins = float(rng.uniform(0.1, 0.6)) * seconds
        action: Action = "head_down" if rng.random() < 0.6 else "head_on_arm"
        wanted.append((begins, float(rng.uniform(0.2, 0.5)) * seconds, action))
    if stands:
        begins = float(rng.uniform(0.1, 0.6)) * seconds
        wanted.append((begins, float(rng.uniform(0.12, 0.3)) * seconds, "stand"))
    wanted.sort()
    while now < seconds:
        until = now + float(rng.gamma(3.0, 4.5)) + 3.0
        coming = [one for one in wanted if one[0] > max(now, 0.0) + 1.5 and one[0] < until + 2.0]
        if coming:
            begins, lasts, action = coming[0]
            wanted = [one for one in wanted if one[0] > begins + lasts + 2.0]
            back = writer.last
            writer.add(begins, writer.plan(action))
            now = begins + lasts
            writer.add(now, back if rng.random() < 0.6 else writer.plan(choose(weights, rng)))
        else:
            wanted = [one for one in wanted if one[0] > until]
            now = until
            writer.add(now, writer.plan(choose(weights, rng)))
