"""Whether reading and writing are published follows from the score."""

from bench.scoring.results import RESULTS, AccuracyResults
from bench.scoring.samples import SampleSet
from cluster.activity.desk_work import MIN_PARTS_SCORE, PARTS, PUBLISHES_PARTS


def test_the_parts_are_published_exactly_if_the_score_tells_them_apart() -> None:
    product = AccuracyResults.read(RESULTS).configurations[0]
    measures = product.sets[str(SampleSet.RENDERED_CLIPS)].measures
    values = [
        measures[f"activity_{kind}.{part}"].value
        for part in PARTS
        for kind in ("precision", "recall")
    ]
    assert len(values) == 4
    assert all(value >= MIN_PARTS_SCORE for value in values) == PUBLISHES_PARTS
