"""Makes single pictures for training, each of another class, with labels and truth.

    DIR/images/00000.jpg    DIR/labels/00000.txt    DIR/truth/00000.json    DIR/data.yaml

A picture depends on the seed and on its number alone, however many processes make them.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from bench.classroom.bodies import Bodies, load_bodies
from bench.classroom.clip import GENERATOR
from bench.classroom.coding import starve
from bench.classroom.effects import draw_effects
from bench.classroom.frames import FrameMaker
from bench.classroom.labels import DATA, label_text
from bench.classroom.overlays import draw_overlays
from bench.classroom.portraits import open_renderer
from bench.classroom.renderer import Renderer
from bench.classroom.scene import Wish, draw_scene, generator
from bench.classroom.truth import ClipTruth, FrameTruth
from cluster.vision.people import BgrImage

QUALITY: Final = 78
"""JPEG quality of pictures that no effect has compressed."""


@dataclass(frozen=True, slots=True)
class Order:
    """What pictures to make.

    Attributes:
        wish: Of each picture, but for the seed.
        out: Folder.
        cache: Folder of the bodies.
    """

    wish: Wish
    out: Path
    cache: Path | None


def picture_seed(seed: int, number: int) -> int:
    """Return the seed of one picture."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)


def make_picture(wish: Wish, bodies: Bodies, renderer: Renderer) -> tuple[BgrImage, ClipTruth]:
    """Return a picture (height, width, 3) BGR of a class, and its truth."""
    scene = draw_scene(wish, bodies)
    rng = generator(wish.seed, 6)
    effects = draw_effects(rng, backlit=scene.room.bright_windows, clip=False)
    overlays = draw_overlays(rng, wish.width, wish.height)
    frame = FrameMaker(scene, renderer, shade=float(rng.uniform(0.8, 2.6))).make(0.0)
    picture = effects.apply(frame.picture, rng)
    coding = rng.random()
    if coding < 0.2:
        picture = starve(picture, int(rng.integers(26, 41)))
    elif coding < 0.36:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(14, 45))]
        picture = np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR), np.uint8
        )
    truth = ClipTruth(
        generator=GENERATOR,
        seed=wish.seed,
        room=scene.room.kind,
        camera=scene.shot.described(),
        width=wish.width,
        height=wish.height,
        rate=0,
        frames=(FrameTruth(time=0, people=tuple(overlays.move(one) for one in frame.people)),),
    )
    return overlays.apply(picture, 0.0), truth


def write_pictures(order: Order, numbers: range) -> int:
    """Make the pictures of some numbers; return how many."""
    cv2.setNumThreads(1)
    os.environ.setdefault("LP_NUM_THREADS", "1")  # of llvmpipe; there are other processes
    bodies = load_bodies(order.cache)
    renderer = open_renderer(bodies, order.wish.width, order.wish.height)
    for number in numbers:
        wish = replace(order.wish, seed=picture_seed(order.wish.seed, number))
        picture, truth = make_picture(wish, bodies, renderer)
        name = f"{number:05d}"
        quality = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        cv2.imwrite(str(order.out / "images" / f"{name}.jpg"), picture, quality)
        text = label_text(truth.frames[0], truth)
        (order.out / "labels" / f"{name}.txt").write_text(text)
        truth.write(order.out / "truth" / f"{name}.json")
    return len(numbers)


def make_pictures(
    order: Order,
    count: int,
    workers: int,
    on_progress: Callable[[int], None] = lambda _more: None,
    first: int = 0,
) -> None:
    """Make pictures in several processes.

    Args:
        order: What to make.
        count: How many.
        workers: Processes.
        on_progress: Called with how many more are done.
        first: Number of the first, to go on where another run ended.
    """
    for name in ("images", "labels", "truth"):
        (order.out / name).mkdir(parents=True, exist_ok=True)
    (order.out / "data.yaml").write_text(DATA)
    load_bodies(order.cache)
    step = max(1, min(24, -(-count // max(1, workers))))
    parts = [
        range(start, min(start + step, first + count))
        for start in range(first, first + count, step)
    ]
    if workers <= 1:
        for part in parts:
            on_progress(write_pictures(order, part))
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        for done in pool.map(write_pictures, [order] * len(parts), parts):
            on_progress(done)


def end_with_parent() -> None:
    """End this process when the one that started it has ended, also by a kill."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
