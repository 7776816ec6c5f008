"""What the lesson page weighs, how soon it is there, and what 200 open ones cost the service.

    make bench          or          python -m bench.pages [--open 200] [--seconds 30]

One real Chromium is measured by its own performance entries, alone and then beside the open pages.
An open page is what a browser keeps of it: the room's events, the lesson's events, and the line of
the last minutes asked for anew as often as the page's script does. All of them watch one room and
one lesson; what a change makes the other pages of the same lesson ask is left out, because in a
school each lesson has its own one or two pages.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from playwright.sync_api import Browser
from playwright.sync_api import TimeoutError as WaitedTooLong

from bench.teachers import tokens_of_teachers
from cluster.vision.pose.estimator import available_cores
from tests.browser.chromium import Window, chromium, window_of
from tests.browser.live import LiveLesson, live_lesson
from tests.serve_apps.running_service import Service

MOST_BYTES = 100_000
PAGES_A_TEACHER = 8
LOADS = 7
TAPS = 8
CHANGES = 8
SETTLE_SECONDS = 8.0
LONGEST_WAIT_MILLISECONDS = 30_000
CHART_SECONDS = 30.0
"""As in serve_apps/http/pages/static/lesson.js."""

PARTS = ("Api", "Rooms", "Registers", "PoseModel", "FaceModel")

WATCH_TAPS = """
() => {
  window.taps = [];
  const note = (tap) => { window.tappedAt = performance.timeOrigin + tap.timeStamp; };
  addEventListener("click", note, true);
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === "click") window.taps.push(one.duration);
  }).observe({ type: "event", durationThreshold: 16 });
}
"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
PRESSED_AT = """
([id]) => new Promise((found) => {
  const look = () => {
    if (document.getElementById(id)?.getAttribute("aria-pressed") !== "true") return false;
    found(performance.timeOrigin + performance.now());
    return true;
  };
  if (look()) return;
  const watch = new MutationObserver(() => look() && watch.disconnect());
  watch.observe(document.body, { subtree: true, childList: true, attributes: true });
})
"""


@dataclass
class OpenPages:
    """Pages that are open, without a browser around them.

    Attributes:
        lesson: Whose pages.
        tokens: Of its teachers.
        count: How many pages.
        events: That came, by stream.
        failed: Requests and streams that did not work.
    """

    lesson: LiveLesson
    tokens: Sequence[str]
    count: int
    events: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _all(self) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=self.lesson.service.url, timeout=60, limits=limits
        ) as client:
            pages = [self._page(client, number) for number in range(self.count)]
            tasks = [asyncio.create_task(part) for page in pages for part in page]
            while not self._stop.is_set():  # noqa: ASYNC110 (set by another thread)
                await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _page(self, client: httpx.AsyncClient, number: int) -> list[Any]:
        headers = {"Authorization": f"Bearer {self.tokens[number % len(self.tokens)]}"}
        room = "/api/rooms/events?room_id=room-1"
        return [
            self._follow(client, room, headers, "room"),
            self._follow(client, f"{self.lesson.path}/events", headers, "lesson"),
            self._redraw(client, headers),
        ]

    async def _follow(
        self, client: httpx.AsyncClient, path: str, headers: dict[str, str], name: str
    ) -> None:
        while True:
            try:
                async with client.stream("GET", path, headers=headers) as answer:
                    answer.raise_for_status()
                    async for line in answer.aiter_lines():
                        if line.startswith("event:"):
                            self.events[name] += 1
            except httpx.HTTPError as error:
                self.failed[f"{name}: {type(error).__name__}"] += 1
            await asyncio.sleep(3.0)

    async def _redraw(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        await asyncio.sleep(random.uniform(0.0, CHART_SECONDS))
        while True:
            try:
                answer = await client.get(f"{self.lesson.path}/chart", headers=headers)
                answer.raise_for_status()
                self.events["chart"] += 1
            except httpx.HTTPError as error:
                self.failed[f"chart: {type(error).__name__}"] += 1
            await asyncio.sleep(CHART_SECONDS)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=200, help="How many pages are open.")
    parser.add_argument("--seconds", type=float, default=30.0, help="How long they are watched.")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="homeroom-bench-") as folder,
        live_lesson(Path(folder)) as lesson,
        chromium() as browser,
    ):
        teachers = -(-options.open // PAGES_A_TEACHER)
        tokens = tokens_of_teachers(Path(folder) / "homeroom.toml", teachers)
        with httpx.Client(
            base_url=lesson.service.url,
            headers={"Authorization": f"Bearer {lesson.token}"},
            timeout=LONGEST_WAIT_MILLISECONDS / 1000,
        ) as teacher:
            register = f"/api{lesson.path}/register"
            teacher.post(f"{register}/open").raise_for_status()
            students = [e["student_id"] for e in teacher.get(register).json()["entries"]]
            print(f"{available_cores()} cores\n")
            weight = _weight(browser, lesson)
            _measured(browser, lesson, teacher, students, "alone")
            with OpenPages(lesson, tokens, options.open) as pages:
                time.sleep(SETTLE_SECONDS)
                _watched(lesson.service, pages, options.seconds)
                _measured(browser, lesson, teacher, students, f"beside {options.open} open pages")
                print(f"  failed: {dict(pages.failed) or 'nothing'}")
    if weight >= MOST_BYTES:
        sys.exit(f"the lesson page weighs {weight} bytes, and may not reach {MOST_BYTES}")


def _weight(browser: Browser, lesson: LiveLesson) -> int:
    """Bytes of HTML, CSS and scripts of a lesson page with an open register."""
    with window_of(browser, lesson.service.url) as window:
        window.sign_in(lesson.token)
        sizes = window.weigh(lesson.path)
    told = ", ".join(f"{kind} {size / 1000:.1f} kB" for kind, size in sizes.items())
    print(f"lesson page: {sum(sizes.values()) / 1000:.1f} kB uncompressed ({told})")
    return sum(sizes.values())


def _measured(
    browser: Browser,
    lesson: LiveLesson,
    teacher: httpx.Client,
    students: Sequence[str],
    how: str,
) -> None:
    """First paint, taps and changes in one real browser; or that it waited too long."""
    print(f"one browser, {how}:", flush=True)
    try:
        _in_a_browser(browser, lesson, teacher, students)
    except WaitedTooLong:
        print(f"  it waited for more than {LONGEST_WAIT_MILLISECONDS / 1000:.0f} s", flush=True)


def _in_a_browser(
    browser: Browser,
    lesson: LiveLesson,
    teacher: httpx.Client,
    students: Sequence[str],
) -> None:
    with window_of(browser, lesson.service.url, size=(390, 844)) as window:
        window.page.set_default_timeout(LONGEST_WAIT_MILLISECONDS)
        window.sign_in(lesson.token)
        painted = [_painted(window, lesson.path) for _ in range(LOADS)]
        print(f"  first contentful paint {_spread(painted)}")
        window.page.evaluate(WATCH_TAPS)
        shown = [_tap(window, students, number) for number in range(TAPS)]
        taps = window.page.evaluate("window.taps")
        drawn = _spread(taps) if taps else "under 16 ms each"
        print(f"  a tap: to the next frame {drawn}; to the list anew {_spread(shown)}")
        appeared = [
            _changed(window, teacher, lesson, students, number) for number in range(CHANGES)
        ]
        print(f"  a change made elsewhere, until it is seen here {_spread(appeared)}", flush=True)


def _painted(window: Window, path: str) -> float:
    window.goto(path)
    window.page.wait_for_function(PAINTED)
    return float(window.page.evaluate(PAINTED))


def _tap(window: Window, students: Sequence[str], number: int) -> float:
    """Milliseconds from a tap to the list that has it."""
    word = ("late", "present")[number // len(students) % 2]
    name = f"mark-{students[number % len(students)]}-{word}"
    pressed = window.page.evaluate_handle(f"() => ({{ done: ({PRESSED_AT})(['{name}']) }})")
    window.page.click(f"#{name}")
    return float(pressed.evaluate("async (one) => (await one.done) - window.tappedAt"))


def _changed(
    window: Window,
    teacher: httpx.Client,
    lesson: LiveLesson,
    students: Sequence[str],
    number: int,
) -> float:
    """Milliseconds from a change that another client sends until the page shows it."""
    student = students[number % len(students)]
    word = ("absent", "excused")[number // len(students) % 2]
    pressed = window.page.evaluate_handle(
        f"() => ({{ done: ({PRESSED_AT})(['mark-{student}-{word}']) }})"
    )
    began = time.time()
    teacher.post(
        f"/api{lesson.path}/register/marks", json={"marks": {student: word}}
    ).raise_for_status()
    at = float(pressed.evaluate("one => one.done"))
    return at - 1000 * began


def _watched(service: Service, pages: OpenPages, seconds: float) -> None:
    """What the open pages cost, for so many seconds in which nothing else happens."""
    before, events, began = _cpu(service), Counter(pages.events), time.monotonic()
    time.sleep(seconds)
    took, after = time.monotonic() - began, _cpu(service)
    came = Counter(pages.events)
    rates = ", ".join(f"{name} {(came[name] - events[name]) / took:.0f}/s" for name in came)
    cores = ", ".join(f"{part} {(after[part] - before[part]) / took:.2f}" for part in after)
    print(f"{pages.count} open pages for {took:.0f} s: events {rates}; cores {cores}", flush=True)


def _cpu(service: Service) -> dict[str, float]:
    """CPU seconds that parts of the service have taken."""

    def of(processes: Sequence[psutil.Process]) -> float:
        total = 0.0
        for process in processes:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
        return total

    found = {part: of(service.processes(f"ServeReplica:homeroom:{part}")) for part in PARTS}
    root = psutil.Process(service.process.pid)
    found["HTTP proxy"] = of(service.processes("ProxyActor"))
    found["reader"] = of(service.processes("StreamReader"))
    found["all of the service"] = of([root, *root.children(recursive=True)])
    return found


def _spread(milliseconds: Sequence[float]) -> str:
    """The median, and the worst."""
    return f"{statistics.median(milliseconds):.0f} ms (at most {max(milliseconds):.0f} ms)"


if __name__ == "__main__":
    main()
