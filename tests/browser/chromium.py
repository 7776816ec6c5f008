"""A real browser, and sessions in it that record what a page must never do.

    with launch_chromium() as browser, browser_session(browser, "http://127.0.0.1:8000") as session:
        session.goto("/")

Set `CHROMIUM_PATH` to name the executable; the tests then fail without it and do not skip.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright
from starlette.status import HTTP_303_SEE_OTHER

TIMEOUT_MILLISECONDS = 10_000
CHROMIUM_PATH = os.environ.get("CHROMIUM_PATH")
"""Read at import; where it is set, a missing browser is a failure."""

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
INSTALL_HINT = "no Chromium is found: `apt install chromium`, or set CHROMIUM_PATH to one"
CHROMIUM_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
    # A camera that shows a test image, without a permission prompt.
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
ERROR_STATUS_MESSAGE = "Failed to load resource"
"""Chromium logs it for every response of 400 and more, some of which tests provoke."""

TEXT_TYPES = ("text/html", "text/css", "text/javascript")
"""Content types of what a page consists of, besides images."""

PHONE, DESKTOP = (390, 844), (1280, 900)


def find_chromium() -> str:
    """Return the path of Chromium.

    Raises:
        FileNotFoundError: It is not installed.
    """
    for name in [CHROMIUM_PATH] if CHROMIUM_PATH else EXECUTABLES:
        found = shutil.which(name)
        if found:
            return found
    raise FileNotFoundError(INSTALL_HINT)


def find_chromium_or_skip() -> str:
    """Return the path of Chromium; skip the test without it, unless `CHROMIUM_PATH` is set."""
    try:
        return find_chromium()
    except FileNotFoundError:
        if CHROMIUM_PATH:
            raise
        pytest.skip(INSTALL_HINT)


@contextmanager
def launch_chromium(path: str | None = None) -> Iterator[Browser]:
    """Run a headless browser for the duration of the block.

    Args:
        path: Of the executable; searched for unless given.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path or find_chromium(), args=list(CHROMIUM_FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class BrowserSession:
    """A page in a fresh browser context, for the pages of one service.

    Attributes:
        page: The page of Playwright.
        url: Base URL of the service.
        problems: Errors and warnings of the console, and requests to other hosts.
    """

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def goto(self, path: str) -> int:
        """Open a page and return the status of the response."""
        response = self.page.goto(f"{self.url}{path}")
        return response.status if response else 0

    def sign_in(self, token: str) -> None:
        """Sign in with the form, and wait for the home page."""
        self.goto("/sign-in")
        self.page.fill("#token", token)
        self.page.click("main button")
        self.page.wait_for_url(lambda address: not urlsplit(address).path.startswith("/sign-in"))

    def sign_in_directly(self, token: str) -> None:
        """Sign in with a request instead of the form, for tests of other pages."""
        response = self.page.context.request.post(
            f"{self.url}/sign-in/token", form={"token": token}, max_redirects=0
        )
        assert response.status == HTTP_303_SEE_OTHER

    def measure_bytes(self, path: str) -> dict[str, int]:
        """Return the bytes of HTML, styles and scripts of a page, by type, with an empty cache."""
        cdp = self.page.context.new_cdp_session(self.page)
        cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
        responses: list[Response] = []
        self.page.on("response", lambda response: responses.append(response))
        self.goto(path)
        sizes = dict.fromkeys(TEXT_TYPES, 0)
        for response in responses:
            kind = response.headers.get("content-type", "").partition(";")[0]
            if kind in TEXT_TYPES:
                sizes[kind] += len(response.body())
        return sizes

    def record_problems(self) -> None:
        """Record errors, warnings and requests to other hosts from now on."""
        host = urlsplit(self.url).netloc

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and ERROR_STATUS_MESSAGE not in message.text:
                self.problems.append(f"console: {message.text}")

        def request(sent: Request) -> None:
            address = urlsplit(sent.url)
            if address.scheme not in ("data", "blob") and address.netloc != host:
                self.problems.append(f"a request to {sent.url}")

        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("request", request)


@contextmanager
def browser_session(browser: Browser, url: str, **options: Any) -> Iterator[BrowserSession]:
    """Open a session with cookies of its own.

    Args:
        browser: Runs it.
        url: Base URL of the service.
        options: See `Browser.new_context`.
    """
    width, height = options.pop("size", DESKTOP)
    context = browser.new_context(
        **{"viewport": {"width": width, "height": height}, "locale": "en-GB", **options}
    )
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    try:
        session = BrowserSession(context.new_page(), url)
        session.record_problems()
        yield session
    finally:
        context.close()
