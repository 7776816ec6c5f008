"""Ray jobs: programs that run to their end over stored data."""

import cluster  # noqa: F401 (switches usage reports off before anything else is imported)
