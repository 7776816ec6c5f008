"""People on posters, portraits and screens: rendered into textures, never in the truth."""

from typing import Final

import cv2
import numpy as np

from bench.classroom.actors import Actor, Stance
from bench.classroom.belongings import draw_belongings
from bench.classroom.bodies import Bodies
from bench.classroom.cameras import Camera
from bench.classroom.cast import draw_member, draw_rigs
from bench.classroom.drawables import Light
from bench.classroom.motion import Place, Writer
from bench.classroom.plans import Station
from bench.classroom.renderer import Renderer
from bench.classroom.textures import SIZE
from bench.classroom.things import PORTRAITS

SEED: Final = 11
STUDIO: Final = Light(
    np.array([0.3, -0.8, 0.5]),
    np.ones(3) * 0.5,
    np.ones(3) * 0.8,
    np.ones(3) * 0.5,
    np.zeros((3, 3)),
    np.zeros(3),
    np.zeros(3),
    5.0,
)


def open_renderer(bodies: Bodies, width: int, height: int) -> Renderer:
    """Return a renderer whose posters show people."""
    renderer = Renderer(bodies, width, height)
    for number, layer in enumerate(PORTRAITS):
        _paint(renderer, bodies, layer, number)
    renderer.textures.build_mipmaps()
    return renderer


def _paint(renderer: Renderer, bodies: Bodies, layer: int, number: int) -> None:
    rng = np.random.default_rng([SEED, number])
    portrait = number % 2 == 0
    stances = [
        _pose(bodies, person, 0.0 if portrait else (person - 2) * 0.75, rng)
        for person in range(1, 2 if portrait else int(rng.integers(2, 5)))
    ]
    head = stances[0].world(stances[0].posed.keypoints)[0]
    at = head + np.array([0, 0, -0.1]) if portrait else np.array([0.2, 0, head[2] - 0.4])
    eye = at + np.array([0, -1.2 if portrait else -3.0, 0.08])
    camera = Camera("studio", eye, at, 55.0, 0.0, 0.0, SIZE, SIZE)
    figures = [stance.figure() for stance in stances]
    ground = rng.random(3) * 0.8 + 0.1
    picture = renderer.paint(camera.matrix, eye, STUDIO, figures, ground, SIZE)
    if number % 4 == 1:
        cv2.putText(picture, "SCHOOL", (20, 34), 0, 1.3, (20, 20, 20), 4)
    renderer.textures.write(picture[..., ::-1].tobytes(), viewport=(0, 0, layer, SIZE, SIZE, 1))


def _pose(bodies: Bodies, number: int, x: float, rng: np.random.Generator) -> Stance:
    rig = draw_rigs(bodies, 1, (0.3, 0.9), rng)[0]
    member = draw_member(number, "student", rig, None, rng)
    station = Station(0.45, None)
    writer = Writer(Place(x, 0, 0, float(rng.normal(0, 12))), station, member.habits, rng)
    writer.add(-1.0, writer.plan("stand"))
    belongings = draw_belongings("none", member.accent, rng)
    return Actor(member, writer.script(), station, belongings).at(0.0)
