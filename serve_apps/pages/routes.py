"""All pages, put onto the application that serves the API."""

from fastapi import FastAPI

from cluster.records.db.unit_of_work import Identity
from serve_apps.api.access import OPEN, Guarded
from serve_apps.api.broadcast import StreamLimits
from serve_apps.api.included import included
from serve_apps.pages import (
    audit,
    checkin,
    data_protection,
    first,
    lesson_checkin,
    lesson_events,
    lesson_page,
    lesson_register,
    lesson_room,
    lessons,
    school,
)
from serve_apps.pages.lesson_events import LessonWatch
from serve_apps.pages.static_files import OurFiles
from serve_apps.pages.trouble import TroublePages

ROUTES = included(
    (
        first.router,
        lessons.router,  # before the page, whose path /lessons/{lesson_id} takes every word
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


def include_pages(app: FastAPI, identity: Identity, streams: StreamLimits) -> None:
    """Add the pages; errors of theirs are told on pages.

    Args:
        app: With the routes of the API.
        identity: Whose lessons pages watch.
        streams: How much event streams may take.
    """
    app.router.routes.extend(ROUTES)
    app.mount("/static", Guarded(OurFiles(), OPEN))
    app.state.lesson_watch = LessonWatch(identity, streams)
    app.state.error_pages = TroublePages()
