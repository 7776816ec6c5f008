"""The program that scores, from its options to its file."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import accuracy
from bench.classroom.truth import ClipTruth
from bench.scoring.results import AccuracyResults
from tests.bench.scoring.people import true_frame, true_person


def write_room(folder: Path) -> Path:
    """Write a grey picture of nobody, with a truth that says there are two people."""
    cv2.imwrite(str(folder / "room.png"), np.full((192, 320, 3), 114, np.uint8))
    truth = folder / "room.truth.json"
    ClipTruth(
        generator="test",
        seed=1,
        room="rows",
        camera={},
        width=320,
        height=192,
        rate=0,
        frames=(true_frame(true_person(50, id=1), true_person(150, id=2)),),
    ).write(truth)
    return truth


def test_a_room_is_scored_from_its_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    options = ["--no-clips", f"--data={tmp_path / 'none'}", f"--out={out}"]

    accuracy.main([*options, f"--truth={write_room(tmp_path)}", "--compare=confidence=0.9"])

    results = AccuracyResults.read(out)
    names = [one.name for one in results.configurations]
    assert names == [
        "Homeroom",
        "Homeroom, rules",
        "yolo11n-pose, plain",
        "classroom-pose, auto, 0.90",
    ]
    for configuration in results.configurations:
        measures = configuration.sets["rooms kept apart"].measures
        assert measures["headcount_error"].value == 1.0
        assert (measures["people_found"].value, measures["people_found"].total) == (0.0, 2.0)
    printed = capsys.readouterr().out
    assert "not measured: rendered clips: left out" in printed
    assert "not measured: the sample pictures" in printed
    assert "How right the numbers are" in printed
    assert len(results.missing) == 2


@pytest.mark.samples
def test_a_quick_score_of_the_sample_pictures_finds_who_is_there(
    samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"

    accuracy.main(["--quick", "--no-clips", f"--data={samples}", f"--out={out}"])

    product, _, _ = AccuracyResults.read(out).configurations
    real = product.sets["real pictures of adults"].measures
    assert real["headcount_error"].value <= 0.1
    assert real["hands_found"].value == 1.0
    assert real["standing_false"].value == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--no-clips", "--data=/no/such/folder"], "nothing to measure"),
        (["--clips=/no/such/folder"], "no truth files"),
        (["--no-clips", "--truth=/no/such.json"], "no/such.json"),
        (["--compare=weights=/no/such.pt"], "no weights file"),
    ],
)
def test_what_cannot_be_measured_is_said(options: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        accuracy.main(options)
