from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.classroom.truth import ClipTruth
from bench.scoring.matching import counts
from bench.scoring.samples import SampleSet, media_of, real_samples, samples_of_truth
from bench.scoring.seeds import DEVELOPMENT_SEEDS, SCORE_SEEDS, may_train
from tests.bench.scoring.people import true_frame, true_person


def write_truth(path: Path, *, frames: int = 1, rate: float = 0) -> None:
    ClipTruth(
        generator="test",
        seed=1,
        room="rows",
        camera={},
        width=64,
        height=32,
        rate=rate,
        frames=tuple(true_frame(true_person(50), time=float(time)) for time in range(frames)),
    ).write(path)


@pytest.mark.samples
def test_the_sample_pictures_are_there_with_what_their_readme_says(samples: Path) -> None:
    known = {sample.name: sample for sample in real_samples(samples, quick=False)}

    assert all(sample.path.is_file() for sample in known.values())
    assert known["classroom.gif"].headcount == 4
    assert known["classroom-hand-raised.png"].hand_number == 1
    assert known["one-by-one.mp4"].at_most == 2
    hands = [len(sample.hands) for sample in known.values() if sample.hands is not None]
    assert (len(hands), sum(hands)) == (12, 13)
    truth = known["rendered-class.png"].truth
    assert truth is not None
    assert len(truth.frames[0].people) == 20
    assert all(counts(person) for person in truth.frames[0].people)
    heads = [person.head_height for person in truth.frames[0].people]
    assert 10 < min(heads) < max(heads) < 100


@pytest.mark.samples
def test_a_quick_score_takes_some_of_each_set(samples: Path) -> None:
    whole = real_samples(samples, quick=False)
    quick = real_samples(samples, quick=True)

    assert len(quick) < len(whole) / 2 + 1
    assert {sample.sample_set for sample in quick} == {sample.sample_set for sample in whole}


def test_a_truth_file_brings_its_picture_or_clip(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "hall.png"), np.zeros((32, 64, 3), np.uint8))
    (tmp_path / "rows.mp4").touch()
    write_truth(tmp_path / "hall.json")
    write_truth(tmp_path / "rows.truth.json.gz", frames=3, rate=10)

    hall, rows = samples_of_truth(
        [tmp_path / "hall.json", tmp_path / "rows.truth.json.gz"], SampleSet.KEPT_APART
    )

    assert (hall.name, hall.path.name, hall.rate) == ("hall", "hall.png", None)
    assert (rows.name, rows.path.name, rows.rate) == ("rows", "rows.mp4", 2.0)


def test_a_truth_file_without_its_picture_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"hall\.truth\.json"):
        media_of(tmp_path / "hall.truth.json")


def test_seeds_of_the_score_are_for_nothing_else() -> None:
    assert not set(SCORE_SEEDS) & set(DEVELOPMENT_SEEDS)
    assert may_train(7)
    assert may_train(10_000)
    assert not any(map(may_train, (8000, 8099, 9000, 9099)))
