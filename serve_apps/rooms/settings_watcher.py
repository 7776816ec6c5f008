"""The settings file, looked at again and again: a change is taken without a restart.

A file that has become wrong is reported, and what was read before stays in force.
"""

import logging
import os
from pathlib import Path

from cluster.errors import HomeroomError
from cluster.settings import ENV_SETTINGS_FILE, SETTINGS_FILE, Settings, load_settings

logger = logging.getLogger(__name__)


class SettingsWatcher:
    """A settings file and what it says now.

    Args:
        path: The file; unset: as `load_settings` finds it.

    Raises:
        SettingsError: It is wrong now, at the start.
    """

    def __init__(self, path: str | None) -> None:
        self.path = Path(path or os.environ.get(ENV_SETTINGS_FILE) or SETTINGS_FILE).absolute()
        self._stamp = self._stamp_now()
        self.settings: Settings = load_settings(self.path)
        self.problem = ""

    def look(self) -> bool:
        """Read it again if it has changed; whether other settings are in force now."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.settings = load_settings(self.path)
        except HomeroomError as error:
            self.problem = str(error)
            logger.warning("the settings stay as they were: %s", error)
            return False
        self.problem = ""
        return True

    def _stamp_now(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)
