"""`/api/jobs`: archive jobs, for operators.

Footage must lie below `archive.footage_roots`. Ray's dashboard runs what it is sent, so it must not
be reachable from outside; this is the way in.
"""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from pydantic import Field, model_validator

from cluster.errors import NotFound, ServiceDown
from cluster.security.roles import Principal, Role
from cluster.settings import ENV_SETTINGS_FILE, SETTINGS_FILE
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Name, Page, Utc, example_config, example_response
from serve_apps.http.schemas.paging import Pages, page_of
from serve_apps.http.services.archive_jobs import ArchiveJob, ArchiveJobs
from serve_apps.http.services.footage_paths import LONGEST, allowed_footage

LONGEST_WAIT_SECONDS: Final = 30.0
AT_ONCE: Final = 8
"""Questions to Ray's dashboard at a time: one that hangs must not take the threads of the rest."""

router = APIRouter(
    prefix="/api/jobs", tags=["jobs"], dependencies=[require_roles(Role.OPERATOR)], responses=ERRORS
)

Operator = Annotated[Principal, require_roles(Role.OPERATOR)]
JobPath = Annotated[
    str,
    PathParameter(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The job's id.",
        examples=["archive_5f2c8a11d04be937"],
    ),
]
Result = TypeVar("Result")


class ArchiveRequest(Body):
    """Footage to analyse."""

    model_config = example_config({"footage": ["/srv/footage/2026-03-02"]})

    footage: list[Annotated[str, Field(min_length=1, max_length=LONGEST)]] = Field(
        min_length=1,
        max_length=200,
        description="Files, folders or fsspec addresses below archive.footage_roots.",
    )
    camera: Name | None = Field(
        None, description="The camera of one file whose name does not say it."
    )
    started_at: Utc | None = Field(None, description="The start of that file.")

    @model_validator(mode="after")
    def _names_go_together(self) -> "ArchiveRequest":
        if (self.camera is None) != (self.started_at is None):
            raise ValueError("camera and started_at go together")
        if self.camera is not None and len(self.footage) != 1:
            raise ValueError("camera and started_at go with one file")
        return self


class JobBody(Body):
    """An archive job."""

    job_id: str = Field(description="Which job.")
    state: str = Field(description="`pending`, `running`, `stopped`, `succeeded` or `failed`.")
    detail: str = Field(description="For people.")
    submitted_by: str = Field(description="Who asked for it, as the audit log has names.")
    footage: list[str] = Field(description="What is analysed.")
    started_at: Utc | None = Field(description="When it began.")
    ended_at: Utc | None = Field(description="When it ended.")


class JobsBody(Page):
    """Archive jobs."""

    jobs: list[JobBody] = Field(description="Those that came through Homeroom.")


class LogBody(Body):
    """A part of a job's log."""

    text: str = Field(description="Credentials in it are hidden.")
    next_offset: int = Field(description="Give it as `offset` for what comes after.")
    ended: bool = Field(description="The job has ended, and nothing comes after.")


JOB_EXAMPLE: Final[dict[str, Any]] = {
    "job_id": "archive_5f2c8a11d04be937",
    "state": "running",
    "detail": "Job is currently running.",
    "submitted_by": "operator:anna",
    "footage": ["/srv/footage/2026-03-02"],
    "started_at": "2026-03-02T18:00:04Z",
    "ended_at": None,
}


@router.post(
    "/archive",
    status_code=202,
    summary="Analyse archived footage",
    operation_id="submit_archive_job",
    responses=example_response(JobBody, JOB_EXAMPLE, "Ray has taken it.", status=202),
)
async def submit_archive_job(request: Request, caller: Operator, wanted: ArchiveRequest) -> JobBody:
    """Have footage analysed: counts of rooms, never a person; twice the same changes nothing."""
    settings = backend_of(request).settings
    if wanted.camera is not None and wanted.camera not in settings.cameras_by_id:
        raise NotFound(f"there is no camera {wanted.camera!r} in the settings.")
    roots = settings.archive.footage_roots

    def submit(jobs: ArchiveJobs) -> ArchiveJob:
        return jobs.submit(
            allowed_footage(wanted.footage, roots),
            roots=roots,
            submitted_by=caller.name,
            camera=wanted.camera,
            started_at=wanted.started_at,
        )

    return _body(await _asked(request, submit))


@router.get(
    "",
    summary="Archive jobs",
    operation_id="list_jobs",
    responses=example_response(JobsBody, {"jobs": [JOB_EXAMPLE], "next": None}, "By id."),
)
async def list_jobs(request: Request, paging: Pages) -> JobsBody:
    """The archive jobs that came through Homeroom, as long as Ray remembers them."""
    jobs = await _asked(request, lambda jobs: jobs.all())
    page, following = page_of(jobs, lambda job: job.job_id, paging)
    return JobsBody(jobs=[_body(job) for job in page], next=following)


@router.get(
    "/{job_id}",
    summary="One archive job",
    operation_id="show_job",
    responses=example_response(JobBody, JOB_EXAMPLE, "How it stands."),
)
async def show_job(request: Request, job_id: JobPath) -> JobBody:
    """How an archive job stands."""
    return _body(await _asked(request, lambda jobs: jobs.one(job_id)))


@router.get(
    "/{job_id}/log",
    summary="A job's log",
    operation_id="read_job_log",
    responses=example_response(
        LogBody,
        {"text": "segments 12/480\n", "next_offset": 16, "ended": False},
        "A part of the log, whole lines.",
    ),
)
async def read_job_log(
    request: Request,
    job_id: JobPath,
    offset: Annotated[
        int, Query(ge=0, le=10**9, description="0, then `next_offset` of the part before.")
    ] = 0,
) -> LogBody:
    """What a job has written, in parts."""
    part = await _asked(request, lambda jobs: jobs.log(job_id, offset))
    return LogBody.model_validate(asdict(part))


@router.post(
    "/{job_id}/stop",
    summary="Stop a job",
    operation_id="stop_job",
    responses=example_response(JobBody, {**JOB_EXAMPLE, "state": "stopped"}, "How it stands now."),
)
async def stop_job(request: Request, job_id: JobPath) -> JobBody:
    """Stop a job; what it has analysed stays, and the next run does only the rest."""
    return _body(await _asked(request, lambda jobs: jobs.stop(job_id)))


async def _asked(request: Request, question: Callable[[ArchiveJobs], Result]) -> Result:
    """Ask Ray's dashboard in a thread, and not for ever.

    Raises:
        ServiceDown: It does not answer in time.
    """
    backend = backend_of(request)
    jobs = ArchiveJobs(backend.settings.archive.dashboard, backend.settings_file or settings_file())
    limiter: CapacityLimiter = request.app.state.asking_ray
    try:
        with anyio.fail_after(LONGEST_WAIT_SECONDS):
            return await to_thread.run_sync(question, jobs, limiter=limiter, abandon_on_cancel=True)
    except TimeoutError:
        raise ServiceDown(
            f"Ray's dashboard does not answer within {LONGEST_WAIT_SECONDS:g} s.",
            hint="Ask who runs Homeroom to look at Ray.",
        ) from None


def settings_file() -> Path:
    """The settings file of this process, for the job."""
    return Path(os.environ.get(ENV_SETTINGS_FILE) or SETTINGS_FILE).absolute()


def _body(job: ArchiveJob) -> JobBody:
    return JobBody.model_validate({**asdict(job), "footage": list(job.footage)})
