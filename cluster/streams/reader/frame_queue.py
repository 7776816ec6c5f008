"""A queue of frames for the pose model that keeps only the latest of each camera.

Camera threads put frames in, the inference loop takes them out in batches of one shape. Where the
model is slower than the cameras, the oldest frames are dropped and counted, so that counts stay
current.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable

from cluster.streams.capture.frame import LiveFrame

MAX_WAITING_PER_CAMERA = 2
"""Frames of one camera that may wait; another replaces the oldest."""


class LatestFrameQueue:
    """Frames that wait for the pose model; safe to use from any thread.

    Args:
        late_seconds: A frame that waited longer is dropped.
        notify: Called after each `put`, in its thread.
        batch_key: Frames with the same key may be in one batch.
    """

    def __init__(
        self,
        late_seconds: float,
        notify: Callable[[], None],
        batch_key: Callable[[LiveFrame], Hashable],
    ) -> None:
        self._late_seconds = late_seconds
        self._notify = notify
        self._batch_key = batch_key
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[LiveFrame]] = defaultdict(deque)
        self.dropped: Counter[str] = Counter()
        """Number of dropped frames, by camera."""

    def put(self, frame: LiveFrame) -> None:
        """Add a camera's latest frame."""
        with self._lock:
            waiting = self._waiting[frame.camera_id]
            waiting.append(frame)
            if len(waiting) > MAX_WAITING_PER_CAMERA:
                waiting.popleft()
                self.dropped[frame.camera_id] += 1
        self._notify()

    def take(self, now: float, max_frames: int) -> list[LiveFrame]:
        """Remove and return a batch, the oldest frame first; empty where none waits.

        Args:
            now: `time.monotonic()`.
            max_frames: Largest size of the batch.
        """
        with self._lock:
            self._drop_late(now)
            frames = sorted(
                (frame for waiting in self._waiting.values() for frame in waiting),
                key=lambda frame: frame.taken_at,
            )
            batch = [f for f in frames if self._batch_key(f) == self._batch_key(frames[0])]
            batch = batch[:max_frames]
            taken = {id(frame) for frame in batch}
            for camera_id, waiting in list(self._waiting.items()):
                remaining = deque(frame for frame in waiting if id(frame) not in taken)
                if remaining:
                    self._waiting[camera_id] = remaining
                else:
                    del self._waiting[camera_id]
            return batch

    def remove_camera(self, camera_id: str) -> None:
        """Drop the frames of a camera that is no longer read."""
        with self._lock:
            self._waiting.pop(camera_id, None)
            self.dropped.pop(camera_id, None)

    def _drop_late(self, now: float) -> None:
        for camera_id, waiting in self._waiting.items():
            while waiting and now - waiting[0].taken_at > self._late_seconds:
                waiting.popleft()
                self.dropped[camera_id] += 1
