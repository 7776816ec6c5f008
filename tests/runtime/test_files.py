"""Files that are replaced whole, or stay as they were."""

import os
import stat
from pathlib import Path

import pytest

from cluster.runtime.files import atomic_write, sync_folder, temporary_path


def test_a_file_and_its_folders_are_created(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    with atomic_write(path) as stream:
        stream.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def write_and_fail(path: Path) -> None:
    with atomic_write(path) as stream:
        stream.write(b"new")
        raise OSError("the disk is full")


def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="disk is full"):
        write_and_fail(path)
    assert path.read_text() == "old"
    assert not temporary_path(path).exists()


def test_a_temporary_file_of_a_killed_write_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    temporary_path(path).write_text("a longer text of a killed write")
    with atomic_write(path) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"


def test_permissions_are_those_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key"
    with atomic_write(path, mode=0o600, folder_mode=0o700) as stream:
        stream.write(b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_file_and_folders_are_synced_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def record(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_write(tmp_path / "new" / "file.txt") as stream:
        stream.write(b"new")
    assert synced[0] == ".file.txt.tmp"
    assert set(synced[1:]) == {"new", tmp_path.name}


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "none")
