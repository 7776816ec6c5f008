"""Which language a page speaks: the browser's choice among those that are complete.

The English texts stand in the templates and in the code, marked for gettext; the others come from
`locale/<language>.po`. A test extracts every text and finds it in every catalogue.
"""

import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.requests import HTTPConnection

SOURCE: Final = "en"
LANGUAGES: Final = (SOURCE, "zh")
MOST_CHOICES: Final = 20


def language_of(connection: HTTPConnection) -> str:
    """The language that the browser likes best among ours; English where it likes none."""
    wanted = _choices(connection.headers.get("accept-language", ""))
    return negotiate_locale(wanted, LANGUAGES, sep="-") or SOURCE


def N_(message: str) -> str:  # noqa: N802 (the name that gettext's tools extract)
    """Mark a text for extraction where it is not translated yet."""
    return message


@cache
def translations_of(language: str) -> NullTranslations:
    """The texts of a language.

    Args:
        language: One of `LANGUAGES`.
    """
    if language == SOURCE:
        return NullTranslations()
    with (files("serve_apps.http.pages") / "locale" / f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


@cache
def locale_of(language: str) -> Locale:
    """How a language writes numbers, dates and times."""
    return Locale.parse("en_GB" if language == SOURCE else language)


def _choices(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header, the best liked first (RFC 9110, 12.5.4)."""
    found = []
    for part in header.split(",")[:MOST_CHOICES]:
        name, _, parameter = part.partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if name.strip() and weight > 0:
            found.append((-weight, name.strip()))
    return [name for _, name in sorted(found, key=lambda one: one[0])]
