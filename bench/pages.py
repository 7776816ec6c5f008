"""Size and latency of the lesson page, and the load of 200 open pages on the service.

    make bench          or          python -m bench.pages [--open 200] [--seconds 30]

One real Chromium is measured by its own performance entries, alone and then beside the open pages.
An open page is simulated by its connections: the room's events, the lesson's events, and a request
for the chart as often as the page's script makes one. All pages follow one room and one lesson; the
fragments that they would fetch after a change are left out, because in a school each lesson has one
or two pages of its own.
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
from playwright.sync_api import TimeoutError as BrowserTimeout

from bench.teachers import enrol_teachers
from cluster.vision.pose.estimator import available_cores
from tests.browser.chromium import BrowserSession, browser_session, launch_chromium
from tests.browser.live import LiveLesson, live_lesson
from tests.serve_apps.running_service import Service

MAX_BYTES = 100_000
PAGES_PER_TEACHER = 8
LOADS = 7
TAPS = 8
CHANGES = 8
SETTLE_SECONDS = 8.0
MAX_WAIT_MILLISECONDS = 30_000
CHART_SECONDS = 30.0
"""As in serve_apps/http/pages/static/lesson.js."""

DEPLOYMENTS = ("Api", "Rooms", "Registers", "PoseModel", "FaceModel")

OBSERVE_TAPS = """
() => {
  window.taps = [];
  const recordTap = (tap) => { window.tappedAt = performance.timeOrigin + tap.timeStamp; };
  addEventListener("click", recordTap, true);
  new PerformanceObserver((list) => {
    const clicks = list.getEntries().filter((entry) => entry.name === "click");
    window.taps.push(...clicks.map((entry) => entry.duration));
  }).observe({ type: "event", durationThreshold: 16 });
}
"""
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
WHEN_PRESSED = """
([id]) => new Promise((resolve) => {
  const check = () => {
    if (document.getElementById(id)?.getAttribute("aria-pressed") !== "true") return false;
    resolve(performance.timeOrigin + performance.now());
    return true;
  };
  if (check()) return;
  const observer = new MutationObserver(() => check() && observer.disconnect());
  observer.observe(document.body, { subtree: true, childList: true, attributes: true });
})
"""


@dataclass
class OpenPages:
    """The connections of many open lesson pages, without browsers.

    Attributes:
        lesson: The lesson of the pages.
        tokens: Sign-in tokens of its teachers.
        count: Number of pages.
        events: Number of events received, by stream.
        errors: Number of failed requests and streams, by kind.
    """

    lesson: LiveLesson
    tokens: Sequence[str]
    count: int
    events: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=self.lesson.service.url, timeout=60, limits=limits
        ) as client:
            pages = [self._connections(client, number) for number in range(self.count)]
            tasks = [asyncio.create_task(one) for page in pages for one in page]
            while not self._stop.is_set():  # noqa: ASYNC110 (set by another thread)
                await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _connections(self, client: httpx.AsyncClient, number: int) -> list[Any]:
        headers = {"Authorization": f"Bearer {self.tokens[number % len(self.tokens)]}"}
        room_events = "/api/rooms/events?room_id=room-1"
        return [
            self._follow(client, room_events, headers, "room"),
            self._follow(client, f"{self.lesson.path}/events", headers, "lesson"),
            self._refresh_chart(client, headers),
        ]

    async def _follow(
        self, client: httpx.AsyncClient, path: str, headers: dict[str, str], name: str
    ) -> None:
        while True:
            try:
                async with client.stream("GET", path, headers=headers) as response:
                    response.raise_for_status()
                    async for line in response.aiter_lines():
                        if line.startswith("event:"):
                            self.events[name] += 1
            except httpx.HTTPError as error:
                self.errors[f"{name}: {type(error).__name__}"] += 1
            await asyncio.sleep(3.0)

    async def _refresh_chart(self, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
        await asyncio.sleep(random.uniform(0.0, CHART_SECONDS))
        while True:
            try:
                response = await client.get(f"{self.lesson.path}/chart", headers=headers)
                response.raise_for_status()
                self.events["chart"] += 1
            except httpx.HTTPError as error:
                self.errors[f"chart: {type(error).__name__}"] += 1
            await asyncio.sleep(CHART_SECONDS)


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=200, help="Number of open pages.")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="How long their load is measured."
    )
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="homeroom-bench-") as folder,
        live_lesson(Path(folder)) as lesson,
        launch_chromium() as browser,
    ):
        teachers = -(-options.open // PAGES_PER_TEACHER)
        tokens = enrol_teachers(Path(folder) / "homeroom.toml", teachers)
        with httpx.Client(
            base_url=lesson.service.url,
            headers={"Authorization": f"Bearer {lesson.token}"},
            timeout=MAX_WAIT_MILLISECONDS / 1000,
        ) as teacher:
            register = f"/api{lesson.path}/register"
            teacher.post(f"{register}/open").raise_for_status()
            students = [e["student_id"] for e in teacher.get(register).json()["entries"]]
            print(f"{available_cores()} cores\n")
            page_bytes = _measure_size(browser, lesson)
            _measure_latency(browser, lesson, teacher, students, "alone")
            with OpenPages(lesson, tokens, options.open) as pages:
                time.sleep(SETTLE_SECONDS)
                _measure_load(lesson.service, pages, options.seconds)
                _measure_latency(
                    browser, lesson, teacher, students, f"beside {options.open} open pages"
                )
                print(f"  failed: {dict(pages.errors) or 'nothing'}")
    if page_bytes >= MAX_BYTES:
        sys.exit(f"the lesson page has {page_bytes} bytes, and must stay below {MAX_BYTES}")


def _measure_size(browser: Browser, lesson: LiveLesson) -> int:
    """Return the bytes of HTML, CSS and scripts of a lesson page with an open register."""
    with browser_session(browser, lesson.service.url) as session:
        session.sign_in(lesson.token)
        sizes = session.measure_bytes(lesson.path)
    by_type = ", ".join(f"{kind} {size / 1000:.1f} kB" for kind, size in sizes.items())
    print(f"lesson page: {sum(sizes.values()) / 1000:.1f} kB uncompressed ({by_type})")
    return sum(sizes.values())


def _measure_latency(
    browser: Browser,
    lesson: LiveLesson,
    teacher: httpx.Client,
    students: Sequence[str],
    condition: str,
) -> None:
    """Print the latency of paints, taps and changes in one real browser, or its timeout."""
    print(f"one browser, {condition}:", flush=True)
    try:
        _measure_in_browser(browser, lesson, teacher, students)
    except BrowserTimeout:
        print(f"  it timed out after {MAX_WAIT_MILLISECONDS / 1000:.0f} s", flush=True)


def _measure_in_browser(
    browser: Browser,
    lesson: LiveLesson,
    teacher: httpx.Client,
    students: Sequence[str],
) -> None:
    with browser_session(browser, lesson.service.url, size=(390, 844)) as session:
        session.page.set_default_timeout(MAX_WAIT_MILLISECONDS)
        session.sign_in(lesson.token)
        paints = [_measure_paint(session, lesson.path) for _ in range(LOADS)]
        print(f"  first contentful paint {_summary(paints)}")
        session.page.evaluate(OBSERVE_TAPS)
        updates = [_measure_tap(session, students, number) for number in range(TAPS)]
        taps = session.page.evaluate("window.taps")
        next_frames = _summary(taps) if taps else "under 16 ms each"
        print(f"  a tap: to the next frame {next_frames}; to the updated list {_summary(updates)}")
        changes = [
            _measure_change(session, teacher, lesson, students, number) for number in range(CHANGES)
        ]
        print(f"  a change made elsewhere, until it is shown here {_summary(changes)}", flush=True)


def _measure_paint(session: BrowserSession, path: str) -> float:
    session.goto(path)
    session.page.wait_for_function(FIRST_PAINT)
    return float(session.page.evaluate(FIRST_PAINT))


def _measure_tap(session: BrowserSession, students: Sequence[str], number: int) -> float:
    """Return the milliseconds from a tap to the updated list."""
    status = ("late", "present")[number // len(students) % 2]
    button_id = f"mark-{students[number % len(students)]}-{status}"
    pressed = session.page.evaluate_handle(f"() => ({{ done: ({WHEN_PRESSED})(['{button_id}']) }})")
    session.page.click(f"#{button_id}")
    return float(pressed.evaluate("async (one) => (await one.done) - window.tappedAt"))


def _measure_change(
    session: BrowserSession,
    teacher: httpx.Client,
    lesson: LiveLesson,
    students: Sequence[str],
    number: int,
) -> float:
    """Return the milliseconds from a change sent by another client until the page shows it."""
    student = students[number % len(students)]
    status = ("absent", "excused")[number // len(students) % 2]
    pressed = session.page.evaluate_handle(
        f"() => ({{ done: ({WHEN_PRESSED})(['mark-{student}-{status}']) }})"
    )
    sent_at = time.time()
    teacher.post(
        f"/api{lesson.path}/register/marks", json={"marks": {student: status}}
    ).raise_for_status()
    shown_at = float(pressed.evaluate("one => one.done"))
    return shown_at - 1000 * sent_at


def _measure_load(service: Service, pages: OpenPages, seconds: float) -> None:
    """Print the events and CPU time of the open pages while nothing else happens."""
    before, events, started = _cpu_seconds(service), Counter(pages.events), time.monotonic()
    time.sleep(seconds)
    seconds, after = time.monotonic() - started, _cpu_seconds(service)
    received = Counter(pages.events)
    rates = ", ".join(
        f"{name} {(received[name] - events[name]) / seconds:.0f}/s" for name in received
    )
    cores = ", ".join(f"{part} {(after[part] - before[part]) / seconds:.2f}" for part in after)
    print(
        f"{pages.count} open pages for {seconds:.0f} s: events {rates}; cores {cores}", flush=True
    )


def _cpu_seconds(service: Service) -> dict[str, float]:
    """Return the CPU seconds that parts of the service have used."""

    def cpu_of(processes: Sequence[psutil.Process]) -> float:
        total = 0.0
        for process in processes:
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
        return total

    seconds = {
        part: cpu_of(service.processes(f"ServeReplica:homeroom:{part}")) for part in DEPLOYMENTS
    }
    root = psutil.Process(service.process.pid)
    seconds["HTTP proxy"] = cpu_of(service.processes("ProxyActor"))
    seconds["reader"] = cpu_of(service.processes("StreamReader"))
    seconds["all of the service"] = cpu_of([root, *root.children(recursive=True)])
    return seconds


def _summary(milliseconds: Sequence[float]) -> str:
    """The median and the maximum."""
    return f"{statistics.median(milliseconds):.0f} ms (at most {max(milliseconds):.0f} ms)"


if __name__ == "__main__":
    main()
