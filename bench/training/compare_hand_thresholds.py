"""Compares how sure the classifier must be of a raised hand, on clips to choose by.

    python -m bench.classroom --seed 8001 --seconds 20 --rate 4 --out CLIPS     # and 8002, ...
    python -m bench.training.compare_hand_thresholds CLIPS

People are found once in each clip, as `auto` sees them; each set of thresholds classifies them
anew. With `held` of 1, a hand is up only in frames in which it surely is. F1 is the harmonic mean
of the share of events that were found and of the share of counted hands that are right.
"""

import argparse
from collections.abc import Sequence
from itertools import product as product_of
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.scoring.configurations import product
from bench.scoring.measuring import measure_sample
from bench.scoring.observing import choose_size, classify, find_people, measure_heads
from bench.scoring.ratios import estimate_all
from bench.scoring.rendered import truth_files
from bench.scoring.samples import ANALYSIS_RATE, SampleSet, samples_of_truth
from cluster.activity.durations import HandThresholds
from cluster.activity.room import RoomCounter
from cluster.settings import Settings

ALONE: Final = (0.6, 0.7, 0.8, 0.9)
WITH_RULE: Final = (0.2, 0.4, 0.6)
HELD: Final = (0.3, 0.4, 0.5, 1.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, help="Folder with clips and their truth.")
    parser.add_argument("--alone", type=float, nargs="+", default=ALONE)
    parser.add_argument("--with-rule", type=float, nargs="+", default=WITH_RULE)
    parser.add_argument("--held", type=float, nargs="+", default=HELD)
    options = parser.parse_args(arguments)
    samples = samples_of_truth(truth_files(options.clips), SampleSet.RENDERED_CLIPS)
    if not samples:
        raise SystemExit(f"there are no truth files in {options.clips}")
    estimate = product().create_estimator().estimate
    limit = Settings().analysis.max_input_size
    found = []
    for sample in samples:
        size = choose_size(sample, measure_heads(sample, estimate, limit), limit)
        found.append((sample, list(find_people(sample, estimate, size))))
    table = Table(
        "alone", "with the rule", "held", "hands found", "hands false", "F1", "activities right"
    )
    for chosen in product_of(options.alone, options.with_rule, options.held):
        thresholds = HandThresholds(*chosen)
        measures = estimate_all(
            [
                measure_sample(
                    sample, classify(sample, frames, _counter(sample.rate, thresholds))
                ).measures
                for sample, frames in found
            ]
        )
        recall = measures["hand_events_found"].value
        right = 1 - measures["hand_events_false"].value if "hand_events_false" in measures else 0.0
        f1 = 2 * recall * right / max(recall + right, 1e-9)
        shown = [f"{1 - right:.1%}", f"{f1:.3f}", f"{measures['activity_right'].value:.1%}"]
        table.add_row(*(f"{one:g}" for one in chosen), f"{recall:.1%}", *shown)
    Console(width=100).print(table)


def _counter(rate: float | None, thresholds: HandThresholds) -> RoomCounter:
    return RoomCounter(rate or ANALYSIS_RATE, hand_thresholds=thresholds)


if __name__ == "__main__":
    main()
