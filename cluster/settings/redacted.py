"""What a model's replica is told of the settings: no secret among it.

Serve keeps what a deployment is made with in the cluster's control store, and sends it to each
node; addresses of cameras, the records' password and keys do not belong there.
"""

from cluster.settings import AccessSettings, RecordsSettings, SecuritySettings, Settings


def for_models(settings: Settings) -> Settings:
    """The settings without addresses, passwords and keys."""
    unread = {"address": None, "substream": None, "credentials_file": None}
    told = {name: getattr(settings, name) for name in Settings.model_fields}
    told |= {
        "cameras": [camera.model_copy(update=unread) for camera in settings.cameras],
        "records": RecordsSettings(),
        "security": SecuritySettings(),
        "access": AccessSettings(),
    }
    return Settings.model_construct(**told)  # a copy would keep what is cached of the cameras


def sizes_to_warm_up(settings: Settings) -> list[tuple[int, int, int]]:
    """Height, width and input size of the pictures that the cameras will send, mostly."""
    sizes = {640} | {camera.input_size for camera in settings.cameras}
    return [(size * 9 // 16, size, size) for size in sorted(sizes)]
