"""Routers flattened into routes, which all applications of a process share.

FastAPI builds models of parameters and responses when it includes a router: a quarter of a second
for all of these. The models belong to the routes, so that applications with the same routes share
them.
"""

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.routing import BaseRoute


def flatten_router(routers: Iterable[APIRouter]) -> tuple[BaseRoute, ...]:
    """Return the routes of routers, in their order."""
    combined = APIRouter()
    for router in routers:
        combined.include_router(router)
    return tuple(combined.routes)
