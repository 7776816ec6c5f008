"""`homeroom doctor`: what is here, which weights and backend will run, and what cannot work."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

from cluster import __version__
from cluster.calibration.store import CalibrationStore
from cluster.calibration.view import ViewStore
from cluster.settings import load_settings
from cluster.vision.pose.weights import CLASSROOM_POSE
from tests.calibration.measurements import measurement
from tests.calibration.views import EIGHT
from tests.cli.command import Homeroom
from tests.conftest import write_settings


def with_weights(folder: Path, weights: str) -> Path:
    path = write_settings(folder, more=f"[weights]\n{weights}\n")
    path.write_text(path.read_text().replace("[analysis]", '[analysis]\ndevice = "cpu"'))
    return path


def test_the_weights_checksum_origin_and_backend_are_shown(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    answer = homeroom("doctor", "--json", "--settings", with_weights(tmp_path, ""))
    assert answer.code == 0
    report = answer.json
    parts = {"machine", "versions", "settings", "pose", "cameras"}
    assert set(report) == parts | {"problems", "warnings"}
    assert report["cameras"] == {"auto": "0 of 2 measured, up to 960 pixels"}
    assert report["problems"] == []
    assert report["pose"]["sha256"] == f"{CLASSROOM_POSE.sha256} (verified)"
    assert report["pose"]["origin"] == "package cluster.vision.pose"
    assert report["pose"]["backend"] == f"OpenVINO {version('openvino')}"
    assert report["versions"]["ray"] == version("ray")
    assert report["versions"]["homeroom"] == __version__
    assert report["settings"]["data"] == str(tmp_path / "homeroom-data")
    assert report["machine"]["cores"] >= 1


def test_people_are_shown_the_same(homeroom: Homeroom, tmp_path: Path) -> None:
    answer = homeroom("doctor", "--settings", with_weights(tmp_path, ""))
    assert answer.code == 0
    shown = "".join(answer.out.split())
    for words in (
        CLASSROOM_POSE.sha256,
        "packagecluster.vision.pose",
        f"OpenVINO{version('openvino')}",
    ):
        assert words in shown


def test_a_weights_file_without_a_checksum_ends_with_1_and_shows_its_own(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    content = b"not the model"
    (tmp_path / "other.pt").write_bytes(content)
    settings = with_weights(tmp_path, 'pose = "other.pt"')
    answer = homeroom("doctor", "--json", "--settings", settings)
    assert answer.code == 1
    (problem,) = answer.json["problems"]
    assert problem.startswith(f"pose: {tmp_path / 'other.pt'}")
    assert hashlib.sha256(content).hexdigest() in problem
    assert "the settings state none" in problem


def test_people_see_its_checksum_too(homeroom: Homeroom, tmp_path: Path) -> None:
    content = b"not the model"
    (tmp_path / "other.pt").write_bytes(content)
    answer = homeroom("doctor", "--settings", with_weights(tmp_path, 'pose = "other.pt"'))
    assert answer.code == 1
    shown = "".join(answer.out.split())
    assert hashlib.sha256(content).hexdigest() in shown
    assert "thesettingsstatenone" in shown


def test_weights_of_ones_own_are_shown_with_their_sum(homeroom: Homeroom, tmp_path: Path) -> None:
    content = b"a model of our own"
    checksum = hashlib.sha256(content).hexdigest()
    (tmp_path / "own.pt").write_bytes(content)
    settings = with_weights(tmp_path, f'pose = "own.pt"\npose_sha256 = "{checksum}"')
    report = homeroom("doctor", "--json", "--settings", settings).json
    assert report["pose"]["sha256"] == f"{checksum} (verified)"
    assert report["pose"]["weights"] == str(tmp_path / "own.pt")
    assert report["pose"]["licence"] == "unknown"


def test_a_weights_file_that_is_not_there_is_a_problem(homeroom: Homeroom, tmp_path: Path) -> None:
    settings = with_weights(tmp_path, 'pose = "none.pt"')
    answer = homeroom("doctor", "--json", "--settings", settings)
    assert answer.code == 1
    assert "there is no such weights file" in answer.json["problems"][0]


def test_without_settings_the_defaults_are_looked_at(homeroom: Homeroom) -> None:
    answer = homeroom("doctor", "--json")
    assert answer.code == 0
    assert answer.json["settings"] == {"file": "none; the defaults are used"}


def test_settings_that_are_wrong_are_a_problem_and_the_rest_is_still_shown(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    answer = homeroom("doctor", "--json", "--settings", write_settings(tmp_path, k=2))
    assert answer.code == 1
    (problem,) = answer.json["problems"]
    assert problem.startswith("settings: ")
    assert "privacy.k" in problem
    assert answer.json["pose"]["origin"] == "package cluster.vision.pose"


@pytest.mark.parametrize("has_file", [True, False])
def test_a_wrong_variable_of_the_environment_is_a_problem(
    homeroom: Homeroom, monkeypatch: pytest.MonkeyPatch, has_file: bool
) -> None:
    if has_file:
        write_settings(Path())
    monkeypatch.setenv("HOMEROOM_PRIVACY__K", "2")
    answer = homeroom("doctor", "--json")
    assert answer.code == 1
    assert "privacy.k" in answer.json["problems"][0]


def test_the_file_that_was_read_is_named(
    homeroom: Homeroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_settings(tmp_path)
    assert homeroom("doctor", "--json", "--settings", path).json["settings"]["file"] == str(path)
    monkeypatch.setenv("HOMEROOM_SETTINGS", str(path))
    assert homeroom("doctor", "--json").json["settings"]["file"] == str(path)


def test_a_folder_with_brackets_in_its_name_is_shown_whole(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    for name in ("[red]", "[/b]"):
        folder = tmp_path / f"a{name}z"
        folder.mkdir(parents=True)
        answer = homeroom("doctor", "--settings", write_settings(folder))
        assert answer.code == 0
        assert f"{name}z" in "".join(answer.out.split())


def test_heads_too_small_for_every_size_are_a_warning_and_no_problem(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    path = with_weights(tmp_path, "")
    settings = load_settings(path)
    model = f"{CLASSROOM_POSE.name}@{CLASSROOM_POSE.sha256[:12]}"
    store = CalibrationStore.of(settings)
    store.add_size("cam1", measurement(model=model, input_size=960, head_pixels=6.0))
    store.add_size("cam2", measurement(model=model))
    answer = homeroom("doctor", "--json", "--settings", path)
    assert answer.code == 0
    assert answer.json["problems"] == []
    (warning,) = answer.json["warnings"]
    assert "cam1 (6 pixels at 960)" in warning
    assert "cam2" not in warning
    assert answer.json["cameras"]["auto"] == "2 of 2 measured, up to 960 pixels"
    assert "cam1" in homeroom("doctor", "--settings", path).out


def test_a_camera_whose_view_has_drifted_is_a_warning_that_says_what_to_do(
    homeroom: Homeroom, tmp_path: Path
) -> None:
    path = with_weights(tmp_path, "")
    assert homeroom("doctor", "--json", "--settings", path).json["warnings"] == []
    views = ViewStore.of(load_settings(path))
    for camera_id in ("cam1", "gone"):
        views.change(camera_id, lambda view: view.observe_lens(EIGHT))
    answer = homeroom("doctor", "--json", "--settings", path)
    assert answer.code == 0
    (warning,) = answer.json["warnings"]
    assert warning.startswith("cameras: cam1: covered since 2026-03-02 08:00 UTC. ")
    assert "look whether the lens" in warning
    assert "gone" not in warning
