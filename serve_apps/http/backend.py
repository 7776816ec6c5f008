"""What the routes work with: found at `request.app.state.backend`."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from cluster.records.db.unit_of_work import AuditedRecords
from cluster.settings import Settings
from serve_apps.clients.interfaces import PoseService, RoomsService


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts behind the API.

    Attributes:
        settings: All settings.
        identity: Records, keys and audit log.
        rooms: The rooms deployment.
        pose: The pose model.
        settings_file: Where the settings are from, for jobs.
    """

    settings: Settings
    identity: AuditedRecords
    rooms: RoomsService
    pose: PoseService
    settings_file: Path | None = None


def backend_of(request: Request) -> Backend:
    """The backend that serves a request."""
    found: Backend = request.app.state.backend
    return found
