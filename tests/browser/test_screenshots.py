"""`make screenshots` leaves a picture of each screen and scheme, and they are small."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.pages import PAGES
from tests.browser.screenshots import take

MOST_BYTES = 150_000


def test_a_page_is_photographed_on_each_screen_in_each_scheme(
    browser: Browser, tmp_path: Path
) -> None:
    (case,) = (one for one in PAGES if one.name == "lesson")
    made = take(browser, [case], tmp_path)
    assert [path.stem for path in made] == [
        f"lesson-{screen}-{scheme}"
        for screen in ("phone", "desktop")
        for scheme in ("light", "dark")
    ]
    assert all(1000 < path.stat().st_size < MOST_BYTES for path in made)
    assert len({path.read_bytes() for path in made}) == len(made)


def test_the_pictures_of_the_documentation_are_there() -> None:
    images = Path(__file__).resolve().parents[2] / "docs" / "images"
    for case in PAGES:
        if case.is_in_docs:
            assert len(list(images.glob(f"{case.name}-*-*.png"))) >= 1, case.name
