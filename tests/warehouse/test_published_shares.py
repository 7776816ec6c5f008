"""The record of what has been published: the first writer decides, nothing is lost (R3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cluster.errors import LakeError, LakeUnwritable
from cluster.warehouse.published_shares import PublishedShares, ShareCamera, keep_published
from tests.warehouse.test_lake import rows_of, window, withheld

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
K = 10


def live(camera_id: str) -> ShareCamera:
    return ShareCamera(camera_id, "live")


@pytest.fixture
def store(tmp_path: Path) -> PublishedShares:
    return PublishedShares(tmp_path / "lake")


def test_the_first_choice_of_a_room_and_day_stays(store: PublishedShares) -> None:
    assert store.cameras() == {}
    assert store.fix_cameras({("r1", MONDAY): live("front")}) == {("r1", MONDAY): live("front")}
    later = {
        ("r1", MONDAY): live("back"),
        ("r2", MONDAY): live("side"),
        ("r1", TUESDAY): live("back"),
    }
    assert store.fix_cameras(later) == {**later, ("r1", MONDAY): live("front")}
    assert store.cameras() == {**later, ("r1", MONDAY): live("front")}
    assert store.cameras([TUESDAY]) == {("r1", TUESDAY): live("back")}


def test_of_writers_at_once_one_decides(store: PublishedShares) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda n: store.fix_cameras({("r1", MONDAY): live(f"cam{n}")}), range(8))
        )
    assert len({each["r1", MONDAY] for each in made}) == 1
    assert store.cameras() == made[0]


def test_published_runs_add_up(store: PublishedShares) -> None:
    store.add_runs(["run-1"])
    store.add_runs(["run-2", "run-1"])
    assert store.runs() == {"run-1", "run-2"}


@pytest.mark.parametrize("content", ["", "{", '{"r1": "front"}', '{"r1": ["../x", "live"]}'])
def test_a_damaged_record_is_an_error_and_not_an_empty_one(
    store: PublishedShares, content: str
) -> None:
    store.fix_cameras({("r1", MONDAY): live("front")})
    path = store.folder / "2026-03-02.json"
    path.write_text(content)
    with pytest.raises(LakeError, match="cannot be read") as refused:
        store.cameras()
    assert refused.value.where == str(path)
    with pytest.raises(LakeError, match="cannot be read"):
        store.fix_cameras({("r1", MONDAY): live("back")})
    assert path.read_text() == content


def test_a_record_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("in the way")
    with pytest.raises(LakeUnwritable, match="It is not published"):
        PublishedShares(tmp_path / "lake").fix_cameras({("r1", MONDAY): live("front")})


def test_shares_that_were_published_stay_when_a_minute_is_analysed_again() -> None:
    starts = [NINE + timedelta(seconds=10 * n) for n in range(6)]
    before = [
        {**row, "source": "live", "run_id": "live-20260302"}
        for row in rows_of(
            [
                window(starts[0], reading_share=0.5),
                withheld(starts[1], people_mean=8.0, people_max=9),
                withheld(starts[2], people_mean=8.0, people_max=10),
                window(starts[3], reading_share=0.5),
                window(starts[5], reading_share=0.5),
            ]
        )
    ]
    new = rows_of([*map(window, starts[:3]), withheld(starts[3]), window(starts[4])])
    merged = keep_published(before, new, frozenset(), K)
    assert [row["window_start"] for row in merged] == starts
    assert [row["reading_share"] for row in merged] == [0.5, 0.3, None, None, 0.3, 0.5]


def test_a_run_that_was_not_published_is_replaced() -> None:
    old, new = rows_of([window(NINE, reading_share=0.5)]), rows_of([window(NINE)])
    assert keep_published(old, new, frozenset(), K) == new
    assert keep_published(old, new, frozenset(["run-1"]), K) == old
