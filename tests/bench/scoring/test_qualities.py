"""The table of qualities: a score from one command, a speed from another."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.archive import with_input_size
from bench.scoring.configurations import name_of_quality, product, product_of_quality
from bench.scoring.qualities import QUALITIES, QualityCosts, quality_table
from tests.bench.scoring.test_results import results_of


def test_a_quality_is_the_product_with_another_largest_size() -> None:
    sizes = {one: product_of_quality(one).max_input_size for one in QUALITIES}
    assert sizes == {"fast": 640, "balanced": 960, "full": 1280}
    assert name_of_quality("balanced") == product().name
    assert name_of_quality("full") == "Homeroom, full"


def test_each_quality_has_its_score_and_its_cost_and_a_dash_for_what_was_not_measured() -> None:
    results = results_of(quick=False)
    (default,) = results.configurations
    fast = default.model_copy(update={"name": "Homeroom, fast"})
    results = results.model_copy(update={"configurations": (default, fast)})
    costs = QualityCosts(model="net@1", cores=2, speeds={"fast": 41.6, "full": 9.7})

    table = quality_table(results, costs)

    assert table.header[-1] == "seconds of footage a second on 2 cores"
    fast_row, balanced_row, full_row = table.rows
    score = ("25% (0 to 50)", "75%, –", "75%")
    assert [row[0] for row in table.rows] == ["`fast`", "`balanced` (default)", "`full`"]
    assert (fast_row[2], fast_row[-1]) == (score[0], "42")
    assert balanced_row[1:] == ("960", *fast_row[2:5], "–")
    assert full_row[1:] == ("1280", "–", "–", "–", "10")


def test_costs_that_are_written_are_read_and_none_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "new" / "costs.json"
    assert QualityCosts.read(path) == QualityCosts()
    costs = QualityCosts(model="net@1", cores=2, speeds={"full": 9.7})
    costs.write(path)
    assert QualityCosts.read(path) == costs
    path.write_text('{"speeds": {"best": 1.0}}')
    with pytest.raises(ValidationError):
        QualityCosts.read(path)


def test_the_cameras_of_settings_get_a_fixed_size() -> None:
    assert with_input_size("[[cameras]]\nid = 'a'\n", 640) == (
        "[[cameras]]\ninput_size = 640\nid = 'a'\n"
    )
    with pytest.raises(ValueError, match="no camera"):
        with_input_size("# One [[cameras]] for each.\n", 640)
