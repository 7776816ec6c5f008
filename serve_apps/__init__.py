"""Ray Serve applications: the live service. Empty until live classrooms come."""

import cluster  # noqa: F401 (switches usage reports off before anything else is imported)
