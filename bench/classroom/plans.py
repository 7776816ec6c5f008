"""What a person does for a while, drawn once, and the furniture about the person.

A `Plan` says how far the back leans, where the hands are to be, what is looked at.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from bench.classroom.bodies import SIDES
from bench.classroom.truth import TrueActivity

Action = Literal[
    "write",
    "type",
    "read",
    "read_held",
    "phone",
    "desk",
    "lap",
    "fold",
    "chin",
    "scratch",
    "stretch",
    "point",
    "turn_round",
    "raise",
    "raise_both",
    "raise_elbow",
    "raise_half",
    "head_down",
    "head_on_arm",
    "stand",
    "lean_on_desk",
    "at_board",
    "bend",
    "squat",
    "walk",
]
RAISING: Final = frozenset({"raise", "raise_both", "raise_elbow", "raise_half"})
SINKING: Final[tuple[Action, ...]] = ("head_down", "head_on_arm")
ON_FEET: Final = frozenset({"stand", "lean_on_desk", "at_board", "bend", "squat", "walk"})
ACTIVITY: Final[dict[str, TrueActivity]] = {
    "write": TrueActivity.WRITING,
    "type": TrueActivity.WRITING,
    "read": TrueActivity.READING,
    "read_held": TrueActivity.READING,
    "phone": TrueActivity.READING,
    "head_down": TrueActivity.HEAD_DOWN,
    "head_on_arm": TrueActivity.HEAD_DOWN,
    **dict.fromkeys(sorted(ON_FEET), TrueActivity.STANDING),
}
"""The rest is sitting; whether a hand is raised depends on where it is."""


@dataclass(frozen=True, slots=True)
class Station:
    """The furniture about a person, in the person's frame, in metres.

    Attributes:
        seat: Height of the seat.
        desk: Height of the desk's top; none without a desk.
        gap: From the hip joints forwards to the desk's near edge.
        depth: Of the desk.
    """

    seat: float
    desk: float | None
    gap: float = 0.24
    depth: float = 0.5


Anchor = Literal["desk", "face", "chest", "lap"]
Stroke = Literal["none", "pen", "keys", "page", "wave", "gesture"]


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """Where an arm goes: a place of the wrist, or directions of both its bones.

    Attributes:
        anchor: What `at` is measured from; none if the arm has directions.
        at: (3,) to the person's left, forwards (so towards −y), up, in metres of an adult.
        upper: (3,) direction of the upper arm.
        lower: (3,) direction of the forearm.
        pole: (3,) direction in which the elbow is rather.
        palm: (3,) direction that the palm faces.
        flex: See `Arm`.
        curl: See `Arm`.
        point: See `Arm`.
        stroke: Small motion of the hand.
    """

    anchor: Anchor | None = None
    at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    upper: tuple[float, float, float] = (0.0, 0.0, -1.0)
    lower: tuple[float, float, float] = (0.0, 0.0, -1.0)
    pole: tuple[float, float, float] = (0.0, 0.4, -1.0)
    palm: tuple[float, float, float] = (0.0, 0.0, -1.0)
    flex: float = 0.0
    curl: float = 20.0
    point: bool = False
    stroke: Stroke = "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person does for a while.

    Attributes:
        action: What it is.
        lean: Degrees that the back leans forwards.
        side: Degrees to the right.
        twist: Degrees that the shoulders turn to the left.
        pitch: Degrees that the head goes down beyond the back's lean.
        yaw: Degrees that the head turns to the left.
        tilt: Degrees to the right.
        arms: Left, right.
        look: (3,) what is looked at, measured like `ArmPlan.at` from the desk; none for `pitch`.
        feet: (2, 2) metres of an adult to the left, and forwards, of each foot from the hips.
        slide: Metres that the hips are forwards on the seat.
        main: The hand that writes, rises or holds.
        phases: Where small motions begin, in radians.
        liveliness: Size of small motions; 1 is usual.
        speed: Of walking, in metres a second.
    """

    action: Action
    lean: float = 5.0
    side: float = 0.0
    twist: float = 0.0
    pitch: float = 5.0
    yaw: float = 0.0
    tilt: float = 0.0
    arms: tuple[ArmPlan, ArmPlan] = (ArmPlan(), ArmPlan())
    look: tuple[float, float, float] | None = None
    feet: tuple[tuple[float, float], tuple[float, float]] = ((0.12, 0.36), (-0.12, 0.36))
    slide: float = 0.0
    main: Literal["L", "R"] = "R"
    phases: tuple[float, ...] = field(default=(0.0,) * 8)
    liveliness: float = 1.0
    speed: float = 0.0

    @property
    def on_feet(self) -> bool:
        """Whether the person is not seated."""
        return self.action in ON_FEET

    @property
    def raised(self) -> tuple[str, ...]:
        """Sides of the hands that are meant to be up."""
        if self.action not in RAISING:
            return ()
        return SIDES if self.action == "raise_both" else (self.main,)
