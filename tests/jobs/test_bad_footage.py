"""What is wrong with footage, settings and disks is said in words, and the rest is done."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from cluster.settings import load_settings
from cluster.warehouse.lake import Lake
from tests.conftest import write_settings, write_video
from tests.disks import make_read_only, small_disk
from tests.jobs.running import Ran, parts, run_job, run_job_alone

GOOD = "cam1_20260302T080000Z.mp4"
SECONDS = 6.0


def _at(minute: int, suffix: str = ".mp4") -> str:
    return f"cam1_20260302T09{minute:02}00Z{suffix}"


def _audio_only(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 8000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of footage in which nearly everything is wrong."""
    folder = tmp_path_factory.mktemp("bad")
    write_settings(folder, rate=1.0, input_size=640)
    footage = folder / "footage"
    footage.mkdir()
    whole = write_video(footage / GOOD, seconds=SECONDS)
    (footage / _at(1)).write_bytes(b"")
    (footage / _at(2)).write_text("This is not a video.\n" * 100)
    data = whole.read_bytes()
    (footage / _at(3)).write_bytes(data[: len(data) // 2])
    faststart = write_video(
        folder / "faststart.mkv", seconds=SECONDS, options={"g": "10", "bf": "0"}
    )
    cut = faststart.read_bytes()
    (footage / _at(4, ".mkv")).write_bytes(cut[: int(len(cut) * 0.6)])
    _audio_only(footage / _at(5))
    write_video(footage / _at(6), times=[0.0])
    write_video(
        footage / _at(7), times=[*(i / 5 for i in range(15)), *(13 + i / 5 for i in range(15))]
    )
    (footage / "cam1_20260302T091000.mp4").write_bytes(data)
    (footage / "nobody_20260302T091100Z.mp4").write_bytes(data)
    (footage / "holiday.mp4").write_bytes(data)
    write_video(footage / _at(20), seconds=SECONDS)
    shutil.copy(footage / _at(20), footage / "cam1_20260302T092003Z.mp4")
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path, job_cluster: str) -> Ran:
    return run_job(folder / "homeroom.toml", str(folder / "footage"), cluster=job_cluster)


@pytest.mark.ray
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (_at(1), "FFmpeg finds no video in it"),
        (_at(2), "FFmpeg finds no video in it"),
        (_at(3), "it was truncated before its index was written"),
        (_at(4, ".mkv"), "it holds no frame after"),
        (_at(5), "it holds no video (audio only)"),
        ("cam1_20260302T091000.mp4", "has no zone"),
        ("nobody_20260302T091100Z.mp4", "there is no camera 'nobody'"),
        ("holiday.mp4", "its name does not say camera and start"),
        ("cam1_20260302T092003Z.mp4", "overlaps"),
    ],
)
def test_each_bad_file_is_listed_with_its_reason(ran: Ran, name: str, words: str) -> None:
    assert words in ran.reasons[name]
    assert name in ran.messages


@pytest.mark.ray
def test_the_rest_is_done_and_the_exit_status_says_that_something_was_not(
    ran: Ran, folder: Path
) -> None:
    done = {part.name for part in parts(load_settings(folder / "homeroom.toml").lake_dir)}

    assert ran.status == 3
    assert len(ran.reasons) == 9
    minutes = ["0800", "0904", "0906", "0907", "0920"]
    assert done == {f"cam1_20260302T{minute}00Z.parquet" for minute in minutes}


@pytest.mark.ray
def test_a_gap_in_the_timestamps_is_a_note_and_not_an_error(ran: Ran) -> None:
    assert _at(7) not in ran.reasons
    assert [round(gap["seconds"]) for gap in ran.summary["gaps"]] == [10]
    assert "no frames for 10" in ran.messages


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no footage was named"),
        (["no-such.mp4"], "its name does not say camera and start"),
        (["cam1_20260302T080000Z.mp4"], "there is no such file"),
        (["x.mp4", "--camera=cam1", "--started-at=2026-03-02T09:00:00"], "has no zone"),
        (["x.mp4", "--camera=cam1", "--started-at=yesterday"], "is not a time"),
        (["x.mp4", "--camera=cam1"], "go together"),
        (["--manifest=no-such.csv"], "the manifest cannot be read"),
    ],
)
def test_wrong_arguments_are_reported_before_anything_starts(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    ran = run_job(write_settings(tmp_path), *arguments)

    assert ran.status in (1, 3)
    assert words in ran.messages


def test_a_manifest_without_a_column_names_the_column(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("path,camera_id\na.mp4,cam1\n")

    ran = run_job(write_settings(tmp_path), f"--manifest={manifest}")

    assert ran.status == 1
    assert "the column started_at is missing" in ran.messages
    assert ran.summary["error"]["code"] == "footage_list_invalid"


def test_weights_with_a_wrong_checksum_are_rejected_with_both_sums(tmp_path: Path) -> None:
    wrong = tmp_path / "mine.pt"
    wrong.write_bytes(b"not weights")
    stated = hashlib.sha256(b"weights").hexdigest()
    settings = write_settings(
        tmp_path, more=f'[weights]\npose = "{wrong}"\npose_sha256 = "{stated}"\n'
    )
    video = write_video(tmp_path / GOOD, seconds=1.0)

    ran = run_job(settings, str(video))

    assert ran.status == 1
    assert stated in ran.messages
    assert hashlib.sha256(b"not weights").hexdigest() in ran.messages
    assert ran.summary["error"]["code"] == "weights_mismatch"


def test_a_second_copy_waits_for_the_lake_and_is_rejected(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    video = write_video(tmp_path / GOOD, seconds=1.0)
    lake = load_settings(settings).lake_dir

    with Lake(lake).locked():
        second = run_job_alone(settings, str(video))

    assert second.status == 1
    assert "another run is writing to this lake" in second.messages
    assert parts(lake) == []


@pytest.fixture(name="small_disk")
def one_small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        yield disk


def _fill(path: Path) -> None:
    """Write zeros until the disk takes no more."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as stream:
        while stream.write(bytes(4096)):
            pass


@pytest.mark.ray
def test_a_disk_that_fills_up_ends_the_job_with_a_reason_and_it_can_be_repeated(
    tmp_path: Path, small_disk: Path, job_cluster: str
) -> None:
    settings = write_settings(tmp_path, rate=1.0, input_size=640, data_dir=str(small_disk / "data"))
    video = write_video(tmp_path / GOOD, seconds=3.0)
    first = run_job(settings, str(video), cluster=job_cluster)
    assert first.status == 0
    later = tmp_path / _at(0)
    shutil.copy(video, later)
    filler = small_disk / "filler"
    _fill(filler)

    full = run_job(settings, str(later), cluster=job_cluster)
    filler.unlink()
    after = run_job(settings, str(later), cluster=job_cluster)

    assert full.status == 1
    assert "the disk is full" in full.messages
    assert after.status == 0
    assert len(parts(small_disk / "data" / "lake")) == 2


def test_a_read_only_folder_is_reported_before_anything_starts(
    tmp_path: Path, small_disk: Path
) -> None:
    make_read_only(small_disk)
    settings = write_settings(tmp_path, data_dir=str(small_disk / "data"))

    ran = run_job(settings, str(write_video(tmp_path / GOOD, seconds=1.0)))

    assert ran.status == 1
    assert "it is on a read-only disk" in ran.messages
