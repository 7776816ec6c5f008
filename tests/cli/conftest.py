from pathlib import Path

import pytest

from tests.cli.command import Homeroom


@pytest.fixture
def homeroom(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Homeroom:
    """The command, in an empty folder."""
    empty = tmp_path / "here"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return Homeroom(monkeypatch, capsys)
