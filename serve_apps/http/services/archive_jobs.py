"""Archive jobs as Ray runs them: submitted, looked at, stopped, through Ray's own client.

    ArchiveJobs ── HTTP ──> Ray's dashboard ──> python -m jobs.analyse_archive …

Only jobs that Homeroom submitted are known here: their metadata says so. Everything here waits for
the dashboard, which may hang: call it in a thread that may be given up.
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
"""Jobs begin on the head node, as this does: with the same Python."""
OURS: Final = "homeroom"
ARCHIVE: Final = "analyse_archive"
TAIL: Final = 64 * 1024
"""Characters of a log that are given at once."""


@dataclass(frozen=True, slots=True)
class ArchiveJob:
    """A job.

    Attributes:
        state: Ray's word for it, in small letters.
        detail: Ray's message, for people; without credentials.
        submitted_by: The `Principal.name` of who did.
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
    """Some of a log.

    Attributes:
        text: Whole lines, without credentials.
        next_offset: Where what comes after begins.
        ended: The job has ended, and this is the last part.
    """

    text: str
    next_offset: int
    ended: bool


class ArchiveJobs:
    """The archive jobs of a Ray cluster.

    Args:
        dashboard: Its address.
        settings_file: What the jobs find in `HOMEROOM_SETTINGS`.

    Raises:
        ServiceDown: Each method, where the dashboard does not answer.
        JobError: Each method, where it refuses.
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
        """Have footage analysed.

        Args:
            footage: Checked before (`allowed_footage`).
            roots: Below which each file that the job finds must lie.
            submitted_by: Who wants it.
            camera: Of one file whose name does not say it.
            started_at: The start of that file.
        """
        with _in_our_words():
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
                    OURS: ARCHIVE,
                    "submitted_by": submitted_by,
                    "footage": json.dumps(list(footage)),
                },
            )
            return _ours(client.get_job_info(job_id), job_id)

    def all(self) -> list[ArchiveJob]:
        """All that Ray remembers."""
        with _in_our_words():
            found = JobSubmissionClient(self._dashboard).list_jobs()
        return [_job(one) for one in found if _is_ours(one)]

    def one(self, job_id: str) -> ArchiveJob:
        """A job.

        Raises:
            NotFound: There is none that Homeroom submitted.
        """
        with _in_our_words():
            return _ours(JobSubmissionClient(self._dashboard).get_job_info(job_id), job_id)

    def log(self, job_id: str, offset: int) -> LogPart:
        """A part of a job's log.

        Args:
            job_id: Which.
            offset: 0, then `next_offset` of the part before.

        Raises:
            NotFound: There is none that Homeroom submitted.
        """
        with _in_our_words():
            client = JobSubmissionClient(self._dashboard)
            info = client.get_job_info(job_id)
            _ours(info, job_id)
            text = redact_credentials(client.get_job_logs(job_id))
        is_over = info.status.is_terminal()
        if not is_over:  # a line that is not whole yet may hide less than it should
            text = text[: text.rfind("\n") + 1]
        part = text[offset : offset + TAIL]
        ends = offset + len(part)
        return LogPart(part, ends, is_over and ends >= len(text))

    def stop(self, job_id: str) -> ArchiveJob:
        """Stop a job; one that has ended stays as it is.

        Raises:
            NotFound: There is none that Homeroom submitted.
        """
        with _in_our_words():
            client = JobSubmissionClient(self._dashboard)
            info = client.get_job_info(job_id)
            _ours(info, job_id)
            if not info.status.is_terminal():
                client.stop_job(job_id)
            return _ours(client.get_job_info(job_id), job_id)


def entrypoint(
    footage: Sequence[str],
    *,
    roots: Sequence[str],
    camera: str | None = None,
    started_at: datetime | None = None,
) -> str:
    """The job's command line; nothing of what was named can become an option or a command."""
    options = [f"--below={root}" for root in roots]
    options += [f"--camera={camera}"] if camera is not None else []
    options += [f"--started-at={started_at.isoformat()}"] if started_at is not None else []
    return shlex.join([*PROGRAM, *options, "--", *footage])


def _is_ours(info: JobDetails) -> bool:
    return bool((info.metadata or {}).get(OURS) == ARCHIVE and info.submission_id)


def _ours(info: JobDetails, job_id: str) -> ArchiveJob:
    if not _is_ours(info):
        raise NotFound(f"there is no archive job {job_id!r}.")
    return _job(info)


def _job(info: JobDetails) -> ArchiveJob:
    metadata = info.metadata or {}
    return ArchiveJob(
        job_id=str(info.submission_id),
        state=str(JobStatus(info.status).value).lower(),
        detail=redact_credentials(info.message or "")[:2000],
        submitted_by=metadata.get("submitted_by", ""),
        footage=tuple(redact_credentials(one) for one in _listed(metadata.get("footage"))),
        started_at=_moment(info.start_time),
        ended_at=_moment(info.end_time),
    )


def _listed(text: Any) -> list[str]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [str(one) for one in found] if isinstance(found, list) else []


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (ConnectionError, AuthenticationError, requests.RequestException) as error:
        logger.warning("Ray's dashboard: %s", redact_credentials(str(error)))
        raise ServiceDown(
            "Ray's dashboard does not answer.", hint="Ask who runs Homeroom to look at Ray."
        ) from None
    except (RuntimeError, ValueError) as error:
        if "status code 404" in str(error):
            raise NotFound("there is no such archive job.") from None
        logger.warning("Ray refused: %s", redact_credentials(str(error)))
        if "status code 5" in str(error):  # among others, a cluster that has just started
            raise ServiceDown("Ray cannot do it now.", hint="Ask again in a minute.") from None
        raise JobError("Ray does not take it.", hint="The log of the service says why.") from None
