"""The windows of a rendered clip as they would be if every number were right.

python -m bench.scoring.true_windows CLIP.truth.json --out windows.json
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench.classroom.truth import ClipTruth, FrameTruth, TrueActivity
from bench.scoring.matching import counts
from cluster.activity.truth import TrueWindow, write_true_windows
from cluster.activity.windows import WINDOW_SECONDS
from cluster.vision.activity import Activity


def true_windows(truth: ClipTruth) -> tuple[TrueWindow, ...]:
    """Return the true windows of a clip that starts on the grid of windows.

    People count who can be seen, a teacher too. A hand counts in the window in which it goes up.
    """
    frames: dict[int, list[FrameTruth]] = defaultdict(list)
    for frame in truth.frames:
        frames[int(frame.time // WINDOW_SECONDS)].append(frame)
    raises = Counter(
        int(event.begins // WINDOW_SECONDS)
        for event in truth.events
        if event.activity == TrueActivity.HAND_RAISED and event.begins > 0
    )
    return tuple(
        _window(number, frames[number], raises.get(number, 0)) for number in sorted(frames)
    )


def _window(number: int, frames: Sequence[FrameTruth], hand_raises: int) -> TrueWindow:
    doing = Counter(
        person.activity for frame in frames for person in frame.people if counts(person)
    )
    total = sum(doing.values())
    return TrueWindow(
        starts_seconds=number * WINDOW_SECONDS,
        people_mean=round(total / len(frames), 2),
        shares={Activity(one): round(n / total, 4) for one, n in sorted(doing.items())},
        hand_raises=hand_raises,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the windows of a truth file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    write_true_windows(true_windows(ClipTruth.read(options.truth)), options.out)


if __name__ == "__main__":
    main()
