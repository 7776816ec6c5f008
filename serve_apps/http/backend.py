"""The services behind the routes, at `request.app.state.backend`."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from cluster.records.db.unit_of_work import AuditedRecords
from cluster.settings import Settings
from serve_apps.clients.interfaces import PoseService, RoomsService


@dataclass(frozen=True, slots=True)
class Backend:
    """The services behind the API.

    Attributes:
        settings: All settings.
        audited: Records with their keys and audit log.
        rooms: Client of the rooms deployment.
        pose: Client of the pose model.
        settings_file: The file that the settings were read from, for jobs.
    """

    settings: Settings
    audited: AuditedRecords
    rooms: RoomsService
    pose: PoseService
    settings_file: Path | None = None


def backend_of(request: Request) -> Backend:
    """Return the backend of the application that serves a request."""
    found: Backend = request.app.state.backend
    return found
