"""A real browser, and windows of it that notice what a page must never do.

    with chromium() as browser, window_of(browser, "http://127.0.0.1:8000") as window:
        window.goto("/")

Set `CHROMIUM_PATH` where the browser has an unusual place; the tests then must not skip.
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

PATIENCE_MILLISECONDS = 10_000
ASKED_FOR = os.environ.get("CHROMIUM_PATH")
"""Read when the tests are loaded; where it is set, a missing browser is a failure."""

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = "no Chromium is found: `apt install chromium`, or set CHROMIUM_PATH to one"
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
    # A camera that shows a test picture, and that needs nobody to agree.
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
OUR_OWN_ANSWER = "Failed to load resource"
"""How Chromium's console tells an answer of 400 and more; tests ask for some of them."""

TEXTS = ("text/html", "text/css", "text/javascript")
"""Types of what a page consists of, besides pictures."""

PHONE, DESKTOP = (390, 844), (1280, 900)


def path_of_chromium() -> str:
    """Where Chromium is.

    Raises:
        FileNotFoundError: Nowhere.
    """
    for name in [ASKED_FOR] if ASKED_FOR else NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise FileNotFoundError(HOW)


def chromium_or_skip() -> str:
    """Where Chromium is; the test skips without one, unless one was asked for."""
    try:
        return path_of_chromium()
    except FileNotFoundError:
        if ASKED_FOR:
            raise
        pytest.skip(HOW)


@contextmanager
def chromium(path: str | None = None) -> Iterator[Browser]:
    """A browser without a screen, for so long as the block.

    Args:
        path: Where it is; it is looked for unless given.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path or path_of_chromium(), args=list(QUIET)
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Window:
    """A window of a browser that knows nobody yet, with a service's pages in it.

    Attributes:
        page: Playwright's.
        url: Of the service.
        problems: What the browser complained of, and requests that left for another host.
    """

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def goto(self, path: str) -> int:
        """Open a page; the status of the answer."""
        answer = self.page.goto(f"{self.url}{path}")
        return answer.status if answer else 0

    def sign_in(self, token: str) -> None:
        """Come in by the form, and wait for one's page."""
        self.goto("/sign-in")
        self.page.fill("#token", token)
        self.page.click("main button")
        self.page.wait_for_url(lambda address: not urlsplit(address).path.startswith("/sign-in"))

    def let_in(self, token: str) -> None:
        """Come in without the form, for tests of what lies behind it."""
        answer = self.page.context.request.post(
            f"{self.url}/sign-in/token", form={"token": token}, max_redirects=0
        )
        assert answer.status == HTTP_303_SEE_OTHER

    def weigh(self, path: str) -> dict[str, int]:
        """Bytes of HTML, styles and scripts of a page, by type, for who comes the first time."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        answers: list[Response] = []
        self.page.on("response", lambda answer: answers.append(answer))
        self.goto(path)
        sizes = dict.fromkeys(TEXTS, 0)
        for answer in answers:
            kind = answer.headers.get("content-type", "").partition(";")[0]
            if kind in TEXTS:
                sizes[kind] += len(answer.body())
        return sizes

    def watch(self) -> None:
        """Notice complaints from now on."""
        host = urlsplit(self.url).netloc

        def console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and OUR_OWN_ANSWER not in message.text:
                self.problems.append(f"console: {message.text}")

        def request(asked: Request) -> None:
            address = urlsplit(asked.url)
            if address.scheme not in ("data", "blob") and address.netloc != host:
                self.problems.append(f"a request to {asked.url}")

        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("request", request)


@contextmanager
def window_of(browser: Browser, url: str, **options: Any) -> Iterator[Window]:
    """A window with cookies of its own.

    Args:
        browser: Whose.
        url: Of the service.
        options: See `Browser.new_context`.
    """
    width, height = options.pop("size", DESKTOP)
    context = browser.new_context(
        **{"viewport": {"width": width, "height": height}, "locale": "en-GB", **options}
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    try:
        window = Window(context.new_page(), url)
        window.watch()
        yield window
    finally:
        context.close()
