import pytest

from bench.scoring.ratios import Estimate
from bench.scoring.tables import (
    detail_tables,
    format_brief,
    format_estimate,
    render_markdown,
    summary_table,
)
from tests.bench.scoring.test_results import results_of


@pytest.mark.parametrize(
    ("measured", "whole", "brief"),
    [
        (None, "–", "–"),
        (Estimate(0.934, 0.9, 0.961, 9, 20), "93% (90 to 96)", "93%"),
        (Estimate(1.0, None, None, 1, 20), "100%", "100%"),
    ],
)
def test_measures_are_shares_with_their_intervals(
    measured: Estimate | None, whole: str, brief: str
) -> None:
    assert format_estimate(measured) == whole
    assert format_brief(measured) == brief


def test_the_summary_has_a_row_for_each_set_and_configuration() -> None:
    clips, real = summary_table(results_of(quick=False)).rows

    assert clips == (
        "rendered clips (2)",
        "Homeroom",
        "25% (0 to 50)",
        "90% + 5%",
        "75%, 0%",
        "75%",
        "8%",
    )
    assert real[2:] == ("20%", "–", "50%, –", "–", "–")


def test_tables_without_rows_are_left_out() -> None:
    titles = [table.title for table in detail_tables(results_of(quick=False))]

    assert "Configurations" in titles
    assert "People found, by height of the head in pixels of the network's input" in titles
    assert "People found, by height of the head in pixels of the picture" not in titles


def test_precision_and_recall_share_a_cell() -> None:
    tables = {table.title: table for table in detail_tables(results_of(quick=False))}
    activities = tables["Activities: precision, recall"]

    assert dict(zip(activities.header, activities.rows[0], strict=True))["`standing`"] == "50%, 25%"


def test_the_confusion_is_given_as_shares_of_each_true_activity() -> None:
    tables = {table.title: table for table in detail_tables(results_of(quick=False))}
    confusion = tables["Homeroom, rendered clips: what people are counted as"]
    standing, nobody = (dict(zip(confusion.header, row, strict=True)) for row in confusion.rows)

    assert (standing["true"], standing["`standing`"], standing["missed"]) == (
        "`standing`",
        "25%",
        "75%",
    )
    assert (nobody["true"], nobody["`standing`"], nobody["missed"]) == ("nobody", "100%", "")


def test_markdown_has_a_line_for_each_row() -> None:
    lines = render_markdown(summary_table(results_of(quick=False))).splitlines()

    assert len(lines) == 4
    assert lines[1] == "| --- | --- | --- | --- | --- | --- | --- |"
    assert len({line.count("|") for line in lines}) == 1
