"""The lake: parts are whole or absent, one process writes, and errors leave earlier parts be."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.activity.suppression import ActivityWindow, sum_of_parts
from cluster.errors import HomeroomError, LakeBusy, LakeError, LakeUnwritable
from cluster.warehouse.lake import Interval, Lake, PartKey, PartMetadata
from tests.disks import make_read_only, small_disk

pytestmark = pytest.mark.durable

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = PartKey("hill", "2026-03-02", "cam1", NINE)
FACTS = PartMetadata("pose@1/abc", ((1.0, 61.0),))

PREAMBLE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from cluster.warehouse.lake import Lake, PartMetadata, PartKey
lake = Lake(Path(sys.argv[1]))
"""
HOLDER = """
with lake.locked():
    print("held", flush=True)
    sys.stdin.read()
"""
KILLED_BEFORE_RENAME = """
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
key = PartKey("hill", "2026-03-02", "cam1", datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
with lake.locked():
    lake.write_part(key, PartMetadata("later", ()), [])
"""


def window(start: datetime, **changes: Any) -> ActivityWindow:
    """A window of twenty people that tells shares, unless changed."""
    fields: dict[str, Any] = {
        "hand_raised_share": 0.2,
        "reading_share": 0.3,
        "writing_share": 0.05,
        "head_down_share": 0.05,
        "standing_share": 0.1,
        "unclear_share": 0.05,
        "hand_raises": 4,
    }
    parts = [{**fields, **changes}[name] for name in ("reading_share", "writing_share")]
    fields["desk_work_share"] = sum_of_parts(*parts)
    head = {"frames": 20, "people_max": 22, "people_mean": 20.0, "suppressed": False}
    return ActivityWindow(**{"window_start": start, **head, **fields, **changes})


def withheld(start: datetime, people_mean: float = 3.0, people_max: int = 4) -> ActivityWindow:
    """A window that gives a headcount only."""
    return ActivityWindow(
        start, 20, people_max, people_mean, True, None, None, None, None, None, None, None
    )


def rows_of(
    windows: Sequence[ActivityWindow],
    *,
    room_id: str = "r1",
    camera_id: str = "cam1",
    lesson_id: str | None = None,
) -> list[dict[str, Any]]:
    """Rows of a part, as the archive job writes them."""
    place = {"room_id": room_id, "camera_id": camera_id, "lesson_id": lesson_id}
    made = {"source": "archive", "run_id": "run-1", "model": "pose@1"}
    return [{**asdict(each), **place, **made} for each in windows]


def run_row(run_id: str = "run-1", state: str = "completed") -> dict[str, Any]:
    """The row of a run."""
    return {
        "run_id": run_id,
        "started_at": NINE,
        "ended_at": None if state == "running" else NINE + timedelta(minutes=2),
        "state": state,
        "segments_done": 3,
        "segments_skipped": 1,
        "files_failed": 0,
        "footage_seconds": 180.0,
        "wall_seconds": 12.5,
        "model": "pose@1",
        "k": 10,
        "homeroom_version": "0.1.0",
    }


def run_states(lake: Lake) -> dict[str, str]:
    """The state of each run of a lake."""
    rows = [pq.read_table(p).to_pylist()[0] for p in (lake.folder / "runs").glob("*.parquet")]
    return {row["run_id"]: row["state"] for row in rows}


def starts_in(lake: Lake, key: PartKey = KEY) -> list[datetime]:
    """Which windows a part holds."""
    table = pq.read_table(lake.part_path(key), partitioning=None)
    return [row["window_start"] for row in table.to_pylist()]


def files_below(folder: Path) -> set[str]:
    """Every file of a folder but the locks."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in files if not path.name.endswith(".lock")}


def python(code: str, folder: Path) -> "subprocess.Popen[str]":
    """Another process that has `lake` at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def fill(folder: Path) -> None:
    """Leave no room on a disk."""
    room = os.statvfs(folder)
    (folder / "filler").write_bytes(b"x" * (room.f_bavail * room.f_frsize))


def test_a_part_gives_back_its_windows_and_what_it_was_made_with(lake: Lake) -> None:
    windows = [window(NINE), withheld(NINE + timedelta(seconds=10))]
    lake.write_part(KEY, FACTS, rows_of(windows, lesson_id="maths"))

    assert lake.read_metadata([KEY]) == [FACTS]
    rows = pq.read_table(lake.part_path(KEY), partitioning=None).to_pylist()
    assert rows == rows_of(windows, lesson_id="maths")


def test_a_part_lies_in_the_folder_of_its_school_and_date(lake: Lake) -> None:
    lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
    assert files_below(lake.folder) == {
        "activity_windows/school_id=hill/date=2026-03-02/cam1_20260302T090000Z.parquet"
    }


def test_a_part_that_is_written_again_takes_the_place_of_the_old_one(lake: Lake) -> None:
    lake.write_part(KEY, FACTS, rows_of([window(NINE), window(NINE + timedelta(seconds=10))]))
    later = PartMetadata("pose@2/abc", ((0.0, 60.0),))
    lake.write_part(KEY, later, rows_of([window(NINE + timedelta(seconds=20))]))

    assert starts_in(lake) == [NINE + timedelta(seconds=20)]
    assert lake.read_metadata([KEY]) == [later]
    assert len(files_below(lake.folder)) == 1


def test_a_segment_in_which_nothing_was_seen_still_has_a_part(lake: Lake) -> None:
    lake.write_part(KEY, FACTS, [])
    assert lake.read_metadata([KEY]) == [FACTS]
    assert starts_in(lake) == []


def test_facts_come_in_the_order_of_the_request(lake: Lake) -> None:
    keys = [
        PartKey("hill", "2026-03-02", f"cam{number}", NINE + timedelta(minutes=number))
        for number in range(40)
    ]
    for number, key in enumerate(keys):
        if number % 3:
            lake.write_part(key, PartMetadata(f"a{number}", ()), [])
    wanted = [PartMetadata(f"a{n}", ()) if n % 3 else None for n in range(40)]
    assert lake.read_metadata(keys) == wanted


def test_a_damaged_part_counts_as_missing(lake: Lake) -> None:
    lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
    path = lake.part_path(KEY)
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little")
    for damaged in (
        b"",
        whole[: len(whole) // 2],
        b"\0" * len(whole),
        whole[: -8 - footer] + b"\xff" * footer + whole[-8:],
    ):
        path.write_bytes(damaged)
        assert lake.read_metadata([KEY]) == [None]


def test_a_part_of_another_program_counts_as_missing(lake: Lake) -> None:
    lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
    path = lake.part_path(KEY)
    pq.write_table(pq.read_table(path, partitioning=None).replace_schema_metadata(None), path)
    assert lake.read_metadata([KEY]) == [None]


def test_a_writer_killed_before_the_rename_leaves_no_part_and_the_next_one_sweeps(
    lake: Lake,
) -> None:
    writer = python(KILLED_BEFORE_RENAME, lake.folder)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    assert files_below(lake.folder), "it was killed before it wrote anything"
    assert lake.read_metadata([KEY]) == [None]

    with lake.locked():
        assert files_below(lake.folder) == set()


def test_a_writer_killed_before_the_rename_leaves_the_old_part_as_it_was(lake: Lake) -> None:
    lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
    python(KILLED_BEFORE_RENAME, lake.folder).communicate()

    assert lake.read_metadata([KEY]) == [FACTS]
    with lake.locked():
        assert starts_in(lake) == [NINE]
        assert len(files_below(lake.folder)) == 1


def test_a_second_writer_is_rejected_until_the_first_is_killed(lake: Lake) -> None:
    holder = python(HOLDER, lake.folder)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LakeBusy, match="another run is writing") as refused, lake.locked():
            pass
        assert refused.value.where == str(lake.folder)
    finally:
        holder.kill()
        holder.communicate()
    with lake.locked():
        lake.write_part(KEY, FACTS, [])


def test_two_writers_in_one_process_are_rejected_too(lake: Lake) -> None:
    with lake.locked(), pytest.raises(LakeBusy), Lake(lake.folder).locked():
        pass


def test_a_writer_that_waits_has_the_lake_when_the_first_is_gone(lake: Lake) -> None:
    holder = python(HOLDER, lake.folder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    Timer(0.3, holder.kill).start()
    with lake.locked(wait_seconds=30):
        assert holder.wait() == -signal.SIGKILL
    holder.communicate()


def test_a_writer_that_does_not_sweep_still_replaces_what_was_left_half_written(
    lake: Lake,
) -> None:
    python(KILLED_BEFORE_RENAME, lake.folder).communicate()
    [left] = files_below(lake.folder)
    with lake.locked(sweep=False):
        assert files_below(lake.folder) == {left}
        lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
    assert [Path(name).suffix for name in files_below(lake.folder)] == [".parquet"]


def test_names_have_reached_the_disk_when_a_part_is_written(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def recorded(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", recorded)
    lake.write_part(KEY, FACTS, [])
    folders = [lake.part_path(KEY).parent, *lake.part_path(KEY).parents[1:4]]
    assert set(folders) | {lake.folder.parent} == set(synced[1:])
    synced.clear()
    lake.write_part(KEY, FACTS, [])
    assert synced[1:] == folders[:1]


def test_a_part_is_read_whole_or_reported_missing(lake: Lake) -> None:
    assert lake.read_part(KEY) is None
    lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
    assert lake.read_part(KEY) == (FACTS, rows_of([window(NINE)]))
    path = lake.part_path(KEY)
    path.write_bytes(path.read_bytes()[:-20])
    assert lake.read_part(KEY) is None
    path.unlink()
    path.mkdir()
    with pytest.raises(LakeError, match="cannot be read") as refused:
        lake.read_part(KEY)
    assert refused.value.where == str(path)


def test_a_run_is_read_back_as_it_was_written(lake: Lake) -> None:
    assert lake.read_run("run-1") is None
    lake.write_run(run_row())
    assert lake.read_run("run-1") == run_row()


def test_the_lock_falls_when_the_work_under_it_fails(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), lake.locked():
        raise ZeroDivisionError
    with lake.locked():
        pass


def test_a_full_disk_is_reported_and_harms_no_earlier_part(tmp_path: Path) -> None:
    other = PartKey("hill", "2026-03-02", "cam1", NINE + timedelta(minutes=1))
    with small_disk(tmp_path / "disk") as disk:
        lake = Lake(disk / "lake")
        lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
        fill(disk)
        before = files_below(disk)
        for key in (KEY, other):
            with pytest.raises(LakeUnwritable, match="the disk is full") as refused:
                lake.write_part(key, PartMetadata("later", ()), rows_of([window(NINE)] * 500))
            assert refused.value.where == str(lake.part_path(key))
        assert files_below(disk) == before
        assert lake.read_metadata([KEY, other]) == [FACTS, None]
        assert starts_in(lake) == [NINE]


def test_a_read_only_disk_is_reported_and_harms_no_earlier_part(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        lake = Lake(disk / "lake")
        lake.write_part(KEY, FACTS, rows_of([window(NINE)]))
        make_read_only(disk)
        with pytest.raises(LakeUnwritable, match="read-only"):
            lake.write_part(KEY, PartMetadata("later", ()), [])
        assert lake.read_metadata([KEY]) == [FACTS]
        assert starts_in(lake) == [NINE]


def test_a_read_only_disk_cannot_be_held_for_writing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        lake = Lake(disk / "lake")
        lake.write_part(KEY, FACTS, [])
        make_read_only(disk)
        with pytest.raises(LakeUnwritable, match="read-only"), lake.locked():
            pass


def test_a_lake_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    lake = Lake(tmp_path / "file" / "lake")
    with pytest.raises(LakeUnwritable, match="nothing can be written here"), lake.locked():
        pass


def test_runs_that_were_killed_are_marked_as_stopped_and_others_are_left(lake: Lake) -> None:
    lake.write_run(run_row("lost", "running"))
    lake.write_run(run_row("fine", "completed"))
    lake.write_run(run_row("bad", "failed"))
    lake.mark_interrupted_runs()
    assert run_states(lake) == {"lost": "stopped", "fine": "completed", "bad": "failed"}
    lost = pq.read_table(lake.folder / "runs" / "lost.parquet").to_pylist()[0]
    assert lost == {**run_row("lost", "running"), "state": "stopped"}


def test_a_damaged_row_of_a_run_is_reported_or_harmless(lake: Lake) -> None:
    lake.write_run(run_row("a-broken", "running"))
    lake.write_run(run_row("lost", "running"))
    broken = lake.folder / "runs" / "a-broken.parquet"
    broken.write_bytes(b"not parquet")
    message = ""
    try:
        lake.mark_interrupted_runs()
    except HomeroomError as error:
        message = str(error)
    lost = pq.read_table(lake.folder / "runs" / "lost.parquet").to_pylist()[0]
    assert "a-broken" in message or lost["state"] == "stopped"


def test_a_model_keeps_the_time_of_its_first_use(lake: Lake) -> None:
    row = {"model": "pose@1", "sha256": "0" * 64, "origin": "package", "licence": "AGPL-3.0"}
    lake.write_model({**row, "first_used_at": NINE})
    lake.write_model({**row, "first_used_at": NINE + timedelta(days=1)})
    kept = pq.read_table(lake.folder / "models" / "pose@1.parquet").to_pylist()
    assert kept == [{**row, "first_used_at": NINE}]


@st.composite
def minutes_of_footage(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Stretches of a minute that lie apart by more than a second, each longer than two."""
    edges = sorted(draw(st.lists(st.integers(0, 19), min_size=2, max_size=8, unique=True)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple((1e9 + 3.0 * start, 1e9 + 3.0 * end) for start, end in pairs)


@given(minutes_of_footage())
def test_a_part_serves_a_run_that_wants_the_same_or_less(covered: tuple[Interval, ...]) -> None:
    facts = PartMetadata("analysis", covered)
    assert facts.satisfies("analysis", covered)
    assert facts.satisfies("analysis", covered[1:])
    assert facts.satisfies("analysis", [(start + 1.0, end - 1.0) for start, end in covered])


@given(minutes_of_footage(), st.data())
def test_a_part_does_not_serve_a_run_that_wants_more(
    covered: tuple[Interval, ...], data: st.DataObject
) -> None:
    facts = PartMetadata("analysis", covered)
    which = data.draw(st.integers(0, len(covered) - 1))
    more = data.draw(st.floats(0.6, 2.0))
    start, end = covered[which]
    for wanted in ((start - more, end), (start, end + more)):
        assert not facts.satisfies("analysis", [*covered[:which], wanted, *covered[which + 1 :]])
    others = (*covered[:which], *covered[which + 1 :])
    assert not PartMetadata("analysis", others).satisfies("analysis", covered)


@given(minutes_of_footage())
def test_a_part_made_with_other_settings_never_serves(covered: tuple[Interval, ...]) -> None:
    assert not PartMetadata("analysis", covered).satisfies("other", covered)


@given(minutes_of_footage(), st.floats(-0.4, 0.4))
def test_a_frame_more_or_less_at_an_edge_does_not_make_a_part_stale(
    covered: tuple[Interval, ...], shift: float
) -> None:
    wanted = [(start + shift, end + shift) for start, end in covered]
    assert PartMetadata("analysis", covered).satisfies("analysis", wanted)
