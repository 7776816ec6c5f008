from tests.serve_apps.api.office import *  # noqa: F403 (fixtures)
