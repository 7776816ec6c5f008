"""The job on a Ray cluster: submitted both ways, and rejected if Ray would spill to disk (R8)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import write_settings, write_video
from tests.jobs.running import parts, wait_for
from tests.ports import free_port

pytestmark = pytest.mark.timeout(600)

NAME = "cam1_20260302T080000Z.mp4"
BIN = Path(sys.executable).parent
HOMEROOM = [sys.executable, "-c", "from cluster.cli.main import run; run()"]


@contextmanager
def _cluster(*options: str) -> Iterator[str]:
    """A cluster of one node, as an operator starts it; gives its dashboard's address."""
    dashboard = free_port()
    head = subprocess.Popen(
        [
            BIN / "ray",
            "start",
            f"--dashboard-agent-listen-port={free_port()}",
            "--head",
            "--block",
            "--num-cpus=2",
            f"--port={free_port()}",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}",
            "--object-store-memory=1000000000",
            *options,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    address = f"http://127.0.0.1:{dashboard}"
    family = psutil.Process(head.pid)
    try:
        wait_for(lambda: _answers(address), "the cluster's dashboard")
        yield address
    finally:
        for one in [*family.children(recursive=True), family]:
            if one.is_running():
                one.kill()
        head.wait()


def _answers(address: str) -> bool:
    try:
        requests.get(f"{address}/api/version", timeout=2)
    except requests.RequestException:
        return False
    return True  # also a 401: Ray asks for the token, which its own clients find


def _environment() -> dict[str, str]:
    """Ray's token, and our programs first: a job's `python` must be the one with Homeroom."""
    return {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "a-token-of-this-test-and-no-other-0123456789",
        "HOMEROOM_ACCESS__OIDC_CLIENT_SECRET": "a secret that workers must not see",
    }


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment(), timeout=120
    )


@pytest.mark.ray
def test_homeroom_and_ray_submit_the_same_job_and_follow_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = write_settings(tmp_path, data_dir=str(data))
    video = write_video(tmp_path / NAME, seconds=2.0)
    later = write_video(tmp_path / NAME.replace("T08", "T09"), seconds=2.0)

    with _cluster("--object-spilling-directory=/dev/shm") as address:
        ours = _run(
            [*HOMEROOM, "analyse", f"--address={address}", f"--settings={settings}", str(video)]
        )
        job = ["python", "-m", "jobs.analyse_archive", f"--settings={settings}", str(later)]
        rays = _run([BIN / "ray", "job", "submit", f"--address={address}", "--", *job])
        missing = _run(
            [*HOMEROOM, "analyse", f"--address={address}", f"--settings={settings}", "x.mp4"]
        )

    assert ours.returncode == 0, ours.stderr
    assert "Submitted as" in ours.stderr
    assert "Analysed 0:02" in ours.stderr
    assert rays.returncode == 0, rays.stdout + rays.stderr
    assert len(parts(data / "lake")) == 2
    assert missing.returncode == 3
    assert "its name does not say camera and start" in missing.stderr


@pytest.mark.ray
def test_a_cluster_that_would_write_frames_to_a_disk_is_rejected(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, data_dir=str(tmp_path / "data"))
    video = write_video(tmp_path / NAME, seconds=2.0)

    with _cluster(f"--object-spilling-directory={Path.home()}") as address:
        ran = _run(
            [*HOMEROOM, "analyse", f"--address={address}", f"--settings={settings}", str(video)]
        )

    assert ran.returncode == 1
    assert "would spill frames to disk" in " ".join(ran.stderr.split())
    assert not parts(tmp_path / "data" / "lake")


def test_a_relative_data_folder_is_rejected_for_a_cluster(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)

    ran = _run(
        [*HOMEROOM, "analyse", "--address=http://127.0.0.1:1", f"--settings={settings}", "x"]
    )

    assert ran.returncode == 1
    assert "must be an absolute path" in ran.stderr


def test_a_cluster_that_is_not_there_is_reported(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, data_dir=str(tmp_path / "data"))

    ran = _run(
        [*HOMEROOM, "analyse", "--address=http://127.0.0.1:1", f"--settings={settings}", "x"]
    )

    assert ran.returncode == 1
    assert "the cluster cannot be reached" in ran.stderr
    assert "Traceback" not in ran.stderr
