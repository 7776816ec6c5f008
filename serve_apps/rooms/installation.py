"""Which installation this is, where several share a Ray cluster."""

import hashlib

from cluster.settings import Settings

LENGTH = 8


def installation_id(settings: Settings, app: str) -> str:
    """The same for as long as the application and its data folder are the same; says nothing else.

    Args:
        settings: Of the installation.
        app: Name of its Serve application: readers report to the deployments of that.
    """
    known = f"{app}\n{settings.data_dir.resolve()}"
    return hashlib.sha256(known.encode()).hexdigest()[:LENGTH]
