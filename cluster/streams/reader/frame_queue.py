"""Frames on their way to the model: the newest of each camera, and never an old one.

Camera threads put frames in, the reader's loop takes them out in batches of one shape. Where the
model is slower than the cameras, the oldest frames are dropped and counted, so that numbers stay
fresh.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable

from cluster.streams.reader.config import LiveFrame

MAX_WAITING_PER_CAMERA = 2
"""Frames that may wait for each camera; a third takes the place of the oldest."""


class LatestFrameQueue:
    """Frames that wait.

    Args:
        late_seconds: A frame that waited longer is dropped.
        wake: Called from a camera's thread when a frame came in.
        kind: Frames of one kind may be taken together.
    """

    def __init__(
        self,
        late_seconds: float,
        wake: Callable[[], None],
        kind: Callable[[LiveFrame], Hashable],
    ) -> None:
        self._late_seconds = late_seconds
        self._wake = wake
        self._kind = kind
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[LiveFrame]] = defaultdict(deque)
        self.late: Counter[str] = Counter()
        """Frames dropped, by camera."""

    def put(self, frame: LiveFrame) -> None:
        """Add a camera's newest frame."""
        with self._lock:
            waiting = self._waiting[frame.camera_id]
            waiting.append(frame)
            if len(waiting) > MAX_WAITING_PER_CAMERA:
                waiting.popleft()
                self.late[frame.camera_id] += 1
        self._wake()

    def take(self, now: float, most: int) -> list[LiveFrame]:
        """Frames of one kind, the oldest first; empty where nothing waits.

        Args:
            now: `time.monotonic()`.
            most: Frames at once.
        """
        with self._lock:
            self._drop_late(now)
            frames = sorted(
                (frame for waiting in self._waiting.values() for frame in waiting),
                key=lambda frame: frame.taken_at,
            )
            taken = [f for f in frames if self._kind(f) == self._kind(frames[0])][:most]
            gone = {id(frame) for frame in taken}
            for camera_id, waiting in list(self._waiting.items()):
                kept = deque(frame for frame in waiting if id(frame) not in gone)
                if kept:
                    self._waiting[camera_id] = kept
                else:
                    del self._waiting[camera_id]
            return taken

    def forget(self, camera_id: str) -> None:
        """Drop what waits of a camera that is no longer read."""
        with self._lock:
            self._waiting.pop(camera_id, None)
            self.late.pop(camera_id, None)

    def _drop_late(self, now: float) -> None:
        for camera_id, waiting in self._waiting.items():
            while waiting and now - waiting[0].taken_at > self._late_seconds:
                waiting.popleft()
                self.late[camera_id] += 1
