"""Routers as routes, the same ones for each application of a process.

What FastAPI works out of an included router (models of parameters and answers) hangs on the routes,
and takes a quarter of a second for all of ours; applications that share them share that, too.
"""

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.routing import BaseRoute


def flatten_router(routers: Iterable[APIRouter]) -> tuple[BaseRoute, ...]:
    """The routes of routers, in their order."""
    together = APIRouter()
    for router in routers:
        together.include_router(router)
    return tuple(together.routes)
