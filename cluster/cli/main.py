"""The entry point of `homeroom`."""

import sys

import typer

from cluster import __version__
from cluster.cli import (
    audit,
    badge,
    calibrate,
    checkin,
    consent,
    demo,
    doctor,
    face,
    register,
    roster,
    serve,
    setup,
    status,
    tables,
    token,
)
from cluster.cli.console import report_error, say
from cluster.errors import HomeroomError
from cluster.runtime.exit_status import EXIT_FAILED, EXIT_STOPPED
from jobs import analyse_archive

app = typer.Typer(
    help="Homeroom counts what happens in classrooms, for a room and ten seconds: never a person, "
    "never a feeling.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("init")(setup.init)
app.command("check")(setup.check)
app.command("doctor")(doctor.doctor)
app.command("calibrate")(calibrate.calibrate)
app.command("analyse")(analyse_archive.main)
app.command("publish")(tables.publish_warehouse)
app.command("query")(tables.query)
app.command("report")(tables.report)
app.command("serve")(serve.serve)
app.command("openapi")(serve.openapi)
app.command("status")(status.status)
app.add_typer(roster.app, name="roster")
app.add_typer(consent.app, name="consent")
app.add_typer(face.app, name="face")
app.command("erase")(face.erase_command)
app.add_typer(register.app, name="register")
app.add_typer(badge.app, name="badge")
app.add_typer(checkin.app, name="checkin")
app.add_typer(token.app, name="token")
app.add_typer(audit.app, name="audit")
app.add_typer(audit.records_app, name="records")


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        sys.stdout.write(f"homeroom {__version__}\n")
        raise typer.Exit


def run() -> None:
    """Run the command line; a HomeroomError ends it with a message, without a traceback."""
    try:
        app()
    except HomeroomError as error:
        report_error(error, as_json="--json" in sys.argv)
        raise SystemExit(EXIT_FAILED) from None
    except KeyboardInterrupt:
        say("Stopped.")
        raise SystemExit(EXIT_STOPPED) from None


if __name__ == "__main__":
    run()
