"""What each value of `analysis.quality` is worth and costs: a score and a speed, in one table.

python -m bench.accuracy --qualities -> bench/results/accuracy.json        (scores)
python -m bench.archive --qualities  -> bench/results/quality-costs.json   (speeds)
python -m bench.accuracy --write-docs -> the table of README.md and docs/activity.md
"""

from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel, ConfigDict, Field

from bench.scoring.configurations import name_of_quality
from bench.scoring.results import RESULTS, AccuracyResults, SetResult
from bench.scoring.samples import SampleSet
from bench.scoring.tables import NOTHING, ResultTable, format_brief, format_estimate
from cluster.files import atomic_write
from cluster.settings import AnalysisSettings
from cluster.settings.tables import Quality

QUALITIES: Final[tuple[Quality, ...]] = get_args(Quality)
COSTS: Final = RESULTS.with_name("quality-costs.json")


class QualityCosts(BaseModel):
    """How fast archives are analysed at the largest input size of each quality.

    Attributes:
        model: Id of the pose model; empty where nothing was measured.
        cores: Of the machine.
        speeds: Seconds of footage analysed in a second, by quality.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = ""
    cores: int = Field(default=0, ge=0)
    speeds: dict[Quality, float] = Field(default_factory=dict)

    @staticmethod
    def read(path: Path = COSTS) -> "QualityCosts":
        """Read what was measured; empty where nothing was.

        Raises:
            ValueError: The file is not of this format.
        """
        if not path.is_file():
            return QualityCosts()
        return QualityCosts.model_validate_json(path.read_bytes())

    def write(self, path: Path = COSTS) -> None:
        """Write it, whole or not at all."""
        with atomic_write(path) as stream:
            stream.write(self.model_dump_json(indent=1).encode() + b"\n")


def quality_table(results: AccuracyResults, costs: QualityCosts) -> ResultTable:
    """Return the score over rendered clips and the speed of each quality; dashes where unknown."""
    scores = {one.name: one.sets for one in results.configurations}
    default = AnalysisSettings().quality
    rows = []
    for quality in QUALITIES:
        found = scores.get(name_of_quality(quality), {})
        score = found.get(str(SampleSet.RENDERED_CLIPS))
        speed = costs.speeds.get(quality)
        rows.append(
            (
                f"`{quality}`{' (default)' if quality == default else ''}",
                str(AnalysisSettings(quality=quality).max_input_size),
                *_cells(score),
                NOTHING if speed is None else f"{speed:.0f}",
            )
        )
    on = f" on {costs.cores} cores" if costs.cores else ""
    header = (
        "`analysis.quality`",
        "largest input",
        "mean headcount error",
        "raised hands found, false",
        "activities right",
        f"seconds of footage a second{on}",
    )
    return ResultTable("What each quality is worth and costs", header, tuple(rows))


def _cells(score: SetResult | None) -> tuple[str, str, str]:
    if score is None:
        return (NOTHING, NOTHING, NOTHING)
    found, false = (score.measures.get(name) for name in ("hand_events_found", "hand_events_false"))
    return (
        format_estimate(score.measures.get("headcount_error")),
        NOTHING if found is None else f"{format_estimate(found)}, {format_brief(false)}",
        format_estimate(score.measures.get("activity_right.desk_work_merged")),
    )
