"""Compares pose weights on rendered pictures that none of them was trained on, to choose by.

    python -m bench.classroom --pictures 120 --seed 8000 --out PICTURES
    python -m bench.training.compare_pose PICTURES classroom official TRAINED.pt --sizes 640 960

Each weights file is run at each input size, and each confidence is measured: people found and extra
(in percent of the people there are), the mean relative error of the headcount, wrists that are seen
and found within half a head, and raised hands by the rule for a forearm that points up.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.classroom.truth import ClipTruth, PersonTruth, TrueActivity
from bench.scoring.configurations import Configuration, parse_configuration
from bench.scoring.headcounts import MatchedFrame, measure_headcount
from bench.scoring.keypoints import measure_keypoints
from bench.scoring.matching import match_people
from bench.scoring.ratios import Estimate, Measures, Ratio, estimate_all
from cluster.vision.activity import find_raised_hands
from cluster.vision.people import BgrImage, People

CONFIDENCES: Final = (0.06, 0.08, 0.1, 0.12, 0.15)
SIZES: Final = (640, 960, 1280)
SHOWN: Final = {
    "headcount_error": "headcount error",
    "people_found": "found",
    "people_extra": "extra",
    "keypoints_near.wrists": "wrists near",
    "keypoints_usable.wrists": "wrists usable",
    "raised_found": "raised found",
    "raised_false": "false",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="Folder with images/ and truth/.")
    parser.add_argument("weights", nargs="+", help="A .pt file, `classroom` or `official`.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PIXELS")
    parser.add_argument("--confidences", type=float, nargs="+", default=CONFIDENCES)
    options = parser.parse_args(arguments)
    truths = sorted((options.pictures / "truth").glob("*.json"))
    if not truths:
        raise SystemExit(f"there are no truth files in {options.pictures}/truth")
    table = Table("weights", "size", "confidence", *SHOWN.values())
    for name in options.weights:
        for size in options.sizes:
            try:
                configuration = _configuration(name, size, min(options.confidences))
            except ValueError as error:
                raise SystemExit(str(error)) from error
            for confidence, measured in _compare(configuration, truths, options.confidences):
                shown = [_percent(measured.get(key)) for key in SHOWN]
                table.add_row(name, str(size), f"{confidence:.2f}", *shown)
    Console(width=150).print(table)


def _configuration(name: str, size: int, confidence: float) -> Configuration:
    weights = "" if name == "classroom" else f",weights={name}"
    return parse_configuration(f"input_size={size},confidence={confidence}{weights}")


def _compare(
    configuration: Configuration, truths: Sequence[Path], confidences: Sequence[float]
) -> Iterator[tuple[float, dict[str, Estimate]]]:
    estimator = configuration.create_estimator()
    size = int(configuration.input_size)
    seen = []
    for file in truths:
        truth = ClipTruth.read(file)
        picture = cv2.imread(str(file.parent.parent / "images" / f"{file.stem}.jpg"))
        if picture is None:
            raise SystemExit(f"{file} has no picture in images/")
        frame: BgrImage = np.asarray(picture, np.uint8)
        (people,) = estimator.estimate([frame], min(size, max(frame.shape[:2])))
        seen.append((people, truth.frames[0].people))
    for confidence in confidences:
        measures = [
            _measure(people.select(people.scores >= confidence), true) for people, true in seen
        ]
        yield confidence, estimate_all(measures)


def _measure(found: People, true: Sequence[PersonTruth]) -> Measures:
    """Measure one picture."""
    matching = match_people(found, true)
    measures = dict(measure_headcount([MatchedFrame(0.0, matching, true, 1.0)]))
    measures |= measure_keypoints([(found, true, matching)])
    is_raised = find_raised_hands(found)
    outcomes = Counter(
        (true[index].activity == TrueActivity.HAND_RAISED, bool(is_raised[mine]))
        for mine, index in matching.pairs
    )
    missed = sum(true[index].activity == TrueActivity.HAND_RAISED for index in matching.missed)
    false = outcomes[False, True] + int(is_raised[list(matching.extra)].sum())
    right = outcomes[True, True]
    measures["raised_found"] = Ratio(right, right + outcomes[True, False] + missed)
    measures["raised_false"] = Ratio(false, false + right)
    return measures


def _percent(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.1%}"


if __name__ == "__main__":
    main()
