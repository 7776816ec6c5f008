"""Pictures of the pages, with made-up names, for the documentation.

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

from tests.browser.chromium import DESKTOP, PHONE, chromium, window_of
from tests.browser.classroom import classroom
from tests.browser.pages import PAGES, PageCase

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SCREENS = {"phone": (*PHONE, 1500), "desktop": (*DESKTOP, 900)}
"""Width and height of the screen, and how much of the page is photographed."""

SCHEMES = ("light", "dark")
COLOUR_STEP = 5
SETTLE_MILLISECONDS = 700
"""Until bars have grown to their length."""


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="Pages; those of the documentation unless given.")
    parser.add_argument("--all", action="store_true", help="Every page.")
    parser.add_argument("--folder", type=Path, default=IMAGES, help="Where to.")
    options = parser.parse_args()
    chosen = [
        case
        for case in PAGES
        if options.all or case.name in options.names or (not options.names and case.is_in_docs)
    ]
    options.folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for path in take(browser, chosen, options.folder):
            print(path)  # noqa: T201 (what was made)


def take(browser: Browser, cases: Iterable[PageCase], folder: Path) -> list[Path]:
    """Photograph pages.

    Args:
        browser: With which.
        cases: Which.
        folder: Where to.
    """
    made: list[Path] = []
    for case in cases:
        with tempfile.TemporaryDirectory() as own, classroom(Path(own)) as room:
            room.say_minutes()
            room.say(24)
            with window_of(browser, room.url, reduced_motion="reduce") as window:
                case.show(window, room)
                for screen, (width, height, seen) in SCREENS.items():
                    window.page.set_viewport_size({"width": width, "height": height})
                    for scheme in SCHEMES:
                        window.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                        window.page.wait_for_timeout(SETTLE_MILLISECONDS)
                        made.append(folder / f"{case.name}-{screen}-{scheme}.png")
                        long = window.page.evaluate("document.documentElement.scrollHeight")
                        tall = min(seen, max(height, int(long)))
                        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": tall}
                        made[-1].write_bytes(
                            _small(window.page.screenshot(full_page=True, clip=clip))
                        )
    return made


def _small(picture: bytes) -> bytes:
    """The picture in 52 steps of each colour, in which soft gradients take little room."""
    pixels = np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    stepped = (np.round(pixels / COLOUR_STEP) * COLOUR_STEP).astype(np.uint8)
    _, small = cv2.imencode(".png", stepped, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return bytes(small)


if __name__ == "__main__":
    main()
