"""The HTTP API: FastAPI, as the ingress of the Serve application."""
