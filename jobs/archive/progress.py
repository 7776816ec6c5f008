"""How far a run is: footage done, speed against real time, and the end.

A bar on a terminal; a line every few seconds where there is none, as in the log of a Ray job.
"""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_EVERY_SECONDS = 10.0


def duration_in_words(seconds: float) -> str:
    """Hours, minutes and seconds: `1:02:03`, or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Footage(ProgressColumn):
    def render(self, task: Task) -> Text:
        done, total = duration_in_words(task.completed), duration_in_words(task.total or 0)
        return Text(f"{done} of {total}", style="progress.download")


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.completed / task.elapsed if task.elapsed else 0.0
        return Text(f"{speed:.1f}× real time" if task.completed else "starting")


class FootageProgress:
    """Shows a run's progress while it is entered.

    Args:
        console: Where to.
        total_seconds: Footage to analyse.
    """

    def __init__(self, console: Console, total_seconds: float) -> None:
        self._console = console
        self._total = total_seconds
        self._done = 0.0
        self._started = time.monotonic()
        self._last_line = self._started
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("analysing"),
                BarColumn(),
                TaskProgressColumn(),
                _Footage(),
                _Speed(),
                TextColumn("ends in"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=total_seconds)

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def advance(self, seconds: float) -> None:
        """Add footage that is done."""
        self._done += seconds
        if self._bar:
            self._bar.update(self._task, advance=seconds)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = now
            speed = self._done / (now - self._started)
            left = (self._total - self._done) / speed if speed else 0.0
            self._console.print(
                f"{duration_in_words(self._done)} of {duration_in_words(self._total)}, "
                f"{speed:.1f}× real time, ends in {duration_in_words(left)}",
                highlight=False,
            )
