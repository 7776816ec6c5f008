"""The finished windows of one room, as far back as the settings keep them."""

from collections import deque
from datetime import datetime, timedelta

from cluster.activity.published import PublishedWindow


class WindowHistory:
    """Windows of all cameras of a room, in the order in which they were added."""

    def __init__(self) -> None:
        self._windows: deque[PublishedWindow] = deque()
        self._keys: set[tuple[str, datetime]] = set()

    def __contains__(self, window: PublishedWindow) -> bool:
        """Whether the window of this camera and start has been added."""
        return _key(window) in self._keys

    def add(self, window: PublishedWindow, length: timedelta) -> None:
        """Add a window, and drop those that start more than `length` before it."""
        self._keys.add(_key(window))
        self._windows.append(window)
        newest = window.window.window_start
        while newest - self._windows[0].window.window_start > length:
            self._keys.discard(_key(self._windows.popleft()))

    def since(self, start: datetime) -> list[PublishedWindow]:
        """Return one window for each ten seconds, oldest first: the one with the most people."""
        best: dict[datetime, PublishedWindow] = {}
        for window in self._windows:
            other = best.get(window.window.window_start)
            if other is None or window.window.people_mean > other.window.people_mean:
                best[window.window.window_start] = window
        return [best[each] for each in sorted(best) if each >= start]


def _key(window: PublishedWindow) -> tuple[str, datetime]:
    return window.camera_id, window.window.window_start
