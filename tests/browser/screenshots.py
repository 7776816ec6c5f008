"""Screenshots of the pages, with made-up names, for the documentation.

make screenshots          or          python -m tests.browser.screenshots [--all] [NAME …]

docs/images/<page>-<phone|desktop>-<light|dark>.png
"""

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, FloatRect

from tests.browser.chromium import DESKTOP, PHONE, browser_session, launch_chromium
from tests.browser.classroom import run_classroom
from tests.browser.pages import PAGES, PageCase

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SCREENS = {"phone": (*PHONE, 1500), "desktop": (*DESKTOP, 900)}
"""Width and height of the screen, and the most height of the page in a screenshot."""

SCHEMES = ("light", "dark")
COLOUR_STEP = 5
SETTLE_MILLISECONDS = 700
"""Until transitions have ended."""


def main() -> None:
    """Take the screenshots that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="Pages; those in the documentation unless given.")
    parser.add_argument("--all", action="store_true", help="Every page.")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="For the files.")
    options = parser.parse_args()
    chosen = [
        case
        for case in PAGES
        if options.all or case.name in options.names or (not options.names and case.is_in_docs)
    ]
    options.folder.mkdir(parents=True, exist_ok=True)
    with launch_chromium() as browser:
        for path in take_screenshots(browser, chosen, options.folder):
            print(path)  # noqa: T201 (what was made)


def take_screenshots(browser: Browser, cases: Iterable[PageCase], folder: Path) -> list[Path]:
    """Take screenshots of pages on each screen in each scheme; returns their paths.

    Args:
        browser: Renders the pages.
        cases: The pages.
        folder: For the files.
    """
    paths: list[Path] = []
    for case in cases:
        with (
            tempfile.TemporaryDirectory() as folder_name,
            run_classroom(Path(folder_name)) as classroom,
        ):
            classroom.add_windows()
            classroom.set_people(24)
            with browser_session(browser, classroom.url, reduced_motion="reduce") as session:
                case.open_in(session, classroom)
                for screen, (width, height, max_height) in SCREENS.items():
                    session.page.set_viewport_size({"width": width, "height": height})
                    for scheme in SCHEMES:
                        session.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                        session.page.wait_for_timeout(SETTLE_MILLISECONDS)
                        paths.append(folder / f"{case.name}-{screen}-{scheme}.png")
                        page_height = session.page.evaluate("document.documentElement.scrollHeight")
                        clip_height = min(max_height, max(height, int(page_height)))
                        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": clip_height}
                        paths[-1].write_bytes(
                            _quantise(session.page.screenshot(full_page=True, clip=clip))
                        )
    return paths


def _quantise(image: bytes) -> bytes:
    """Reduce an image to 52 levels of each colour, so that gradients compress well."""
    pixels = np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    quantised = (np.round(pixels / COLOUR_STEP) * COLOUR_STEP).astype(np.uint8)
    _, encoded = cv2.imencode(".png", quantised, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return bytes(encoded)


if __name__ == "__main__":
    main()
