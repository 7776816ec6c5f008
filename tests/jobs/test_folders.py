"""What is found below a folder of footage, and what is said of the rest."""

import os
import socket
from pathlib import Path

import fsspec
import pytest

from cluster.errors import FootageListError
from cluster.settings import Settings
from jobs.archive.folders import UNREADABLE_SUFFIXES, VIDEO_SUFFIXES, find_videos
from jobs.archive.footage import FootageProblem, list_footage

STAMP = "20260302T090000Z"
NAME = f"cam1_{STAMP}.mp4"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def list_names(folder: Path, settings: Settings) -> tuple[list[str], list[FootageProblem]]:
    files, problems = list_footage([str(folder)], settings)
    return [os.path.relpath(file.address, folder) for file in files], problems


@pytest.mark.parametrize(
    "suffix", [".dav", ".h264", ".264", ".h265", ".hevc", ".vob", ".mxf", ".3g2"]
)
def test_endings_of_recorders_are_opened(archive: Path, suffix: str) -> None:
    touch(archive / f"cam1_{STAMP}{suffix}", archive / f"cam2_{STAMP}{suffix.upper()}")
    assert len(find_videos(archive).videos) == 2


@pytest.mark.parametrize("suffix", sorted(UNREADABLE_SUFFIXES))
def test_formats_that_nobody_reads_are_reported(
    archive: Path, school: Settings, suffix: str
) -> None:
    touch(archive / NAME, archive / f"cam1{suffix}")
    names, (problem,) = list_names(archive, school)
    assert names == [NAME]
    assert problem.address == str(archive / f"cam1{suffix}")
    assert f"{suffix} is a recorder's own format" in problem.reason
    assert "as MP4" in problem.reason


def test_a_folder_with_nothing_but_formats_that_nobody_reads_says_so(
    archive: Path, school: Settings
) -> None:
    touch(archive / "cam1.g64")
    names, problems = list_names(archive, school)
    assert names == []
    assert [problem.address for problem in problems] == [str(archive / "cam1.g64")]


@pytest.mark.parametrize(
    "hidden",
    [
        f"._{NAME}",
        f".{NAME}",
        f"@eaDir/{NAME}",
        f"#recycle/{NAME}",
        f"@Recycle/{NAME}",
        f".Trash-1000/files/{NAME}",
        f".Trashes/501/{NAME}",
        f"$RECYCLE.BIN/S-1-5/{NAME}",
        f"monday/.snapshot/{NAME}",
        f"lost+found/{NAME}",
    ],
)
def test_hidden_and_deleted_footage_is_never_listed(
    archive: Path, school: Settings, hidden: str
) -> None:
    touch(archive / "monday" / NAME, archive / hidden)
    assert list_names(archive, school) == ([f"monday/{NAME}"], [])
    system = fsspec.filesystem("memory")
    system.store.clear()
    for path in (f"monday/{NAME}", hidden):
        system.pipe(f"/district/{path}", b"")
    files, problems = list_footage(["memory://district"], school)
    assert ([file.address for file in files], problems) == (
        [f"memory://district/monday/{NAME}"],
        [],
    )
    system.store.clear()


def test_only_hidden_footage_is_none(archive: Path, school: Settings) -> None:
    touch(archive / ".Trash-1000" / NAME)
    names, (problem,) = list_names(archive, school)
    assert names == []
    assert problem.reason == "the folder holds no video."


def test_a_hidden_folder_that_is_named_itself_is_read(tmp_path: Path, school: Settings) -> None:
    touch(tmp_path / ".mounted" / NAME)
    assert list_names(tmp_path / ".mounted", school) == ([NAME], [])


def test_a_link_to_a_folder_is_reported_and_one_to_a_file_is_read(
    archive: Path, tmp_path: Path, school: Settings
) -> None:
    touch(tmp_path / "elsewhere" / f"cam2_{STAMP}.mp4", tmp_path / "one.mp4")
    (archive / "linked").symlink_to(tmp_path / "elsewhere")
    (archive / NAME).symlink_to(tmp_path / "one.mp4")
    names, (problem,) = list_names(archive, school)
    assert names == [NAME]
    assert problem.address == str(archive / "linked")
    assert "a link to a folder, which is not followed" in problem.reason


def test_a_folder_that_cannot_be_read_is_reported(
    archive: Path, school: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(archive / NAME, archive / "closed" / f"cam2_{STAMP}.mp4")
    scandir = os.scandir

    def refuse(path: str) -> object:  # root may read every folder, so permissions would not do
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    names, (problem,) = list_names(archive, school)
    assert names == [NAME]
    assert problem == FootageProblem(
        str(archive / "closed"),
        FootageListError.code,
        "the folder cannot be read: Permission denied.",
    )


def test_pipes_and_sockets_are_no_footage(archive: Path, school: Settings) -> None:
    os.mkfifo(archive / NAME)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(archive / f"cam2_{STAMP}.mp4"))
        names, problems = list_names(archive, school)
    assert names == []
    assert {problem.reason for problem in problems} == {
        "it is a named pipe, not a file.",
        "it is a socket, not a file.",
    }
    device = list_footage(
        ["/dev/null"], school, camera_id="cam1", started_at="2026-03-02T09:00:00Z"
    )
    assert [problem.reason for problem in device[1]] == ["it is a device, not a file."]


def test_no_ending_is_both_read_and_not() -> None:
    assert not VIDEO_SUFFIXES & UNREADABLE_SUFFIXES
    assert all(suffix == suffix.lower() for suffix in VIDEO_SUFFIXES | UNREADABLE_SUFFIXES)
