"""The rendered minute of a class of 24 that the demo analyses, and what is true of it.

Nobody in it exists. It was made by

    python -m bench.classroom --scenario demo --seed 2 --out DIR
    python -m bench.scoring.true_windows DIR/clip.truth.json --out cluster/demo/classroom.json
"""

from pathlib import Path
from typing import Final

from cluster.activity.truth import TrueWindow, read_true_windows

CLIP: Final = Path(__file__).with_name("classroom.mp4")
"""1280x720, ten frames a second, H.264; the camera closes in on a few people at the end."""

CLIP_SECONDS: Final = 60


def true_windows() -> tuple[TrueWindow, ...]:
    """Return what is true in each ten seconds of the clip."""
    return read_true_windows(CLIP.with_suffix(".json"))
