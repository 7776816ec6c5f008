"""Killed anywhere, the next run completes the job: no window lost, none double."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.settings import load_settings
from tests.conftest import write_settings, write_video
from tests.jobs.running import (
    interrupt,
    messages_of,
    release,
    run_job,
    started_held_job,
    until_parts,
    wait_for,
    windows,
)

pytestmark = pytest.mark.ray

MINUTES = 4
NAME = "cam1_20260302T080020Z.mp4"
AGENTS = {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}
"""They try for a minute to report the end of Ray to its control store, which has ended too."""


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes of footage, over five segments."""
    path = tmp_path_factory.mktemp("footage") / NAME
    return write_video(path, seconds=60.0 * MINUTES, rate=2, options={"g": "8"})


@pytest.fixture(scope="module")
def unbroken(
    video: Path, tmp_path_factory: pytest.TempPathFactory, job_cluster: str
) -> list[dict[str, Any]]:
    """The windows of a run that nobody killed."""
    settings = write_settings(tmp_path_factory.mktemp("unbroken"), rate=1.0, input_size=640)
    assert run_job(settings, str(video), cluster=job_cluster).status == 0
    found = windows(load_settings(settings).lake_dir)
    assert len(found) == 6 * MINUTES
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_settings(tmp_path, rate=1.0, input_size=640)


@pytest.fixture
def lake(settings: Path) -> Path:
    return load_settings(settings).lake_dir


def runs(process: psutil.Process) -> bool:
    """Whether it has not ended; one that its parent has not waited for has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:  # it has just ended
        return ""


@pytest.fixture(scope="module")
def agents() -> Iterator[list[psutil.Process]]:
    """Ray's agents of a killed driver, which have ended once the tests of this file are done."""
    agents: list[psutil.Process] = []
    yield agents
    wait_for(lambda: not any(map(runs, agents)), "Ray's agents to end with their driver")


def test_the_driver_is_killed_and_the_next_run_completes(
    settings: Path,
    lake: Path,
    video: Path,
    unbroken: list[dict[str, Any]],
    agents: list[psutil.Process],
    job_cluster: str,
) -> None:
    with started_held_job(settings, str(video), after=2) as job:
        until_parts(lake, 2)
        family = psutil.Process(job.pid).children(recursive=True)
        agents += [one for one in family if title_of(one) in AGENTS]
        assert len(agents) == len(AGENTS)
        job.send_signal(signal.SIGKILL)
        job.wait()
        others = [one for one in family if one not in agents]
        wait_for(lambda: not any(map(runs, others)), "Ray to end with its driver")

    ran = run_job(settings, str(video), cluster=job_cluster)

    assert ran.status == 0
    assert ran.summary["segments_skipped"] == 2
    assert ran.summary["segments_done"] == MINUTES - 1
    assert windows(lake) == unbroken


def test_a_worker_is_killed_and_the_same_run_completes(
    settings: Path, lake: Path, video: Path, unbroken: list[dict[str, Any]]
) -> None:
    with started_held_job(settings, str(video), after=1) as job:
        until_parts(lake, 1)
        workers = [
            one
            for one in psutil.Process(job.pid).children(recursive=True)
            if "MapWorker" in title_of(one)
        ]
        assert workers, "no pose worker was found"
        workers[0].kill()
        release(settings)
        status = job.wait()

    assert status == 0
    assert windows(lake) == unbroken


def test_control_c_says_what_is_safe_and_the_next_run_completes(
    settings: Path, lake: Path, video: Path, unbroken: list[dict[str, Any]], job_cluster: str
) -> None:
    with started_held_job(settings, str(video), after=1) as job:
        until_parts(lake, 1)
        interrupt(job)
        job.wait()
    messages = messages_of(settings).read_text()

    assert job.returncode == 130
    assert "Stopped." in messages
    assert "run the same command again" in messages
    assert "Traceback" not in messages
    assert run_job(settings, str(video), cluster=job_cluster).status == 0
    assert windows(lake) == unbroken
