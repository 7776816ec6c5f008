"""The HTTP API as one FastAPI application.

    request -> middleware (auth/install.py) -> route -> Backend ─┬─> rooms, pose (deployments)
                                                               └─> records, warehouse (threads)

Every route declares who may use it; `install` rejects an application in which one does not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from anyio import CapacityLimiter
from fastapi import FastAPI

from cluster import __version__
from serve_apps.http.auth.install import install
from serve_apps.http.auth.route_table import add_roles_to_openapi
from serve_apps.http.backend import Backend
from serve_apps.http.pages.routes import include_pages
from serve_apps.http.periodic_tasks import run_periodic_tasks
from serve_apps.http.routers import flatten_router
from serve_apps.http.routes import (
    analyse,
    audit,
    cameras,
    data_protection,
    health,
    jobs,
    lessons,
    provider_sign_in,
    registers,
    room_events,
    rooms,
    sign_in,
    warehouse,
)
from serve_apps.http.services.room_broadcast import RoomBroadcast, StreamLimits

DESCRIPTION: Final = """
Activity in classrooms, per room and ten seconds, never per person; and the attendance register.

Authenticate with a token: `Authorization: Bearer hr_…`. All errors have one format. `x-roles` of an
operation lists the roles that may use it. `docs/api.md` explains streams, paging and versions.
"""

ROUTES: Final = flatten_router(
    (
        health.router,
        room_events.router,  # before the rooms, whose path /{room_id} matches it too
        rooms.router,
        lessons.router,
        registers.router,
        cameras.router,
        jobs.router,
        warehouse.router,
        analyse.router,
        data_protection.router,
        audit.router,
        provider_sign_in.router,
        sign_in.router,
    )
)


def create_app(backend: Backend, streams: StreamLimits | None = None) -> FastAPI:
    """Create the application.

    Args:
        backend: The services behind the routes; the caller that opened it closes it.
        streams: Limits of event streams; the defaults unless given.

    Raises:
        SettingsError: A route declares neither roles nor that it is public.
    """
    app = _create_bare_app()
    limits = streams or StreamLimits()
    include_pages(app, backend.audited, limits)
    app.state.backend = backend
    app.state.broadcast = RoomBroadcast(backend.rooms, limits)
    app.state.dashboard_limiter = CapacityLimiter(jobs.MAX_CONCURRENT_CALLS)
    app.state.decoding_limiter = CapacityLimiter(analyse.MAX_CONCURRENT_IMAGES)
    app.state.warehouse_limiter = CapacityLimiter(warehouse.MAX_CONCURRENT_QUERIES)
    install(app, backend.settings)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document; it needs no settings and no backend."""
    app = _create_bare_app()
    add_roles_to_openapi(app)
    return app.openapi()


def _create_bare_app() -> FastAPI:
    # No documentation pages: FastAPI's load their scripts from other hosts.
    app = FastAPI(
        title="Homeroom",
        version=__version__,
        description=DESCRIPTION,
        license_info={"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.router.routes.extend(ROUTES)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    periodic_tasks = asyncio.create_task(
        run_periodic_tasks(app.state.backend.audited), name="periodic tasks"
    )
    yield
    periodic_tasks.cancel()
    await asyncio.gather(periodic_tasks, return_exceptions=True)
    await app.state.broadcast.close()
    await app.state.lesson_versions.close()
