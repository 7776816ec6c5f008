"""`make screenshots` writes a small file for each screen and scheme."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.pages import PAGES
from tests.browser.screenshots import take_screenshots

MAX_BYTES = 150_000


def test_a_screenshot_is_taken_of_each_screen_in_each_scheme(
    browser: Browser, tmp_path: Path
) -> None:
    (case,) = (one for one in PAGES if one.name == "lesson")
    paths = take_screenshots(browser, [case], tmp_path)
    assert [path.stem for path in paths] == [
        f"lesson-{screen}-{scheme}"
        for screen in ("phone", "desktop")
        for scheme in ("light", "dark")
    ]
    assert all(1000 < path.stat().st_size < MAX_BYTES for path in paths)
    assert len({path.read_bytes() for path in paths}) == len(paths)


def test_the_screenshots_of_the_documentation_exist() -> None:
    images = Path(__file__).resolve().parents[2] / "docs" / "images"
    for case in PAGES:
        if case.is_in_docs:
            assert len(list(images.glob(f"{case.name}-*-*.png"))) >= 1, case.name
