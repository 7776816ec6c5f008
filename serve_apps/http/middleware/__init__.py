"""ASGI middleware that knows nothing of the domain: headers, limits, slow clients."""
