"""Looks after the threads of cameras from outside, since a thread that hangs cannot help itself.

FFmpeg ends what takes too long by itself wherever it waits for a socket: in opening, in a
handshake, in a stream that falls silent or trickles. What is left are names that are not looked
up, devices and disks that do not answer, and the unknown. So the watchdog first shuts the
camera's sockets; a thread that does not come back even then is left behind and counted.

Nothing that goes wrong with one camera ends the watch over the others; whoever owns a watchdog asks
whether it still lives.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from cluster.streams.capture.camera import CameraSource, count_abandoned_threads

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.25


class Watchdog:
    """Watches cameras on a thread of its own.

    Args:
        threads: Gives the cameras that are to be watched, each time it looks.
    """

    def __init__(self, threads: Callable[[], Iterable[CameraSource]]) -> None:
        self._threads = threads
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera watchdog", daemon=True)
        self._failing: set[str] = set()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def has_died(self) -> bool:
        """Whether it watches no more, though nobody stopped it."""
        is_started = self._thread.ident is not None
        return is_started and not self._thread.is_alive() and not self._ended.is_set()

    def count_abandoned_threads(self) -> int:
        """Threads of this process that hang and could not be ended.

        They hold memory and sockets: where there are several, the process is best replaced.
        """
        return count_abandoned_threads()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            for camera in list(self._threads()):
                self._watch(camera)

    def _watch(self, camera: CameraSource) -> None:
        """Watch one camera; whatever goes wrong is told once, until it goes well again."""
        camera_id = camera.config.camera_id
        try:
            camera.watch(time.monotonic())
        except Exception as error:
            level = logging.DEBUG if camera_id in self._failing else logging.ERROR
            logger.log(level, "camera %s cannot be watched", camera_id, exc_info=error)
            self._failing.add(camera_id)
        else:
            self._failing.discard(camera_id)
