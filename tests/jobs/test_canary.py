"""Secrets of the settings reach no worker of the archive job, in arguments or environment."""

import os
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
import ray
from ray import cloudpickle

from cluster.district import find_place
from cluster.settings import Settings, load_settings
from cluster.settings.redacted import without_secrets
from cluster.settings.toml import settings_to_toml
from cluster.streams.decode.orientation import UPRIGHT
from cluster.streams.decode.probe import VideoInfo
from jobs.archive import pipeline
from jobs.archive.footage import Footage
from jobs.archive.input_sizes import InputSizes
from jobs.archive.ray_setup import blanked_variables, running_ray
from jobs.archive.segments import Piece, Segment
from jobs.archive.size_stage import measure_cameras
from jobs.archive.worker_settings import worker_settings
from tests.conftest import write_settings

CANARY = "canary-9c27"
SECRETS = {
    "HOMEROOM_RECORDS__URL": f"postgresql://homeroom:{CANARY}-url@db/homeroom",
    "HOMEROOM_SECURITY__MASTER_KEY": f"{CANARY}-key",
    "HOMEROOM_ACCESS__OIDC_CLIENT_SECRET": f"{CANARY}-oidc",
}
MORE = f"""
address = "rtsp://viewer:{CANARY}-camera@10.0.0.1/main"
substream = "rtsp://viewer:{CANARY}-sub@10.0.0.1/sub"
credentials_file = "/run/{CANARY}-file"
masks = [[[0.0, 0.0], [0.1, 0.0], [0.1, 0.1]]]
teacher_zone = [[0.0, 0.5], [0.2, 0.5], [0.2, 1.0]]
[archive]
footage_roots = ["s3://key:{CANARY}-s3@district/footage"]
"""
SECRETS_IN_SETTINGS = 7


@pytest.fixture
def secret_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a canary in every place that holds a secret."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return load_settings(write_settings(tmp_path, more=MORE))


class RecordedDataset:
    """A data set that keeps, serialised as Ray does it, all that it is handed."""

    def __init__(self) -> None:
        self.carried: list[bytes] = []

    def _keep(self, *arguments: Any, **named: Any) -> Self:
        self.carried.append(cloudpickle.dumps((arguments, named)))
        return self

    from_items = map = map_batches = _keep

    def iter_rows(self) -> list[Any]:
        return []


@pytest.mark.parametrize("address", [None, "ray://a-cluster:6379"])
def test_what_ray_carries_to_workers_holds_no_secret(
    secret_settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    recorded = RecordedDataset()
    monkeypatch.setattr(ray.data, "from_items", recorded.from_items)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2})
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    piece = Piece("/footage/a.mp4", 0.0, 60.0, 0.0, 60.0)
    segment = Segment("cam2", 0.0, (piece,), ())
    settings = worker_settings(secret_settings, [find_place(secret_settings, "cam2")])

    assert list(pipeline.run_stages([segment], settings)) == []

    carried = b"".join(recorded.carried)
    assert len(recorded.carried) == 4
    assert b"/footage/a.mp4" in carried
    assert CANARY.encode() not in carried
    assert pickle.dumps(secret_settings).count(CANARY.encode()) >= SECRETS_IN_SETTINGS


class RecordedRemote:
    """A remote function that keeps what it is called with, and is never run."""

    def __init__(self) -> None:
        self.carried: list[bytes] = []

    def options(self, **named: Any) -> Self:
        self.carried.append(cloudpickle.dumps(named))
        return self

    def remote(self, *arguments: Any) -> None:
        self.carried.append(cloudpickle.dumps(arguments))
        raise InterruptedError


def test_what_a_measurement_carries_to_a_worker_holds_no_secret(
    secret_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RecordedRemote()
    monkeypatch.setattr(ray, "remote", lambda _function: recorded)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2})
    file = Footage("/footage/a.mp4", "cam2", datetime(2026, 3, 2, tzinfo=UTC))
    videos = {file.address: VideoInfo(1920, 1080, 60.0, 25.0, UPRIGHT, "h264")}
    tasks = InputSizes(secret_settings, [file], videos, "net").unknown({"cam2"})
    settings = worker_settings(secret_settings, [find_place(secret_settings, "cam2")])

    with pytest.raises(InterruptedError):
        next(measure_cameras(tasks, settings))

    carried = b"".join(recorded.carried)
    assert b"/footage/a.mp4" in carried
    assert CANARY.encode() not in carried


def test_a_worker_has_what_it_needs_of_a_camera(secret_settings: Settings) -> None:
    settings = worker_settings(secret_settings, [find_place(secret_settings, "cam2")])
    camera = settings.cameras["cam2"]
    assert camera.masks == (((0.0, 0.0), (0.1, 0.0), (0.1, 0.1)),)
    assert camera.teacher_zone == ((0.0, 0.5), (0.2, 0.5), (0.2, 1.0))
    assert camera.headcount_only
    assert camera.input_size == secret_settings.analysis.max_input_size
    assert (settings.k, settings.analysis.rate) == (5, 2.0)


def test_settings_that_are_sent_to_a_cluster_hold_no_secret(
    secret_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = tmp_path / "sent.toml"
    sent.write_text(settings_to_toml(secret_settings))
    assert CANARY not in sent.read_text()
    for name in SECRETS:
        monkeypatch.delenv(name)
    assert load_settings(sent).model_dump(exclude={"security"}) == without_secrets(
        secret_settings
    ).model_dump(exclude={"security"})


def test_variables_are_blanked_only_in_workers_of_a_cluster(
    secret_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secret_settings.records.url is not None
    assert blanked_variables() == {}
    monkeypatch.setenv("RAY_ADDRESS", "ray://a-cluster:6379")
    assert blanked_variables() == dict.fromkeys(SECRETS, "")


@pytest.mark.ray
def test_no_worker_of_a_local_ray_has_a_secret_in_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with running_ray(segment_bytes=2**20):
        variables: dict[str, str] = ray.get(ray.remote(lambda: dict(os.environ)).remote())
    assert "PATH" in variables
    assert CANARY not in str(variables)
    assert os.environ["HOMEROOM_SECURITY__MASTER_KEY"] == SECRETS["HOMEROOM_SECURITY__MASTER_KEY"]
