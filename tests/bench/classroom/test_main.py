"""The command makes clips and pictures."""

from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from typer.testing import CliRunner

from bench.classroom.bodies import Bodies
from bench.classroom.truth import ClipTruth

SMALL = ("--width", "320", "--height", "180", "--people", "6")


@pytest.fixture(autouse=True)
def few_bodies(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.classroom import __main__, pictures

    def load(_cache: Path | None = None) -> Bodies:
        return bodies

    monkeypatch.setattr(__main__, "load_bodies", load)
    monkeypatch.setattr(pictures, "load_bodies", load)


def run(*arguments: str) -> Any:
    from bench.classroom.__main__ import app

    return CliRunner().invoke(app, list(arguments))


@pytest.mark.usefixtures("renderer")
def test_the_same_seed_makes_the_same_clip_and_truth(tmp_path: Path) -> None:
    for name in ("a", "b"):
        made = run("--seed", "3", "--seconds", "0.8", "--out", str(tmp_path / name), *SMALL)
        assert made.exit_code == 0, made.output
    truth = ClipTruth.read(tmp_path / "a" / "clip.truth.json")
    assert truth == ClipTruth.read(tmp_path / "b" / "clip.truth.json")
    first, second = ((tmp_path / name / "clip.mp4").read_bytes() for name in ("a", "b"))
    assert first == second
    with av.open(str(tmp_path / "a" / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = list(container.decode(video=0))
    assert [round(float(frame.time or 0), 4) for frame in frames] == [
        frame.time for frame in truth.frames
    ]
    assert (frames[0].width, frames[0].height) == (truth.width, truth.height)


@pytest.mark.usefixtures("renderer")
def test_pictures_have_labels_and_truth_and_depend_on_their_number_alone(tmp_path: Path) -> None:
    run("--pictures", "3", "--seed", "4", "--out", str(tmp_path / "a"), *SMALL)
    run("--pictures", "1", "--first", "2", "--seed", "4", "--out", str(tmp_path / "b"), *SMALL)
    for number in range(3):
        name = f"{number:05d}"
        picture = cv2.imread(str(tmp_path / "a" / "images" / f"{name}.jpg"))
        assert picture is not None
        truth = ClipTruth.read(tmp_path / "a" / "truth" / f"{name}.json")
        assert picture.shape[:2] == (truth.height, truth.width)
        labels = (tmp_path / "a" / "labels" / f"{name}.txt").read_text().splitlines()
        assert len(labels) <= len(truth.frames[0].people)
        assert all(len(line.split()) == 56 for line in labels)
    for path in ("images/00002.jpg", "labels/00002.txt", "truth/00002.json"):
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
    assert (tmp_path / "a" / "data.yaml").is_file()


def test_a_room_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    made = run("--room", "cellar", "--out", str(tmp_path))
    assert made.exit_code == 2
    assert "cellar" in made.output
