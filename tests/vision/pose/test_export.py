"""Conversion to OpenVINO happens once, whoever asks at once and whoever is killed at it."""

import importlib
import os
import select
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cluster
from cluster.errors import VisionError
from cluster.settings import WeightsSettings
from cluster.vision.pose import export
from cluster.vision.pose.export import export_to_openvino
from cluster.vision.pose.openvino_backend import OpenVinoNetwork
from cluster.vision.pose.weights import WeightsFile, find_pose_weights

pytestmark = pytest.mark.slow

SIDE = 64
"""Of the network's input: small, so that nothing here waits for the network."""

ASK_FOR_THE_MODEL = """
import sys
from pathlib import Path
from cluster.settings import WeightsSettings
from cluster.vision.pose.export import export_to_openvino
from cluster.vision.pose.weights import find_pose_weights
cache, sys.executable = Path(sys.argv[1]), sys.argv[2]
print(export_to_openvino(find_pose_weights(WeightsSettings(), cache), 64, 64, cache))
"""
"""A process that wants the model, and whose Python for the conversion we choose."""


@pytest.fixture
def weights(tmp_path: Path) -> WeightsFile:
    return find_pose_weights(WeightsSettings(), tmp_path)


def script(path: Path, text: str) -> Path:
    """Write a program that stands in for Python when the conversion is started."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def ask(cache: Path, python: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ASK_FOR_THE_MODEL, str(cache), str(python)]
    root = str(Path(cluster.__file__).parents[1])
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def models_in(cache: Path) -> list[Path]:
    """Models that carry a name which a later run would trust."""
    return list((cache / "openvino").glob("classroom*/*"))


def test_after_a_killed_conversion_two_processes_that_ask_at_once_convert_once(
    tmp_path: Path,
) -> None:
    cache, began, log = tmp_path / "cache", tmp_path / "began", tmp_path / "conversions"
    os.mkfifo(began)
    half_a_model = 'mkdir "$6/out"; echo half > "$6/out/model.xml"'
    dying = script(
        tmp_path / "dying", f"{half_a_model}; echo > {shlex.quote(str(began))}; sleep 300"
    )
    reading = os.open(began, os.O_RDONLY | os.O_NONBLOCK)
    with ask(cache, dying) as killed:
        half_written = select.select([reading], [], [], 60)[0]
        os.killpg(killed.pid, signal.SIGKILL)
    os.close(reading)
    assert half_written
    assert list(cache.rglob("model.xml")), "half a model should lie about"
    assert models_in(cache) == []

    counting = script(
        tmp_path / "counting",
        f'echo once >> {shlex.quote(str(log))}; exec {shlex.quote(sys.executable)} "$@"',
    )
    with ask(cache, counting) as first, ask(cache, counting) as second:
        answers = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    model = Path(answers[0][0].strip())
    assert log.read_text().splitlines() == ["once"]
    assert sorted(path.name for path in models_in(cache)) == ["model.bin", "model.xml"]

    outputs = OpenVinoNetwork(model, threads=1)(np.zeros((2, SIDE, SIDE, 3), np.uint8))
    assert [output.shape for output in outputs] == [(56, 84), (56, 84)]


def test_a_model_that_is_there_is_not_converted_again(
    tmp_path: Path, weights: WeightsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = script(tmp_path / "fake", 'mkdir "$6/out"; echo model > "$6/out/model.xml"')
    monkeypatch.setattr(sys, "executable", str(fake))
    model = export_to_openvino(weights, SIDE, SIDE, tmp_path)
    fake.unlink()
    assert export_to_openvino(weights, SIDE, SIDE, tmp_path) == model
    assert model.read_text() == "model\n"


def test_another_shape_and_other_weights_have_models_of_their_own(
    tmp_path: Path, weights: WeightsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = script(tmp_path / "fake", 'mkdir "$6/out"; echo "$3 $4 $5" > "$6/out/model.xml"')
    monkeypatch.setattr(sys, "executable", str(fake))
    others = WeightsFile(weights.name, weights.path, "0" * 64, "configured path", "not known")
    models = [
        export_to_openvino(weights, 64, 96, tmp_path),
        export_to_openvino(weights, 96, 64, tmp_path),
        export_to_openvino(others, 64, 96, tmp_path),
    ]
    assert len(set(models)) == 3
    assert [model.read_text() for model in models] == [
        f"{weights.path} 64 96\n",
        f"{weights.path} 96 64\n",
        f"{weights.path} 64 96\n",
    ]


def test_weights_that_cannot_be_converted_are_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(b"these are no weights")
    broken = WeightsFile("broken", path, "0" * 64, "configured path", "not known")
    with pytest.raises(VisionError, match=r"export to OpenVINO failed") as caught:
        export_to_openvino(broken, SIDE, SIDE, tmp_path)
    assert caught.value.where == str(path)
    assert "not a loadable checkpoint" in caught.value.what
    assert "Traceback" not in caught.value.what
    assert sorted((tmp_path / "openvino").rglob("*.xml")) == []
    assert list((tmp_path / "openvino").glob(".exporting-*")) == []


def test_a_conversion_that_makes_no_model_is_an_error(
    tmp_path: Path, weights: WeightsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "idle", "exit 0")))
    with pytest.raises(VisionError, match="export to OpenVINO failed"):
        export_to_openvino(weights, SIDE, SIDE, tmp_path)
    assert models_in(tmp_path) == []


def test_a_conversion_that_never_ends_is_an_error(
    tmp_path: Path, weights: WeightsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "endless", "exec sleep 300")))
    monkeypatch.setattr(export, "EXPORT_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(VisionError):
        export_to_openvino(weights, SIDE, SIDE, tmp_path)
    assert models_in(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named_with_the_way_out(
    tmp_path: Path, weights: WeightsFile
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = tmp_path / "file" / "cache"
    with pytest.raises(VisionError, match="cannot be exported") as caught:
        export_to_openvino(weights, SIDE, SIDE, cache)
    assert caught.value.where == str(cache)
    assert "cache_dir" in str(caught.value.hint)


def test_openvinos_usage_reports_cannot_be_imported() -> None:
    with pytest.raises(ImportError):
        importlib.import_module("openvino_telemetry")


def test_openvinos_usage_reports_stay_off_in_the_process_that_converts() -> None:
    code = (
        "import cluster.vision.pose.export\n"
        "from openvino.tools.ovc import telemetry_utils\n"
        "print(telemetry_utils.tm.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(cluster.__file__).parents[1],
    )
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub", done.stderr
