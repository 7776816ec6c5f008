import subprocess
from pathlib import Path

import pytest

from bench.scoring import rendered
from bench.scoring.rendered import (
    rendered_clips,
    requested_clips,
    truth_files,
    why_not_rendered,
)
from bench.scoring.seeds import SCORE_SEEDS


@pytest.mark.parametrize("quick", [False, True])
def test_clips_of_the_score_have_seeds_of_their_own(quick: bool) -> None:
    seeds = [clip.seed for clip in requested_clips(quick=quick)]

    assert len(set(seeds)) == len(seeds) > 1
    assert set(seeds) <= set(SCORE_SEEDS)


def test_a_missing_generator_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "GENERATOR", "bench.classroom.no_such_module")
    assert "no generator" in (why_not_rendered() or "")

    monkeypatch.setattr(rendered, "GENERATOR", "bench.classroom.truth")
    monkeypatch.setattr(rendered, "GENERATOR_NEEDS", ("json", "no_such_package"))
    assert "no_such_package" in (why_not_rendered() or "")

    monkeypatch.setattr(rendered, "GENERATOR_NEEDS", ("json",))
    assert why_not_rendered() is None


def test_clips_are_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def render(command: list[str], *, check: bool) -> None:
        assert check
        commands.append(command)
        folder = Path(command[-1].removeprefix("--out="))
        (folder / "clip.truth.json.gz").touch()

    monkeypatch.setattr(rendered, "FOLDER", tmp_path)
    monkeypatch.setattr(subprocess, "run", render)

    files = rendered_clips(quick=True)
    assert len(files) == len(commands) == len(requested_clips(quick=True))
    assert commands[0][1:4] == ["-m", "bench.classroom", f"--seed={SCORE_SEEDS[0]}"]
    assert rendered_clips(quick=True) == files
    assert len(commands) == len(files)


def test_truth_files_are_found_in_folders(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/one.truth.json", "two.truth.json.gz", "other.json"):
        (tmp_path / name).touch()

    assert [path.name for path in truth_files(tmp_path)] == ["one.truth.json", "two.truth.json.gz"]
