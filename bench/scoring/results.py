"""The results of a score, as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from bench.scoring.activities import Confusion
from bench.scoring.configurations import Configuration, InputSizeOrAuto
from bench.scoring.measuring import SampleScore
from bench.scoring.ratios import Estimate, estimate_all
from bench.scoring.samples import SampleSet
from cluster.files import atomic_write

FORMAT: Final = "homeroom-accuracy/1"
DECIMALS: Final = 4

RESULTS: Final = Path(__file__).resolve().parents[1] / "results" / "accuracy.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SetResult(_Frozen):
    """What was measured in a set of pictures and clips.

    Attributes:
        samples: Pictures and clips in it.
        measures: By name; those that could not be measured are left out.
        confusion: Shares of all person-frames, by true and then by counted activity.
    """

    samples: int
    measures: dict[str, Estimate]
    confusion: dict[str, dict[str, float]]


class ConfigurationResult(_Frozen):
    """What was measured of a configuration.

    Attributes:
        name: See `Configuration`.
        model: Name and start of the checksum of the weights.
        input_size: See `Configuration`.
        confidence: See `Configuration`.
        pipeline: See `Configuration`.
        sets: By their names.
    """

    name: str
    model: str
    input_size: InputSizeOrAuto
    confidence: float
    pipeline: str
    sets: dict[str, SetResult]


class AccuracyResults(_Frozen):
    """The results of a score.

    Attributes:
        format: Version of this format.
        quick: Whether only a part was measured.
        missing: What was not measured, and why.
        configurations: The product first.
    """

    format: Literal["homeroom-accuracy/1"] = FORMAT
    quick: bool
    missing: tuple[str, ...]
    configurations: tuple[ConfigurationResult, ...]

    def write(self, path: Path) -> None:
        """Write the results, whole or not at all."""
        with atomic_write(path) as stream:
            stream.write(self.model_dump_json(indent=1).encode() + b"\n")

    @staticmethod
    def read(path: Path) -> "AccuracyResults":
        """Read results.

        Raises:
            ValueError: It is not of this format.
        """
        return AccuracyResults.model_validate_json(path.read_bytes())


def summarise(
    configuration: Configuration, scores: Sequence[tuple[SampleSet, SampleScore]]
) -> ConfigurationResult:
    """Return the results of a configuration from the scores of its samples."""
    sets = {}
    for sample_set in SampleSet:
        members = [score for owner, score in scores if owner == sample_set]
        if members:
            measures = estimate_all([score.measures for score in members])
            sets[str(sample_set)] = SetResult(
                samples=len(members),
                measures={name: _rounded(measures[name]) for name in sorted(measures)},
                confusion=_shares([score.confusion for score in members]),
            )
    return ConfigurationResult(
        name=configuration.name,
        model=configuration.weights.model_id,
        input_size=configuration.input_size,
        confidence=configuration.confidence,
        pipeline=configuration.pipeline,
        sets=sets,
    )


def _rounded(measured: Estimate) -> Estimate:
    low, high = (
        None if end is None else round(end, DECIMALS) for end in (measured.low, measured.high)
    )
    return Estimate(
        round(measured.value, DECIMALS),
        low,
        high,
        measured.samples,
        round(measured.total, DECIMALS),
    )


def _shares(confusions: Sequence[Confusion]) -> dict[str, dict[str, float]]:
    total = sum(sum(confusion.values()) for confusion in confusions)
    sums: dict[str, dict[str, float]] = {}
    for confusion in confusions:
        for (true, counted), number in confusion.items():
            row = sums.setdefault(true, {})
            row[counted] = row.get(counted, 0) + number
    return {
        true: {counted: round(row[counted] / total, DECIMALS) for counted in sorted(row)}
        for true, row in sorted(sums.items())
    }
