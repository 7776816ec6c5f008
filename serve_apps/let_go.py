"""The former name of `serve_apps.http.middleware.slow_clients`, which cluster files still name.

To be removed after release 0.2: write `serve_apps.http.middleware.slow_clients:middlewares`.
"""

from serve_apps.http.middleware.slow_clients import middlewares

__all__ = ["middlewares"]
