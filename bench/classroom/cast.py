"""Who is in a class: bodies, clothes, hair, habits. Nobody of them exists."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from bench.classroom.bodies import Bodies
from bench.classroom.drawables import Layer, Uniforms
from bench.classroom.geometry import Array
from bench.classroom.hair import COVERING, SHARES, Hair, Head, add_hair, add_headphones
from bench.classroom.repertoire import Habits, draw_habits
from bench.classroom.rig import Posed, Rig
from bench.classroom.things import (
    BLOTCHES,
    CHECKS,
    CLOTH,
    PLAIN,
    PRINTS,
    STRIPES,
    Things,
    bright,
)

SKINS: Final = (
    np.array(
        [
            [0.80, 0.58, 0.46],
            [0.87, 0.66, 0.55],
            [0.72, 0.50, 0.36],
            [0.62, 0.42, 0.30],
            [0.48, 0.30, 0.20],
            [0.33, 0.20, 0.13],
            [0.22, 0.13, 0.09],
            [0.83, 0.62, 0.47],
            [0.76, 0.54, 0.40],
        ]
    )
    ** 2.2
    * 1.25
)
HAIRS: Final = np.array(
    [
        [0.03, 0.025, 0.025],
        [0.05, 0.04, 0.035],
        [0.02, 0.02, 0.02],
        [0.12, 0.07, 0.04],
        [0.25, 0.14, 0.07],
        [0.5, 0.36, 0.18],
        [0.45, 0.42, 0.4],
        [0.3, 0.1, 0.05],
    ]
)
WHOLE_SLEEVE: Final = 0.44
"""Where the wrist is on the body at rest, in metres from the middle."""


@dataclass(frozen=True, slots=True)
class Outfit:
    """Clothes.

    Attributes:
        shirt: Uniforms of the shirt, trousers and shoes.
        coat: Uniforms of a jacket or coat over it; none without.
        skirt: Colour (3,) of a skirt; none without.
        skirt_end: How low it goes on the body at rest, in metres.
    """

    shirt: Uniforms
    coat: Uniforms | None
    skirt: Array | None
    skirt_end: float


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a class.

    Attributes:
        number: From 1.
        role: See `PersonTruth`.
        rig: The body.
        habits: Of moving.
        layers: What is drawn of the body.
        hair: Its cut, or what covers it.
        hair_colour: (3,); of a hijab or cap, its own.
        accessories: What else is worn.
        accent: (3,) a colour of belongings: pen, book cover, phone case.
        sizes: See `Head`.
    """

    number: int
    role: Literal["student", "teacher"]
    rig: Rig
    habits: Habits
    layers: tuple[Layer, ...]
    hair: Hair
    hair_colour: Array
    accessories: frozenset[str]
    accent: Array
    sizes: tuple[float, ...]


def _shade(rng: np.random.Generator) -> Array:
    if rng.random() < 0.55:
        return np.asarray(rng.random(3) ** 1.6 * rng.uniform(0.3, 1))
    tone = float(rng.choice([0.02, 0.05, 0.12, 0.3, 0.6, 0.85]))
    return np.asarray(np.ones(3) * tone * rng.uniform(0.8, 1.1, 3))


def draw_outfit(rng: np.random.Generator) -> Outfit:
    """Return clothes for one person, or the uniform of a class."""
    pattern = CLOTH
    if rng.random() < 0.5:
        pattern = int(rng.choice([PLAIN, CLOTH, BLOTCHES, *STRIPES, *CHECKS, *PRINTS]))
    split = float(rng.choice(5, p=[0.62, 0.12, 0.12, 0.08, 0.06]))
    sleeve = (
        float(rng.choice([WHOLE_SLEEVE, 0.27, 0.3, 0.2])) if rng.random() < 0.7 else WHOLE_SLEEVE
    )
    shirt: Uniforms = {
        "shirt": _shade(rng),
        "shirt2": _shade(rng),
        "trousers": rng.random(3) ** 2 * 0.35,
        "shoe": rng.random(3) ** 2 * 0.5,
        "layer": float(pattern),
        "scale": rng.uniform(1.5, 5),
        "split": split,
        "sleeve": sleeve,
        "inflate": rng.uniform(0.006, 0.032),
        "shorts": float(rng.choice([-2.0, -0.45, -0.3], p=[0.82, 0.1, 0.08])),
    }
    coat: Uniforms | None = None
    if rng.random() < 0.42:
        coat = draw_coat(rng)
    return Outfit(
        shirt,
        coat,
        _shade(rng) if rng.random() < 0.18 else None,
        float(rng.uniform(-0.5, -0.2)),
    )


def draw_coat(rng: np.random.Generator) -> Uniforms:
    """Return a jacket, cardigan or coat."""
    return {
        "shirt": _shade(rng),
        "shirt2": _shade(rng),
        "layer": float(rng.choice([CLOTH, CLOTH, BLOTCHES, PLAIN, *CHECKS])),
        "split": float(rng.choice(4)),
        "shell": rng.uniform(0.008, 0.03),
        "open": float(rng.choice([0, 0, 0.05, 0.08, 0.12])),
        "coat_end": float(rng.choice([-0.02, -0.08, -0.2, -0.45], p=[0.4, 0.35, 0.15, 0.1])),
        "sleeve": 0.435,
    }


def draw_member(
    number: int,
    role: Literal["student", "teacher"],
    rig: Rig,
    uniform: Outfit | None,
    rng: np.random.Generator,
) -> Member:
    """Return a person with a body, in clothes of its own or in the class's uniform."""
    outfit = draw_outfit(rng)
    if uniform is not None and rng.random() < 0.93:
        coat = uniform.coat if rng.random() < 0.7 else outfit.coat
        outfit = replace(outfit, shirt=dict(uniform.shirt), coat=coat)
    styles = list(SHARES)
    shares = np.array(list(SHARES.values()))
    hair = styles[int(rng.choice(len(styles), p=shares / shares.sum()))]
    row = int(rng.integers(3)) if rng.random() < 0.6 else int(rng.integers(len(HAIRS)))
    colour = HAIRS[row] * rng.uniform(0.6, 1.3)
    if hair in COVERING:
        colour = bright(rng)
    skin = SKINS[rng.integers(len(SKINS))] * rng.uniform(0.85, 1.2)
    shirt: Uniforms = {
        **outfit.shirt,
        "skin": skin,
        "hair": colour,
        "bald": float(hair == "bald"),
        "hood": float(hair == "hood"),
        "mask": float(rng.choice([0, 1, -1, 2], p=[0.84, 0.07, 0.07, 0.02])),
        "glasses": float(rng.choice([0, 1, 2], p=[0.78, 0.2, 0.02])),
        "hair_inflate": rng.uniform(0.006, 0.032),
        "person": float(number),
        "shell": 0.0,
        "open": 0.0,
        "coat_end": 0.0,
    }
    layers = [Layer(shirt)]
    if outfit.skirt is not None:
        skirt: Uniforms = {
            **shirt,
            "shirt": outfit.skirt,
            "layer": float(rng.choice([CLOTH, CLOTH, *CHECKS])),
            "split": 0.0,
            "sleeve": 9.0,
            "inflate": 0.0,
            "hair_inflate": 0.0,
        }
        shirt["shorts"] = -2.0 if rng.random() < 0.5 else outfit.skirt_end
        layers.append(Layer(skirt, outfit.skirt_end))
    if outfit.coat is not None:
        layers.append(Layer({**shirt, **outfit.coat}))
    extras = {"headphones": 0.05, "backpack": 0.05}
    return Member(
        number,
        role,
        rig,
        draw_habits(rng),
        tuple(layers),
        hair,
        colour,
        frozenset(name for name, share in extras.items() if rng.random() < share),
        bright(rng),
        tuple(float(value) for value in rng.random(6)),
    )


def empty_coat(rng: np.random.Generator) -> tuple[Layer, ...]:
    """Return a coat that nobody wears: the shell alone."""
    outfit = draw_outfit(rng)
    base: Uniforms = {
        **outfit.shirt,
        "skin": SKINS[0],
        "hair": HAIRS[0],
        "bald": 0.0,
        "hood": 0.0,
        "mask": 0.0,
        "glasses": 0.0,
        "hair_inflate": 0.0,
        "person": 0.0,
    }
    coat: dict[str, Any] = draw_coat(rng)
    return (Layer({**base, **coat, "shell": max(0.02, float(coat["shell"]))}),)


def draw_rigs(
    bodies: Bodies, count: int, ages: tuple[float, float], rng: np.random.Generator
) -> list[Rig]:
    """Return bodies of people of an age (Anny's, see `Bodies.ages`)."""
    fitting = np.flatnonzero((bodies.ages >= ages[0]) & (bodies.ages <= ages[1]))
    chosen = rng.choice(fitting, count, replace=count > len(fitting))
    return [Rig(bodies, int(index)) for index in chosen]


def dress(member: Member, posed: Posed, place: Array) -> Things:
    """Return hair and accessories of somebody in a posture.

    Args:
        member: The person.
        posed: In its own frame.
        place: (4, 4) from there to the room.
    """
    things = Things()
    rig = member.rig
    axes = place[:3, :3] @ rig.rotation(posed, "head")
    ears = place[:3, :3] @ posed.keypoints[3:5].mean(0) + place[:3, 3]
    size = 0.85 + 0.15 * rig.scale
    head = Head(things, member.number, ears, axes, size, member.hair_colour, member.sizes)
    add_hair(head, member.hair)
    if "headphones" in member.accessories:
        add_headphones(head)
    if "backpack" in member.accessories:
        back = place[:3, :3] @ rig.rotation(posed, "spine01")
        shoulders = place[:3, :3] @ posed.keypoints[5:7].mean(0) + place[:3, 3]
        things.ball(
            shoulders + back @ np.array([0, 0.17, -0.18]) * rig.scale,
            np.array([0.15, 0.09, 0.2]) * rig.scale,
            member.accent,
            axes=back,
            texture=CLOTH,
        )
    return things
