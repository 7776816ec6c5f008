"""Write the OpenAPI document to a file, or check that a file is up to date.

python -m serve_apps.http.openapi --out docs/openapi.json
python -m serve_apps.http.openapi --check docs/openapi.json
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cluster.errors import HomeroomError
from serve_apps.http.app import openapi_document

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def render_document() -> str:
    """Return the document as text: sorted, so that two versions can be compared by line."""
    return json.dumps(openapi_document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@app.command()
def main(
    out: Annotated[Path | None, typer.Option(help="Write the document to this file.")] = None,
    check: Annotated[Path | None, typer.Option(help="Fail if this file is not up to date.")] = None,
) -> None:
    """Write the OpenAPI document of the HTTP API, to a file or to standard output."""
    text = render_document()
    if check is not None:
        current = check.read_text(encoding="utf-8") if check.is_file() else ""
        if current != text:
            sys.stderr.write(f"{check} is stale: write it with `homeroom openapi --out`.\n")
            raise typer.Exit(1)
    elif out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise HomeroomError(
                f"it cannot be written: {error.strerror}.", where=str(out)
            ) from error
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    app()
