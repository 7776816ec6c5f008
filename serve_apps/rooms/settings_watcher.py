"""Hot reload of the settings file: a change is applied without a restart.

An invalid file is reported, and the settings that were loaded before stay in force.
"""

import logging
import os
from pathlib import Path

from cluster.errors import HomeroomError
from cluster.settings import ENV_SETTINGS_FILE, SETTINGS_FILE, Settings, load_settings

logger = logging.getLogger(__name__)


class SettingsWatcher:
    """A settings file and the settings in force.

    Args:
        path: The file; None: the one that `load_settings` finds.

    Attributes:
        path: The file.
        settings: The settings in force.
        problem: Why the file as it is now is not in force, for people; empty where it is.

    Raises:
        SettingsError: The file is invalid at the start.
    """

    def __init__(self, path: str | None) -> None:
        self.path = Path(path or os.environ.get(ENV_SETTINGS_FILE) or SETTINGS_FILE).absolute()
        self._stamp = self._read_stamp()
        self.settings: Settings = load_settings(self.path)
        self.problem = ""

    def reload_if_changed(self) -> bool:
        """Load the file if it has changed, and return whether other settings are in force now."""
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self.settings = load_settings(self.path)
        except HomeroomError as error:
            self.problem = str(error)
            logger.warning("the changed settings are invalid and not applied: %s", error)
            return False
        self.problem = ""
        return True

    def _read_stamp(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)
