"""The HTTP API as one FastAPI application.

    request -> door, limits (access) -> a route -> Backend ─┬─> rooms, pose (deployments)
                                                            └─> records, warehouse (threads)

Every route says who may use it; `install` refuses an application in which one does not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from anyio import CapacityLimiter
from fastapi import FastAPI

from cluster import __version__
from serve_apps.http.auth.install import install
from serve_apps.http.auth.route_table import describe_roles
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
    registers,
    room_events,
    rooms,
    sign_in,
    warehouse,
)
from serve_apps.http.services.room_broadcast import Broadcast, StreamLimits

DESCRIPTION: Final = """
What happens in classrooms, for a room and ten seconds, never for a person; and the register.

Come in with a token: `Authorization: Bearer hr_…`. Every error has one shape. `x-roles` of an
operation says who may use it. How streams, pages and versions work is in `docs/api.md`.
"""

ROUTES: Final = flatten_router(
    (
        health.router,
        room_events.router,  # before the rooms, whose path /{room_id} takes every word
        rooms.router,
        lessons.router,
        registers.router,
        cameras.router,
        jobs.router,
        warehouse.router,
        analyse.router,
        data_protection.router,
        audit.router,
        sign_in.router,
    )
)


def create_app(backend: Backend, streams: StreamLimits | None = None) -> FastAPI:
    """The application.

    Args:
        backend: What the routes work with; whoever opened it closes it.
        streams: How much event streams may take; the usual unless given.

    Raises:
        SettingsError: A route says neither who may use it nor that everybody may.
    """
    app = _routes()
    limits = streams or StreamLimits()
    include_pages(app, backend.identity, limits)
    app.state.backend = backend
    app.state.broadcast = Broadcast(backend.rooms, limits)
    app.state.asking_ray = CapacityLimiter(jobs.AT_ONCE)
    app.state.decoding = CapacityLimiter(analyse.AT_ONCE)
    app.state.asking_warehouse = CapacityLimiter(warehouse.AT_ONCE)
    install(app, backend.settings)
    return app


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document; it needs no settings and no backend."""
    app = _routes()
    describe_roles(app)
    return app.openapi()


def _routes() -> FastAPI:
    # No pages of documentation: FastAPI's load their scripts from other hosts.
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
    keeping = asyncio.create_task(
        run_periodic_tasks(app.state.backend.identity), name="housekeeping"
    )
    yield
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await app.state.broadcast.close()
    await app.state.lesson_versions.close()
