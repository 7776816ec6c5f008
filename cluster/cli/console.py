"""Output of commands: messages and errors on standard error, results on standard output."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cluster.errors import HomeroomError

UNLIMITED_WIDTH = 10_000
"""Used when the output is not a terminal, so that no line is truncated."""

errors = Console(stderr=True)
answers = Console(width=None if sys.stdout.isatty() else UNLIMITED_WIDTH)

SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", help="The settings file; homeroom.toml unless given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def say(text: str) -> None:
    """Print a message on standard error, apart from the results."""
    errors.print(text, highlight=False, soft_wrap=True, markup=False)


def answer_json(value: Any) -> None:
    """Print a result as JSON."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def report_error(error: HomeroomError, *, as_json: bool) -> None:
    """Print an error on standard error, and as JSON on standard output if requested."""
    errors.print(f"[red]Error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    if as_json:
        body = {"code": error.code, "detail": error.what, "where": error.where, "hint": error.hint}
        answer_json({"error": body})
