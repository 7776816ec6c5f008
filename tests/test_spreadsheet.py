"""CSV for spreadsheets: read as UTF-8, and nothing in it is a formula, whatever separates cells."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.spreadsheet import escape_formulas, to_spreadsheet_csv

SEPARATORS = [",", ";", "\t", "|"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\t=", ' "='])
def test_a_text_that_begins_like_a_formula_is_plain_text(start: str) -> None:
    escaped = escape_formulas(f"{start}SUM(1)")
    assert escaped.lstrip(' \t"').startswith("'")


@pytest.mark.parametrize("text", ["Anna-Lena", "a=b", "7B", "2026-03-02T09:00:00+00:00", "1 + 1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert escape_formulas(text) == text


@given(
    st.lists(st.text("ab=+-@,;|\t\n\" '", max_size=12), min_size=1, max_size=3),
    st.sampled_from(SEPARATORS),
)
def test_no_cell_begins_like_a_formula_for_any_separator(cells: list[str], separator: str) -> None:
    text = to_spreadsheet_csv(["name"] * len(cells), [cells])
    for row in csv.reader(io.StringIO(text), delimiter=separator):
        for cell in row:
            assert not cell.strip(' \t\n"').startswith(("=", "+", "-", "@")), (text, cell)


def test_it_begins_with_the_mark_of_utf_8() -> None:
    text = to_spreadsheet_csv(["name", "none"], [["Jörg", None]])
    assert text.encode().startswith(b"\xef\xbb\xbfname,none\n")
    assert text.endswith("\nJörg,\n")
