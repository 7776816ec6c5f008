"""The finished windows of one room, as far back as the settings keep them."""

from collections import defaultdict, deque
from collections.abc import Iterator
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

    def __iter__(self) -> Iterator[PublishedWindow]:
        """Yield all windows, in the order in which they were added."""
        return iter(self._windows)

    def by_start(self, since: datetime) -> list[list[PublishedWindow]]:
        """Return the windows of all cameras for each ten seconds, oldest first."""
        groups: dict[datetime, list[PublishedWindow]] = defaultdict(list)
        for window in self._windows:
            if window.window.window_start >= since:
                groups[window.window.window_start].append(window)
        return [groups[start] for start in sorted(groups)]


def _key(window: PublishedWindow) -> tuple[str, datetime]:
    return window.camera_id, window.window.window_start
