"""`homeroom serve` and `homeroom openapi`: the live service, and the document of its API.

The service is imported inside the commands: Ray reads its environment when it is imported, and
`homeroom --help` has no use for either.
"""

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import SettingsOption

TOKEN_BYTES = 32


def serve(settings: SettingsOption = None) -> None:
    """Run the live service: cameras, rooms, registers and the HTTP API, until Ctrl-C."""
    if "RAY_ADDRESS" not in os.environ:
        _require_ray_token()
        _slow_controller_loop()
    from serve_apps.server import main

    main(settings)


def openapi(
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Fail if this file is not what would be written.")
    ] = None,
) -> None:
    """Write the OpenAPI document of the HTTP API."""
    from serve_apps.http.openapi import main

    main(out, check)


def _slow_controller_loop() -> None:
    """Have Serve's controller check its replicas twice a second instead of ten times.

    It runs on the cores that the cameras need.
    """
    os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.5")


def _require_ray_token() -> None:
    """Require a token for Ray: without one, its open ports let anybody run programs."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(TOKEN_BYTES))
