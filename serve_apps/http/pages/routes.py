"""All pages, added to the application that serves the API."""

from fastapi import FastAPI

from cluster.records.db.unit_of_work import AuditedRecords
from serve_apps.http.auth.install import PUBLIC, Guarded
from serve_apps.http.errors import ErrorPages
from serve_apps.http.pages import (
    audit,
    checkin,
    data_protection,
    home,
    lesson_checkin,
    lesson_events,
    lesson_page,
    lesson_register,
    lesson_room,
    lessons,
    school,
)
from serve_apps.http.pages.error_pages import HtmlErrorPages
from serve_apps.http.pages.lesson_events import LessonVersionFeed
from serve_apps.http.pages.static import VersionedStaticFiles
from serve_apps.http.routers import flatten_router
from serve_apps.http.services.room_broadcast import StreamLimits

ROUTES = flatten_router(
    (
        home.router,
        lessons.router,  # first, since /lessons/{lesson_id} of the next one would match its paths
        lesson_page.router,
        lesson_room.router,
        lesson_register.router,
        lesson_checkin.router,
        lesson_events.router,
        checkin.router,
        school.router,
        data_protection.router,
        audit.router,
    )
)


def include_pages(app: FastAPI, audited: AuditedRecords, streams: StreamLimits) -> None:
    """Add the pages, and have errors rendered as pages where a browser requests one.

    Args:
        app: With the routes of the API.
        audited: The records whose lessons are polled for changes.
        streams: The limits of event streams.
    """
    app.router.routes.extend(ROUTES)
    app.mount("/static", Guarded(VersionedStaticFiles(), PUBLIC))
    app.state.lesson_versions = LessonVersionFeed(audited, streams)
    error_pages: ErrorPages = HtmlErrorPages()
    app.state.error_pages = error_pages
