"""The language of a page: the browser's preference among those that are fully translated.

English texts are in the templates and in the code, marked for gettext; translations are in
`locale/<language>.po`. A test extracts every text and checks that each catalogue has it.
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
MAX_PREFERENCES: Final = 20
"""Languages of an Accept-Language header that are considered."""


def N_(message: str) -> str:  # noqa: N802 (the name that gettext's tools extract)
    """Mark a text for extraction where it is not translated yet."""
    return message


def language_of(connection: HTTPConnection) -> str:
    """Return the language that the browser prefers among `LANGUAGES`; English where none fits."""
    preferred = _preferred_languages(connection.headers.get("accept-language", ""))
    return negotiate_locale(preferred, LANGUAGES, sep="-") or SOURCE


@cache
def translations_of(language: str) -> NullTranslations:
    """Return the translations into a language.

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
    """Return how a language formats numbers, dates and times."""
    return Locale.parse("en_GB" if language == SOURCE else language)


def _preferred_languages(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header, by falling quality (RFC 9110, 12.5.4)."""
    weighted = []
    for part in header.split(",")[:MAX_PREFERENCES]:
        name, _, parameter = part.partition(";")
        try:
            quality = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if name.strip() and quality > 0:
            weighted.append((-quality, name.strip()))
    return [name for _, name in sorted(weighted, key=lambda one: one[0])]
