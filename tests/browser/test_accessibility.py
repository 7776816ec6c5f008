"""Accessibility of every page: axe-core, small screens, target sizes, language."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.chromium import DESKTOP, PHONE, BrowserSession, browser_session
from tests.browser.classroom import run_classroom
from tests.browser.conftest import OpenSession
from tests.browser.pages import PAGES

SCHEMES_AND_SCREENS = [("light", PHONE), ("dark", PHONE), ("light", DESKTOP), ("dark", DESKTOP)]

MIN_TARGET = 24
"""CSS pixels on each side (WCAG 2.2, 2.5.8); links within a sentence are excepted there."""

TARGETS = """
() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary")]
  .filter((one) => one.checkVisibility() && !one.closest(".skip-link"))
  .filter((one) => !(one.matches("p a") && getComputedStyle(one).display === "inline"))
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, box]) => box.width < MIN_TARGET || box.height < MIN_TARGET)
  .map(([html, box]) => `${Math.round(box.width)}×${Math.round(box.height)}: ${html}`)
""".replace("MIN_TARGET", str(MIN_TARGET))

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
def opened_page(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
) -> Iterator[BrowserSession]:
    """Each page of `PAGES`; it logs no error and contacts no other host."""
    folder = tmp_path_factory.mktemp("class")
    with (
        run_classroom(folder, migrated_sqlite) as classroom,
        browser_session(browser, classroom.url) as session,
    ):
        classroom.add_windows()
        classroom.set_people(24)
        request.param.open_in(session, classroom)
        yield session
        assert session.problems == []


def violations_of(found: dict[str, Any]) -> list[str]:
    """The violations that axe found, a line each."""
    return [
        f"{violation['id']}: {violation['help']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def test_axe_finds_no_violation(opened_page: BrowserSession) -> None:
    for scheme, (width, height) in SCHEMES_AND_SCREENS:
        opened_page.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        opened_page.page.set_viewport_size({"width": width, "height": height})
        found = Axe().run(opened_page.page).response
        assert violations_of(found) == [], f"{scheme}, {width} pixels wide"


def test_pages_fit_small_screens_and_targets_are_large_enough(opened_page: BrowserSession) -> None:
    for width, height in (NARROW, PHONE, DESKTOP):
        opened_page.page.set_viewport_size({"width": width, "height": height})
        wide = opened_page.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{wide} pixels wide on a screen of {width}"
        assert opened_page.page.evaluate(TARGETS) == [], f"{width} pixels wide"


def test_axe_detects_a_violation(open_session: OpenSession) -> None:
    session = open_session()
    session.goto("/sign-in")
    session.page.evaluate("document.querySelector('label').remove()")
    assert any(
        violation.startswith("label")
        for violation in violations_of(Axe().run(session.page).response)
    )


def test_small_targets_and_wide_pages_are_detected(open_session: OpenSession) -> None:
    session = open_session(size=NARROW)
    session.goto("/sign-in")
    wide = "document.querySelector('h1').textContent = 'w'.repeat(99)"
    session.page.evaluate(TINY_LINK)
    assert len(session.page.evaluate(TARGETS)) == 1
    session.page.evaluate(wide)
    assert session.page.evaluate("document.documentElement.scrollWidth") > NARROW[0]


def test_a_page_declares_its_language(open_session: OpenSession) -> None:
    for locale, language in (("en-GB", "en"), ("zh-CN", "zh"), ("nb-NO", "en")):
        session = open_session(locale=locale)
        session.goto("/sign-in")
        assert session.page.get_attribute("html", "lang") == language
