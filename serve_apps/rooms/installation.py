"""The id of an installation, where several share a Ray cluster."""

import hashlib

from cluster.settings import Settings

LENGTH = 8


def installation_id(settings: Settings, app: str) -> str:
    """Return a hash of the application and its data folder; it reveals neither.

    Args:
        settings: Of the installation.
        app: Name of its Serve application: readers report to the deployments of that.
    """
    audited = f"{app}\n{settings.data_dir.resolve()}"
    return hashlib.sha256(audited.encode()).hexdigest()[:LENGTH]
