"""Makes a clip and the truth of each of its frames."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import cluster
from bench.classroom.bodies import Bodies
from bench.classroom.coding import write_clip
from bench.classroom.effects import Effects, draw_effects
from bench.classroom.frames import FrameMaker
from bench.classroom.overlays import Overlays, draw_overlays
from bench.classroom.portraits import open_renderer
from bench.classroom.scene import Scene, generator
from bench.classroom.truth import ClipTruth, EventTruth, FrameTruth, TrueActivity
from cluster.vision.people import BgrImage

CLIP: Final = "clip.mp4"
TRUTH: Final = "clip.truth.json"
GENERATOR: Final = f"homeroom {cluster.__version__} bench.classroom 1"


def make_clip(
    scene: Scene,
    bodies: Bodies,
    folder: Path,
    rate: Fraction,
    crf: int | None = None,
    *,
    effects: Effects | None = None,
    overlays: Overlays | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ClipTruth:
    """Write a clip and its truth into a folder.

    Args:
        scene: Of `scene.wish.seconds`.
        bodies: Of all people.
        folder: Is made if it is missing.
        rate: Frames a second.
        crf: See `write_clip`; drawn from the seed unless given.
        effects: Drawn from the seed unless given.
        overlays: Drawn from the seed unless given.
        on_progress: Called with the frames done and the number of all.

    Returns:
        The truth, as it was written.
    """
    wish = scene.wish
    rng = generator(wish.seed, 6)
    if crf is None:
        crf = int(rng.integers(20, 33))
    effects = effects or draw_effects(rng, backlit=scene.room.bright_windows, clip=True)
    overlays = overlays or draw_overlays(rng, wish.width, wish.height)
    maker = FrameMaker(scene, open_renderer(bodies, wish.width, wish.height))
    count = max(1, round(wish.seconds * rate))
    truths: list[FrameTruth] = []
    activities: list[dict[int, TrueActivity]] = []

    def frames() -> Iterator[BgrImage]:
        for number in range(count):
            seconds = float(number / rate)
            frame = maker.make(seconds, still=True)
            truths.append(
                FrameTruth(
                    time=round(seconds, 4), people=tuple(overlays.move(one) for one in frame.people)
                )
            )
            activities.append(frame.activities)
            picture = effects.apply(frame.picture, generator(wish.seed, 7, number))
            on_progress(number + 1, count)
            yield overlays.apply(picture, seconds)

    folder.mkdir(parents=True, exist_ok=True)
    write_clip(folder / CLIP, frames(), rate, crf, "medium")
    truth = ClipTruth(
        generator=GENERATOR,
        seed=wish.seed,
        room=scene.room.kind,
        camera=scene.shot.described(),
        width=wish.width,
        height=wish.height,
        rate=float(rate),
        frames=tuple(truths),
        events=find_events(activities, rate),
    )
    truth.write(folder / TRUTH)
    return truth


def find_events(
    activities: list[dict[int, TrueActivity]], rate: Fraction
) -> tuple[EventTruth, ...]:
    """Return what people do, each time once, but for sitting.

    Args:
        activities: What everybody does, by person's number, in each frame.
        rate: Frames a second.
    """
    events = []
    people = sorted({person for frame in activities for person in frame})
    for person in people:
        begins, current = 0, TrueActivity.SITTING
        for number in range(len(activities) + 1):
            now = (
                activities[number].get(person, TrueActivity.SITTING)
                if number < len(activities)
                else None
            )
            if now is current:
                continue
            if current is not TrueActivity.SITTING:
                events.append(
                    EventTruth(
                        person=person,
                        activity=current,
                        begins=round(float(begins / rate), 4),
                        ends=round(float(number / rate), 4),
                    )
                )
            begins, current = number, now or TrueActivity.SITTING
    return tuple(sorted(events, key=lambda event: (event.begins, event.person)))
