"""Rendered classrooms: a clip with its truth, or training pictures with labels.

    python -m bench.classroom --seed 7 --people 24 --seconds 60 --out DIR
    python -m bench.classroom --scenario demo --seed 7 --out DIR
    python -m bench.classroom --pictures 1000 --seed 7 --workers 2 --out DIR

Needs `pip install '.[classroom]'` and OpenGL over EGL (Mesa's software renderer does). See
docs/classroom.md.
"""

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.progress import Progress

from bench.classroom import demo
from bench.classroom.bodies import load_bodies
from bench.classroom.cameras import CAMERAS, CameraKind
from bench.classroom.clip import make_clip
from bench.classroom.pictures import Order, make_pictures
from bench.classroom.room import ROOMS, RoomKind
from bench.classroom.scene import Wish, draw_scene

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Scenario(StrEnum):
    """What happens in a clip."""

    LESSON = "lesson"
    DEMO = "demo"


def _one_of(value: str | None, allowed: tuple[str, ...], option: str) -> str | None:
    if value is not None and value not in allowed:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(allowed)}", param_hint=option)
    return value


def _make_clip(
    wish: Wish, scenario: Scenario, out: Path, rate: int, crf: int | None, cache: Path | None
) -> None:
    bodies = load_bodies(cache)
    effects = overlays = None
    if scenario is Scenario.DEMO:
        scene = demo.draw_demo(wish, bodies)
        effects, overlays = demo.EFFECTS, demo.OVERLAYS
        crf = demo.CRF if crf is None else crf
    else:
        scene = draw_scene(wish, bodies)
    with Progress() as progress:
        task = progress.add_task(f"{scene.room.kind}, seen from {scene.shot.start.kind}")
        make_clip(
            scene,
            bodies,
            out,
            Fraction(rate),
            crf,
            effects=effects,
            overlays=overlays,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


@app.command(help=__doc__)
def main(
    out: Annotated[Path, typer.Option(help="Folder for what is made.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same.", min=0)] = 0,
    people: Annotated[
        int | None, typer.Option(help="Students; drawn if not given.", min=0, max=74)
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length of the clip.", min=0.1)] = 60.0,
    scenario: Annotated[Scenario, typer.Option(help="What happens.")] = Scenario.LESSON,
    pictures: Annotated[
        int | None, typer.Option(help="Make so many single pictures, and no clip.", min=1)
    ] = None,
    first: Annotated[int, typer.Option(help="Number of the first picture.", min=0)] = 0,
    workers: Annotated[int, typer.Option(help="Processes that make pictures.", min=1)] = 1,
    width: Annotated[int, typer.Option(help="Pixels.", min=64)] = 1280,
    height: Annotated[int, typer.Option(help="Pixels.", min=64)] = 720,
    rate: Annotated[int, typer.Option(help="Frames a second.", min=1, max=60)] = 10,
    room: Annotated[str | None, typer.Option(help=f"One of {', '.join(ROOMS)}.")] = None,
    camera: Annotated[str | None, typer.Option(help=f"One of {', '.join(CAMERAS)}.")] = None,
    crf: Annotated[int | None, typer.Option(help="H.264's rate factor.", min=0, max=51)] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of the bodies.")] = None,
) -> None:
    """Make a clip, or pictures."""
    kind = cast("RoomKind | None", _one_of(room, ROOMS, "--room"))
    view = cast("CameraKind | None", _one_of(camera, CAMERAS, "--camera"))
    wish = Wish(seed, people, seconds, width // 2 * 2, height // 2 * 2, kind, view)
    if pictures is None:
        _make_clip(wish, scenario, out, rate, crf, cache)
        return
    wish = Wish(seed, people, 0.0, wish.width, wish.height, kind, view)
    with Progress() as progress:
        task = progress.add_task("pictures", total=pictures)
        make_pictures(
            Order(wish, out, cache),
            pictures,
            workers,
            lambda more: progress.advance(task, more),
            first,
        )


if __name__ == "__main__":
    app()
