"""CSV for people who open it in a spreadsheet: as UTF-8 with its mark, and without formulas.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, and which text is a cell depends on
the separator that it takes: commas in some languages, semicolons or tabs in others. So a text that
could begin a cell for any of them is made plain text, with an apostrophe before it (OWASP, "CSV
Injection").
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it, spreadsheets take the encoding of their country."""

FORMULA: Final = re.compile(
    r'(^|[,;|\t\r\n])([\s"]*)([=+\-@\uff1d\uff0b\uff0d\uff20])',  # the last four are full-width
)


def escape_formulas(text: str) -> str:
    """Return a text in which nothing is a formula, whatever separates cells."""
    return FORMULA.sub(r"\1\2'\3", text)


def to_spreadsheet_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; None is an empty cell.

    Args:
        columns: The header.
        rows: Cells in the order of the header.
    """
    out = io.StringIO()
    out.write(BYTE_ORDER_MARK)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if cell is None else escape_formulas(str(cell)) for cell in row])
    return out.getvalue()
