"""`homeroom serve` and `homeroom openapi`: programs of the live service, started as programs.

`cluster` must not import `serve_apps`; the commands take their own place in the process, so that
Ctrl-C and the exit status are the service's own.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

SERVER = "serve_apps.server"
DOCUMENT = "serve_apps.api.document"


def serve(settings: Annotated[Path | None, typer.Option("--settings")] = None) -> None:
    """Run the live service: cameras, rooms, registers and the HTTP API, until Ctrl-C."""
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


def _become(module: str, arguments: list[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
