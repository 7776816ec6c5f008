"""The language of a page: the browser's preference, and complete catalogues."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from starlette.requests import Request

from serve_apps.http.pages import i18n
from serve_apps.http.pages.i18n import LANGUAGES, SOURCE, language_of

FOLDER = Path(i18n.__file__).parent
METHODS = [("**/templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {
    "**/templates/**.html": {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
    }
}
PLACEHOLDERS = re.compile(r"%\(\w+\)s")


def request_with(header: str | None) -> Request:
    headers = [] if header is None else [(b"accept-language", header.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans-CN", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr-FR,fr;q=0.9", "en"),
        ("fr, zh;q=0.5, en;q=0.4", "zh"),
        ("en;q=0, zh", "zh"),
        ("en;q=nonsense, ;;;, zh;q=0.1", "zh"),
        ("*", "en"),
        ("x" * 5000, "en"),
    ],
)
def test_the_preferred_language_among_the_translated_ones_is_used(
    header: str | None, language: str
) -> None:
    assert language_of(request_with(header)) == language


def texts() -> Iterator[tuple[str, ...]]:
    """Every marked text of templates and code, with its plural where it has one."""
    for _file, _line, message, _comments, _context in extract_from_dir(
        FOLDER, method_map=METHODS, options_map=OPTIONS
    ):
        yield message if isinstance(message, tuple) else (message,)


def catalogue(language: str) -> Catalog:
    with (FOLDER / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def strings_of(message: Message) -> tuple[str, ...]:
    found = message.string
    return tuple(str(one or "") for one in (found if isinstance(found, list | tuple) else [found]))


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != SOURCE])
def test_every_text_is_translated_with_the_same_placeholders(language: str) -> None:
    translations, marked = catalogue(language), set(texts())
    assert len(marked) > 50
    missing = []
    for message in marked:
        found = translations.get(message[0])
        if found is None or found.fuzzy or not all(strings_of(found)):
            missing.append(message[0])
            continue
        for string in strings_of(found):
            expected = set(PLACEHOLDERS.findall(message[-1]))
            assert set(PLACEHOLDERS.findall(string)) == expected, message[0]
    assert not missing, f"write them into locale/{language}.po"


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != SOURCE])
def test_no_catalogue_has_unused_texts(language: str) -> None:
    marked = {message[0] for message in texts()}
    kept = {
        one.id[0] if isinstance(one.id, list | tuple) else one.id
        for one in catalogue(language)
        if one.id
    }
    assert kept <= marked
