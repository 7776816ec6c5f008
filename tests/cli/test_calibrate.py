"""`homeroom calibrate`: what it finds in the sample pictures, stores, draws and refuses."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.calibration.drift import CameraDrift
from cluster.calibration.store import CalibrationStore
from cluster.calibration.view import ViewStore
from cluster.settings import load_settings
from tests.calibration.views import EIGHT
from tests.cli.command import Homeroom
from tests.conftest import write_settings, write_video


@pytest.fixture(scope="module")
def clip(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of five people at desks, small enough that no input of 1280 is tried."""
    picture = cv2.imread(str(samples / "classroom-hand-raised.png"))
    assert picture is not None
    still = np.asarray(cv2.resize(picture[:1002], (770, 500)), np.uint8)
    path = tmp_path_factory.mktemp("footage") / "room.mp4"
    return write_video(path, frames=(still for _ in range(24)), rate=2, size=(770, 500))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_settings(tmp_path)


def store_of(settings: Path) -> CalibrationStore:
    return CalibrationStore.of(load_settings(settings))


@pytest.mark.samples
def test_the_size_is_chosen_stored_and_shown_with_what_is_found(
    homeroom: Homeroom, settings: Path, clip: Path
) -> None:
    answer = homeroom("calibrate", "cam1", "--file", clip, "--settings", settings)
    assert answer.code == 0, answer.err
    lines = [line.split() for line in answer.out.splitlines()]
    assert [line[0] for line in lines[1:]] == ["640", "960"]
    assert "640 (used)" in answer.out
    assert answer.stderr_contains("Stored: cam1 is analysed at 640 pixels from now on.")
    (size,) = store_of(settings).read("cam1").sizes
    assert (size.input_size, size.limit, size.origin) == (640, 960, "archive")
    assert size.frame_size == (770, 500)
    assert size.people == 5 * size.frames


@pytest.mark.samples
def test_two_counts_by_eye_give_an_interval(homeroom: Homeroom, settings: Path, clip: Path) -> None:
    count = ["calibrate", "cam1", f"--file={clip}", "--at=1", f"--settings={settings}"]
    first = homeroom(*count, "--people", "5")
    assert first.code == 0, first.err
    assert first.stderr_contains("Count 2 times in all")
    second = homeroom(*count, "--people", "6", "--people", "6", "--json")
    assert second.code == 0, second.err
    assert "95%, by 2 counts" in second.json["notes"][-1]
    pairs = store_of(settings).read("cam1").headcounts
    assert [(pair.true, pair.found) for pair in pairs] == [(5, 5.0), (6, 5.0)]


@pytest.mark.samples
@pytest.mark.parametrize("name", ["people.svg", "people.html"])
def test_people_are_drawn_and_no_picture_is_kept(
    homeroom: Homeroom, settings: Path, clip: Path, name: str
) -> None:
    out = settings.with_name(name)
    answer = homeroom("calibrate", "cam1", "--file", clip, "--out", out, "--settings", settings)
    assert answer.code == 0, answer.err
    text = out.read_text()
    assert text.count('<g class="seen">') == 5
    assert "data:" not in text
    assert "<image" not in text
    assert out.stat().st_mode & 0o077 == 0
    written = {path.name for path in settings.parent.rglob("*") if path.is_file()}
    assert written == {"homeroom.toml", name, "cam1.json", ".lock"}


@pytest.mark.samples
def test_fewer_than_k_people_are_not_drawn(homeroom: Homeroom, tmp_path: Path, clip: Path) -> None:
    settings = write_settings(tmp_path, k=6)
    out = tmp_path / "people.svg"
    answer = homeroom("calibrate", "cam1", "--file", clip, "--out", out, "--settings", settings)
    assert answer.code == 0, answer.err
    assert answer.stderr_contains("fewer than 6 people")
    assert not out.exists()


def test_a_live_camera_is_looked_at_for_some_seconds(homeroom: Homeroom, tmp_path: Path) -> None:
    film = write_video(tmp_path / "live.mp4", seconds=2)
    settings = write_settings(tmp_path, more=f'address = "{film}"\n')
    answer = homeroom("calibrate", "cam2", "--json", "--settings", settings)
    assert answer.code == 0, answer.err
    assert [size["input_size"] for size in answer.json["sizes"]] == [640]
    assert "Too few frames show people" in answer.json["notes"][0]
    assert store_of(settings).read("cam2").sizes == ()
    assert "drift is noticed against that" in answer.json["notes"][-1]


@pytest.mark.parametrize("is_json", [True, False])
def test_what_a_camera_shows_is_accepted_without_looking(
    homeroom: Homeroom, settings: Path, is_json: bool
) -> None:
    views = ViewStore.of(load_settings(settings))
    views.change("cam1", lambda view: view.observe_lens(EIGHT))
    options = ["--json"] if is_json else []
    answer = homeroom("calibrate", "cam1", "--accept-view", *options, "--settings", settings)
    assert answer.code == 0, answer.err
    view = views.read("cam1")
    assert (view.drift, view.scene) == (CameraDrift(), None)
    assert view.began_at is not None
    if is_json:
        assert answer.json["camera"] == "cam1"
    else:
        assert answer.stderr_contains("drift is noticed against that")


@pytest.mark.samples
def test_footage_of_some_day_does_not_change_what_a_camera_should_show(
    homeroom: Homeroom, settings: Path, clip: Path
) -> None:
    views = ViewStore.of(load_settings(settings))
    covered = views.change("cam1", lambda view: view.observe_lens(EIGHT))
    answer = homeroom("calibrate", "cam1", "--file", clip, "--settings", settings)
    assert answer.code == 0, answer.err
    assert views.read("cam1") == covered


@pytest.mark.samples
def test_a_fixed_size_is_not_overruled(homeroom: Homeroom, tmp_path: Path, clip: Path) -> None:
    settings = write_settings(tmp_path, more="input_size = 960\n")
    answer = homeroom("calibrate", "cam2", "--file", clip, "--json", "--settings", settings)
    assert answer.json["input_size"] == 960
    assert "fix input_size = 960" in answer.json["notes"][0]
    assert store_of(settings).read("cam2").sizes == ()


@pytest.mark.samples
def test_people_in_the_teachers_zone_are_not_counted(
    homeroom: Homeroom, tmp_path: Path, clip: Path
) -> None:
    settings = write_settings(tmp_path, more="teacher_zone = [[0, 0], [1, 0], [1, 1], [0, 1]]\n")
    answer = homeroom("calibrate", "cam2", "--file", clip, "--json", "--settings", settings)
    assert {size["people"] for size in answer.json["sizes"]} == {0.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere"], "there is no camera 'nowhere'"),
        (["cam1"], "has no address"),
        (["cam1", "--at", "3"], "--at needs --file"),
        (["cam1", "--file", "a.mp4", "--people", "3"], "--at SECONDS"),
        (["cam1", "--people", "20", "--people", "30"], "20, 30 differ by more than 10%"),
        (["cam1", "--out", "people.png"], ".html or .svg"),
        (["cam1", "--file", "none.mp4"], "there is no such file"),
        (["cam1", "--accept-view", "--people", "20"], "goes with no other option"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    homeroom: Homeroom, settings: Path, options: list[str], message: str
) -> None:
    answer = homeroom("calibrate", *options, "--settings", settings)
    assert answer.code == 1
    assert answer.stderr_contains(message)


def test_a_moment_after_the_end_of_the_footage_is_refused(
    homeroom: Homeroom, settings: Path, tmp_path: Path
) -> None:
    film = write_video(tmp_path / "short.mp4", seconds=2)
    answer = homeroom("calibrate", "cam1", "--file", film, "--at", "60", "--settings", settings)
    assert answer.code == 1
    assert answer.stderr_contains("no frame at this time")
