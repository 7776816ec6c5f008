"""The HTTP ingress: the API's FastAPI application, with what it works with behind it.

HTTP ─> Serve's proxy ─> Api (serve_apps/http) ─┬─> Rooms, PoseModel (handles)
                                               ├─> records, keys, audit log (threads)
                                               └─> warehouse, read-only (threads)
"""

from contextlib import ExitStack
from dataclasses import replace

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from cluster.records.db.unit_of_work import open_audited_records
from cluster.runtime.logging import configure_logging
from serve_apps.clients.deployments import RoomsClient
from serve_apps.clients.pose import PoseModelClient
from serve_apps.deployments.logging_config import SERVE_LOGGING
from serve_apps.http.backend import Backend
from serve_apps.rooms.settings_watcher import SettingsWatcher


@serve.deployment(
    name="Api",
    num_replicas=1,
    max_ongoing_requests=1000,
    max_queued_requests=1000,
    health_check_period_s=5,
    health_check_timeout_s=30,
    graceful_shutdown_timeout_s=10,
    logging_config=SERVE_LOGGING,
)
@serve.ingress()
class Api:
    """The deployment.

    Args:
        settings_path: The settings file.
        rooms: The rooms deployment.
        pose: The pose model.
        others: Deployments that it does not call; they belong to the application.
    """

    def __init__(
        self,
        settings_path: str | None,
        rooms: DeploymentHandle,
        pose: DeploymentHandle,
        *others: DeploymentHandle,  # noqa: ARG002
    ) -> None:
        configure_logging()
        self._open = ExitStack()
        self._file = SettingsWatcher(settings_path)
        settings = self._file.settings
        identity = self._open.enter_context(open_audited_records(settings))
        self._backend = Backend(
            settings, identity, RoomsClient(rooms), PoseModelClient(pose), self._file.path
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The application; Serve asks for it once the replica is made."""
        from serve_apps.http.app import create_app  # not in the process that only deploys it

        self._app = create_app(self._backend)
        return self._app

    def check_health(self) -> None:
        """The records must answer; Serve starts the replica anew where they do not.

        Called every few seconds, so this is also where changed settings are noticed. Limits and
        sign-in are set up once: for them, start the service anew.
        """
        if self._file.look():
            self._backend = replace(self._backend, settings=self._file.settings)
            self._app.state.backend = self._backend
        with self._backend.identity.records.reading():
            pass
