"""Fixed questions: typed, bounded, paged in one order, and no way to say more than the tables."""

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from cluster.activity.suppression import PUBLISHED_ACTIVITIES
from cluster.district import Lesson, Timetable
from cluster.errors import NotFound, NotPublished, QueryRefused
from cluster.settings import Settings, load_settings
from cluster.warehouse.lake import Lake
from cluster.warehouse.publish import publish
from cluster.warehouse.query import run_query
from cluster.warehouse.saved_queries import (
    SAVED_QUERIES,
    BoundQuery,
    InvalidParameters,
    ParameterValue,
    QueryResult,
    SavedQuery,
    bind_parameters,
    find_saved_query,
    run_saved_query,
)
from tests.conftest import write_settings
from tests.plugins.hypothesis_profiles import examples
from tests.warehouse.test_lake import run_row, window, withheld
from tests.warehouse.test_publish import write_windows

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEN_SECONDS = timedelta(seconds=10)
ROOT = Path(__file__).parents[2]

GIVEN: dict[str, dict[str, Any]] = {
    "schools": {},
    "rooms": {},
    "room_windows": {"room_id": "r1", "from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"},
    "lesson_activity": {"from": "2026-03-01", "to": "2026-03-31"},
    "room_occupancy_hourly": {"school_id": "hill", "date": "2026-03-02"},
    "school_days": {"from": "2026-03-01", "to": "2026-03-31"},
    "checkin_feelings": {"from": "2026-03-01", "to": "2026-03-31"},
    "runs": {},
    "models": {},
}
"""For each question, parameters that have an answer."""


SAID = ("surprised", "sad", "angry", "happy", "put_off", "afraid", "neutral")
"""In the order in which a check-in asks."""


def checkin_rows(lesson_id: str, counted: int | None) -> list[dict[str, Any]]:
    """A lesson of which half of those who are told of were happy, and half neutral."""
    rows = []
    for feeling in SAID:
        half = None if counted is None or feeling not in {"happy", "neutral"} else counted // 2
        coded = None if counted is None else "≤5%" if half is None else f"{half} (50%)"
        share = None if counted is None else 0.05 if half is None else 0.5
        place = {"class_id": "7B", "room_id": "r1", "school_id": "hill", "date": NINE.date()}
        said = {"answers": 13, "answers_told": counted, "share_text": coded, "share": share}
        rows.append({"lesson_id": lesson_id, **place, "feeling": feeling, **said, "count": half})
    return rows


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A school day: windows told and withheld, two lessons, three runs, a bus, a second camera."""
    more = '[[cameras]]\nid = "cam3"\nroom = "r1"\n'
    school = load_settings(write_settings(tmp_path_factory.mktemp("district"), more=more))
    maths = [window(NINE + n * TEN_SECONDS, people_max=20 + n) for n in range(4)]
    write_windows(school, [*maths, withheld(NINE + 4 * TEN_SECONDS)], lesson_id="maths")
    write_windows(school, [window(NINE, people_max=30, people_mean=28.0)], camera_id="cam3")
    write_windows(school, [withheld(NINE)], camera_id="cam2")
    hour_later = NINE + timedelta(hours=1)
    write_windows(school, [withheld(hour_later)], starts_at=hour_later, lesson_id="art")
    lake = Lake(school.lake_dir)
    for number in range(3):
        started_at = NINE + timedelta(days=number % 2)
        lake.write_run({**run_row(f"run-{number}"), "started_at": started_at})
    lake.write_model(
        {"model": "pose@1", "sha256": "0", "origin": "o", "licence": "l", "first_used_at": NINE}
    )
    lessons = [
        Lesson("maths", "r1", "7B", NINE, NINE + timedelta(minutes=45)),
        Lesson("art", "r1", "7B", hour_later, hour_later + timedelta(minutes=45)),
        # 23:30 UTC is the next day in Oslo.
        Lesson("late", "bus", "7B", NINE.replace(hour=23, minute=30), NINE + timedelta(hours=15)),
    ]
    said = [*reversed(checkin_rows("maths", 12)), *checkin_rows("art", None)]
    publish(school, Timetable(lessons), now=NINE, checkin_counts=said)
    return school


def run(
    settings: Settings,
    name: str,
    parameters: Mapping[str, ParameterValue],
    *,
    limit: int = 100,
    offset: int = 0,
) -> QueryResult:
    """Run the saved query of a name with these parameters."""
    bound = bind_parameters(find_saved_query(name), parameters.items())
    return run_saved_query(settings, bound, limit=limit, offset=offset)


def rows(result: QueryResult) -> list[dict[str, Any]]:
    """The rows by the names of their columns."""
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def ask_about(settings: Settings, name: str, **changes: Any) -> list[dict[str, Any]]:
    """A question with its usual parameters, some of them changed (`from_` means `from`)."""
    changed = {key.rstrip("_"): value for key, value in changes.items()}
    return rows(run(settings, name, {**GIVEN[name], **changed}))


@pytest.mark.parametrize("name", SAVED_QUERIES)
def test_every_query_has_an_answer(published: Settings, name: str) -> None:
    answer = run(published, name, GIVEN[name])
    assert answer.rows
    assert not answer.has_more
    assert answer.published == "20260302T090000000000Z"
    assert all(len(row) == len(answer.columns) for row in answer.rows)


@pytest.mark.parametrize("name", SAVED_QUERIES)
def test_every_query_is_answered_before_the_first_window(school: Settings, name: str) -> None:
    publish(school, Timetable(), now=NINE)
    assert run(school, name, GIVEN[name]).has_more is False


@pytest.mark.parametrize("name", SAVED_QUERIES)
def test_pages_fit_together_whatever_their_size(published: Settings, name: str) -> None:
    whole = run(published, name, GIVEN[name], limit=1000).rows
    for size in (1, 2, 5):
        paged: list[tuple[Any, ...]] = []
        more = True
        while more:
            answer = run(published, name, GIVEN[name], limit=size, offset=len(paged))
            assert len(answer.rows) <= size
            paged += answer.rows
            more = answer.has_more
        assert tuple(paged) == whole
    assert run(published, name, GIVEN[name], offset=1_000_000).rows == ()


def test_the_windows_of_a_room_are_those_that_start_in_the_requested_time(
    published: Settings,
) -> None:
    found = ask_about(published, "room_windows")
    assert [row["camera_id"] for row in found] == ["cam1", "cam3", *["cam1"] * 5]
    assert {row["room_id"] for row in found} == {"r1"}
    some = ask_about(
        published,
        "room_windows",
        from_=NINE + TEN_SECONDS,
        to="2026-03-02T10:00:30+01:00",
    )
    assert [row["window_start"] for row in some] == [NINE + TEN_SECONDS, NINE + 2 * TEN_SECONDS]
    assert ask_about(published, "room_windows", room_id="nowhere") == []


def test_the_windows_of_a_night_are_found_under_either_date(school: Settings) -> None:
    midnight = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # 00:30 of the third in Oslo
    write_windows(school, [window(midnight)], starts_at=midnight + timedelta(days=1))
    publish(school, Timetable(), now=NINE)
    to = midnight + TEN_SECONDS
    assert len(ask_about(school, "room_windows", from_=midnight, to=to)) == 1


def test_lessons_are_chosen_by_room_and_by_the_date_at_the_school(published: Settings) -> None:
    def lessons(**changes: Any) -> list[str]:
        return [row["lesson_id"] for row in ask_about(published, "lesson_activity", **changes)]

    assert lessons() == ["maths", "art", "late"]
    assert lessons(room_id="r1") == ["maths", "art"]
    assert lessons(from_="2026-03-02", to="2026-03-02") == ["maths", "art"]
    assert lessons(from_=date(2026, 3, 3)) == ["late"]
    assert lessons(room_id=None, to="2026-03-02") == ["maths", "art"]


def test_the_hours_of_a_day_take_the_camera_that_saw_the_most(published: Settings) -> None:
    found = ask_about(published, "room_occupancy_hourly")
    assert found == [
        {
            "room_id": "bus",
            "hour_starts_at": NINE,
            "windows": 1,
            "people_max": 4,
            "people_mean": 3.0,
        },
        {
            "room_id": "r1",
            "hour_starts_at": NINE,
            "windows": 5,
            "people_max": 30,
            "people_mean": 18.2,
        },
        {
            "room_id": "r1",
            "hour_starts_at": NINE + timedelta(hours=1),
            "windows": 1,
            "people_max": 4,
            "people_mean": 3.0,
        },
    ]
    assert ask_about(published, "room_occupancy_hourly", date="2026-03-03") == []


def test_the_hour_that_the_clock_shows_twice_is_two_hours(school: Settings) -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Oslo, summer
    for start in (first, first + timedelta(hours=1)):
        write_windows(school, [window(start)], starts_at=start)
    publish(school, Timetable(), now=NINE)
    found = ask_about(school, "room_occupancy_hourly", date="2026-10-25")
    assert [row["hour_starts_at"].hour for row in found] == [0, 1]


def test_hours_begin_when_they_do_at_the_school(tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace("Europe/Oslo", "Asia/Kolkata"))
    school = load_settings(path)
    write_windows(school, [window(NINE)])
    publish(school, Timetable(), now=NINE)
    [row] = ask_about(school, "room_occupancy_hourly")
    assert row["hour_starts_at"] == NINE - timedelta(minutes=30)


def test_the_days_of_a_school_count_windows_of_rooms_and_not_of_cameras(
    published: Settings,
) -> None:
    [row] = ask_about(published, "school_days", school_id="hill")
    assert (row["date"], row["rooms"], row["cameras"]) == (date(2026, 3, 2), 2, 3)
    assert (row["windows"], row["windows_suppressed"], row["windows_live"]) == (7, 3, 0)
    assert ask_about(published, "school_days", school_id="dale") == []


def test_feelings_come_in_their_order_and_of_lessons_that_are_published_alone(
    published: Settings,
) -> None:
    found = ask_about(published, "checkin_feelings")
    assert found == checkin_rows("maths", 12)
    assert ask_about(published, "checkin_feelings", school_id="hill") == found
    assert ask_about(published, "checkin_feelings", school_id="dale") == []
    assert ask_about(published, "checkin_feelings", from_="2026-03-03") == []


def test_the_newest_run_comes_first(published: Settings) -> None:
    assert [row["run_id"] for row in ask_about(published, "runs")] == ["run-1", "run-0", "run-2"]


def test_no_query_returns_a_share_that_is_suppressed(published: Settings) -> None:
    counted = [f"{activity}_share" for activity in PUBLISHED_ACTIVITIES] + ["hand_raises"]
    [art] = [r for r in ask_about(published, "lesson_activity") if r["lesson_id"] == "art"]
    assert art["windows_suppressed"] == art["windows"] == 1
    assert all(art[name] is None for name in counted)
    withheld_rows = [row for row in ask_about(published, "room_windows") if row["suppressed"]]
    assert withheld_rows
    assert all(row[name] is None for row in withheld_rows for name in counted)
    for name in SAVED_QUERIES.keys() - {"lesson_activity", "room_windows", "checkin_feelings"}:
        columns = run(published, name, GIVEN[name]).columns
        assert not set(counted) & set(columns)
        assert not [column for column in columns if "share" in column]


def test_a_query_gives_tables_as_they_are_published(published: Settings) -> None:
    table = run_query(published, "FROM activity_windows WHERE room_id = 'r1'").to_pylist()
    found = ask_about(published, "room_windows")
    key = ("window_start", "camera_id")
    assert found == sorted(table, key=lambda row: tuple(row[name] for name in key))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("room_windows", {"room_id": None}, "'room_id' is required"),
        ("room_windows", {"from": "2026-03-02T09:00:00"}, "'from' is '2026-03-02T09:00:00'"),
        ("room_windows", {"from": "1772442000"}, "'from' is"),
        ("room_windows", {"to": 1772442000}, "'to' is"),
        ("room_windows", {"to": "2026-03-01T00:00:00Z"}, "'to' is before 'from'"),
        ("room_windows", {"to": "2026-04-03T00:00:00Z"}, "more than 31 days"),
        ("room_windows", {"from": "0001-01-01T00:00:00+14:00"}, "'from' is"),
        ("room_windows", {"room_id": "r1' OR '1'='1"}, "'room_id' is"),
        ("room_windows", {"room_id": ""}, "'room_id' is"),
        ("room_windows", {"room_id": "r" * 65}, "'room_id' is"),
        ("room_windows", {"room_id": 7}, "'room_id' is"),
        ("room_windows", {"student": "s1"}, "no parameter 'student'"),
        ("lesson_activity", {"from": "2026-02-30"}, "'from' is '2026-02-30'"),
        ("lesson_activity", {"from": "yesterday"}, "'from' is 'yesterday'"),
        ("lesson_activity", {"to": "2028-03-02"}, "more than 366 days"),
        ("room_occupancy_hourly", {"date": None}, "'date' is required"),
        ("runs", {"limit": "5"}, "no parameter 'limit'"),
        ("runs", {"x" * 1000: "5"}, "no parameter"),
    ],
)
def test_a_wrong_parameter_is_named(
    published: Settings, name: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(QueryRefused, match=re.escape(said)) as refused:
        run(published, name, {**GIVEN[name], **changes})
    assert refused.value.hint
    assert len(str(refused.value)) < 500


def test_every_wrong_parameter_is_a_problem_of_its_own() -> None:
    given = [("from", "soon"), ("student", "s1"), ("from", "2026-03-02"), ("room_id", "a b")]
    with pytest.raises(InvalidParameters) as rejected:
        bind_parameters(find_saved_query("room_windows"), given)
    assert [(one.name, one.value) for one in rejected.value.problems] == [
        ("from", "soon"),
        ("student", "s1"),
        ("from", "2026-03-02"),
        ("room_id", "a b"),
        ("to", None),
    ]
    assert "'from' is given twice" in [one.reason for one in rejected.value.problems]


@pytest.mark.parametrize(
    "page", [{"limit": 0}, {"limit": 1001}, {"limit": -1}, {"offset": -1}, {"offset": 1_000_001}]
)
def test_a_page_has_bounds(published: Settings, page: Mapping[str, int]) -> None:
    with pytest.raises(QueryRefused, match=r"limit|offset"):
        run(published, "rooms", {}, **page)


def test_an_unknown_query_is_reported_with_those_that_exist(published: Settings) -> None:
    for name in ("students", "SELECT 1", "", "x" * 10_000):
        with pytest.raises(NotFound, match="no query") as refused:
            run(published, name, {})
        assert "room_windows" in str(refused.value.hint)


def test_before_the_first_publication_it_reports_it(school: Settings) -> None:
    with pytest.raises(NotPublished):
        run(school, "rooms", {})


@effort(max_examples=examples(60), deadline=None)
@given(st.sampled_from(sorted(SAVED_QUERIES)), st.data())
def test_whatever_is_given_gives_a_result_or_an_error(
    published: Settings, name: str, data: st.DataObject
) -> None:
    value = st.one_of(
        st.text(max_size=80),
        st.dates(),
        st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), None])),
        st.sampled_from(["9999-12-31", "0001-01-01", "2026-W10", "NaN", "infinity", "\0"]),
    )
    parameters = {
        parameter.name: data.draw(value)
        for parameter in SAVED_QUERIES[name].parameters
        if data.draw(st.booleans())
    }
    refusal = ""
    try:
        run(published, name, {**GIVEN[name], **parameters})
    except QueryRefused as refused:
        refusal = str(refused)
    assert "DuckDB" not in refusal


def test_parameters_are_bound_and_never_written_into_a_statement() -> None:
    for question in SAVED_QUERIES.values():
        bound = set(re.findall(r"\$(\w+)", question.sql))
        assert bound == {parameter.name for parameter in question.parameters}
        assert "ORDER BY" in question.sql
        assert "{" not in question.sql


def test_what_takes_too_long_is_ended_and_leaves_nothing_behind(
    published: Settings,
) -> None:
    endless = SavedQuery(
        "endless",
        "A sum without end.",
        (),
        "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b ORDER BY 1",
    )
    before = threading.active_count()
    with pytest.raises(QueryRefused, match=r"longer than 0\.3 s"):
        run_saved_query(published, BoundQuery(endless, {}), timeout_seconds=0.3)
    assert threading.active_count() == before
    assert run(published, "rooms", {}).rows


def test_many_threads_may_query_while_new_warehouses_are_published(school: Settings) -> None:
    write_windows(school, [window(NINE), withheld(NINE + TEN_SECONDS)])
    publish(school, Timetable(), now=NINE)

    def asked(_: int) -> tuple[tuple[Any, ...], ...]:
        return run(school, "room_windows", GIVEN["room_windows"]).rows

    expected = asked(0)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(asked, range(60))
        for turn in (1, 2):
            publish(school, Timetable(), now=NINE + timedelta(seconds=turn))
        assert set(answers) == {expected}


def test_queries_leave_no_file_open(published: Settings) -> None:
    this = psutil.Process()
    run(published, "rooms", {})
    before = this.num_fds()
    for _ in range(20):
        run(published, "rooms", {})
        with pytest.raises(QueryRefused):
            run(published, "rooms", {"school_id": "'"})
    assert this.num_fds() <= before


def test_every_query_and_parameter_is_documented() -> None:
    page = (ROOT / "docs" / "warehouse.md").read_text()
    for question in SAVED_QUERIES.values():
        given = ", ".join(
            f"`{each.name}`" if each.required else f"`{each.name}`?" for each in question.parameters
        )
        assert f"| `{question.name}` | {given or '–'} | {question.description} |" in page
