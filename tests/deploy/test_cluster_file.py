"""The files that operators start clusters from are what the installed Ray accepts (R8)."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.commands import _bootstrap_config
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.serve.schema import ServeDeploySchema

from cluster.runtime.ray_local import IN_MEMORY_FOLDER
from serve_apps.app import APP, Arguments

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cluster_file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "ray-cluster.yaml").read_text())
    return found


def test_the_launcher_accepts_the_cluster_file(
    cluster_file: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = tmp_path / ".ssh" / "homeroom"
    key.parent.mkdir()
    key.touch()
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").touch()
    monkeypatch.chdir(ROOT)
    validate_config(prepare_config(cluster_file))
    config = _bootstrap_config(cluster_file, no_config_cache=True)
    assert config["provider"]["head_ip"] == cluster_file["provider"]["head_ip"]
    assert config["max_workers"] == len(cluster_file["provider"]["worker_ips"])


def test_a_slip_in_the_cluster_file_is_found(cluster_file: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="setup_comands"):
        validate_config(prepare_config({**cluster_file, "setup_comands": []}))


def start_commands(config: dict[str, Any]) -> list[str]:
    both = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    return [command for command in both if "ray start" in command]


def test_every_machine_asks_for_a_token_and_writes_no_object_to_a_disk(
    cluster_file: dict[str, Any],
) -> None:
    commands = start_commands(cluster_file)
    assert len(commands) == 2
    for command in commands:
        assert "RAY_AUTH_MODE=token" in command
        assert "RAY_USAGE_STATS_ENABLED=0" in command
        assert f"--object-spilling-directory={IN_MEMORY_FOLDER}" in command
    assert "--dashboard-host=127.0.0.1" in commands[0]


def test_the_shell_understands_the_commands_and_ray_their_options(
    cluster_file: dict[str, Any],
) -> None:
    shown = subprocess.run(
        [str(ROOT / ".venv/bin/ray"), "start", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in start_commands(cluster_file):
        subprocess.run(["bash", "-n", "-c", command], check=True)
        options = {word.split("=")[0] for word in command.split() if word.startswith("--")}
        unknown = {option for option in options if option not in shown}
        assert unknown <= {"--system-config"}  # Ray does not show this one


def test_a_worker_offers_room_for_cameras_only_without_a_gpu(
    cluster_file: dict[str, Any], tmp_path: Path
) -> None:
    command = start_commands(cluster_file)[1]
    count = command[command.index("CAMERAS=") : command.index("RAY_AUTH_MODE")]
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "nvidia-smi").chmod(0o755)

    def cameras(path: str) -> int:
        script = f"{count} echo $CAMERAS"
        done = subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    assert cameras(f"{tmp_path}:{os.environ['PATH']}") == 0
    without = ":".join(
        p for p in os.environ["PATH"].split(":") if not (Path(p) / "nvidia-smi").exists()
    )
    assert cameras(without) > 0


def test_serve_accepts_its_file() -> None:
    schema = ServeDeploySchema.model_validate(
        yaml.safe_load((ROOT / "deploy" / "serve.yaml").read_text())
    )
    (application,) = schema.applications
    assert application.name == APP
    assert application.import_path == "serve_apps.app:build"
    Arguments.model_validate(application.args)
    assert schema.http_options.host == "127.0.0.1"
