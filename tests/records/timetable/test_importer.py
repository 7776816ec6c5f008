"""Timetables: weekly rows and calendars become dated lessons, also at changes of the clock."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

import cluster.records.timetable.weekly_csv as weekly_csv
from cluster.errors import RosterError
from cluster.records.db.database import Records
from cluster.records.db.models import LessonRow, Org, RegisterRow, SchoolClass
from cluster.records.roster.import_result import ImportResult, RowCounts
from cluster.records.timetable.files import TimetableOptions
from cluster.records.timetable.icalendar_file import read_calendar
from cluster.records.timetable.importer import (
    import_timetable_in,
    preview_timetable,
    timetable_from_records,
)
from cluster.records.timetable.lesson_plan import LessonPlan, NameResolver
from cluster.records.timetable.weekly_csv import read_weekly
from cluster.settings import Room, School, Settings
from tests.plugins.hypothesis_profiles import examples

NOW = datetime(2026, 8, 1, tzinfo=UTC)
HEADER = "class,room,weekday,start,end,from,to\n"
MONDAYS = "7b,r1,Monday,09:00,09:45,2026-08-17,2026-09-14\n"
CLASSES: dict[str, tuple[str | None, str]] = {
    "7b": ("7B-SCI", "7B Science"),
    "8a": ("8A-ART", "8A Art"),
    "9c": (None, "Twin"),
    "9d": (None, "Twin"),
}


def district(zone: str = "Europe/Oslo") -> Settings:
    return Settings(
        schools=[
            School(id="hill", name="Hill", timezone=zone),
            School(id="dale", name="Dale", timezone="America/New_York"),
        ],
        rooms=[
            Room(id="r1", school="hill", name="Room 1"),
            Room(id="r2", school="hill", name="Gym"),
            Room(id="d1", school="dale", name="Gym"),
        ],
    )


def read_weekly_rows(
    path: Path, rows: str, zone: str = "Europe/Oslo"
) -> tuple[list[LessonPlan], list[str]]:
    file = path / "timetable.csv"
    file.write_text(HEADER + rows)
    lessons, bad = read_weekly(file, NameResolver(district(zone), CLASSES))
    return lessons, [str(one) for one in bad]


def local_times(lesson: LessonPlan, zone: str = "Europe/Oslo") -> str:
    """Return start and end in the school's time zone."""
    start, end = (at.astimezone(ZoneInfo(zone)) for at in (lesson.starts_at, lesson.ends_at))
    return f"{start:%m-%d %H:%M}-{end:%H:%M}"


def test_a_weekly_row_becomes_a_lesson_each_week(tmp_path: Path) -> None:
    lessons, bad = read_weekly_rows(tmp_path, MONDAYS)
    assert bad == []
    assert [local_times(one) for one in lessons] == [
        "08-17 09:00-09:45",
        "08-24 09:00-09:45",
        "08-31 09:00-09:45",
        "09-07 09:00-09:45",
        "09-14 09:00-09:45",
    ]
    assert {(one.class_sourced_id, one.room_id, one.line) for one in lessons} == {("7b", "r1", 2)}
    assert lessons[0].starts_at == datetime(2026, 8, 17, 7, 0, tzinfo=UTC)
    assert len({one.id for one in lessons}) == 5


@pytest.mark.parametrize("weekday", ["Monday", "monday", "Mon", "1"])
@pytest.mark.parametrize("school_class", ["7b", "7B-SCI", "7B Science"])
@pytest.mark.parametrize("room", ["r1", "Room 1"])
def test_ids_codes_and_names_give_the_same_lesson(
    tmp_path: Path, weekday: str, school_class: str, room: str
) -> None:
    rows = f"{school_class},{room},{weekday},9:00,09:45,2026-08-17,2026-08-17\n"
    lessons, bad = read_weekly_rows(tmp_path, rows)
    assert (len(lessons), bad) == (1, [])
    assert lessons[0].id == read_weekly_rows(tmp_path, MONDAYS)[0][0].id


def test_times_are_local_times_of_the_rooms_school(tmp_path: Path) -> None:
    [lesson], _ = read_weekly_rows(tmp_path, "7b,d1,1,09:00,09:45,2026-08-17,2026-08-17\n")
    assert lesson.starts_at == datetime(2026, 8, 17, 13, 0, tzinfo=UTC)


def test_an_end_before_the_start_is_on_the_next_day(tmp_path: Path) -> None:
    [lesson], bad = read_weekly_rows(tmp_path, "7b,r1,1,23:30,00:30,2026-08-17,2026-08-17\n")
    assert (local_times(lesson), bad) == ("08-17 23:30-00:30", [])
    assert lesson.ends_at - lesson.starts_at == timedelta(hours=1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7x,r1,1,09:00,09:45,2026-08-17,2026-09-14", "class: no class is '7x'"),
        ("Twin,r1,1,09:00,09:45,2026-08-17,2026-09-14", "class: several classes are called 'Twin'"),
        ("7b,r9,1,09:00,09:45,2026-08-17,2026-09-14", "room: no room is 'r9'"),
        ("7b,Gym,1,09:00,09:45,2026-08-17,2026-09-14", "room: several rooms are called 'Gym'"),
        ("7b,r1,8,09:00,09:45,2026-08-17,2026-09-14", "weekday: '8' is no weekday"),
        ("7b,r1,,09:00,09:45,2026-08-17,2026-09-14", "weekday: is empty"),
        ("7b,r1,1,9,09:45,2026-08-17,2026-09-14", "start: '9' is no time of day"),
        ("7b,r1,1,09:00,24:00,2026-08-17,2026-09-14", "end: '24:00' is no time of day"),
        ("7b,r1,1,09:00,09:00,2026-08-17,2026-09-14", "end: is the start"),
        ("7b,r1,1,09:00,09:45,2026-08-17,2026-08-16", "to: 2026-08-16 is before 2026-08-17"),
        (
            "7b,r1,1,09:00,09:45,2026-01-01,2027-02-06",
            "to: is over 400 days after 2026-01-01",
        ),
        ("7b,r1,1,09:00,09:45,9999-12-01,9999-12-31", "from: 9999-12-01 is out of range"),
        ("7b,r1,1,09:00,09:45,1.8.26,2026-09-14", "from: '1.8.26' is no day"),
        ("7b,r1,1,09:00", "has 4 cells, and the header 7"),
    ],
)
def test_a_bad_row_is_skipped_and_reported(tmp_path: Path, row: str, reason: str) -> None:
    lessons, bad = read_weekly_rows(tmp_path, MONDAYS + row + "\n")
    assert len(lessons) == 5
    assert len(bad) == 1
    assert bad[0].startswith(f"timetable.csv:3: {reason}")


def test_a_range_of_400_days_is_accepted(tmp_path: Path) -> None:
    lessons, bad = read_weekly_rows(tmp_path, "7b,r1,4,09:00,09:45,2026-01-01,2027-02-05\n")
    assert (len(lessons), bad) == (58, [])


def test_a_file_that_gives_too_many_lessons_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weekly_csv, "MAX_LESSONS", 4)
    with pytest.raises(RosterError, match="over 4 lessons"):
        read_weekly_rows(tmp_path, MONDAYS)


SPRING = "2026-03-29"  # in Oslo, 03:00 follows 01:59
AUTUMN = "2026-10-25"  # in Oslo, 02:00 follows 02:59


@pytest.mark.parametrize(
    ("day", "start", "end", "starts_at", "minutes"),
    [
        (SPRING, "01:00", "02:00", "2026-03-29T00:00Z", 60),
        (SPRING, "02:30", "03:15", "2026-03-29T01:30Z", 45),
        (SPRING, "02:00", "03:00", "2026-03-29T01:00Z", 60),
        (SPRING, "03:00", "04:00", "2026-03-29T01:00Z", 60),
        (SPRING, "01:30", "03:30", "2026-03-29T00:30Z", 120),
        (SPRING, "09:00", "09:45", "2026-03-29T07:00Z", 45),
        (AUTUMN, "01:30", "02:30", "2026-10-24T23:30Z", 60),
        (AUTUMN, "02:30", "03:15", "2026-10-25T00:30Z", 45),
        (AUTUMN, "03:00", "04:00", "2026-10-25T02:00Z", 60),
        (AUTUMN, "09:00", "09:45", "2026-10-25T08:00Z", 45),
    ],
)
def test_at_changes_of_daylight_saving_time_a_lesson_is_as_long_as_stated(
    tmp_path: Path, day: str, start: str, end: str, starts_at: str, minutes: int
) -> None:
    [lesson], bad = read_weekly_rows(tmp_path, f"7b,r1,7,{start},{end},{day},{day}\n")
    assert bad == []
    assert lesson.starts_at == datetime.fromisoformat(starts_at)
    assert lesson.ends_at - lesson.starts_at == timedelta(minutes=minutes)


ZONES = [
    *["Europe/Oslo", "Europe/London", "America/New_York", "America/St_Johns", "UTC"],
    *["Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland", "America/Sao_Paulo"],
]
clocks = st.times(timezones=st.none()).map(lambda at: at.replace(second=0, microsecond=0))


@hypothesis_settings(deadline=None, max_examples=examples(150))
@given(
    zone=st.sampled_from(ZONES),
    weekday=st.integers(0, 6),
    start=clocks,
    end=clocks,
    first=st.dates(date(2005, 1, 1), date(2035, 1, 1)),
    days=st.integers(0, 400),
)
@example("Europe/Oslo", 6, time(2, 30), time(3, 15), date(2026, 1, 1), 400)
@example("Australia/Lord_Howe", 6, time(1, 45), time(2, 15), date(2026, 1, 1), 400)
def test_every_local_lesson_takes_place_once_and_as_long_as_stated(
    tmp_path_factory: pytest.TempPathFactory,
    zone: str,
    weekday: int,
    start: time,
    end: time,
    first: date,
    days: int,
) -> None:
    last = first + timedelta(days=days)
    row = f"7b,r1,{weekday + 1},{start:%H:%M},{end:%H:%M},{first},{last}\n"
    lessons, bad = read_weekly_rows(tmp_path_factory.mktemp("t"), row, zone)
    stated = timedelta(hours=end.hour - start.hour, minutes=end.minute - start.minute)
    length = stated if stated > timedelta(0) else stated + timedelta(days=1)
    if start == end or (end < start and length > timedelta(hours=12)):
        assert (lessons, len(bad)) == ([], 1)
        return
    assert bad == []
    wanted = [
        day
        for day in (first + timedelta(days=n) for n in range(days + 1))
        if day.weekday() == weekday
    ]
    place = ZoneInfo(zone)
    begins = [one.starts_at.astimezone(place) for one in lessons]
    assert [at.date() for at in begins] == wanted
    assert len({one.id for one in lessons}) == len(wanted)
    for lesson, at in zip(lessons, begins, strict=True):
        assert lesson.ends_at - lesson.starts_at == length
        if at.time() != start:  # that local time is skipped
            nowhere = datetime.combine(at.date(), start, place)
            assert nowhere.astimezone(UTC).astimezone(place).time() != start
            assert at.time() > start
        assert at.fold == 0


CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{events}END:VCALENDAR\r\n"


def event(*lines: str, uid: str = "1") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT"]) + "\r\n"


def read_events(
    path: Path, *events: str, now: datetime = NOW
) -> tuple[list[LessonPlan], list[str]]:
    file = path / "timetable.ics"
    file.write_text(CALENDAR.format(events="".join(events)), newline="")
    lessons, bad = read_calendar(file, NameResolver(district(), CLASSES), now)
    return sorted(lessons, key=lambda one: one.starts_at), [str(one) for one in bad]


OSLO = "DTSTART;TZID=Europe/Oslo"
WHERE = ("LOCATION:Room 1", "SUMMARY:7B Science")


def test_a_calendar_and_weekly_rows_give_the_same_lessons(tmp_path: Path) -> None:
    found, bad = read_events(
        tmp_path,
        event(
            "DTSTART;TZID=Europe/Oslo:20260817T090000",
            "DTEND;TZID=Europe/Oslo:20260817T094500",
            "RRULE:FREQ=WEEKLY;COUNT=5",
            *WHERE,
        ),
    )
    assert bad == []
    plain, _ = read_weekly_rows(tmp_path, MONDAYS)
    assert [(one.id, one.starts_at, one.ends_at) for one in found] == [
        (one.id, one.starts_at, one.ends_at) for one in plain
    ]


def test_a_recurring_event_keeps_its_local_time_over_both_changes(tmp_path: Path) -> None:
    found, bad = read_events(
        tmp_path,
        event(f"{OSLO}:20260907T090000", "DURATION:PT45M", "RRULE:FREQ=WEEKLY;COUNT=40", *WHERE),
    )
    assert bad == []
    assert len(found) == 40
    assert Counter(local_times(one)[6:] for one in found) == {"09:00-09:45": 40}
    assert {one.starts_at.hour for one in found} == {7, 8}


def test_a_time_without_a_zone_is_in_the_schools(tmp_path: Path) -> None:
    [found], _ = read_events(tmp_path, event("DTSTART:20260817T090000", "DURATION:PT45M", *WHERE))
    assert local_times(found) == "08-17 09:00-09:45"
    place = ("LOCATION:d1", "SUMMARY:7b")
    [found], _ = read_events(tmp_path, event("DTSTART:20260817T090000", "DURATION:PT45M", *place))
    assert local_times(found, "America/New_York") == "08-17 09:00-09:45"


def test_a_time_in_another_zone_is_converted(tmp_path: Path) -> None:
    [found], _ = read_events(
        tmp_path,
        event("DTSTART;TZID=America/New_York:20260817T030000", "DURATION:PT45M", *WHERE),
    )
    assert local_times(found) == "08-17 09:00-09:45"


def test_the_same_local_time_twice_gives_two_lessons(tmp_path: Path) -> None:
    first = event("DTSTART:20261025T003000Z", "DTEND:20261025T010000Z", *WHERE, uid="1")
    second = event("DTSTART:20261025T013000Z", "DTEND:20261025T020000Z", *WHERE, uid="2")
    found, bad = read_events(tmp_path, first, second)
    assert bad == []
    assert [local_times(one) for one in found] == ["10-25 02:30-02:00", "10-25 02:30-03:00"]
    assert len({one.id for one in found}) == 2


def test_the_class_may_be_in_the_categories(tmp_path: Path) -> None:
    named = ("LOCATION:r1", "CATEGORIES:Lesson,8a", "SUMMARY:Painting")
    [found], bad = read_events(tmp_path, event("DTSTART:20260817T090000", "DURATION:PT45M", *named))
    assert (found.class_sourced_id, bad) == ("8a", [])


def test_moved_and_cancelled_occurrences_are_respected(tmp_path: Path) -> None:
    weekly_event = event(
        f"{OSLO}:20260817T090000",
        "DURATION:PT45M",
        "RRULE:FREQ=WEEKLY;COUNT=4",
        "EXDATE;TZID=Europe/Oslo:20260824T090000",
        *WHERE,
    )
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Oslo:20260831T090000",
        f"{OSLO}:20260901T100000",
        "DURATION:PT45M",
        *WHERE,
    )
    cancelled = event(
        "RECURRENCE-ID;TZID=Europe/Oslo:20260907T090000",
        f"{OSLO}:20260907T090000",
        "DURATION:PT45M",
        "STATUS:CANCELLED",
        *WHERE,
    )
    found, bad = read_events(tmp_path, weekly_event, moved, cancelled)
    assert bad == []
    assert [local_times(one) for one in found] == ["08-17 09:00-09:45", "09-01 10:00-10:45"]


def test_a_whole_day_is_no_lesson(tmp_path: Path) -> None:
    found, bad = read_events(tmp_path, event("DTSTART;VALUE=DATE:20260817", "SUMMARY:Holiday"))
    assert (found, bad) == ([], [])


def test_an_endless_event_is_expanded_within_the_window(tmp_path: Path) -> None:
    start = f"{OSLO}:20100104T090000"
    found, bad = read_events(tmp_path, event(start, "DURATION:PT45M", "RRULE:FREQ=DAILY", *WHERE))
    assert bad == []
    assert 798 <= len(found) <= 802


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("SUMMARY:7b", "LOCATION:r1"), "DTSTART: is missing"),
        (("DTSTART:soon", *WHERE), "DTSTART: cannot be read"),
        (
            ("DTSTART;TZID=Nowhere/Land:20260817T090000", *WHERE),
            "DTSTART: the time zone 'Nowhere/Land'",
        ),
        (("DTSTART:20260817T090000", "DURATION:PT45M", "SUMMARY:7b"), "LOCATION: is missing"),
        (("DTSTART:20260817T090000", "DURATION:PT45M", "LOCATION:r1"), "SUMMARY: is missing"),
        (("DTSTART:20260817T090000", "DURATION:PT45M", "LOCATION:r9"), "LOCATION: no room is 'r9'"),
        (
            ("DTSTART:20260817T090000", "DURATION:PT45M", "LOCATION:r1", "SUMMARY:Twin"),
            "SUMMARY: several classes are called 'Twin'",
        ),
        (("DTSTART:20260817T090000", *WHERE), "DTEND: is not after DTSTART"),
        (("DTSTART:20260817T090000", "DURATION:PT25H", *WHERE), "DTEND: is over a day"),
        (
            ("DTSTART:20260817T090000", "DTEND:20260816T090000", *WHERE),
            "DTEND: is not after DTSTART",
        ),
        (("DTSTART:20260817T090000", "RRULE:FREQ=SECONDLY", *WHERE), "RRULE: repeats within a day"),
        (("DTSTART:20260817T090000", "RRULE:FREQ=NEVER", *WHERE), "RRULE: cannot be read"),
        (
            ("DTSTART:20260817T090000", "RRULE:FREQ=DAILY;BYSECOND=1,2,3", *WHERE),
            "RRULE: repeats within a day",
        ),
    ],
)
def test_a_bad_event_is_skipped_and_reported_with_its_first_line(
    tmp_path: Path, lines: tuple[str, ...], reason: str
) -> None:
    good = event(f"{OSLO}:20260818T090000", "DURATION:PT45M", *WHERE, uid="good")
    found, bad = read_events(tmp_path, good, event(*lines, uid="bad"))
    assert [local_times(one) for one in found] == ["08-18 09:00-09:45"]
    assert len(bad) == 1
    assert bad[0].startswith(f"timetable.ics:11: {reason}")


@pytest.mark.parametrize("content", [b"", b"hello", b"BEGIN:VCALENDAR", b"\xff\xfe", b"[]"])
def test_a_file_that_is_no_calendar_is_rejected(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.ics"
    file.write_bytes(content)
    with pytest.raises(RosterError, match="it is no"):
        read_calendar(file, NameResolver(district(), CLASSES), NOW)


@pytest.mark.parametrize("name", ["nothing.csv", "nothing.ics"])
def test_a_timetable_that_does_not_exist_is_reported(
    records: Records, tmp_path: Path, name: str
) -> None:
    with pytest.raises(RosterError, match=f"{name}: it cannot be read"), records.writing() as it:
        import_timetable_in(it, district(), tmp_path / name, now=NOW)


@pytest.fixture
def classes(records: Records) -> Records:
    """Records with a school and its classes."""
    with records.writing() as session:
        session.add(Org(sourced_id="s1", name="Hill", type="school"))
        session.flush()
        for key, (code, title) in CLASSES.items():
            session.add(
                SchoolClass(
                    sourced_id=key,
                    title=title,
                    class_code=code,
                    school_sourced_id="s1",
                    term_sourced_ids=[],
                )
            )
    return records


def import_rows(
    records: Records, path: Path, rows: str, *, now: datetime = NOW, allow_many: bool = False
) -> ImportResult:
    file = path / "timetable.csv"
    file.write_text(HEADER + rows)
    with records.writing() as session:
        options = TimetableOptions(allow_many_removals=allow_many)
        return import_timetable_in(session, district(), file, now=now, options=options)


def lesson_days(records: Records) -> list[str]:
    with records.reading() as session:
        lessons = timetable_from_records(session).lessons
    return sorted(f"{one.starts_at:%m-%d} {one.class_id}" for one in lessons)


def test_importing_the_same_timetable_again_changes_nothing(
    classes: Records, tmp_path: Path
) -> None:
    first = import_rows(classes, tmp_path, MONDAYS)
    assert first.counts == {"lessons": RowCounts(added=5)}
    again = import_rows(classes, tmp_path, MONDAYS)
    assert again.counts == {"lessons": RowCounts(unchanged=5)}


def test_a_preview_changes_nothing(classes: Records, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEADER + MONDAYS)
    preview = preview_timetable(classes, district(), tmp_path / "t.csv", now=NOW)
    assert preview.counts == {"lessons": RowCounts(added=5)}
    assert lesson_days(classes) == []


def test_a_calendar_is_imported(classes: Records, tmp_path: Path) -> None:
    text = event("DTSTART:20260817T090000", "DURATION:PT45M", *WHERE)
    (tmp_path / "t.ics").write_text(CALENDAR.format(events=text))
    with classes.writing() as session:
        import_timetable_in(session, district(), tmp_path / "t.ics", now=NOW)
    assert lesson_days(classes) == ["08-17 7b"]


def test_a_new_end_changes_the_lessons_and_a_new_class_replaces_them(
    classes: Records, tmp_path: Path
) -> None:
    import_rows(classes, tmp_path, MONDAYS)
    longer = import_rows(classes, tmp_path, MONDAYS.replace("09:45", "10:00"))
    assert longer.counts == {"lessons": RowCounts(changed=5)}
    other = import_rows(classes, tmp_path, MONDAYS.replace("7b", "8a"))
    assert other.counts == {"lessons": RowCounts(added=5, removed=5)}
    assert set(lesson_days(classes)) == {
        f"{day} 8a" for day in ("08-17", "08-24", "08-31", "09-07", "09-14")
    }


def open_register(records: Records, start: datetime) -> None:
    """Open the register of the lesson that begins then."""
    with records.writing() as session:
        session.add(
            RegisterRow(
                lesson_id=session.scalars(
                    select(LessonRow.id).where(LessonRow.starts_at == start)
                ).one(),
                state="open",
                version=1,
                opened_at=NOW,
                opened_by="operator:x",
                closes_at=NOW + timedelta(minutes=10),
            )
        )


TUESDAYS = "8a,r2,Tuesday,09:00,09:45,2026-08-18,2026-09-15\n"


def test_lessons_that_have_begun_or_have_a_register_are_kept(
    classes: Records, tmp_path: Path
) -> None:
    import_rows(classes, tmp_path, MONDAYS + TUESDAYS)
    with classes.writing() as session:
        [last] = session.scalars(
            select(LessonRow.id).where(
                LessonRow.class_sourced_id == "7b",
                LessonRow.starts_at == datetime(2026, 9, 14, 7, tzinfo=UTC),
            )
        )
        session.add(
            RegisterRow(
                lesson_id=last,
                state="open",
                version=1,
                opened_at=NOW,
                opened_by="operator:x",
                closes_at=NOW + timedelta(minutes=10),
            )
        )
    now = datetime(2026, 8, 30, tzinfo=UTC)
    changes = import_rows(classes, tmp_path, TUESDAYS, now=now)
    assert changes.counts == {"lessons": RowCounts(removed=2, unchanged=5, kept=3)}
    left = [day for day in lesson_days(classes) if day.endswith("7b")]
    assert left == ["08-17 7b", "08-24 7b", "09-14 7b"]
    with classes.reading() as session:
        assert session.scalar(select(func.count()).select_from(RegisterRow)) == 1


def test_a_timetable_with_a_bad_row_removes_nothing(classes: Records, tmp_path: Path) -> None:
    import_rows(classes, tmp_path, MONDAYS + TUESDAYS)
    changes = import_rows(
        classes, tmp_path, TUESDAYS + "7x,r1,1,09:00,09:45,2026-08-17,2026-08-17\n"
    )
    assert (changes.total, len(changes.bad_rows), len(lesson_days(classes))) == (0, 1, 10)


def test_lessons_of_another_school_and_of_other_days_are_kept(
    classes: Records, tmp_path: Path
) -> None:
    other_school = "7b,d1,Monday,09:00,09:45,2026-08-17,2026-08-31\n"
    next_term = "7b,r1,Monday,09:00,09:45,2027-01-04,2027-01-18\n"
    import_rows(classes, tmp_path, other_school)
    import_rows(classes, tmp_path, next_term)
    changes = import_rows(classes, tmp_path, MONDAYS)
    assert changes.counts["lessons"].removed == 0
    assert len(lesson_days(classes)) == 3 + 3 + 5


def test_a_lesson_on_the_day_before_the_files_first_is_kept(
    classes: Records, tmp_path: Path
) -> None:
    import_rows(classes, tmp_path, "8a,r2,Sunday,19:00,19:45,2026-08-16,2026-08-16\n")
    assert import_rows(classes, tmp_path, MONDAYS).counts["lessons"].removed == 0
    assert "08-16 8a" in lesson_days(classes)


def test_a_timetable_that_lacks_over_a_quarter_is_rejected_unless_allowed(
    classes: Records, tmp_path: Path
) -> None:
    whole = "7b,r1,Monday,09:00,09:45,2026-08-17,2026-12-14\n"
    import_rows(classes, tmp_path, whole + whole.replace("7b,r1", "8a,r2"))
    with pytest.raises(RosterError, match=r"18 of 36 lessons"):
        import_rows(classes, tmp_path, whole)
    assert len(lesson_days(classes)) == 36
    import_rows(classes, tmp_path, whole, allow_many=True)
    assert len(lesson_days(classes)) == 18


def test_a_lesson_that_overlaps_another_line_is_skipped_and_reported_once(
    classes: Records, tmp_path: Path
) -> None:
    overlapping = "8a,r1,Monday,09:44,10:30,2026-08-17,2026-09-14\n"
    changes = import_rows(classes, tmp_path, MONDAYS + overlapping + TUESDAYS)
    [bad] = changes.bad_rows
    assert str(bad) == (
        "timetable.csv:3: overlaps line 2 in room 'r1' (2026-08-17 07:44Z, and 4 more); skipped"
    )
    assert len(lesson_days(classes)) == 10


def test_consecutive_lessons_do_not_overlap(classes: Records, tmp_path: Path) -> None:
    after = "8a,r1,Monday,09:45,10:30,2026-08-17,2026-09-14\n"
    assert import_rows(classes, tmp_path, MONDAYS + after).bad_rows == ()


def test_a_lesson_that_overlaps_a_kept_one_is_skipped_and_reported(
    classes: Records, tmp_path: Path
) -> None:
    import_rows(classes, tmp_path, MONDAYS)
    open_register(classes, datetime(2026, 8, 31, 7, tzinfo=UTC))
    changes = import_rows(classes, tmp_path, MONDAYS.replace("7b", "8a").replace("45", "50"))
    [bad] = changes.bad_rows
    assert "overlaps the lesson 'r1-20260831-0900-" in bad.reason
    assert "(2026-08-31 07:00Z)" in bad.reason
    assert lesson_days(classes).count("08-31 7b") == 1


def test_a_room_that_gets_another_class_in_the_year_keeps_its_past(
    classes: Records, tmp_path: Path
) -> None:
    import_rows(classes, tmp_path, MONDAYS)
    now = datetime(2026, 8, 30, tzinfo=UTC)
    changes = import_rows(classes, tmp_path, MONDAYS.replace("7b", "8a"), now=now)
    assert changes.bad_rows == ()
    assert lesson_days(classes) == ["08-17 7b", "08-24 7b", "08-31 8a", "09-07 8a", "09-14 8a"]


def test_the_timetable_of_the_records_finds_the_current_lesson(
    classes: Records, tmp_path: Path
) -> None:
    import_rows(classes, tmp_path, MONDAYS + TUESDAYS)
    with classes.reading() as session:
        whole = timetable_from_records(session)
        one_week = timetable_from_records(
            session, datetime(2026, 8, 24, tzinfo=UTC), datetime(2026, 8, 30, tzinfo=UTC)
        )
    found = whole.lesson_at("r1", datetime(2026, 8, 17, 7, 30, tzinfo=UTC))
    assert found is not None
    assert (found.class_id, found.ends_at) == ("7b", datetime(2026, 8, 17, 7, 45, tzinfo=UTC))
    assert whole.lesson_at("r1", datetime(2026, 8, 17, 7, 45, tzinfo=UTC)) is None
    assert len(one_week.lessons) == 2


def import_file(
    records: Records,
    path: Path,
    *,
    closures: Path | None = None,
    bells: Path | None = None,
    week_a: date | None = None,
) -> ImportResult:
    """Import a timetable with closures, bells or an A week."""
    with records.writing() as session:
        return import_timetable_in(
            session, district(), path, now=NOW, options=TimetableOptions(closures, bells, week_a)
        )


def test_a_class_in_two_rooms_at_once_is_reported(classes: Records, tmp_path: Path) -> None:
    other_room = MONDAYS.replace("r1", "r2").replace("09:00", "09:30")
    changes = import_rows(classes, tmp_path, MONDAYS + other_room)
    [bad] = changes.bad_rows
    assert str(bad) == (
        "timetable.csv:3: has the class '7b' in room 'r2' while line 2 has it in room 'r1' "
        "(2026-08-17 07:30Z, and 4 more); skipped"
    )
    assert len(lesson_days(classes)) == 5


def test_classes_of_the_same_hour_in_one_room_are_taught_together(
    classes: Records, tmp_path: Path
) -> None:
    changes = import_rows(classes, tmp_path, MONDAYS + MONDAYS.replace("7b", "8a"))
    assert changes.bad_rows == ()
    assert Counter(day[6:] for day in lesson_days(classes)) == {"7b": 5, "8a": 5}


def test_a_class_that_is_gone_does_not_share_its_title(classes: Records, tmp_path: Path) -> None:
    with classes.writing() as session:
        session.get_one(SchoolClass, "9c").gone = True
    assert import_rows(classes, tmp_path, MONDAYS.replace("7b", "Twin")).bad_rows == ()
    assert {day[6:] for day in lesson_days(classes)} == {"9d"}


HOLIDAYS = (
    "DTSTART;VALUE=DATE:20260824",
    "DTEND;VALUE=DATE:20260829",
    "SUMMARY:Holidays",
)
CONCERT = ("DTSTART:20260831T180000Z", "DTEND:20260831T200000Z", "SUMMARY:Concert")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("closed.ics", CALENDAR.format(events=event(*HOLIDAYS) + event(*CONCERT, uid="2"))),
        ("closed.csv", "from,to\n2026-08-24,2026-08-28\n"),
        ("closed.csv", "from;name;school\n2026-08-24;Fair;Hill\n2026-08-31;Fair;dale\n"),
    ],
)
def test_lessons_on_days_when_the_school_is_closed_are_left_out(
    classes: Records, tmp_path: Path, name: str, content: str
) -> None:
    import_rows(classes, tmp_path, MONDAYS)
    (tmp_path / name).write_text(content, newline="")
    changes = import_file(classes, tmp_path / "timetable.csv", closures=tmp_path / name)
    assert (changes.bad_rows, changes.closed, changes.counts["lessons"].removed) == ((), 1, 1)
    assert "08-24 7b" not in lesson_days(classes)
    assert len(lesson_days(classes)) == 4


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-08-24,2026-08-20,", "to: 2026-08-20 is before 2026-08-24"),
        ("2026-08-24,2028-08-20,", "to: is over 400 days after 2026-08-24"),
        ("24.8.2026,,", "from: '24.8.2026' is no day"),
        ("2026-08-24,,Nowhere", "school: no school is 'Nowhere'"),
    ],
)
def test_a_bad_closure_is_reported_and_removes_nothing(
    classes: Records, tmp_path: Path, row: str, reason: str
) -> None:
    import_rows(classes, tmp_path, MONDAYS)
    (tmp_path / "closed.csv").write_text(f"from,to,school\n2026-08-17,,\n{row}\n")
    changes = import_file(classes, tmp_path / "timetable.csv", closures=tmp_path / "closed.csv")
    [bad] = changes.bad_rows
    assert str(bad).startswith(f"closed.csv:3: {reason}")
    assert len(lesson_days(classes)) == 5


BELLS = "period,start,end,weekday\n1,08:00,08:45,\n1,08:30,09:00,Fri\n"
BY_PERIOD = "class,room,weekday,period,from,to\n7b,r1,Mon,1,2026-08-17,2026-08-17\n"


def test_a_bell_schedule_gives_the_times_of_periods(classes: Records, tmp_path: Path) -> None:
    (tmp_path / "bells.csv").write_text(BELLS)
    (tmp_path / "t.csv").write_text(
        BY_PERIOD + "7b,r1,Friday,1,2026-08-17,2026-08-23\n8a,r2,1,2,2026-08-17,2026-08-23\n"
    )
    changes = import_file(classes, tmp_path / "t.csv", bells=tmp_path / "bells.csv")
    [bad] = changes.bad_rows
    assert str(bad) == "t.csv:4: period: '2' has no times for that day in bells.csv"
    with classes.reading() as session:
        rows = session.scalars(select(LessonRow).order_by(LessonRow.starts_at)).all()
    assert [f"{one.starts_at:%H:%M}-{one.ends_at:%H:%M} {one.period}" for one in rows] == [
        "06:00-06:45 1",
        "06:30-07:00 1",
    ]


def test_periods_without_a_bell_schedule_are_reported(classes: Records, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(BY_PERIOD)
    [bad] = import_file(classes, tmp_path / "t.csv").bad_rows
    assert "--bells" in bad.reason


WEEKS = "class,room,weekday,start,end,from,to,week\n"


@pytest.mark.parametrize(
    ("week_a", "of_a"),
    [
        (None, ["08-17", "08-31", "09-14"]),
        (date(2026, 8, 28), ["08-24", "09-07"]),
    ],
)
def test_lessons_of_a_and_b_weeks_alternate(
    classes: Records, tmp_path: Path, week_a: date | None, of_a: list[str]
) -> None:
    row = "{},r1,Mon,09:00,09:45,2026-08-{},2026-09-14,{}\n"
    (tmp_path / "t.csv").write_text(
        WEEKS + row.format("7b", "19", "A") + row.format("8a", "17", "b")
    )
    assert import_file(classes, tmp_path / "t.csv", week_a=week_a).bad_rows == ()
    days = lesson_days(classes)
    assert [day[:5] for day in days if day.endswith("7b")] == [
        day for day in of_a if day != "08-17"
    ]
    assert not {day[:5] for day in days if day.endswith("8a")} & set(of_a)


def test_a_line_that_is_folded_within_a_character_is_read(tmp_path: Path) -> None:
    text = CALENDAR.format(
        events=event("DTSTART:20260817T090000", "DURATION:PT45M", "LOCATION:Größe", "SUMMARY:7b")
    )
    content = text.encode().replace(b"Gr\xc3\xb6", b"Gr\xc3\r\n \xb6")
    content = content.replace(b"BEGIN:VEVENT", b"BEGIN:VEV\r\n ENT")
    (tmp_path / "t.ics").write_bytes(content)
    settings = Settings(
        schools=[School(id="hill", name="Hill", timezone="Europe/Oslo")],
        rooms=[Room(id="r1", school="hill", name="Größe")],
    )
    lessons, bad = read_calendar(tmp_path / "t.ics", NameResolver(settings, CLASSES), NOW)
    assert (bad, [(one.room_id, one.line) for one in lessons]) == ([], [("r1", 4)])


def test_exceptions_belong_to_the_series_in_which_they_take_place(tmp_path: Path) -> None:
    weekly = "RRULE:FREQ=WEEKLY;COUNT=2"
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Oslo:20260824T130000",
        f"{OSLO}:20260825T140000",
        "DURATION:PT45M",
        *WHERE,
    )
    found, bad = read_events(
        tmp_path,
        event(f"{OSLO}:20260817T090000", "DURATION:PT45M", weekly, *WHERE),
        event(f"{OSLO}:20260817T130000", "DURATION:PT45M", weekly, *WHERE),
        moved,
    )
    assert bad == []
    assert [local_times(one)[:11] for one in found] == [
        "08-17 09:00",
        "08-17 13:00",
        "08-24 09:00",
        "08-25 14:00",
    ]


def test_several_hours_a_day_are_read_and_each_minute_is_not(tmp_path: Path) -> None:
    start = f"{OSLO}:20260817T090000"
    twice = "RRULE:FREQ=DAILY;COUNT=4;BYHOUR=9,13;BYMINUTE=0"
    found, bad = read_events(tmp_path, event(start, "DURATION:PT45M", twice, *WHERE))
    assert (len(found), bad) == (4, [])
    minutes = "RRULE:FREQ=DAILY;BYMINUTE=" + ",".join(map(str, range(60)))
    found, bad = read_events(tmp_path, event(start, "DURATION:PT1M", minutes, *WHERE))
    assert (found, len(bad)) == ([], 1)
