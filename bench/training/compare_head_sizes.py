"""Compares how tall the smallest heads must be in the network's input, on clips to choose by.

    python -m bench.classroom --seed 8001 --seconds 20 --rate 4 --out CLIPS     # and 8002, ...
    python -m bench.training.compare_head_sizes CLIPS

Each clip is analysed once at each input size. A row takes, for each clip, the size that `auto`
would take with that `WANTED_HEAD_PIXELS`; its cost is the pixels of the inputs against those of
640.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.scoring.configurations import product
from bench.scoring.measuring import measure_sample
from bench.scoring.observing import (
    EstimatePeople,
    choose_size,
    classify,
    find_people,
    measure_heads,
)
from bench.scoring.ratios import Measures, estimate_all
from bench.scoring.rendered import truth_files
from bench.scoring.samples import ANALYSIS_RATE, Sample, SampleSet, samples_of_truth
from cluster.activity.room import RoomCounter
from cluster.settings import INPUT_SIZES, AnalysisSettings
from cluster.settings.tables import Quality

WANTED_HEADS: Final = (8, 10, 12, 14, 16, 18, 20, 24, 30)
QUALITIES: Final[tuple[Quality, ...]] = ("balanced", "full")
SHOWN: Final = {
    "headcount_error": "headcount error",
    "people_found": "found",
    "people_extra": "extra",
    "hand_events_found": "hands found",
    "hand_events_false": "hands false",
    "activity_right": "activities right",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path, help="Folder with clips and their truth.")
    parser.add_argument("--heads", type=float, nargs="+", default=WANTED_HEADS, metavar="PIXELS")
    options = parser.parse_args(arguments)
    samples = samples_of_truth(truth_files(options.clips), SampleSet.RENDERED_CLIPS)
    if not samples:
        raise SystemExit(f"there are no truth files in {options.clips}")
    estimate = product().create_estimator().estimate
    measured = {
        (sample.path, size): _measure(sample, size, estimate)
        for sample in samples
        for size in INPUT_SIZES
    }
    table = Table("quality", "smallest heads", *SHOWN.values(), "cost")
    for quality in QUALITIES:
        limit = AnalysisSettings(quality=quality).max_input_size
        heads = {sample.path: measure_heads(sample, estimate, limit) for sample in samples}
        for wanted in options.heads:
            sizes = {
                sample.path: choose_size(sample, heads[sample.path], limit, wanted)
                for sample in samples
            }
            estimates = estimate_all([measured[chosen] for chosen in sizes.items()])
            shown = [f"{estimates[name].value:.1%}" for name in SHOWN]
            cost = sum((size / INPUT_SIZES[0]) ** 2 for size in sizes.values()) / len(sizes)
            table.add_row(quality, f"{wanted:g}", *shown, f"{cost:.2f}")
    Console(width=120).print(table)


def _measure(sample: Sample, input_size: int, estimate: EstimatePeople) -> Measures:
    counter = RoomCounter(sample.rate or ANALYSIS_RATE)
    found = find_people(sample, estimate, input_size)
    return measure_sample(sample, classify(sample, found, counter)).measures


if __name__ == "__main__":
    main()
