"""The OpenAPI document as a file, and whether a file is still true.

python -m serve_apps.http.openapi --out docs/openapi.json
python -m serve_apps.http.openapi --check docs/openapi.json
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from serve_apps.http.app import openapi_document

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def document_text() -> str:
    """The document as it is written: sorted, so that two versions can be compared by line."""
    return json.dumps(openapi_document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@app.command()
def main(
    out: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Fail if this file is not what would be written.")
    ] = None,
) -> None:
    """Write the OpenAPI document of the HTTP API, to a file or to standard output."""
    text = document_text()
    if check is not None:
        known = check.read_text(encoding="utf-8") if check.is_file() else ""
        if known != text:
            sys.stderr.write(f"{check} is stale: write it anew with `homeroom openapi --out`.\n")
            raise typer.Exit(1)
    elif out is not None:
        out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    app()
