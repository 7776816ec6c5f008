"""How right Homeroom's numbers are, against what is true of pictures and clips.

    python -m bench.accuracy                                   # measures, prints, writes the JSON
    python -m bench.accuracy --qualities                       # each value of analysis.quality too
    python -m bench.accuracy --compare weights=FILE.pt,input_size=960,confidence=0.1
    python -m bench.accuracy --write-docs                      # the JSON's tables into the pages,
                                                               # what the product needs into it

Measured are the product with its default settings, the official weights with Ultralytics' own
defaults, and each `--compare`; over rendered clips whose seeds nothing was trained or chosen on
(`bench/scoring/seeds.py`), over pictures of adults in `../shared/data`, and over each `--truth`.

Everybody in the picture is counted, teachers too, and windows are measured before suppression: what
is scored are the numbers, not what may be published of them. Intervals are bootstrapped over
pictures and clips; with few of them they are too narrow. The results do not depend on the machine's
load, but the seconds that are printed do.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.lesson import FOLDER
from bench.scoring.configurations import (
    Configuration,
    parse_configuration,
    plain_ultralytics,
    product,
    product_of_quality,
    product_with_rules,
)
from bench.scoring.documents import write_documents
from bench.scoring.measuring import measure_sample
from bench.scoring.observing import observe
from bench.scoring.qualities import QUALITIES, QualityCosts
from bench.scoring.rendered import rendered_clips, truth_files, why_not_rendered
from bench.scoring.results import RESULTS, AccuracyResults, ConfigurationResult, summarise
from bench.scoring.samples import DATA, Sample, SampleSet, real_samples, samples_of_truth
from bench.scoring.shipped import write_score
from bench.scoring.tables import ResultTable, detail_tables, summary_table
from cluster.vision.pose.estimator import available_cores

TABLE_WIDTH = 180
QUICK_RESULTS = FOLDER / "accuracy-quick.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    options = _parser().parse_args(arguments)
    out: Path = options.out or (QUICK_RESULTS if options.quick else RESULTS)
    if options.write_docs:
        results = AccuracyResults.read(out)
        write_documents(results, QualityCosts.read())
        write_score(results)
        return
    try:
        compared = [parse_configuration(text) for text in options.compare]
        samples, missing = _samples(options)
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(str(error)) from error
    if not samples:
        raise SystemExit("there is nothing to measure: give --data, --clips or --truth")
    print(f"{available_cores()} cores, load {os.getloadavg()[0]:.1f}; {len(samples)} samples")
    configurations = [product(), product_with_rules(), plain_ultralytics(), *compared]
    if options.qualities:
        measured = {one.name for one in configurations}
        of_quality = [product_of_quality(quality) for quality in QUALITIES]
        configurations += [one for one in of_quality if one.name not in measured]
    results = AccuracyResults(
        quick=options.quick,
        missing=tuple(missing),
        configurations=tuple(_measure(one, samples) for one in configurations),
    )
    results.write(out)
    _print(results)
    print(f"load {os.getloadavg()[0]:.1f}; written to {out}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="Folder of the sample pictures.")
    parser.add_argument(
        "--clips", type=Path, help="Folder of rendered clips, instead of rendering."
    )
    parser.add_argument("--no-clips", action="store_true", help="Leave out the rendered clips.")
    parser.add_argument(
        "--truth", type=Path, action="append", default=[], help="A truth file beside its picture."
    )
    parser.add_argument("--compare", action="append", default=[], metavar="KEY=VALUE,…")
    parser.add_argument(
        "--qualities", action="store_true", help="Measure each value of `analysis.quality` too."
    )
    parser.add_argument("--quick", action="store_true", help="Only a part, as for CI.")
    parser.add_argument(
        "--out",
        type=Path,
        help=f"The results, as JSON; {RESULTS.name} beside this file if not given.",
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="Measure nothing; write the tables of the pages, and the product's own score.",
    )
    return parser


def _samples(options: argparse.Namespace) -> tuple[list[Sample], list[str]]:
    """Return the samples to measure, and what is missing; the latter is printed too."""
    samples: list[Sample] = []
    missing = []
    if options.clips:
        samples += samples_of_truth(truth_files(options.clips), SampleSet.RENDERED_CLIPS)
        if not samples:
            raise FileNotFoundError(f"there are no truth files in {options.clips}")
    elif reason := "left out" if options.no_clips else why_not_rendered():
        missing.append(f"{SampleSet.RENDERED_CLIPS}: {reason}")
    else:
        clips = rendered_clips(quick=options.quick)
        samples += samples_of_truth(clips, SampleSet.RENDERED_CLIPS)
    if options.data.is_dir():
        samples += real_samples(options.data, quick=options.quick)
    else:
        missing.append("the sample pictures: their folder is not beside the repository")
    samples += samples_of_truth(options.truth, SampleSet.KEPT_APART)
    for text in missing:
        print(f"not measured: {text}", flush=True)
    return samples, missing


def _measure(configuration: Configuration, samples: Sequence[Sample]) -> ConfigurationResult:
    began = time.monotonic()
    estimate = configuration.create_estimator().estimate
    scores = [
        (sample.sample_set, measure_sample(sample, observe(sample, configuration, estimate)))
        for sample in samples
    ]
    seconds = time.monotonic() - began
    print(f"{configuration.name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    return summarise(configuration, scores)


def _print(results: AccuracyResults) -> None:
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    for table in [summary_table(results), *detail_tables(results)]:
        console.print(_terminal_table(table))


def _terminal_table(table: ResultTable) -> Table:
    shown = Table(*table.header, title=table.title, title_justify="left")
    for row in table.rows:
        shown.add_row(*(cell.replace("`", "") for cell in row))
    return shown


if __name__ == "__main__":
    main()
