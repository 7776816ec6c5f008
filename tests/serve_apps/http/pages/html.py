"""Requests for pages as a browser sends them, and the visible text of pages."""

import itertools
import re
from html.parser import HTMLParser
from typing import Any

import httpx

from tests.serve_apps.http.api_client import UserClient


def get_html(caller: UserClient, path: str, status: int = 200, **more: Any) -> str:
    """Return the HTML of a page, requested with GET."""
    return send(caller, "GET", path, status, **more).text


def send(caller: UserClient, method: str, path: str, status: int, **more: Any) -> httpx.Response:
    """Return the response to a browser; fail on another status."""
    headers = {"Accept": "text/html", **more.pop("headers", {})}
    answer = caller.answer(method, path, headers=headers, **more)
    assert answer.status_code == status, answer.text
    return answer


class _VisibleText(HTMLParser):
    """Collects the text that is not hidden, nor inside a hidden element."""

    VOID = frozenset({"input", "br", "img", "meta", "link", "hr", "wbr", "path", "rect", "option"})

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID and (self._hidden or "hidden" in dict(attrs)):
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


def text_of(html: str) -> str:
    """Return the visible text of a page, without tags."""
    reader = _VisibleText()
    reader.feed(html)
    reader.close()
    return " ".join(" ".join(reader.texts).split())


def headings(html: str) -> list[int]:
    """Return the levels of a page's headings, in order."""
    return [int(level) for level in re.findall(r"<h([1-6])\b", html)]


def are_in_order(levels: list[int]) -> bool:
    """Return whether there is one first heading, and no level is skipped."""
    steps = itertools.pairwise(levels)
    return levels.count(1) == 1 and levels[0] == 1 and all(b <= a + 1 for a, b in steps)


def rows(html: str) -> list[str]:
    """Return the rows of all table bodies, as text."""
    bodies = re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)
    return [text_of(row) for body in bodies for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)]
