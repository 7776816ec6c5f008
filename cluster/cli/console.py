"""How commands talk: progress and errors on standard error, answers on standard output."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from cluster.errors import HomeroomError

UNLIMITED_WIDTH = 10_000
"""Where an answer goes to a file or another program, no line is cut to a terminal's width."""

errors = Console(stderr=True)
answers = Console(width=None if sys.stdout.isatty() else UNLIMITED_WIDTH)

SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", help="The settings file; homeroom.toml unless given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def say(text: str) -> None:
    """A line for people, on standard error, so that it never mixes with an answer."""
    errors.print(text, highlight=False, soft_wrap=True, markup=False)


def answer_json(value: Any) -> None:
    """An answer as JSON."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False, indent=2) + "\n")


def report_error(error: HomeroomError, *, as_json: bool) -> None:
    """An error for people, and as JSON where that was asked for."""
    errors.print(f"[red]Error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    if as_json:
        place = {"code": error.code, "detail": error.what, "where": error.where, "hint": error.hint}
        answer_json({"error": place})
