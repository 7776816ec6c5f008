"""Deprecated alias of `serve_apps.http.middleware.slow_clients`, which cluster files may import.

It will be removed after release 0.2: use `serve_apps.http.middleware.slow_clients:middlewares`.
"""

from serve_apps.http.middleware.slow_clients import middlewares

__all__ = ["middlewares"]
