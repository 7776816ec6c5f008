"""Watches the threads of cameras from outside, since a thread that hangs cannot recover by itself.

FFmpeg's own timeouts end every wait for a socket: opens, handshakes, streams that fall silent or
trickle. What is left are host names that are not resolved, devices and disks that do not respond,
and the unknown. So the watchdog first shuts the camera's sockets down; a thread that does not
return even then is abandoned and counted.

A failure with one camera does not end the watch over the others; the owner of a watchdog checks
whether it still runs.
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
        cameras: Returns the cameras to watch; called at each check.
    """

    def __init__(self, cameras: Callable[[], Iterable[CameraSource]]) -> None:
        self._cameras = cameras
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera watchdog", daemon=True)
        self._failing: set[str] = set()

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop_requested.set()
        if self._thread.ident is not None:
            self._thread.join()

    def has_crashed(self) -> bool:
        """Whether its thread ended without `stop`."""
        is_started = self._thread.ident is not None
        return is_started and not self._thread.is_alive() and not self._stop_requested.is_set()

    def count_abandoned_threads(self) -> int:
        """Return how many threads of this process hang and could not be ended.

        They hold memory and sockets: a process with several of them should be replaced.
        """
        return count_abandoned_threads()

    def _run(self) -> None:
        while not self._stop_requested.wait(INTERVAL_SECONDS):
            for camera in list(self._cameras()):
                self._check(camera)

    def _check(self, camera: CameraSource) -> None:
        """Check one camera; log a failure once, until a check succeeds again."""
        camera_id = camera.config.camera_id
        try:
            camera.check_thread(time.monotonic())
        except Exception as error:
            level = logging.DEBUG if camera_id in self._failing else logging.ERROR
            logger.log(level, "camera %s cannot be watched", camera_id, exc_info=error)
            self._failing.add(camera_id)
        else:
            self._failing.discard(camera_id)
