"""Which separator and encoding a CSV file has, from its first line or its first bytes.

Spreadsheets write semicolons where the comma is the decimal sign, and tabs as "Unicode text". Those
are read. What is not read is named, so that the person who exported it knows what to change.
"""

import codecs
import csv
import re
from collections.abc import Collection

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
OTHER_SEPARATORS = "|:^~"
SEP_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""The first line that some programs write for spreadsheets, in place of the header."""

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def separator_of(header: str, columns: Collection[str]) -> str:
    """Return the separator with which a header names the most of some columns; else a comma."""
    return max(SEPARATORS, key=lambda one: _named(header, one, columns))


def describe_separator(header: str, columns: Collection[str]) -> str | None:
    """Return which separator a header seems to have, where it is none that is read."""
    for separator in OTHER_SEPARATORS:
        if _named(header, separator, columns) > 1:
            known = ", ".join(f"{name} ({one!r})" for one, name in SEPARATORS.items())
            return f"its separator seems to be {separator!r}, and only {known} are read"
    return None


def describe_encoding(start: bytes) -> str:
    """Return what the encoding of a file that is not UTF-8 seems to be.

    Args:
        start: The first bytes of the file, with those that are not UTF-8.
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return name
    if b"\0" in start:
        return "UTF-16"
    return "Windows-1252 or ISO 8859-1 (Latin-1)"


def _named(header: str, separator: str, columns: Collection[str]) -> int:
    try:
        names = next(csv.reader([header], delimiter=separator, strict=True), [])
    except csv.Error:
        return 0
    wanted = {name.lower() for name in columns}
    return len({name.strip().lower() for name in names} & wanted)
