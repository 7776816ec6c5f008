"""The HTTP ingress: the API's FastAPI application, and the services that it calls.

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
        others: Deployments that it does not call, bound to make them part of the application.
    """

    def __init__(
        self,
        settings_path: str | None,
        rooms: DeploymentHandle,
        pose: DeploymentHandle,
        *others: DeploymentHandle,  # noqa: ARG002
    ) -> None:
        configure_logging()
        self._resources = ExitStack()
        self._watcher = SettingsWatcher(settings_path)
        settings = self._watcher.settings
        audited = self._resources.enter_context(open_audited_records(settings))
        self._backend = Backend(
            settings, audited, RoomsClient(rooms), PoseModelClient(pose), self._watcher.path
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application; Serve calls this once, after `__init__`."""
        from serve_apps.http.app import create_app  # keeps it out of the deploying process

        self._app = create_app(self._backend)
        return self._app

    def check_health(self) -> None:
        """Read from the records; Serve replaces the replica where this fails.

        Serve calls this every few seconds, so changed settings are reloaded here too. Rate limits
        and sign-in are set up once: changes of those need a restart of the service.
        """
        if self._watcher.reload_if_changed():
            self._backend = replace(self._backend, settings=self._watcher.settings)
            self._app.state.backend = self._backend
        with self._backend.audited.records.reading():
            pass
