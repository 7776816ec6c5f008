"""The rendered clips of the score: a folder of them, or made by `bench.classroom` and kept."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bench.lesson import FOLDER
from bench.scoring.seeds import SCORE_SEEDS

GENERATOR: Final = "bench.classroom.__main__"
GENERATOR_NEEDS: Final = ("anny", "moderngl")

HEADCOUNTS: Final = (6, 10, 14, 18, 20, 22, 24, 24, 26, 28, 30, 32, 36, 45, 60)
SECONDS: Final = 20
RATE: Final = 4
"""Frames a second of the clips; twice what is analysed."""
QUICK_HEADCOUNTS: Final = (12, 24)
QUICK_SECONDS: Final = 12


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A clip to be rendered."""

    seed: int
    people: int
    seconds: int


def requested_clips(*, quick: bool) -> list[ClipRequest]:
    """Return the clips of the score: seeds from `SCORE_SEEDS`, headcounts as schools have them."""
    headcounts, seconds = (QUICK_HEADCOUNTS, QUICK_SECONDS) if quick else (HEADCOUNTS, SECONDS)
    return [
        ClipRequest(seed, people, seconds)
        for seed, people in zip(SCORE_SEEDS, headcounts, strict=False)
    ]


def why_not_rendered() -> str | None:
    """Return why clips cannot be rendered here; None if they can."""
    if find_spec(GENERATOR) is None:
        return "this version has no generator (bench.classroom)"
    missing = [name for name in GENERATOR_NEEDS if find_spec(name) is None]
    if missing:
        return f"the packages of the generator are not installed: {', '.join(missing)}"
    return None


def truth_files(folder: Path) -> list[Path]:
    """Return the truth files in a folder and below it."""
    return sorted([*folder.rglob("*.truth.json"), *folder.rglob("*.truth.json.gz")])


def rendered_clips(*, quick: bool) -> list[Path]:
    """Return the truth files of the score's clips; those that are not in `.bench` are rendered.

    Raises:
        subprocess.CalledProcessError: The generator failed.
    """
    files = []
    for clip in requested_clips(quick=quick):
        folder = FOLDER / "accuracy" / f"{clip.seed}-{clip.people}-{clip.seconds}"
        if not truth_files(folder):
            print(f"rendering {clip.people} people for {clip.seconds} s …", flush=True)
            folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "bench.classroom", f"--seed={clip.seed}"]
            command += [f"--people={clip.people}", f"--seconds={clip.seconds}"]
            command += [f"--rate={RATE}", f"--out={folder}"]
            subprocess.run(command, check=True)
        files += truth_files(folder)
    return files
