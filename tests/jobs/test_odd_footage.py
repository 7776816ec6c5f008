"""Footage as recorders and tools leave it, all of it in one run: windows, problems, notes.

The files, and what is odd about each, are described in the README beside them.
"""

from pathlib import Path
from typing import Any

import pytest

from cluster.settings import load_settings
from tests.conftest import write_settings
from tests.jobs.running import Ran, parts, run_job, windows

pytestmark = [pytest.mark.ray, pytest.mark.samples, pytest.mark.timeout(900)]

WHOLE = [10, 20, 20, 20, 10]
"""Frames in each window from 09:00:00 of a clip of forty seconds that starts at 09:00:05."""

FRAMES = {
    "a09": [10, 20, 10],
    "a09b": [10, 20, 10],
    "a28b": WHOLE,
    "a29": WHOLE,
    "a31": [],
    "a33": [10, 20, 5, 20, 10],
    "a33b": [9, 20, 20, 10],
    "a34": [10, *[20] * 7, 10],
    "a36": [*[20] * 11, 12],
    "a44": WHOLE,
    "a60b": WHOLE,
    "a71": [10, 20, 3, 20, 10],
}
PROBLEMS = {
    "a09": ("footage_untimed", "jump back by 1019.9 s after 19.9 s"),
    "a09b": ("footage_untimed", "jump back by 5019.9 s after 19.9 s"),
    "a31": ("footage_unreadable", "it was cut while it was written"),
    "a33": ("footage_unreadable", "no frame could be decoded from 16.0 s to 23.5 s"),
    "a33b": ("footage_unreadable", "no frame could be decoded from 0.0 s to 10.5 s"),
    "a36": ("footage_unusable", "of the same camera by 2 s: only what comes after is used"),
    "a71": ("footage_unreadable", "no frame could be decoded from 15.5 s to 24.0 s"),
}
NOTES = {
    "a28b": "it holds 2 video streams; the one of 480×270 pixels is analysed.",
    "a29": "it holds 2 video streams; the one of 480×270 pixels is analysed.",
    "a60b": "a single frame after 10.6 s states 9010.7 s, and was left out.",
}
LASTING = {"a09", "a09b", "a31", "a36"}
"""Problems that are found again without reading a file again."""


@pytest.fixture(scope="module")
def odd(samples: Path) -> Path:
    folder = samples / "footage"
    if not folder.is_dir():
        pytest.skip(f"the odd footage is not at {folder}")
    return folder


@pytest.fixture(scope="module")
def installation(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A settings file with a camera for each row, and the arguments that name all of it."""
    folder = tmp_path_factory.mktemp("odd")
    cameras = (
        f'[[cameras]]\nid = "{camera}"\nroom = "r1"\ninput_size = 640\n' for camera in FRAMES
    )
    settings = write_settings(folder, more="".join(cameras))
    again = odd / "a36_20260302T090000Z.mp4"
    manifest = folder / "again.csv"
    starts = ("2026-03-02T09:00:38Z", "2026-03-02T09:01:16Z")
    rows = [f"{again},a36,{start}" for start in starts]
    manifest.write_text("\n".join(["path,camera_id,started_at", *rows]))
    return settings, [str(odd), f"--manifest={manifest}"]


@pytest.fixture(scope="module")
def ran(installation: tuple[Path, list[str]], job_cluster: str) -> Ran:
    settings, arguments = installation
    return run_job(settings, *arguments, cluster=job_cluster)


@pytest.fixture(scope="module")
def stored(installation: tuple[Path, list[str]], ran: Ran) -> list[dict[str, Any]]:
    assert ran.summary["state"] == "completed", ran.messages
    return windows(load_settings(installation[0]).lake_dir)


def of_camera(found: list[dict[str, str]], camera: str) -> list[dict[str, str]]:
    return [one for one in found if Path(one["address"]).name.startswith(f"{camera}_")]


@pytest.mark.parametrize("camera", FRAMES)
def test_each_file_gives_its_windows(stored: list[dict[str, Any]], camera: str) -> None:
    rows = [row for row in stored if row["camera_id"] == camera]

    assert [row["frames"] for row in rows] == FRAMES[camera]
    assert {row["people_max"] for row in rows} <= {4}
    if rows:
        first = "09:00:10" if camera == "a33b" else "09:00:00"
        assert f"{rows[0]['window_start']:%H:%M:%S}" == first


@pytest.mark.parametrize("camera", FRAMES)
def test_each_file_has_the_problems_of_its_own_and_no_other(ran: Ran, camera: str) -> None:
    found = of_camera(ran.summary["problems"], camera)

    code, words = PROBLEMS.get(camera, ("", ""))
    assert {one["code"] for one in found} == ({code} if code else set())
    assert all(words in one["reason"] for one in found)
    assert len(found) == {"a36": 2}.get(camera, 1 if code else 0)


@pytest.mark.parametrize("camera", FRAMES)
def test_what_is_odd_but_loses_nothing_is_a_note(ran: Ran, camera: str) -> None:
    texts = [one["text"] for one in of_camera(ran.summary["notes"], camera)]

    assert texts == ([NOTES[camera]] if camera in NOTES else [])
    assert all(text in ran.messages for text in texts)


def test_no_gap_is_reported_where_there_is_none(ran: Ran) -> None:
    assert ran.summary["gaps"] == []


def test_the_footage_that_counts_is_what_was_read(ran: Ran) -> None:
    whole, halves, overlapping = 8 * 40.0 + 40.0, 2 * 20.0, 116.0

    assert ran.status == 3
    assert ran.summary["footage_seconds"] == pytest.approx(whole + halves + overlapping, abs=1.0)


def test_a_second_run_does_nothing_and_says_again_what_it_cannot_use(
    installation: tuple[Path, list[str]], ran: Ran
) -> None:
    settings, arguments = installation
    lake = load_settings(settings).lake_dir
    before = {part: part.stat().st_mtime_ns for part in parts(lake)}

    again = run_job(settings, *arguments)

    assert "Nothing to do" in again.messages
    assert again.summary["segments_done"] == 0
    assert again.summary["segments_skipped"] == ran.summary["segments_done"]
    assert {part: part.stat().st_mtime_ns for part in parts(lake)} == before
    cameras = {Path(one["address"]).name.split("_")[0] for one in again.summary["problems"]}
    assert cameras == LASTING
