from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.scoring.configurations import Configuration
from bench.scoring.measuring import SampleScore
from bench.scoring.ratios import Ratio
from bench.scoring.results import AccuracyResults, summarise
from bench.scoring.samples import SampleSet
from cluster.vision.pose.weights import WeightsFile

CONFIGURATION = Configuration(
    "Homeroom", WeightsFile("net", Path("/some/where/net.pt"), "ab" * 32, "given", ""), 960, 0.1
)
CLIP = SampleScore(
    {
        "headcount_error": Ratio(0.5, 1),
        "people_found": Ratio(18, 20),
        "people_extra": Ratio(1, 20),
        "hand_events_found": Ratio(3, 4),
        "hand_events_false": Ratio(0, 3),
        "activity_right.desk_work_merged": Ratio(9, 12),
        "activity_unclear": Ratio(1, 12),
        "activity_precision.standing": Ratio(1, 2),
        "activity_recall.standing": Ratio(1, 4),
        "people_found.input.<8": Ratio(2, 5),
        "keypoints_near.wrists": Ratio(8, 10),
        "keypoints_usable.wrists": Ratio(6, 10),
    },
    {("standing", "standing"): 1.0, ("standing", "missed"): 3.0, ("nobody", "standing"): 1.0},
)
CALM_CLIP = SampleScore({"headcount_error": Ratio(0, 1)}, {})
PICTURE = SampleScore({"headcount_error": Ratio(0.2, 1), "hands_found": Ratio(1, 2)}, {})


def results_of(*, quick: bool) -> AccuracyResults:
    """Results of two clips and a picture."""
    clips, real = SampleSet.RENDERED_CLIPS, SampleSet.REAL_PICTURES
    scores = [(clips, CLIP), (clips, CALM_CLIP), (real, PICTURE)]
    return AccuracyResults(
        quick=quick,
        missing=("something: no reason",),
        configurations=(summarise(CONFIGURATION, scores),),
    )


def test_samples_are_summed_by_set() -> None:
    sets = results_of(quick=False).configurations[0].sets

    assert list(sets) == ["rendered clips", "real pictures of adults"]
    assert sets["rendered clips"].samples == 2
    error = sets["rendered clips"].measures["headcount_error"]
    assert (error.value, error.low, error.high) == (0.25, 0.0, 0.5)
    assert sets["rendered clips"].confusion == {
        "nobody": {"standing": 0.2},
        "standing": {"missed": 0.6, "standing": 0.2},
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    results = results_of(quick=False)
    results.write(tmp_path / "new" / "accuracy.json")

    assert AccuracyResults.read(tmp_path / "new" / "accuracy.json") == results
    assert "/some/where" not in (tmp_path / "new" / "accuracy.json").read_text()


def test_another_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "accuracy.json"
    file.write_text('{"format": "homeroom-accuracy/9", "quick": false}')

    with pytest.raises(ValidationError):
        AccuracyResults.read(file)
