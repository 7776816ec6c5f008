from tests.serve_apps.http.office import *  # noqa: F403 (fixtures)
