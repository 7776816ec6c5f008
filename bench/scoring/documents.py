"""Writes the tables into README.md and docs/activity.md, between markers."""

from pathlib import Path
from typing import Final

from bench.scoring.qualities import QualityCosts, quality_table
from bench.scoring.results import AccuracyResults
from bench.scoring.tables import detail_tables, render_markdown, summary_table
from cluster.files import atomic_write

BEGIN: Final = "<!-- accuracy:begin -->"
END: Final = "<!-- accuracy:end -->"
QUALITY_BEGIN: Final = "<!-- quality:begin -->"
QUALITY_END: Final = "<!-- quality:end -->"

ROOT: Final = Path(__file__).resolve().parents[2]


def documents(results: AccuracyResults) -> dict[Path, str]:
    """Return what stands between the markers of each page, by its path."""
    summary = render_markdown(summary_table(results))
    details = "\n\n".join(
        f"**{table.title}**\n\n{render_markdown(table)}" for table in detail_tables(results)
    )
    missing = "\n".join(f"- Not measured: {text}." for text in results.missing)
    parts = [summary, missing, details]
    return {
        ROOT / "README.md": summary,
        ROOT / "docs" / "activity.md": "\n\n".join(part for part in parts if part),
    }


def quality_document(results: AccuracyResults, costs: QualityCosts) -> str:
    """Return the table of qualities, which both pages have."""
    return render_markdown(quality_table(results, costs))


def replace_between_markers(page: str, text: str, markers: tuple[str, str] = (BEGIN, END)) -> str:
    """Return a page with other text between two markers.

    Raises:
        ValueError: The page does not have each marker once, in order.
    """
    first, last = markers
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end or first in rest or last in after:
        raise ValueError(f"the page needs {first} and {last}, once each")
    return f"{before}{first}\n{text}\n{last}{after}"


def text_between_markers(page: str, markers: tuple[str, str] = (BEGIN, END)) -> str:
    """Return the text between two markers of a page."""
    return page.partition(markers[0])[2].partition(markers[1])[0].strip("\n")


def write_documents(results: AccuracyResults, costs: QualityCosts) -> None:
    """Write the tables into the pages.

    Args:
        results: Of `bench.accuracy`.
        costs: Of `bench.archive --qualities`.

    Raises:
        ValueError: A page lacks the markers, or only a part was measured.
    """
    if results.quick:
        raise ValueError("these results are of a part; measure without --quick")
    for path, text in documents(results).items():
        page = replace_between_markers(path.read_text(), text)
        quality = quality_document(results, costs)
        page = replace_between_markers(page, quality, (QUALITY_BEGIN, QUALITY_END))
        with atomic_write(path) as stream:
            stream.write(page.encode())
