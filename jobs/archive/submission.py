"""Submitting the archive job to a Ray cluster, as `homeroom analyse --address` does.

settings without secrets, lessons -> package -> Ray's dashboard -> python -m jobs.analyse_archive
                                                                <- its log and exit status
"""

import asyncio
import os
import shlex
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cluster.clock import utc_now
from cluster.errors import RayError, SettingsError
from cluster.records.timetable.dated_csv import read_dated_timetable, write_dated
from cluster.records.timetable.lessons import preview_lessons
from cluster.runtime.exit_status import EXIT_FAILED, EXIT_STOPPED
from cluster.settings import SETTINGS_FILE, Settings, load_settings, settings_path
from cluster.settings.toml import settings_to_toml

MODULE = "jobs.analyse_archive"
LESSONS_FILE = "lessons.csv"
EXIT_STATUS_BY_STATE = {"SUCCEEDED": 0, "STOPPED": EXIT_STOPPED}


@dataclass(frozen=True, slots=True)
class FootageArguments:
    """The footage that the command line names, as `list_footage` takes it."""

    inputs: Sequence[str]
    manifest: str | None = None
    camera_id: str | None = None
    started_at: str | None = None
    roots: Sequence[str] | None = None

    def to_command_line(self) -> list[str]:
        """Return the options and arguments of the job; local paths are made absolute."""
        options = {
            "manifest": None if self.manifest is None else _absolute_if_local(self.manifest),
            "camera": self.camera_id,
            "started-at": self.started_at,
        }
        given = [f"--{name}={value}" for name, value in options.items() if value is not None]
        roots = [f"--below={_absolute_if_local(root)}" for root in self.roots or ()]
        return [*given, *roots, "--", *map(_absolute_if_local, self.inputs)]


def submit(
    address: str,
    footage: FootageArguments,
    settings_file: Path | None,
    *,
    lessons: Path | None = None,
    as_json: bool = False,
    console: Console,
) -> int:
    """Submit the job to a Ray cluster, follow its log, and return its exit status.

    The settings, without secrets, and the lessons are sent; footage, a manifest and `data_dir` are
    read where the job runs, so they must be shared.

    Args:
        address: Of the cluster's dashboard.
        footage: What to analyse.
        settings_file: As for `load_settings`.
        lessons: A file to send instead of the lessons of the records.
        as_json: The job prints its summary as JSON.
        console: Where messages go; the log goes to standard error.

    Raises:
        SettingsError: The settings are wrong, or `data_dir` is relative.
        RayError: The cluster cannot be reached, or asks for another token.
    """
    from ray.exceptions import AuthenticationError  # a second to import: only where it is needed

    with tempfile.TemporaryDirectory(prefix="homeroom-job-") as package:
        options = _write_package(Path(package), settings_file, lessons)
        options += ["--json"] if as_json else []
        try:
            return _submit_and_follow(
                address, package, [*options, *footage.to_command_line()], console
            )
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


def _write_package(folder: Path, settings_file: Path | None, lessons: Path | None) -> list[str]:
    """Write the files that are sent, and return the options that name them."""
    settings = load_settings(settings_file)
    _check_data_dir(settings_path(settings_file))
    sent = settings.model_copy(update={"timetable": None})
    (folder / SETTINGS_FILE).write_text(settings_to_toml(sent), encoding="utf-8")
    options = [f"--settings={SETTINGS_FILE}"]
    if lessons is not None:
        write_dated(folder / LESSONS_FILE, read_dated_timetable(lessons, settings).lessons)
    elif not _write_lessons(folder / LESSONS_FILE, settings):
        return options
    return [*options, f"--lessons={LESSONS_FILE}"]


def _write_lessons(path: Path, settings: Settings) -> bool:
    """Write the lessons; without any here, the job reads the records where it runs."""
    lessons = preview_lessons(settings, now=utc_now()).timetable.lessons
    if not lessons and settings.timetable is None:
        return False
    write_dated(path, lessons)
    return True


def _check_data_dir(settings_file: Path) -> None:
    text = settings_file.read_text(encoding="utf-8-sig")
    data_dir = os.environ.get("HOMEROOM_DATA_DIR") or tomllib.loads(text).get("data_dir", "")
    if not Path(data_dir).is_absolute():
        raise SettingsError(
            "`data_dir` must be an absolute path on storage that the cluster shares.",
            where=str(settings_file),
        )


def _absolute_if_local(path: str) -> str:
    """Make a path of this machine absolute: the job's working folder is another."""
    return str(Path(path).absolute()) if Path(path).exists() else path


def _submit_and_follow(
    address: str, package: str, arguments: Iterable[str], console: Console
) -> int:
    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(address)
    job = client.submit_job(
        entrypoint=shlex.join(["python", "-m", MODULE, *arguments]),
        runtime_env={"working_dir": package, "env_vars": {"RAY_USAGE_STATS_ENABLED": "0"}},
    )
    _print(console, f"Submitted as {job}. Ctrl-C stops following it, not the job.")

    async def follow() -> None:
        async for lines in client.tail_job_logs(job):
            sys.stderr.write(lines)

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        _print(
            console, f"The job keeps running. Stop it with: ray job stop --address {address} {job}"
        )
        return EXIT_STOPPED
    info = client.get_job_info(job)
    if info.status.value == "FAILED" and info.driver_exit_code:
        return int(info.driver_exit_code)
    return EXIT_STATUS_BY_STATE.get(info.status.value, EXIT_FAILED)


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)
