"""The truth's file."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.classroom.truth import ClipTruth, TrueActivity
from tests.bench.classroom.people import clip, person


@pytest.mark.parametrize("name", ["clip.truth.json", "clip.truth.json.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    truth = clip((person(1), person(2, activity=TrueActivity.HAND_RAISED)), ())
    truth.write(tmp_path / name)
    assert ClipTruth.read(tmp_path / name) == truth


def test_the_same_truth_makes_the_same_compressed_file(tmp_path: Path) -> None:
    for name in ("a.json.gz", "b.json.gz"):
        clip((person(),)).write(tmp_path / name)
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.truth.json"
    clip((person(),)).write(path)
    path.write_text(path.read_text().replace("homeroom-classroom/1", "homeroom-classroom/9"))
    with pytest.raises(ValidationError, match="format"):
        ClipTruth.read(path)


def test_a_person_without_all_keypoints_is_refused() -> None:
    fields = json.loads(person().model_dump_json())
    fields["keypoints"] = fields["keypoints"][:16]
    with pytest.raises(ValidationError, match="keypoints"):
        person().model_validate(fields)
