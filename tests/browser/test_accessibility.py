"""Every page is for everybody: axe-core finds no fault; small screens and big fingers do well."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.chromium import DESKTOP, PHONE, Window, window_of
from tests.browser.classroom import classroom
from tests.browser.conftest import Windows
from tests.browser.pages import PAGES

LOOKS = [("light", PHONE), ("dark", PHONE), ("light", DESKTOP), ("dark", DESKTOP)]

LEAST_TARGET = 24
"""CSS pixels on each side (WCAG 2.2, 2.5.8); links within a sentence are excepted there."""

TARGETS = """
() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
  .filter((one) => one.checkVisibility() && !one.closest(".skip-link"))
  .filter((one) => !(one.matches("p a") && getComputedStyle(one).display === "inline"))
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, box]) => box.width < LEAST || box.height < LEAST)
  .map(([html, box]) => `${Math.round(box.width)}×${Math.round(box.height)}: ${html}`)
""".replace("LEAST", str(LEAST_TARGET))

TINY_LINK = """
() => {
  const link = document.createElement("a");
  Object.assign(link, { href: "/", textContent: "i" });
  document.querySelector("form").append(link);
  link.style.maxWidth = "9px";
}
"""

NARROW = (320, 568)
"""A desktop at 400% (WCAG 2.2, 1.4.10), and the smallest phones."""


@pytest.fixture(scope="module", params=PAGES, ids=lambda case: case.name)
def shown(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
) -> Iterator[Window]:
    """A page of the table; it never complains, and asks no other host."""
    folder = tmp_path_factory.mktemp("class")
    with (
        classroom(folder, migrated_sqlite) as room,
        window_of(browser, room.url) as window,
    ):
        room.say_minutes()
        room.say(24)
        request.param.show(window, room)
        yield window
        assert window.problems == []


def faults_of(found: dict[str, Any]) -> list[str]:
    """What axe found, in a line each."""
    return [
        f"{fault['id']}: {fault['help']}: {node['target']} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def test_axe_finds_no_fault(shown: Window) -> None:
    for scheme, (width, height) in LOOKS:
        shown.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        shown.page.set_viewport_size({"width": width, "height": height})
        found = Axe().run(shown.page).response
        assert faults_of(found) == [], f"{scheme}, {width} pixels wide"


def test_a_page_fits_small_screens_and_big_fingers(shown: Window) -> None:
    for width, height in (NARROW, PHONE, DESKTOP):
        shown.page.set_viewport_size({"width": width, "height": height})
        wide = shown.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels wide on a screen of {width}"
        assert shown.page.evaluate(TARGETS) == [], f"{width} pixels wide"


def test_axe_sees_a_fault_where_there_is_one(windows: Windows) -> None:
    window = windows()
    window.goto("/sign-in")
    window.page.evaluate("document.querySelector('label').remove()")
    assert any(fault.startswith("label") for fault in faults_of(Axe().run(window.page).response))


def test_small_targets_and_wide_pages_are_found_out(windows: Windows) -> None:
    window = windows(size=NARROW)
    window.goto("/sign-in")
    wide = "document.querySelector('h1').textContent = 'w'.repeat(99)"
    window.page.evaluate(TINY_LINK)
    assert len(window.page.evaluate(TARGETS)) == 1
    window.page.evaluate(wide)
    assert window.page.evaluate("document.documentElement.scrollWidth") > NARROW[0]


def test_a_page_is_in_the_language_that_it_says(windows: Windows) -> None:
    for locale, language in (("en-GB", "en"), ("zh-CN", "zh"), ("nb-NO", "en")):
        window = windows(locale=locale)
        window.goto("/sign-in")
        assert window.page.get_attribute("html", "lang") == language
