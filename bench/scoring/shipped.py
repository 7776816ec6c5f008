"""The few measures that the product itself needs, written into `cluster/vision/score.json`."""

from pathlib import Path
from typing import Final

from bench.scoring.documents import ROOT
from bench.scoring.ratios import Estimate
from bench.scoring.results import DECIMALS, AccuracyResults
from bench.scoring.samples import SampleSet
from cluster.activity.desk_work import PARTS
from cluster.files import atomic_write
from cluster.vision.score import FILE, ModelScore

SCORE_FILE: Final = ROOT / "cluster" / "vision" / FILE


def shipped_score(results: AccuracyResults) -> ModelScore:
    """Return what the product needs of results: of itself, over rendered clips.

    Raises:
        ValueError: Rendered clips were not measured, or only a part of them.
    """
    product = results.configurations[0]
    rendered = product.sets.get(str(SampleSet.RENDERED_CLIPS))
    if results.quick or rendered is None:
        raise ValueError("these results lack the rendered clips; measure them all")

    def value(name: str) -> float:
        measured: Estimate = rendered.measures[name]
        return round(measured.value, DECIMALS)

    return ModelScore(
        model=product.model,
        clips=rendered.samples,
        people_counted=round(value("people_found") + value("people_extra"), DECIMALS),
        window_error=value("headcount_error_of_windows"),
        reading_and_writing=min(
            value(f"activity_{kind}.{part}") for kind in ("precision", "recall") for part in PARTS
        ),
    )


def write_score(results: AccuracyResults, path: Path = SCORE_FILE) -> None:
    """Write what the product needs.

    Raises:
        ValueError: See `shipped_score`.
    """
    with atomic_write(path) as stream:
        stream.write(shipped_score(results).model_dump_json(indent=1).encode() + b"\n")
