"""How often drift of a camera's view is noticed, and how often wrongly.

    python -m bench.drift                       # rooms of the score's seeds
    python -m bench.drift --development         # of the seeds that thresholds were chosen on
    python -m bench.drift --write-docs          # and write the tables into docs/drift.md

Needs what `bench.classroom` needs. See docs/drift.md.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.classroom.bodies import load_bodies
from bench.drift.crowds import CrowdTrial, run_crowd_trials
from bench.drift.scenes import SceneTrial, run_scene_trials
from bench.scoring.documents import ROOT, replace_between_markers
from bench.scoring.seeds import DEVELOPMENT_SEEDS, SCORE_SEEDS
from cluster.calibration.drift import Drift
from cluster.files import atomic_write

PAGE: Final = ROOT / "docs" / "drift.md"
MARKERS: Final = ("<!-- drift:begin -->", "<!-- drift:end -->")
FIRST_DEVELOPMENT: Final = 20
"""Seeds before it are those of the development clips."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    development: Annotated[bool, typer.Option(help="Of the development seeds.")] = False,
    rooms: Annotated[int, typer.Option(help="Rooms that are rendered.", min=1, max=80)] = 40,
    layouts: Annotated[int, typer.Option(help="Rooms whose seats are moved.", min=1)] = 400,
    cache: Annotated[Path | None, typer.Option(help="Folder of the bodies.")] = None,
    write_docs: Annotated[bool, typer.Option(help="Write docs/drift.md.")] = False,
) -> None:
    """See the module."""
    if development and write_docs:
        raise typer.BadParameter("the page has the score's seeds", param_hint="--write-docs")
    seeds = DEVELOPMENT_SEEDS[FIRST_DEVELOPMENT:] if development else SCORE_SEEDS
    bodies = load_bodies(cache)
    scenes = list(run_scene_trials(seeds[:rooms], bodies))
    crowds = list(run_crowd_trials(layouts, seeds[0], bodies))
    text = f"{scene_table(scenes)}\n\n{crowd_table(crowds)}"
    print(text)
    if write_docs:
        page = replace_between_markers(PAGE.read_text(), text, MARKERS)
        with atomic_write(PAGE) as stream:
            stream.write(page.encode())


def scene_table(trials: Sequence[SceneTrial]) -> str:
    """Return what was said of each case, as Markdown."""
    lines = [
        "| the camera | rooms | said: moved | covered | nothing | not known |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in dict.fromkeys(trial.case for trial in trials):
        said = Counter(trial.said for trial in trials if trial.case == case)
        count = said.total()
        shares = [said[kind] / count for kind in (Drift.MOVED, Drift.COVERED, Drift.NONE, None)]
        cells = " | ".join(f"{share:.0%}" for share in shares)
        lines.append(f"| {case} | {count} | {cells} |")
    return "\n".join(lines)


def crowd_table(trials: Sequence[CrowdTrial]) -> str:
    """Return how often people were said to sit elsewhere, as Markdown."""
    lines = [
        "| what happened | one class in the room | two | four or eight | not known |",
        "| --- | --- | --- | --- | --- |",
    ]
    for case in dict.fromkeys(trial.case for trial in trials):
        here = [trial for trial in trials if trial.case == case]
        cells = []
        for classes in ((1,), (2,), (4, 8)):
            said = [one.said for one in here if one.classes in classes and one.said is not None]
            cells.append(f"{sum(said)} of {len(said)}")
        unknown = sum(one.said is None for one in here) / len(here)
        lines.append(f"| {case} | {' | '.join(cells)} | {unknown:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    app()
