"""ASGI middleware without domain logic: headers, limits, slow clients."""
