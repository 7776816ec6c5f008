"""Writes the tables into README.md and docs/activity.md, between two markers."""

from pathlib import Path
from typing import Final

from bench.scoring.results import AccuracyResults
from bench.scoring.tables import detail_tables, render_markdown, summary_table
from cluster.files import atomic_write

BEGIN: Final = "<!-- accuracy:begin -->"
END: Final = "<!-- accuracy:end -->"

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


def replace_between_markers(page: str, text: str) -> str:
    """Return a page with other text between its markers.

    Raises:
        ValueError: The page does not have each marker once, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the page needs {BEGIN} and {END}, once each")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def text_between_markers(page: str) -> str:
    """Return the text between a page's markers."""
    return page.partition(BEGIN)[2].partition(END)[0].strip("\n")


def write_documents(results: AccuracyResults) -> None:
    """Write the tables into the pages.

    Raises:
        ValueError: A page lacks the markers, or only a part was measured.
    """
    if results.quick:
        raise ValueError("these results are of a part; measure without --quick")
    for path, text in documents(results).items():
        page = replace_between_markers(path.read_text(), text)
        with atomic_write(path) as stream:
            stream.write(page.encode())
