"""From the journal to the lake: each window once, or the archive's part; whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event, Thread, Timer
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cluster.activity.published import PublishedWindow
from cluster.district import Timetable
from cluster.errors import JournalError, LakeError
from cluster.settings import Settings, load_settings
from cluster.vision.pose.weights import WeightsFile
from cluster.warehouse.lake import Lake, PartKey, PartMetadata
from cluster.warehouse.live.flush import FlushResult, flush, live_run_id
from cluster.warehouse.live.journal import Journal
from cluster.warehouse.publish import publish
from cluster.warehouse.published_shares import keep_published
from cluster.warehouse.query import run_query
from tests.conftest import write_settings
from tests.disks import small_disk
from tests.plugins.hypothesis_profiles import examples
from tests.warehouse.live.test_journal import NINE, TEN_SECONDS, live
from tests.warehouse.test_lake import (
    HOLDER,
    fill,
    python,
    rows_of,
    run_row,
    run_states,
    window,
    withheld,
)

pytestmark = [pytest.mark.slow, pytest.mark.durable]

WEIGHTS = WeightsFile("pose", Path("pose.pt"), "0123456789ab" + "0" * 52, "package", "AGPL-3.0")
MODEL = WEIGHTS.model_id
LATER = NINE + timedelta(hours=1)
KEY = PartKey("hill", "2026-03-02", "cam1", NINE)
PLACES = {"cam1": "r1", "cam2": "bus"}

FLUSHER = """
import sys
from datetime import timedelta
from pathlib import Path
from cluster.settings import load_settings
from cluster.warehouse.live.journal import Journal
from cluster.warehouse.lake import Lake
from cluster.warehouse.live.flush import flush
from tests.warehouse.live.test_flush import LATER, WEIGHTS
settings = load_settings(Path(sys.argv[1]))
journal = Journal(settings.data_dir / "journal.sqlite")
print("ready", flush=True)
flush(journal, Lake(settings.lake_dir), settings, weights=WEIGHTS, now=LATER + timedelta(days=1))
"""


def seen(number: int, camera_id: str = "cam1", **changes: Any) -> PublishedWindow:
    """A live window of one of the two cameras."""
    made = {"room_id": PLACES.get(camera_id, "r1"), "model": MODEL, **changes}
    return live(number, camera_id, **made)


def flushed(
    journal: Journal, settings: Settings, now: datetime = LATER, **options: Any
) -> FlushResult:
    return flush(journal, Lake(settings.lake_dir), settings, weights=WEIGHTS, now=now, **options)


def stored(settings: Settings) -> list[tuple[str, datetime, str]]:
    """Each window in the lake as (camera, start, source)."""
    folder = settings.lake_dir / "activity_windows"
    return sorted(
        (row["camera_id"], row["window_start"], row["source"])
        for path in folder.glob("*/*/*.parquet")
        for row in pq.read_table(path, partitioning=None).to_pylist()
    )


def run_of(settings: Settings, run_id: str = "live-20260302") -> dict[str, Any]:
    row = Lake(settings.lake_dir).read_run(run_id)
    assert row is not None
    return row


@pytest.fixture
def journal(school: Settings) -> Iterator[Journal]:
    with Journal(school.data_dir / "journal.sqlite", clock=lambda: LATER) as opened:
        yield opened


def test_a_minute_that_is_over_becomes_a_part_with_its_windows(
    school: Settings, journal: Journal
) -> None:
    windows = [seen(0), seen(1, template=withheld(NINE)), seen(5, lesson_id=None)]
    journal.append(windows)
    assert flushed(journal, school) == FlushResult(windows=3, minutes=1)

    part = Lake(school.lake_dir).read_part(KEY)
    assert part is not None
    facts, rows = part
    assert facts.analysis == f"live:{MODEL}"
    assert facts.covered == tuple(
        (NINE.timestamp() + 10 * n, NINE.timestamp() + 10 * n + 10) for n in (0, 1, 5)
    )
    assert [row["lesson_id"] for row in rows] == ["maths", "maths", None]
    expected = rows_of([each.window for each in windows])
    made = {"source": "live", "run_id": "live-20260302", "model": MODEL}
    assert [{**row, "lesson_id": None} for row in rows] == [{**row, **made} for row in expected]
    assert journal.pending() == (0, None)
    assert flushed(journal, school) == FlushResult()


def test_a_minute_waits_until_its_grace_is_over(school: Settings, journal: Journal) -> None:
    journal.append([seen(0)])
    over = NINE + timedelta(seconds=60)
    assert flushed(journal, school, over + timedelta(seconds=4), grace_seconds=5) == FlushResult()
    done = flushed(journal, school, over + timedelta(seconds=5), grace_seconds=5)
    assert done.windows == 1


def test_the_archive_job_would_make_the_part_again(school: Settings, journal: Journal) -> None:
    journal.append([seen(number) for number in range(6)])
    flushed(journal, school)
    [facts] = Lake(school.lake_dir).read_metadata([KEY])
    assert facts is not None
    wanted = [(NINE.timestamp(), NINE.timestamp() + 60)]
    assert not facts.satisfies(f"{MODEL}/0123456789ab", wanted)


def test_a_late_window_joins_its_part_though_the_journal_forgot_the_others(
    school: Settings,
) -> None:
    now = [NINE]
    with Journal(school.data_dir / "j.sqlite", clock=lambda: now[0], retention_hours=1) as journal:
        journal.append([seen(0), seen(1)])
        flushed(journal, school)
        now[0] += timedelta(hours=2)
        assert journal.delete_old() == 2
        journal.append([seen(3), seen(0, template=withheld(NINE))])
        assert flushed(journal, school).windows == 2
    starts = [NINE + number * TEN_SECONDS for number in (0, 1, 3)]
    assert stored(school) == [("cam1", start, "live") for start in starts]
    part = Lake(school.lake_dir).read_part(KEY)
    assert part is not None
    assert part[1][0]["suppressed"] is False, "the first of two stands"


def test_the_archives_part_is_kept_but_where_shares_were_published_live(
    school: Settings, journal: Journal
) -> None:
    lake = Lake(school.lake_dir)
    facts = PartMetadata(f"{MODEL}/0123456789ab", ((NINE.timestamp(), NINE.timestamp() + 60),))
    archived = [window(NINE), window(NINE + TEN_SECONDS), withheld(NINE + 2 * TEN_SECONDS)]
    lake.write_part(KEY, facts, rows_of(archived))
    few = withheld(NINE)
    journal.append([seen(0, template=few), seen(1), seen(2), seen(3), seen(4, template=few)])
    assert flushed(journal, school) == FlushResult(windows=5, minutes=1)
    sources = ["archive", "live", "archive", "live"]
    assert stored(school) == [
        ("cam1", NINE + n * TEN_SECONDS, source) for n, source in enumerate(sources)
    ]
    assert lake.read_metadata([KEY]) == [facts]
    run = run_of(school)
    assert (run["segments_done"], run["segments_skipped"], run["footage_seconds"]) == (0, 1, 0.0)


def test_the_archives_part_is_kept_once_it_is_published(school: Settings, journal: Journal) -> None:
    Lake(school.lake_dir).write_part(KEY, PartMetadata("a", ()), rows_of([window(NINE)]))
    publish(school, Timetable(), now=LATER)
    journal.append([seen(0), seen(1)])
    flushed(journal, school)
    assert stored(school) == [("cam1", NINE, "archive"), ("cam1", NINE + TEN_SECONDS, "live")]


def test_a_part_that_cannot_be_understood_is_made_again(school: Settings, journal: Journal) -> None:
    path = Lake(school.lake_dir).part_path(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1" + b"\xff" * 100)
    journal.append([seen(0)])
    assert flushed(journal, school).windows == 1
    assert stored(school) == [("cam1", NINE, "live")]


def test_a_part_that_the_disk_does_not_give_stops_only_its_own_minute(
    school: Settings, journal: Journal
) -> None:
    path = Lake(school.lake_dir).part_path(KEY)
    path.mkdir(parents=True)
    journal.append([seen(0), seen(6)])
    done = flushed(journal, school)
    assert (done.windows, done.has_more) == (1, True)
    assert str(path) in done.reason
    assert journal.pending() == (1, NINE)
    path.rmdir()
    assert flushed(journal, school) == FlushResult(windows=1, minutes=1)


def test_a_night_is_divided_by_the_schools_date_and_the_runs_by_utcs(
    school: Settings, journal: Journal
) -> None:
    journal.append([seen(6 * 60 * 13 + 6 * 59), seen(6 * 60 * 14 + 6 * 59), seen(6 * 60 * 15)])
    assert flushed(journal, school, NINE + timedelta(days=2)).minutes == 3
    parts = sorted(path.parent.name for path in school.lake_dir.glob("activity_windows/*/*/*"))
    assert parts == ["date=2026-03-02", "date=2026-03-03", "date=2026-03-03"]
    assert run_states(Lake(school.lake_dir)) == {
        "live-20260302": "completed",
        "live-20260303": "completed",
    }
    # 22:59 UTC is 23:59 in Oslo: the second part's minute is of the next date there.
    assert run_of(school)["segments_done"] == 2


def test_a_day_has_one_row_that_grows(school: Settings, journal: Journal) -> None:
    journal.append([seen(0), seen(1), seen(0, "cam2")])
    flushed(journal, school)
    row = run_of(school)
    assert row == {
        "run_id": "live-20260302",
        "started_at": NINE,
        "ended_at": NINE + 2 * TEN_SECONDS,
        "state": "completed",
        "segments_done": 2,
        "segments_skipped": 0,
        "files_failed": 0,
        "footage_seconds": 30.0,
        "wall_seconds": 20.0,
        "model": MODEL,
        "k": 5,
        "homeroom_version": row["homeroom_version"],
    }
    journal.append([seen(2), seen(7)])
    flushed(journal, school)
    row = run_of(school)
    assert (row["segments_done"], row["footage_seconds"]) == (3, 50.0)
    assert row["ended_at"] == NINE + 8 * TEN_SECONDS
    assert run_states(Lake(school.lake_dir)) == {"live-20260302": "completed"}


@pytest.mark.parametrize(("counted_k", "shares"), [(5, 0), (10, 6)])
def test_windows_that_waited_while_k_was_raised_follow_the_k_they_were_counted_with(
    tmp_path: Path, counted_k: int, shares: int
) -> None:
    strict = load_settings(write_settings(tmp_path, k=10))
    with Journal(strict.data_dir / "journal.sqlite") as journal:
        journal.append([seen(number, k=counted_k) for number in range(6)])
        flushed(journal, strict)
        journal.append([seen(6, k=10)])
        flushed(journal, strict)
    assert run_of(strict)["k"] == counted_k
    publish(strict, Timetable(), now=LATER)
    first = "SELECT count(*) AS n FROM activity_windows WHERE NOT suppressed AND window_start < "
    asked = run_query(strict, f"{first} '{NINE + timedelta(minutes=1)}'")
    assert asked.to_pylist() == [{"n": shares}]


def test_a_part_is_in_the_lake_only_once_its_run_states_the_k(
    school: Settings, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(lake: Lake, _row: Any) -> None:
        raise LakeError("the disk is full.", where=str(lake.folder))

    journal.append([seen(0)])
    with monkeypatch.context() as patched:
        patched.setattr(Lake, "write_run", fail)
        assert flushed(journal, school).reason
    assert stored(school) == []
    assert not flushed(journal, school).reason
    assert (len(stored(school)), run_of(school)["k"]) == (1, 5)


def test_a_journal_that_is_replaced_does_not_lower_its_day(school: Settings) -> None:
    for turn, windows in enumerate(([seen(0), seen(6), seen(12)], [seen(18)])):
        with Journal(school.data_dir / f"journal-{turn}.sqlite") as journal:
            journal.append(windows)
            flushed(journal, school)
    row = run_of(school)
    assert (row["segments_done"], row["started_at"]) == (3, NINE)
    assert row["ended_at"] == NINE + 19 * TEN_SECONDS
    assert len(stored(school)) == 4


def test_models_are_published_even_for_windows_that_waited_for_a_change(
    school: Settings, journal: Journal
) -> None:
    journal.append([seen(0)])
    newer = WeightsFile("pose", Path("pose.pt"), "f" * 64, "file", "AGPL-3.0")
    with Lake(school.lake_dir).locked():
        flushed(journal, school)
    journal.append([seen(6, model=newer.model_id)])
    flush(journal, Lake(school.lake_dir), school, weights=newer, now=LATER)
    kept = {path.stem for path in (school.lake_dir / "models").glob("*.parquet")}
    assert kept == {MODEL, newer.model_id}
    assert run_of(school)["model"] == newer.model_id


def test_a_room_or_school_that_left_the_settings_does_not_stop_the_others(
    school: Settings, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.append([seen(0, "old-cam", school_id="closed", room_id="gone"), seen(0)])
    assert flushed(journal, school).windows == 2
    assert "closed" in caplog.text
    assert {camera for camera, _, _ in stored(school)} == {"cam1", "old-cam"}


def test_while_the_archive_job_holds_the_lake_windows_wait(
    school: Settings, journal: Journal
) -> None:
    journal.append([seen(0)])
    holder = python(HOLDER, school.lake_dir)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = flushed(journal, school)
        assert (done.windows, done.has_more) == (0, True)
        assert "another run is writing" in done.reason
        assert journal.pending() == (1, NINE)
    finally:
        holder.kill()
        holder.communicate()
    assert flushed(journal, school).windows == 1


def test_the_archive_job_waits_for_a_flush_that_ends(school: Settings) -> None:
    lake, held, waiting = Lake(school.lake_dir), Event(), Event()

    def hold() -> None:
        with lake.locked(sweep=False):
            held.set()
            waiting.wait(30)

    holder = Thread(target=hold)
    holder.start()
    assert held.wait(30)
    release = Timer(0.3, waiting.set)
    release.start()
    with Lake(school.lake_dir).locked(wait_seconds=30):
        assert waiting.is_set()
    holder.join()
    release.join()


def test_a_flush_ends_nobodys_run_and_the_archive_job_ends_no_live_day(
    school: Settings, journal: Journal
) -> None:
    lake = Lake(school.lake_dir)
    lake.write_run(run_row("run-1", "running"))
    journal.append([seen(0)])
    flushed(journal, school)
    assert run_states(lake) == {"run-1": "running", "live-20260302": "completed"}
    with lake.locked():
        lake.mark_interrupted_runs()
    assert run_states(lake) == {"run-1": "stopped", "live-20260302": "completed"}


def test_a_flush_gives_the_lake_back_when_its_time_is_over(
    school: Settings, journal: Journal
) -> None:
    journal.append([seen(6 * number) for number in range(5)])
    assert flushed(journal, school, max_lock_seconds=0) == FlushResult(
        windows=1, minutes=1, has_more=True
    )
    for _ in range(3):
        assert flushed(journal, school, max_lock_seconds=0).has_more
    assert flushed(journal, school, max_lock_seconds=0) == FlushResult(windows=1, minutes=1)
    assert len(stored(school)) == 5


def test_a_full_disk_under_the_lake_leaves_windows_in_the_journal(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        known = load_settings(write_settings(tmp_path, data_dir=str(disk)))
        with Journal(tmp_path / "journal.sqlite") as journal:
            journal.append([seen(0)])
            flushed(journal, known)
            fill(disk)
            journal.append([seen(1), seen(6)])
            done = flushed(journal, known)
            assert (done.windows, done.has_more) == (0, True)
            assert "the disk is full" in done.reason
            assert journal.pending() == (2, NINE + TEN_SECONDS)
            assert stored(known) == [("cam1", NINE, "live")]
            (disk / "filler").unlink()
            assert flushed(journal, known).windows == 2
            assert len(stored(known)) == 3
            assert run_of(known)["segments_done"] == 2


def test_a_full_disk_under_the_journal_makes_nothing_double(tmp_path: Path) -> None:
    known = load_settings(write_settings(tmp_path))
    with small_disk(tmp_path / "disk", "1m") as disk, Journal(disk / "journal.sqlite") as journal:
        number = 0
        fill_to = 64
        while fill_to > 3:  # until there is hardly room for another window
            try:
                journal.append([seen(number + step) for step in range(fill_to)])
                number += fill_to
            except JournalError:
                fill_to //= 2
        fill(disk)
        with pytest.raises(JournalError, match="full"):
            flushed(journal, known, NINE + timedelta(days=9))
        (disk / "filler").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        while flushed(journal, known, NINE + timedelta(days=9)).has_more:
            pass
        starts = [NINE + each * TEN_SECONDS for each in range(number)]
        assert stored(known) == [("cam1", start, "live") for start in starts]


def test_live_parts_are_published_beside_the_archives(school: Settings, journal: Journal) -> None:
    lake = Lake(school.lake_dir)
    lake.write_part(
        PartKey("hill", "2026-03-02", "cam1", NINE - timedelta(minutes=1)),
        PartMetadata("pose@1/abc", ()),
        rows_of([window(NINE - TEN_SECONDS)]),
    )
    journal.append(
        [*[seen(number) for number in range(6)], seen(0, "cam2", template=withheld(NINE))]
    )
    flushed(journal, school)
    published = publish(school, Timetable(), now=LATER)
    assert published.rows["activity_windows"] == 8
    sources = run_query(
        school, "SELECT source, count(*) AS n FROM activity_windows GROUP BY ALL ORDER BY 1"
    )
    assert sources.to_pylist() == [{"source": "archive", "n": 1}, {"source": "live", "n": 7}]
    orphans = run_query(
        school,
        "SELECT count(*) AS n FROM activity_windows WHERE source = 'live' AND NOT "
        "(run_id IN (SELECT run_id FROM runs) AND model IN (SELECT model FROM models))",
    )
    assert orphans.to_pylist() == [{"n": 0}]


def test_a_flush_that_is_killed_anywhere_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    known = load_settings(path)
    expected = [
        (camera, NINE + number * TEN_SECONDS, "live")
        for camera in PLACES
        for number in range(6 * 40)
    ]
    with Journal(known.data_dir / "journal.sqlite") as journal:
        journal.append([seen(n, camera) for camera in PLACES for n in range(6 * 40)])
    random, killed = Random(4), 0
    for _ in range(6):
        flusher = subprocess.Popen(
            [sys.executable, "-c", FLUSHER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert flusher.stdout is not None
        assert flusher.stdout.readline() == "ready\n"
        try:
            flusher.wait(random.uniform(0.01, 0.2))
        except subprocess.TimeoutExpired:
            os.kill(flusher.pid, signal.SIGKILL)
        killed += flusher.wait() == -signal.SIGKILL
        flusher.stdout.close()
        so_far = stored(known)
        assert len(so_far) == len(set(so_far))
        assert set(so_far) <= set(expected)
    assert killed, "none was killed while it worked"
    with Journal(known.data_dir / "journal.sqlite") as journal:
        flushed(journal, known, LATER + timedelta(days=1))
        assert journal.pending() == (0, None)
    assert stored(known) == sorted(expected)
    row = run_of(known)
    assert (row["segments_done"], row["footage_seconds"]) == (80, 4800.0)


class Killed(BaseException):
    """The process ends here."""


class MortalLake(Lake):
    """A lake whose process is killed before, or after, one of its writes."""

    def __init__(self, folder: Path, after: int) -> None:
        super().__init__(folder)
        self.after = after

    def _one_step(self) -> None:
        self.after -= 1
        if self.after < 0:
            raise Killed

    def write_part(self, key: PartKey, facts: PartMetadata, rows: Sequence[dict[str, Any]]) -> None:
        self._one_step()
        super().write_part(key, facts, rows)
        self._one_step()

    def write_run(self, row: dict[str, Any]) -> None:
        self._one_step()
        super().write_run(row)
        self._one_step()


@dataclass
class World:
    """A school with a journal and a lake, and what must be in the lake in the end."""

    settings: Settings
    now: datetime = LATER
    starts: set[tuple[str, datetime]] = field(default_factory=set)
    archived: set[tuple[str, datetime]] = field(default_factory=set)

    @contextmanager
    def opened(self) -> Iterator[Journal]:
        path = self.settings.data_dir / "journal.sqlite"
        with Journal(path, clock=lambda: self.now, retention_hours=1) as journal:
            yield journal

    def append(self, windows: list[tuple[int, str]]) -> None:
        with self.opened() as journal:
            journal.append([seen(number, camera) for number, camera in windows])
        self.starts |= {(camera, NINE + n * TEN_SECONDS) for n, camera in windows}

    def flush(self, killed_after: int | None) -> None:
        lake = MortalLake(self.settings.lake_dir, 10_000 if killed_after is None else killed_after)
        with self.opened() as journal:
            try:
                flush(journal, lake, self.settings, weights=WEIGHTS, now=self.now)
            except Killed:
                return
            journal.delete_old()

    def analyse_archive(self, minute: int, camera: str) -> None:
        """As the job does: a minute, in the place of all but what was published of it."""
        starts_at = NINE + timedelta(minutes=minute)
        key = PartKey("hill", "2026-03-02", camera, starts_at)
        lake = Lake(self.settings.lake_dir)
        with lake.locked():
            rows = rows_of([window(starts_at)], camera_id=camera, room_id=PLACES[camera])
            if (existing := lake.read_part(key)) is not None:
                rows = keep_published(existing[1], rows, frozenset(), k=5)
            lake.write_part(key, PartMetadata("pose@1/abc", ()), rows)
        self.archived.add((camera, starts_at))

    def must_be_stored(self) -> list[tuple[str, datetime, str]]:
        live_ones = {(*each, "live") for each in self.starts}
        return sorted(live_ones | {(*each, "archive") for each in self.archived - self.starts})


_WINDOWS = st.lists(
    st.tuples(st.integers(0, 17), st.sampled_from(sorted(PLACES))), min_size=1, max_size=8
)
_STEPS = st.one_of(
    st.tuples(st.just("append"), _WINDOWS),
    st.tuples(st.just("flush"), st.none() | st.integers(0, 8)),
    st.tuples(st.just("archive"), st.integers(0, 2), st.sampled_from(sorted(PLACES))),
    st.tuples(st.just("clock"), st.integers(-30, 30)),
)


@effort(max_examples=examples(40), deadline=None)
@given(st.lists(_STEPS, max_size=12))
def test_in_any_order_each_window_is_in_the_lake_once_and_live_shares_stay(
    steps: list[tuple[Any, ...]],
) -> None:
    with TemporaryDirectory() as folder:
        world = World(load_settings(write_settings(Path(folder))))
        for name, *arguments in steps:
            if name == "append":
                world.append(arguments[0])
            elif name == "flush":
                world.flush(arguments[0])
            elif name == "archive":
                world.analyse_archive(*arguments)
            else:
                world.now += timedelta(minutes=10 * arguments[0])
            so_far = stored(world.settings)
            assert len({each[:2] for each in so_far}) == len(so_far), "a window stands twice"
        world.now = NINE + timedelta(days=3)
        world.flush(None)
        assert stored(world.settings) == world.must_be_stored()
        publish(world.settings, Timetable(), now=LATER)


def test_a_window_belongs_to_the_run_of_its_day_in_utc() -> None:
    moment = datetime.fromisoformat("2026-03-03T00:30:00+01:00")
    assert live_run_id(moment) == "live-20260302"
    assert live_run_id(datetime(2026, 3, 3, tzinfo=UTC)) == "live-20260303"
