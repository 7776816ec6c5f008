"""`/api/jobs`: archive jobs, for operators.

Footage must be below `archive.footage_roots`. Ray's dashboard executes whatever it is sent, so it
must not be reachable from outside; these routes are the interface for operators.
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
from serve_apps.http.schemas.base import (
    Body,
    Page,
    SettingsId,
    Utc,
    example_config,
    example_response,
)
from serve_apps.http.schemas.paging import PagingQuery, paginate
from serve_apps.http.services.archive_jobs import ArchiveJob, ArchiveJobs
from serve_apps.http.services.footage_paths import MAX_FOOTAGE_LENGTH, resolve_footage

DASHBOARD_TIMEOUT_SECONDS: Final = 30.0
MAX_CONCURRENT_CALLS: Final = 8
"""Concurrent calls to Ray's dashboard: if it hangs, the other routes keep their threads."""

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

    footage: list[Annotated[str, Field(min_length=1, max_length=MAX_FOOTAGE_LENGTH)]] = Field(
        min_length=1,
        max_length=200,
        description="Files, folders or fsspec addresses below archive.footage_roots.",
    )
    camera: SettingsId | None = Field(
        None, description="The camera of a single file, if its name does not have it."
    )
    started_at: Utc | None = Field(None, description="When that file starts.")

    @model_validator(mode="after")
    def _check_camera(self) -> "ArchiveRequest":
        if (self.camera is None) != (self.started_at is None):
            raise ValueError("camera and started_at are needed together")
        if self.camera is not None and len(self.footage) != 1:
            raise ValueError("camera and started_at are only for a single file")
        return self


class JobBody(Body):
    """An archive job."""

    job_id: str = Field(description="The job's id.")
    state: str = Field(description="`pending`, `running`, `stopped`, `succeeded` or `failed`.")
    detail: str = Field(description="For people.")
    submitted_by: str = Field(description="Name of the caller who submitted it.")
    footage: list[str] = Field(description="The footage that is analysed.")
    started_at: Utc | None = Field(description="When it started.")
    ended_at: Utc | None = Field(description="When it ended.")


class JobsBody(Page):
    """Archive jobs."""

    jobs: list[JobBody] = Field(description="Jobs that Homeroom submitted.")


class LogBody(Body):
    """A part of a job's log."""

    text: str = Field(description="Whole lines; credentials are redacted.")
    next_offset: int = Field(description="Send it as `offset` for the next part.")
    ended: bool = Field(description="Whether the job has ended and this is the last part.")


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
    responses=example_response(JobBody, JOB_EXAMPLE, "Ray has accepted it.", status=202),
)
async def submit_archive_job(request: Request, caller: Operator, body: ArchiveRequest) -> JobBody:
    """Submit a job that analyses footage: counts of rooms, never of a person. It is idempotent."""
    settings = backend_of(request).settings
    if body.camera is not None and body.camera not in settings.cameras_by_id:
        raise NotFound(f"there is no camera {body.camera!r} in the settings.")
    roots = settings.archive.footage_roots

    def submit(jobs: ArchiveJobs) -> ArchiveJob:
        return jobs.submit(
            resolve_footage(body.footage, roots),
            roots=roots,
            submitted_by=caller.name,
            camera=body.camera,
            started_at=body.started_at,
        )

    return _body(await _call_dashboard(request, submit))


@router.get(
    "",
    summary="Archive jobs",
    operation_id="list_jobs",
    responses=example_response(JobsBody, {"jobs": [JOB_EXAMPLE], "next": None}, "By id."),
)
async def list_jobs(request: Request, paging: PagingQuery) -> JobsBody:
    """List the archive jobs that Homeroom submitted, as long as Ray has them."""
    jobs = await _call_dashboard(request, lambda jobs: jobs.list_jobs())
    page, following = paginate(jobs, lambda job: job.job_id, paging)
    return JobsBody(jobs=[_body(job) for job in page], next=following)


@router.get(
    "/{job_id}",
    summary="One archive job",
    operation_id="show_job",
    responses=example_response(JobBody, JOB_EXAMPLE, "Its state."),
)
async def show_job(request: Request, job_id: JobPath) -> JobBody:
    """Show the state of an archive job."""
    return _body(await _call_dashboard(request, lambda jobs: jobs.get(job_id)))


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
        int, Query(ge=0, le=10**9, description="0, then `next_offset` of the previous part.")
    ] = 0,
) -> LogBody:
    """Read the log of a job, in parts."""
    part = await _call_dashboard(request, lambda jobs: jobs.read_log(job_id, offset))
    return LogBody.model_validate(asdict(part))


@router.post(
    "/{job_id}/stop",
    summary="Stop a job",
    operation_id="stop_job",
    responses=example_response(JobBody, {**JOB_EXAMPLE, "state": "stopped"}, "Its state now."),
)
async def stop_job(request: Request, job_id: JobPath) -> JobBody:
    """Stop a job; finished segments are kept, and the next run does only the rest."""
    return _body(await _call_dashboard(request, lambda jobs: jobs.stop(job_id)))


async def _call_dashboard(request: Request, call: Callable[[ArchiveJobs], Result]) -> Result:
    """Call Ray's dashboard in a thread, with a timeout.

    Raises:
        ServiceDown: It does not answer in time.
    """
    backend = backend_of(request)
    jobs = ArchiveJobs(backend.settings.archive.dashboard, backend.settings_file or settings_file())
    limiter: CapacityLimiter = request.app.state.dashboard_limiter
    try:
        with anyio.fail_after(DASHBOARD_TIMEOUT_SECONDS):
            return await to_thread.run_sync(call, jobs, limiter=limiter, abandon_on_cancel=True)
    except TimeoutError:
        raise ServiceDown(
            f"Ray's dashboard does not answer within {DASHBOARD_TIMEOUT_SECONDS:g} s.",
            hint="Ask the operator of Homeroom to check Ray.",
        ) from None


def settings_file() -> Path:
    """Return the settings file of this process, for the job."""
    return Path(os.environ.get(ENV_SETTINGS_FILE) or SETTINGS_FILE).absolute()


def _body(job: ArchiveJob) -> JobBody:
    return JobBody.model_validate({**asdict(job), "footage": list(job.footage)})
