"""Settings without secrets, for what leaves this process.

Serve keeps what a deployment is created with in the cluster's control store, and sends it to each
node; the package of a Ray job is stored there too. Addresses of cameras and footage, the records'
password and keys do not belong there.
"""

from cluster.settings import (
    AccessSettings,
    ArchiveSettings,
    RecordsSettings,
    SecuritySettings,
    Settings,
)


def without_secrets(settings: Settings) -> Settings:
    """Return the settings without addresses, passwords and keys."""
    unset = {"address": None, "substream": None, "credentials_file": None}
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    values |= {
        "cameras": [camera.model_copy(update=unset) for camera in settings.cameras],
        "records": RecordsSettings(),
        "security": SecuritySettings(),
        "access": AccessSettings(),
        "archive": ArchiveSettings(),
    }
    return Settings.model_construct(**values)  # a copy would keep what is cached of the cameras
