"""The journal: what was acknowledged is there, once, whatever happened in between."""

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cluster.activity.published import PublishedWindow
from cluster.activity.suppression import ActivityWindow
from cluster.errors import JournalError
from cluster.warehouse.live.journal import FlushedMinute, Journal, Minute
from tests.disks import make_read_only, small_disk
from tests.plugins.hypothesis_profiles import examples
from tests.warehouse.test_lake import fill, window, withheld

pytestmark = [pytest.mark.slow, pytest.mark.durable]

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEN_SECONDS = timedelta(seconds=10)
ROOT = Path(__file__).parents[3]

PREAMBLE = """
import sys
from pathlib import Path
from cluster.warehouse.live.journal import Journal
from tests.warehouse.live.test_journal import live
journal = Journal(Path(sys.argv[1]))
"""
HOLDER = """
print("held", flush=True)
sys.stdin.read()
"""
APPENDER = """
number = int(sys.argv[2])
while True:
    batch = [live(number + offset) for offset in range(3)]
    journal.append([*batch, batch[0]])
    print(number, flush=True)
    number += 3
"""


def live(
    number: int, camera_id: str = "cam1", template: ActivityWindow | None = None, **changes: Any
) -> PublishedWindow:
    """A camera's window, so many times ten seconds after nine."""
    start = NINE + number * TEN_SECONDS
    made = replace(template, window_start=start) if template else window(start)
    place = {"room_id": "r1", "school_id": "hill", "lesson_id": "maths", "model": "pose@1"}
    return PublishedWindow(camera_id=camera_id, window=made, **{**place, **changes})


def process(path: Path, code: str, *arguments: str) -> "subprocess.Popen[str]":
    """Another process that has the journal open."""
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path, clock=lambda: NINE) as opened:
        yield opened


def test_windows_come_back_as_they_were_kept_oldest_first(journal: Journal, path: Path) -> None:
    kept = [live(2, template=withheld(NINE)), live(0), live(1, lesson_id=None), live(0, "cam2")]
    assert journal.append(kept) == 4
    expected = [kept[1], kept[3], kept[2], kept[0]]
    assert journal.recent(NINE) == expected
    assert journal.recent(NINE + TEN_SECONDS) == expected[2:]
    journal.close()
    with Journal(path) as again:
        assert again.recent(NINE) == expected


def test_a_window_that_is_sent_again_is_ignored_and_not_counted(journal: Journal) -> None:
    assert journal.append([live(0), live(0), live(1)]) == 2
    assert journal.append([live(1), live(2), live(2, "cam2")]) == 2
    assert journal.append([live(0, template=withheld(NINE))]) == 0
    assert journal.recent(NINE)[0] == live(0)
    assert journal.append([]) == 0


def test_windows_wait_until_they_are_marked_and_only_those_that_were_seen(
    journal: Journal,
) -> None:
    journal.append([live(0), live(1), live(6), live(0, "cam2")])
    assert journal.pending() == (4, NINE)
    minute = Minute("hill", "cam1", NINE)
    late = live(3)
    journal.append([late])  # after the flush has read the minute
    done = FlushedMinute(minute, (NINE, NINE + TEN_SECONDS), from_archive=False)
    assert journal.mark_flushed([done]) == 2
    assert journal.mark_flushed([done]) == 0
    assert journal.pending() == (3, NINE)
    soon = NINE + timedelta(minutes=2)
    assert journal.minutes_to_flush(soon) == [
        minute,
        Minute("hill", "cam2", NINE),
        Minute("hill", "cam1", NINE + timedelta(minutes=1)),
    ]
    assert journal.windows_in(minute) == [live(0), live(1), late]


def test_only_minutes_that_are_over_are_to_be_flushed(journal: Journal) -> None:
    journal.append([live(0), live(6)])
    assert journal.minutes_to_flush(NINE + timedelta(seconds=59)) == []
    assert len(journal.minutes_to_flush(NINE + timedelta(seconds=60))) == 1
    assert len(journal.minutes_to_flush(NINE + timedelta(seconds=120))) == 2
    assert len(journal.minutes_to_flush(NINE + timedelta(seconds=120), limit=1)) == 1


def test_an_empty_journal_is_empty(journal: Journal) -> None:
    assert journal.pending() == (0, None)
    assert journal.recent(NINE) == []
    assert journal.minutes_to_flush(NINE) == []
    assert journal.delete_old() == 0


@pytest.mark.parametrize("jump", [timedelta(hours=7), timedelta(hours=-7)])
def test_windows_are_deleted_some_hours_after_they_are_in_the_lake_whatever_the_clock(
    path: Path, jump: timedelta
) -> None:
    now = [NINE]
    with Journal(path, clock=lambda: now[0], retention_hours=6) as journal:
        journal.append([live(0), live(1)])
        minute = Minute("hill", "cam1", NINE)
        journal.mark_flushed([FlushedMinute(minute, (NINE,), from_archive=False)])
        now[0] += timedelta(hours=5)
        assert journal.delete_old() == 0
        now[0] = NINE + jump
        assert journal.delete_old() == 1
        assert journal.recent(NINE) == [live(1)], "what waits is never forgotten"


def test_several_threads_keep_each_window_once(journal: Journal) -> None:
    def keep(shift: int) -> int:
        return sum(journal.append([live(shift + step), live(step)]) for step in range(20))

    with ThreadPoolExecutor(8) as pool:
        new = sum(pool.map(keep, range(8)))
    assert new == len(journal.recent(NINE)) == 27


@pytest.mark.parametrize(
    "changes",
    [
        {"camera_id": "../../cam1"},
        {"school_id": "a/b"},
        {"room_id": ""},
        {"camera_id": "cam\n1"},
        {"template": window(NINE, window_seconds=20)},
    ],
)
def test_a_window_that_has_no_place_in_the_lake_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"pattern|least|window"):
        live(0, **changes)


def test_a_window_beside_the_clocks_ten_seconds_cannot_be_made() -> None:
    for start in (NINE + timedelta(seconds=3), NINE.replace(tzinfo=None)):
        with pytest.raises(ValueError, match="cannot start"):
            PublishedWindow(window=window(start), camera_id="cam1", room_id="r1", school_id="hill")


def test_a_window_without_a_model_is_rejected(journal: Journal) -> None:
    with pytest.raises(ValueError, match="without a model"):
        journal.append([live(0), live(1, model="")])
    assert journal.pending() == (0, None)


RELEASED_ROW = """
INSERT INTO windows VALUES (
  'cam1', 1772442000000000, 'r1', 'hill', 'maths',
  '{"frames": 20, "people_max": 12, "people_mean": 12.0, "suppressed": false,
    "hand_raised_share": 0.05, "reading_share": 0.3, "writing_share": 0.3,
    "head_down_share": 0.05, "standing_share": 0.05, "unclear_share": 0.05,
    "hand_raises": 1, "window_seconds": 10}',
  'pose@1', NULL
)
"""
"""A row as release 0.1.0 writes it; journals outlive the code that wrote them."""


def test_a_row_of_an_earlier_release_is_read(journal: Journal, path: Path) -> None:
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(RELEASED_ROW)
        connection.commit()
    with Journal(path) as again:
        [found] = again.recent(NINE)
    assert (found.camera_id, found.room_id, found.school_id) == ("cam1", "r1", "hill")
    assert (found.lesson_id, found.model) == ("maths", "pose@1")
    assert (found.window.window_start, found.window.people_max) == (NINE, 12)
    assert (found.window.desk_work_share, found.window.people_low) == (0.6, None)
    assert (found.number, found.event_id) == (0, 0)


def test_a_row_that_breaks_the_suppression_is_not_returned_and_is_deleted(
    journal: Journal, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal.append([live(0), live(1), live(2)])
    journal.close()
    with closing(sqlite3.connect(path)) as connection:
        small = "json_set(told, '$.people_mean', 3.0)"
        connection.execute(f"UPDATE windows SET told = {small} WHERE rowid = 1")  # noqa: S608
        connection.execute("UPDATE windows SET camera_id = '../x' WHERE rowid = 2")
        connection.commit()
    with Journal(path) as again:
        assert again.recent(NINE) == [live(2)]
        assert "is invalid and is left out" in caplog.text
        assert again.windows_in(Minute("hill", "cam1", NINE)) == [live(2)]
        assert again.windows_in(Minute("hill", "../x", NINE)) == []
        assert again.pending() == (1, NINE + 2 * TEN_SECONDS)


def test_a_second_process_is_rejected_until_the_first_is_killed(path: Path) -> None:
    holder = process(path, HOLDER)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalError, match="another process has locked") as refused:
            Journal(path)
        assert refused.value.where == str(path)
        assert refused.value.hint
    finally:
        holder.kill()
        holder.communicate()
    with Journal(path) as journal:
        assert journal.append([live(0)]) == 1


def test_a_second_opener_in_the_same_process_is_rejected_or_waits(journal: Journal) -> None:
    path = journal._file.path
    with pytest.raises(JournalError, match="another process has locked"):
        Journal(path)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(Journal, path, wait_seconds=30)
        journal.append([live(0)])
        journal.close()
        with waiting.result() as next_one:
            assert next_one.recent(NINE) == [live(0)]


def test_a_closed_journal_reports_it(journal: Journal) -> None:
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append([live(0)])
    journal.close()


def test_after_sigkill_every_acknowledged_window_is_there_once(path: Path) -> None:
    random, acknowledged = Random(4), -1
    for _ in range(12):
        appender = process(path, APPENDER, str(acknowledged + 1))
        assert appender.stdout is not None
        for _ in range(random.randint(1, 60)):
            acknowledged = int(appender.stdout.readline()) + 2
        appender.kill()
        rest = appender.communicate()[0].split()  # acknowledged before the signal came
        acknowledged = max([acknowledged, *(int(line) + 2 for line in rest)])
        with Journal(path) as journal:
            kept = [each.window.window_start for each in journal.recent(NINE)]
            assert kept == [NINE + number * TEN_SECONDS for number in range(len(kept))]
            assert len(kept) > acknowledged
            assert len(kept) % 3 == 0, "half of a transaction"
            assert journal.moved_aside == []


def test_a_full_disk_refuses_whole_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk, Journal(disk / "journal.sqlite") as journal:
        journal.append([live(0)])
        fill(disk)
        tried = [[live(1 + 300 * turn + step) for step in range(300)] for turn in range(3)]
        for batch in tried:
            with pytest.raises(JournalError, match="the disk is full") as refused:
                journal.append(batch)
            assert refused.value.hint is not None
            assert "room" in refused.value.hint
            assert journal.recent(NINE) == [live(0)]
            assert journal.pending() == (1, NINE)
        (disk / "filler").unlink()
        assert journal.append(tried[1]) == 300
        assert len(journal.recent(NINE)) == 301


def test_a_journal_of_before_can_be_opened_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        with Journal(disk / "journal.sqlite") as journal:
            journal.append([live(0)])
        fill(disk)
        with Journal(disk / "journal.sqlite") as journal:
            assert journal.recent(NINE) == [live(0)]
            assert journal.moved_aside == []


def test_a_read_only_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        with Journal(disk / "journal.sqlite") as journal:
            journal.append([live(0)])
        make_read_only(disk)
        with pytest.raises(JournalError) as refused:
            Journal(disk / "journal.sqlite")
        assert refused.value.hint
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        with Journal(disk / "journal.sqlite") as journal:
            assert journal.recent(NINE) == [live(0)]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path / "file" / "journal.sqlite")
    (tmp_path / "folder" / "journal.sqlite").mkdir(parents=True)
    with pytest.raises(JournalError, match="cannot be"):
        Journal(tmp_path / "folder" / "journal.sqlite")


def whole_journal(path: Path) -> bytes:
    """A closed journal of a hundred windows, as bytes."""
    with Journal(path) as journal:
        journal.append([live(number) for number in range(100)])
    return path.read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "garbage": lambda _: b"not a database" * 1000,
    "zeros": lambda whole: bytes(len(whole)),
    "half": lambda whole: whole[: len(whole) // 2],
    "one page": lambda whole: whole[:4096],
    "a few bytes": lambda whole: whole[:50],
    "a broken page": lambda whole: whole[:8192] + b"\xff" * 4096 + whole[12288:],
    "another version": lambda whole: whole[:60] + b"\0\0\0\x63" + whole[64:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_is_kept_aside_and_a_new_one_is_begun(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = DAMAGES[damage](whole_journal(path))
    path.write_bytes(damaged)
    with caplog.at_level(logging.WARNING), Journal(path, clock=lambda: NINE) as journal:
        [aside] = journal.moved_aside
        assert aside.name == "journal-damaged-20260302T090000Z.sqlite"
        assert aside.read_bytes() == damaged
        assert str(path) in caplog.text
        assert aside.name in caplog.text
        assert journal.append([live(0)]) == 1
        assert journal.recent(NINE) == [live(0)]
    path.write_bytes(damaged)
    with Journal(path, clock=lambda: NINE) as journal:
        assert [p.name for p in journal.moved_aside] == [
            "journal-damaged-20260302T090000Z-2.sqlite"
        ]


def test_a_database_of_somebody_else_is_not_overwritten(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 1 AS x")
        connection.commit()
    whole = path.read_bytes()
    with Journal(path) as journal:
        assert [aside.read_bytes() for aside in journal.moved_aside] == [whole]


def test_a_log_without_its_file_is_kept_too(path: Path) -> None:
    appender = process(path, APPENDER, "0")
    assert appender.stdout is not None
    appender.stdout.readline()
    appender.kill()
    appender.communicate()
    log = path.with_name(f"{path.name}-wal")
    content = log.read_bytes()
    assert content
    path.write_bytes(b"")
    with Journal(path) as journal:
        [aside] = journal.moved_aside
        assert aside.with_name(f"{aside.name}-wal").read_bytes() == content
        assert journal.append([live(0)]) == 1


def test_a_file_that_breaks_while_it_is_open_is_replaced_at_the_next_call(path: Path) -> None:
    with Journal(path) as journal:
        journal.append([live(number) for number in range(12_000)])  # more than SQLite's cache
    with Journal(path) as journal:
        path.write_bytes(b"\xff" * path.stat().st_size)
        with pytest.raises(JournalError):
            journal.recent(NINE)
        assert journal.append([live(0)]) == 1
        assert len(journal.moved_aside) == 1
        assert journal.recent(NINE) == [live(0)]


@effort(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_bytes_are_damaged_it_opens_and_returns_nothing_suppressed(
    path: Path, tmp_path: Path, data: st.DataObject
) -> None:
    source = tmp_path / "whole.sqlite"
    whole = source.read_bytes() if source.exists() else whole_journal(source)
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(broken) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(broken[: data.draw(st.integers(1, len(broken)))]))
    for _ in range(2):  # a file may show its damage only when it is read
        try:
            with Journal(path) as journal:
                journal.append([live(0, "fresh")])
                kept = journal.recent(NINE - timedelta(days=9999))
                assert live(0, "fresh") in kept
                break
        except JournalError:
            continue
    else:
        pytest.fail("it did not come up")
    path.unlink()
