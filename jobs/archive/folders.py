"""Finds the videos below a folder, and says what it passes over.

    folder -> videos, sorted by path
           -> errors: folders that cannot be read, links to folders, formats that no decoder reads

Hidden files and folders hold no footage, nor do those in which file servers and desktops keep what
was deleted: a deleted lesson must stay deleted.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from cluster.errors import FootageListError

VIDEO_SUFFIXES: Final = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".flv", ".asf", ".wmv"}
    | {".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".vob", ".mxf", ".gif", ".dav"}
    | {".h264", ".264", ".avc", ".h265", ".265", ".hevc"}
)
"""Endings of files that are opened; whether FFmpeg can read them is seen then."""

UNREADABLE_SUFFIXES: Final = frozenset(
    {".g64", ".g64x", ".ifv", ".nvr", ".dvr", ".xba", ".bvr", ".mfs", ".ave", ".vse", ".sef"}
)
"""Endings of recorders' own formats, which no free decoder reads."""

SERVER_FOLDERS: Final = frozenset(
    {"@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "recycler", "lost+found"}
    | {"system volume information", "__macosx"}
)
"""Folders that file servers and desktops make, in lower case."""

KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(slots=True)
class FolderContents:
    """What was found below a folder.

    Attributes:
        videos: Paths of files with a video's ending, sorted.
        errors: What holds or may hold footage and is not read; each has its path in `where`.
    """

    videos: list[str] = field(default_factory=list)
    errors: list[FootageListError] = field(default_factory=list)


def find_videos(folder: Path) -> FolderContents:
    """Find the videos in a folder and in those below it; links to folders are not followed.

    Raises:
        FootageListError: It holds no video, nor anything else to speak of.
    """
    found = FolderContents()

    def report_unreadable(error: OSError) -> None:
        found.errors.append(
            FootageListError(
                f"the folder cannot be read: {error.strerror}.", where=str(error.filename)
            )
        )

    for parent, folders, files in os.walk(folder, onerror=report_unreadable):
        folders[:] = sorted(name for name in folders if not is_ignored(name))
        linked = [path for name in folders if (path := Path(parent, name)).is_symlink()]
        found.errors += [
            FootageListError(
                "this is a link to a folder, which is not followed.",
                where=str(path),
                hint="Name the folder itself, too.",
            )
            for path in linked
        ]
        _sort_files([str(Path(parent, name)) for name in files], found)
    _finish(found, str(folder))
    return found


def find_remote_videos(files: Iterable[str], folder: str, where: str) -> FolderContents:
    """Find the videos among the files below a remote folder.

    Args:
        files: Their paths, as the file system lists them.
        folder: Path of the folder, likewise.
        where: Address of the folder, for the message.

    Raises:
        FootageListError: None of them is a video, nor anything else to speak of.
    """
    found = FolderContents()
    below = [
        file
        for file in files
        if not any(map(is_ignored, PurePath(file.removeprefix(folder)).parts[:-1]))
    ]
    _sort_files(below, found)
    _finish(found, where)
    return found


def is_ignored(name: str) -> bool:
    """Return whether a file or folder of this name never holds footage.

    These are hidden files and folders (`.Trash-1000`, and `._name` of macOS), and those of servers.
    """
    return name.lower() in SERVER_FOLDERS or (name.startswith(".") and name not in {".", ".."})


def check_is_file(path: str) -> None:
    """Check that a path, if there is something, is a file or a folder.

    Raises:
        FootageListError: It is a named pipe, a socket or a device: reading it may never end.
    """
    try:
        kind = stat.S_IFMT(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return  # opening it says why
    if kind in KINDS:
        raise FootageListError(f"it is {KINDS[kind]}, not a file.", where=path)


def _sort_files(files: Iterable[str], found: FolderContents) -> None:
    for file in files:
        path = PurePath(file)
        if is_ignored(path.name):
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES:
            found.videos.append(file)
        elif path.suffix.lower() in UNREADABLE_SUFFIXES:
            found.errors.append(
                FootageListError(
                    f"{path.suffix} is a recorder's own format, which cannot be read.",
                    where=file,
                    hint="Export it from the recorder as MP4, AVI or MKV.",
                )
            )


def _finish(found: FolderContents, where: str) -> None:
    found.videos.sort()
    if not found.videos and not found.errors:
        raise FootageListError("the folder holds no video.", where=where)
