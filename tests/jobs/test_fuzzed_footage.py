"""Damaged files never hang, never end in a traceback, and never take more than 1 GiB of memory.

Thirty seconds of them, the same each time; ten minutes, new ones each time, with the Hypothesis
profile `thorough`. A failure names the seed: `python -m tests.jobs.fuzz_footage` repeats it.
"""

import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from tests.conftest import write_settings, write_video
from tests.jobs.fuzz_footage import SEED_FILE
from tests.plugins.hypothesis_profiles import PROFILE

IS_THOROUGH = PROFILE == "thorough"
SECONDS = 600.0 if IS_THOROUGH else 30.0
FIRST_SEED = time.time_ns() // 1_000_000 if IS_THOROUGH else 0
MAX_SECONDS_OF_ONE = 30.0
"""For one input of some fifty kilobytes, on a busy machine."""

START_SECONDS = 60.0


def write_originals(folder: Path) -> None:
    """Write a small video in each kind of container, with and without B-frames, and with sound."""
    folder.mkdir()
    plain = {"g": "10", "bf": "0"}
    for suffix in ("mp4", "mkv", "ts", "avi", "flv"):
        write_video(folder / f"plain.{suffix}", options=plain)
    write_video(folder / "reordered.mp4", options={"g": "15", "bf": "3"})
    write_video(folder / "reordered.ts", options={"g": "15", "bf": "3"})
    write_video(folder / "hevc.mkv", codec="libx265", options={"x265-params": "log-level=none"})
    write_video(folder / "vp8.webm", codec="libvpx", options={"deadline": "realtime"})
    write_video(folder / "mjpeg.mov", codec="mjpeg", options={"strict": "unofficial"})
    write_video(folder / "mpeg4.3gp", codec="mpeg4")
    _copy(folder / "mpeg4.3gp", folder / "mpeg4.mpg")
    _copy(folder / "plain.mp4", folder / "fragmented.mp4", movflags="frag_keyframe+empty_moov")


def _copy(source: Path, target: Path, **options: str) -> None:
    with av.open(source) as old, av.open(target, "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)


@pytest.mark.timeout(SECONDS + START_SECONDS + MAX_SECONDS_OF_ONE + 60)
def test_no_damage_hangs_or_ends_the_reader(tmp_path: Path) -> None:
    write_settings(tmp_path, more='[[cameras]]\nid = "cam9"\nroom = "r1"\n')
    write_originals(tmp_path / "originals")
    arguments = [str(tmp_path), str(FIRST_SEED), str(SECONDS)]
    with (tmp_path / "out.txt").open("w") as out, (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.fuzz_footage", *arguments], stdout=out, stderr=log
        )
        hung = _until_ended(process, tmp_path / SEED_FILE)

    log_text = (tmp_path / "log.txt").read_text()
    assert not hung, f"seed {hung} took longer than {MAX_SECONDS_OF_ONE:.0f} s"
    seed = (tmp_path / SEED_FILE).read_text()
    assert process.returncode == 0, f"seed {seed} ended the process: {log_text[-4000:]}"
    assert (tmp_path / "out.txt").read_text() == ""
    assert int(log_text.rstrip().splitlines()[-1].split()[0]) > 50


def _until_ended(process: "subprocess.Popen[bytes]", seed_file: Path) -> str:
    """Wait for a process; kill it and return the seed if one takes too long."""
    last, since = "", time.monotonic() + START_SECONDS
    while process.poll() is None:
        seed = seed_file.read_text() if seed_file.exists() else ""
        if seed and seed != last:
            last, since = seed, time.monotonic()
        if time.monotonic() - since > MAX_SECONDS_OF_ONE:
            process.kill()
            process.wait()
            return last or "none"
        time.sleep(0.2)
    return ""
