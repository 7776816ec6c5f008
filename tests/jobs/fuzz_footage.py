"""Lists, probes and reads damaged videos until the time is over; the process to end if one hangs.

    python -m tests.jobs.fuzz_footage FOLDER FIRST_SEED SECONDS

FOLDER holds `settings` (of a small school) and `originals` (good videos). Each seed is one input:
an original, with bytes flipped, cut, repeated, moved or overwritten. `seed.txt` says which one is
being read; what goes wrong is a line on standard output.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from cluster.settings import Settings, load_settings
from cluster.warehouse.lake import Lake
from jobs.archive.decode_stage import DecodeSegments
from jobs.archive.footage import list_footage
from jobs.archive.segments import Segment, group_into_runs, make_plan, probe_footage
from jobs.archive.worker_settings import worker_settings

MAX_RUNS = 3
MAX_MEMORY_BYTES = 1 << 30
SEED_FILE = "seed.txt"


def _flip(data: bytearray, random: Random) -> None:
    for _ in range(random.choice([1, 4, 30])):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _flip_in_header(data: bytearray, random: Random) -> None:
    """Flip bits where the sizes and times are: at the start, or at the end."""
    length = min(2000, len(data))
    begins = random.choice([0, len(data) - length])
    for _ in range(random.choice([1, 2, 8])):
        data[begins + random.randrange(length)] ^= 1 << random.randrange(8)


def _cut(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data)) :]


def _remove(data: bytearray, random: Random) -> None:
    begins = random.randrange(len(data))
    del data[begins : begins + random.randrange(1, 5000)]


def _repeat(data: bytearray, random: Random) -> None:
    begins = random.randrange(len(data))
    part = data[begins : begins + random.randrange(1, len(data))]
    data[begins:begins] = part


def _overwrite(data: bytearray, random: Random) -> None:
    begins = random.randrange(len(data))
    count = min(len(data) - begins, random.randrange(1, 5000))
    data[begins : begins + count] = random.choice([bytes(count), random.randbytes(count)])


def _set_number(data: bytearray, random: Random) -> None:
    begins = random.randrange(max(1, min(2000, len(data) - 8)))
    width = random.choice([2, 4, 8])
    data[begins : begins + width] = random.choice([b"\xff", b"\x00", b"\x7f"]) * width


MUTATIONS: list[Callable[[bytearray, Random], None]] = [
    _flip,
    _flip_in_header,
    _cut,
    _remove,
    _repeat,
    _overwrite,
    _set_number,
]


def mutated(original: bytes, random: Random) -> bytes:
    """Damage a file in one to three ways."""
    data = bytearray(original)
    for _ in range(random.choice([1, 1, 2, 3])):
        if data:
            random.choice(MUTATIONS)(data, random)
    return bytes(data)


def read_all(footage: Path, settings: Settings) -> None:
    """List, probe and read what is in a folder, as the archive job does."""
    files, _ = list_footage([str(footage)], settings)
    plan = make_plan(probe_footage(files), settings, Lake(settings.lake_dir), "model@1")
    stage = DecodeSegments(worker_settings(settings, plan.places.values()))
    for run in group_into_runs(plan.pending, 1)[:MAX_RUNS]:
        batch = np.empty(1, object)
        batch[0] = list[Segment](run)
        for row in stage({"run": batch}):
            assert row["pixels"].shape[1] == row["timestamps"].shape[1]


def peak_memory_bytes() -> int:
    """Return the most memory that this process has had.

    `getrusage` would begin with that of the process which started it.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = [one for one in status.splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main(folder: Path, seed: int, seconds: float) -> None:
    """Try one seed after the other until the time is over."""
    settings = load_settings(folder / "homeroom.toml")
    originals = sorted((folder / "originals").iterdir())
    footage = folder / "footage"
    footage.mkdir()
    deadline = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < deadline:
        (folder / SEED_FILE).write_text(str(seed))
        random = Random(seed)
        original = random.choice(originals)
        file = footage / f"cam1_20260302T080000Z{original.suffix}"
        file.write_bytes(mutated(original.read_bytes(), random))
        try:
            read_all(footage, settings)
        except Exception:  # noqa: BLE001 (that there is none at all is what is tried)
            sys.stdout.write(f"seed {seed}, {original.name}: {traceback.format_exc()}\n")
        file.unlink()
        if peak_memory_bytes() > MAX_MEMORY_BYTES:
            sys.stdout.write(f"seed {seed}, {original.name}: more memory than 1 GiB\n")
            break
        tried, seed = tried + 1, seed + 1
    sys.stderr.write(f"{tried} inputs\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.flush()
    os._exit(0)  # nothing of the libraries is to wait for at the end
