"""`homeroom analyse`: the archive job, on this machine or on a Ray cluster.

Both start the same program, `python -m jobs.analyse_archive`, with the same arguments.
"""

import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cluster.cli.console import EXIT_FAILED, EXIT_STOPPED, say
from cluster.errors import RayError, SettingsError
from cluster.records.timetable.dated_csv import write_dated
from cluster.records.timetable.lessons import preview_lessons
from cluster.settings import SETTINGS_FILE, Settings, load_settings
from cluster.warehouse.lake import utc_now

JOB = ["-m", "jobs.analyse_archive"]
LESSONS_FILE = "lessons.csv"
FORWARDED_EXIT = {"SUCCEEDED": 0, "STOPPED": EXIT_STOPPED}


def analyse(
    context: typer.Context,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster's dashboard, like http://HEAD:8265.")
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings")] = None,
) -> None:
    """Analyse archived footage (`homeroom analyse --help` shows all that it takes)."""
    arguments = list(context.args)
    if "--help" in arguments or address is None:
        chosen = [f"--settings={settings}"] if settings else []
        sys.stdout.flush()
        # Taking this process's place, so that Ctrl-C and the exit status are the job's own.
        os.execv(sys.executable, [sys.executable, *JOB, *arguments, *chosen])  # noqa: S606
    raise typer.Exit(submit(address, arguments, settings))


def submit(address: str, arguments: list[str], settings: Path | None) -> int:
    """Submit the job to a Ray cluster, follow its log, and give its exit status.

    The settings and the lessons travel along; footage, the manifest and `data_dir` are read where
    the job runs, so they must be shared.

    Raises:
        SettingsError: `data_dir` is relative, or the manifest cannot be read.
        RayError: The cluster cannot be reached, or asks for another token.
    """
    from ray.exceptions import AuthenticationError  # a second to import: only where it is needed

    with tempfile.TemporaryDirectory(prefix="homeroom-job-") as scratch:
        sent = _pack(Path(scratch), arguments, settings)
        try:
            return _submit_and_follow(address, scratch, sent)
        except AuthenticationError as error:
            raise RayError(
                "the cluster asks for a token, and none or a wrong one was found.",
                where=address,
                hint="Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH.",
            ) from error
        except (ConnectionError, RuntimeError) as error:
            raise RayError(
                f"the cluster cannot be reached: {error}",
                where=address,
                hint="Give the dashboard's address, like http://HEAD:8265.",
            ) from error


def _pack(scratch: Path, arguments: list[str], settings: Path | None) -> list[str]:
    """Copy what must travel into a folder; give the arguments as they are there."""
    known = load_settings(settings)
    original = Path(settings or os.environ.get("HOMEROOM_SETTINGS") or SETTINGS_FILE)
    text = original.read_text(encoding="utf-8")
    if not _says_absolute_data_dir(text):
        raise SettingsError(
            "`data_dir` must be an absolute path on storage that the cluster shares.",
            where=str(original),
        )
    shutil.copyfile(original, scratch / SETTINGS_FILE)
    sent = [_as_seen_there(argument) for argument in arguments]
    if not any(argument.startswith("--lessons") for argument in arguments):
        sent += _pack_lessons(scratch, known)
    return [*sent, f"--settings={SETTINGS_FILE}"]


def _pack_lessons(scratch: Path, settings: Settings) -> list[str]:
    """Copy the lessons; without any here, the job takes those of the records where it runs."""
    lessons = preview_lessons(settings, now=utc_now()).timetable.lessons
    if not lessons and settings.timetable is None:
        return []
    write_dated(scratch / LESSONS_FILE, lessons)
    return [f"--lessons={LESSONS_FILE}"]


def _says_absolute_data_dir(text: str) -> bool:
    import tomllib

    data_dir = os.environ.get("HOMEROOM_DATA_DIR") or tomllib.loads(text).get("data_dir", "")
    return Path(data_dir).is_absolute()


def _as_seen_there(argument: str) -> str:
    """A local path, made absolute: the job's working folder is another."""
    return str(Path(argument).absolute()) if Path(argument).exists() else argument


def _submit_and_follow(address: str, working_dir: str, arguments: list[str]) -> int:
    import asyncio

    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(address)
    job = client.submit_job(
        entrypoint=shlex.join(["python", *JOB, *arguments]),
        runtime_env={"working_dir": working_dir, "env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}},
    )
    say(f"Submitted as {job}. Ctrl-C stops following it, not the job.")

    async def follow() -> None:
        async for lines in client.tail_job_logs(job):
            sys.stderr.write(lines)

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        say(f"The job goes on. Stop it with: ray job stop --address {address} {job}")
        return EXIT_STOPPED
    info = client.get_job_info(job)
    if info.status.value == "FAILED" and info.driver_exit_code:
        return int(info.driver_exit_code)
    return FORWARDED_EXIT.get(info.status.value, EXIT_FAILED)
