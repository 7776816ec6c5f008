"""What the product knows of its score is what was measured."""

from pathlib import Path

import pytest

from bench.scoring.results import RESULTS, AccuracyResults
from bench.scoring.shipped import SCORE_FILE, shipped_score, write_score
from cluster.vision.score import SCORE, ModelScore
from tests.bench.scoring.test_results import results_of


def test_the_products_score_is_of_the_committed_results() -> None:
    """If not: `python -m bench.accuracy --write-docs`."""
    assert shipped_score(AccuracyResults.read(RESULTS)) == SCORE


def test_the_score_is_written_where_the_product_reads_it(tmp_path: Path) -> None:
    results, path = AccuracyResults.read(RESULTS), tmp_path / "score.json"
    write_score(results, path)

    assert ModelScore.model_validate_json(path.read_bytes()) == shipped_score(results)
    assert path.read_text() == SCORE_FILE.read_text()


def test_results_of_a_part_give_no_score() -> None:
    with pytest.raises(ValueError, match="measure them all"):
        shipped_score(results_of(quick=True))
