"""The live service as a Ray Serve application: deployments, HTTP API and web pages."""

import cluster  # noqa: F401 (switches usage reports off before anything else is imported)
