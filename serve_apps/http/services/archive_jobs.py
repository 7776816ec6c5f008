"""Submit, list and stop archive jobs through Ray's job client.

    ArchiveJobs ── HTTP ──> Ray's dashboard ──> python -m jobs.analyse_archive …

Only jobs that Homeroom submitted are visible here: their metadata says so. Every call blocks on the
dashboard, which may hang: call it in a thread that may be abandoned.
"""

import json
import logging
import secrets
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from cluster.errors import JobError, NotFound, ServiceDown
from cluster.runtime.redaction import redact_credentials
from cluster.settings import ENV_SETTINGS_FILE

logger = logging.getLogger(__name__)

PROGRAM: Final = (sys.executable, "-m", "jobs.analyse_archive")
"""Jobs start on the head node, like this process: with the same Python."""
METADATA_KEY: Final = "homeroom"
JOB_KIND: Final = "analyse_archive"
MAX_LOG_PART_LENGTH: Final = 64 * 1024
"""Characters of a log that are returned at once."""


@dataclass(frozen=True, slots=True)
class ArchiveJob:
    """An archive job.

    Attributes:
        state: Ray's status, in lower case.
        detail: Ray's message, without credentials.
        submitted_by: The `Principal.name` of the caller who submitted it.
    """

    job_id: str
    state: str
    detail: str
    submitted_by: str
    footage: tuple[str, ...]
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class LogPart:
    """A part of a log.

    Attributes:
        text: Whole lines, without credentials.
        next_offset: Where the next part begins.
        ended: Whether the job has ended, and this is the last part.
    """

    text: str
    next_offset: int
    ended: bool


class ArchiveJobs:
    """The archive jobs of a Ray cluster.

    Args:
        dashboard: URL of its dashboard.
        settings_file: The jobs' `HOMEROOM_SETTINGS`.

    Raises:
        ServiceDown: By each method, if the dashboard does not answer.
        JobError: By each method, if the dashboard rejects the call.
    """

    def __init__(self, dashboard: str, settings_file: Path) -> None:
        self._dashboard = dashboard
        self._settings_file = settings_file

    def submit(
        self,
        footage: Sequence[str],
        *,
        roots: Sequence[str],
        submitted_by: str,
        camera: str | None = None,
        started_at: datetime | None = None,
    ) -> ArchiveJob:
        """Submit a job that analyses footage.

        Args:
            footage: As returned by `resolve_footage`.
            roots: Roots below which each file that the job finds must be.
            submitted_by: Name of the caller.
            camera: Camera of a single file, if its name does not have it.
            started_at: When that file starts.
        """
        with _translate_ray_errors():
            client = JobSubmissionClient(self._dashboard)
            job_id = client.submit_job(
                entrypoint=entrypoint(footage, roots=roots, camera=camera, started_at=started_at),
                submission_id=f"archive_{secrets.token_hex(8)}",
                runtime_env={
                    "env_vars": {
                        ENV_SETTINGS_FILE: str(self._settings_file),
                        "RAY_USAGE_STATS_ENABLED": "0",
                    }
                },
                metadata={
                    METADATA_KEY: JOB_KIND,
                    "submitted_by": submitted_by,
                    "footage": json.dumps(list(footage)),
                },
            )
            return _archive_job(client.get_job_info(job_id), job_id)

    def list_jobs(self) -> list[ArchiveJob]:
        """Return all jobs that Ray still has."""
        with _translate_ray_errors():
            found = JobSubmissionClient(self._dashboard).list_jobs()
        return [_job(one) for one in found if _is_archive_job(one)]

    def get(self, job_id: str) -> ArchiveJob:
        """Return a job.

        Raises:
            NotFound: Homeroom has submitted no such job.
        """
        with _translate_ray_errors():
            return _archive_job(JobSubmissionClient(self._dashboard).get_job_info(job_id), job_id)

    def read_log(self, job_id: str, offset: int) -> LogPart:
        """Return a part of a job's log.

        Args:
            job_id: The job.
            offset: 0, then `next_offset` of the previous part.

        Raises:
            NotFound: Homeroom has submitted no such job.
        """
        with _translate_ray_errors():
            client = JobSubmissionClient(self._dashboard)
            info = client.get_job_info(job_id)
            _archive_job(info, job_id)
            text = redact_credentials(client.get_job_logs(job_id))
        has_ended = info.status.is_terminal()
        if not has_ended:  # in half a line, credentials may not be recognised yet
            text = text[: text.rfind("\n") + 1]
        part = text[offset : offset + MAX_LOG_PART_LENGTH]
        end = offset + len(part)
        return LogPart(part, end, has_ended and end >= len(text))

    def stop(self, job_id: str) -> ArchiveJob:
        """Stop a job; no effect on one that has ended.

        Raises:
            NotFound: Homeroom has submitted no such job.
        """
        with _translate_ray_errors():
            client = JobSubmissionClient(self._dashboard)
            info = client.get_job_info(job_id)
            _archive_job(info, job_id)
            if not info.status.is_terminal():
                client.stop_job(job_id)
            return _archive_job(client.get_job_info(job_id), job_id)


def entrypoint(
    footage: Sequence[str],
    *,
    roots: Sequence[str],
    camera: str | None = None,
    started_at: datetime | None = None,
) -> str:
    """Return the job's command line; no part of the input can become an option or a command."""
    options = [f"--below={root}" for root in roots]
    options += [f"--camera={camera}"] if camera is not None else []
    options += [f"--started-at={started_at.isoformat()}"] if started_at is not None else []
    return shlex.join([*PROGRAM, *options, "--", *footage])


def _is_archive_job(info: JobDetails) -> bool:
    return bool((info.metadata or {}).get(METADATA_KEY) == JOB_KIND and info.submission_id)


def _archive_job(info: JobDetails, job_id: str) -> ArchiveJob:
    if not _is_archive_job(info):
        raise NotFound(f"there is no archive job {job_id!r}.")
    return _job(info)


def _job(info: JobDetails) -> ArchiveJob:
    metadata = info.metadata or {}
    return ArchiveJob(
        job_id=str(info.submission_id),
        state=str(JobStatus(info.status).value).lower(),
        detail=redact_credentials(info.message or "")[:2000],
        submitted_by=metadata.get("submitted_by", ""),
        footage=tuple(redact_credentials(one) for one in _parse_footage(metadata.get("footage"))),
        started_at=_to_datetime(info.start_time),
        ended_at=_to_datetime(info.end_time),
    )


def _parse_footage(text: Any) -> list[str]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _to_datetime(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


@contextmanager
def _translate_ray_errors() -> Iterator[None]:
    try:
        yield
    except (ConnectionError, AuthenticationError, requests.RequestException) as error:
        logger.warning("Ray's dashboard: %s", redact_credentials(str(error)))
        raise ServiceDown(
            "Ray's dashboard does not answer.", hint="Ask the operator of Homeroom to check Ray."
        ) from None
    except (RuntimeError, ValueError) as error:
        if "status code 404" in str(error):
            raise NotFound("there is no such archive job.") from None
        logger.warning("Ray rejected a call: %s", redact_credentials(str(error)))
        if "status code 5" in str(error):  # among others, a cluster that has just started
            raise ServiceDown("Ray is not ready.", hint="Try again in a minute.") from None
        raise JobError("Ray rejected it.", hint="The log of the service says why.") from None
