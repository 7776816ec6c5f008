"""Progress of a run: footage done, speed against real time, and time left.

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

LINE_INTERVAL_SECONDS = 10.0


def format_duration(seconds: float) -> str:
    """Format hours, minutes and seconds: `1:02:03`, or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _FootageColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        done, total = format_duration(task.completed), format_duration(task.total or 0)
        return Text(f"{done} of {total}", style="progress.download")


class _SpeedColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.completed / task.elapsed if task.elapsed else 0.0
        return Text(f"{speed:.1f}× real time" if task.completed else "starting")


class FootageProgress:
    """A context manager that shows a run's progress.

    Args:
        console: Where progress is shown.
        total_seconds: Length of the footage to analyse.
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
                _FootageColumn(),
                _SpeedColumn(),
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
        """Remove the bar."""
        if self._bar:
            self._bar.stop()

    def advance(self, seconds: float) -> None:
        """Count footage that has been analysed, in seconds."""
        self._done += seconds
        if self._bar:
            self._bar.update(self._task, advance=seconds)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_INTERVAL_SECONDS:
            self._last_line = now
            speed = self._done / (now - self._started)
            left = (self._total - self._done) / speed if speed else 0.0
            self._console.print(
                f"{format_duration(self._done)} of {format_duration(self._total)}, "
                f"{speed:.1f}× real time, ends in {format_duration(left)}",
                highlight=False,
            )
