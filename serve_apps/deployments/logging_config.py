"""Serve's logging configuration of all deployments: warnings and errors, not a line for each call.

Readers alone make four calls a second each; requests have log lines of their own, with their ids.
"""

from typing import Any

SERVE_LOGGING: dict[str, Any] = {"log_level": "WARNING", "enable_access_log": False}
