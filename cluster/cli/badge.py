"""`homeroom badge`: badges to print."""

from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import JsonOption, SettingsOption, answer_json, say
from cluster.cli.installation import open_installation, operator_actor, write_private_file
from cluster.errors import SettingsError
from cluster.records.repos.people import students_of_class, user_of
from cluster.register import badges

app = typer.Typer(help="Badges that students show.", no_args_is_help=True)


@app.command("print")
def print_command(
    out: Annotated[Path, typer.Option(help="An .html file to print.")],
    class_id: Annotated[
        str | None, typer.Option("--class", help="All students of a class.")
    ] = None,
    students: Annotated[list[str] | None, typer.Argument(help="Or these students.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print badges, which invalidate the students' older ones."""
    if (class_id is None) == (not students):
        raise SettingsError("name either a class or students.", hint="--class ID, or STUDENT …")
    with open_installation(settings) as (loaded, audited), audited.work(operator_actor()) as work:
        if class_id is not None:
            chosen = students_of_class(work.session, class_id, work.now.date())
        else:
            chosen = [user_of(work.session, name, "student").id for name in students or []]
        days = loaded.registers.badge_days
        issued = [badges.issue(work, student_id, days) for student_id in chosen]
        write_private_file(out, badges.render_sheet(work, issued))
    if as_json:
        answer_json({"out": str(out), "badges": len(issued)})
    say(f"Wrote {out}: {len(issued)} badges. It shows names: delete it when it is printed.")
