"""`homeroom serve` and `homeroom openapi`: programs of the live service, started as programs.

`cluster` must not import `serve_apps`; the commands take their own place in the process, so that
Ctrl-C and the exit status are the service's own.
"""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

SERVER = "serve_apps.server"
DOCUMENT = "serve_apps.http.openapi"
TOKEN_BYTES = 32


def serve(settings: Annotated[Path | None, typer.Option("--settings")] = None) -> None:
    """Run the live service: cameras, rooms, registers and the HTTP API, until Ctrl-C."""
    if "RAY_ADDRESS" not in os.environ:
        _have_ray_ask_for_a_token()
        _calm_the_controller()
    _become(SERVER, [f"--settings={settings}"] if settings else [])


def openapi(
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Fail if this file is not what would be written.")
    ] = None,
) -> None:
    """Write the OpenAPI document of the HTTP API."""
    arguments = [f"--out={out}"] if out else []
    _become(DOCUMENT, [*arguments, *([f"--check={check}"] if check else [])])


def _calm_the_controller() -> None:
    """Let Serve's controller look after its replicas twice a second instead of ten times.

    It runs on the cores of the cameras here. Ray reads this when it is imported.
    """
    os.environ.setdefault("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.5")


def _have_ray_ask_for_a_token() -> None:
    """Whoever reaches the ports of a Ray could otherwise run programs in it.

    Ray reads this when it is imported, so it stands in the environment before the service starts.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if os.environ["RAY_AUTH_MODE"] == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(TOKEN_BYTES))


def _become(module: str, arguments: list[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
