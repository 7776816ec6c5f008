from pathlib import Path

import pytest

from bench.scoring import documents as module
from bench.scoring.documents import (
    BEGIN,
    END,
    QUALITY_BEGIN,
    QUALITY_END,
    documents,
    quality_document,
    replace_between_markers,
    text_between_markers,
    write_documents,
)
from bench.scoring.qualities import QualityCosts
from bench.scoring.results import RESULTS, AccuracyResults
from tests.bench.scoring.test_results import results_of


@pytest.mark.parametrize("page", ["README.md", "docs/activity.md"])
def test_the_tables_of_the_pages_are_those_of_the_committed_results(page: str) -> None:
    """If not: `python -m bench.accuracy --write-docs`."""
    expected = documents(AccuracyResults.read(RESULTS))[module.ROOT / page]

    assert text_between_markers((module.ROOT / page).read_text()) == expected


@pytest.mark.parametrize("page", ["README.md", "docs/activity.md"])
def test_the_table_of_qualities_is_that_of_the_committed_results(page: str) -> None:
    """If not: `python -m bench.accuracy --write-docs`."""
    expected = quality_document(AccuracyResults.read(RESULTS), QualityCosts.read())
    markers = (QUALITY_BEGIN, QUALITY_END)

    assert text_between_markers((module.ROOT / page).read_text(), markers) == expected


def test_the_committed_results_are_whole_and_name_no_file_of_a_machine() -> None:
    results = AccuracyResults.read(RESULTS)

    assert not results.quick
    assert results.configurations[0].name == "Homeroom"
    assert str(Path.home()) not in RESULTS.read_text()
    assert ".pt" not in RESULTS.read_text()


def test_only_the_text_between_the_markers_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    replaced = replace_between_markers(page, "new\ntext")

    assert replaced == f"before\n{BEGIN}\nnew\ntext\n{END}\nafter\n"
    assert text_between_markers(replaced) == "new\ntext"
    assert replace_between_markers(replaced, "new\ntext") == replaced


@pytest.mark.parametrize("page", ["", BEGIN, END + BEGIN, f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        replace_between_markers(page, "text")


def test_pages_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/activity.md"):
        (tmp_path / name).write_text(f"# Page\n{BEGIN}\n{END}\n{QUALITY_BEGIN}\n{QUALITY_END}\n")

    write_documents(results_of(quick=False), QualityCosts(cores=2, speeds={"fast": 41.6}))

    assert "| 25% (" in (tmp_path / "README.md").read_text()
    for name in ("README.md", "docs/activity.md"):
        assert "| `fast` | 640 | – | – | – | 42 |" in (tmp_path / name).read_text()
    activity = (tmp_path / "docs/activity.md").read_text()
    assert "- Not measured: something: no reason." in activity
    assert "**Configurations**" in activity


def test_results_of_a_part_are_not_written_into_pages() -> None:
    with pytest.raises(ValueError, match="--quick"):
        write_documents(results_of(quick=True), QualityCosts())
