"""The report: it loads nothing, tells no more than the warehouse, and shows what is withheld."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from cluster.activity.suppression import ActivityWindow
from cluster.district import Timetable
from cluster.errors import NotPublished, WarehouseError
from cluster.settings import Settings, load_settings
from cluster.warehouse import ddl
from cluster.warehouse import publish as module
from cluster.warehouse.publish import publish
from cluster.warehouse.report import RoomReport, load_report, write_report
from cluster.warehouse.schema import ACTIVITY_WINDOWS
from tests.conftest import write_settings
from tests.warehouse.test_lake import window, withheld
from tests.warehouse.test_publish import write_windows

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEN_SECONDS = timedelta(seconds=10)


class Page(HTMLParser):
    """What a browser would load of a page, and the rows of its table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loaded: list[str] = []
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        loading = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background"}
        self.loaded += [value or "" for name, value in attrs if name in loading]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def lesson_of(settings: Settings, *windows: ActivityWindow) -> RoomReport:
    """The morning of room r1, from windows that are published first."""
    write_windows(settings, windows, starts_at=EIGHT)
    publish(settings, Timetable(), now=EIGHT)
    return load_report(settings, "r1", EIGHT, EIGHT + timedelta(hours=4))


def page_of(lesson: RoomReport, folder: Path) -> str:
    path = folder / "report.html"
    write_report(lesson, path, k=7)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> RoomReport:
    """Three windows of a lesson: told, withheld, and told near its end."""
    settings = load_settings(write_settings(tmp_path_factory.mktemp("district")))
    coded: dict[str, Any] = {"hand_raised_share": 0.37, "reading_share": 0.95, "hand_raises": 8}
    coded |= {"people_low": 18, "people_high": 23}
    return lesson_of(
        settings,
        window(EIGHT, **coded),
        withheld(EIGHT + TEN_SECONDS, people_mean=3.2, people_max=5),
        window(EIGHT + timedelta(minutes=44, seconds=50)),
    )


@pytest.fixture(scope="module")
def page(morning: RoomReport, tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(morning, tmp_path_factory.mktemp("page"))


def test_the_page_loads_nothing_from_anywhere(page: str) -> None:
    read = Page(page)
    assert all(address.startswith("#") for address in read.loaded)
    assert all(part.startswith(("#", "'#", '"#')) for part in re.findall(r"url\(\s*(.{3})", page))
    assert "@import" not in page
    assert not read.tags & {"script", "link", "iframe", "img", "object", "embed", "form", "base"}
    assert "svg" in read.tags


def test_a_name_that_looks_like_a_program_stays_a_name(tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    evil = "<script>alert(1)</script> & <img src=x>"
    path.write_text(path.read_text().replace("Room 1", evil).replace("Hill School", evil))
    text = page_of(lesson_of(load_settings(path), window(EIGHT)), tmp_path)
    assert not Page(text).tags & {"script", "img"}
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;img src=x&gt;") >= 3


def test_the_table_shows_what_is_suppressed_and_what_is_coded(page: str) -> None:
    header, first, second, _ = Page(page).rows
    assert header[:5] == ["from", "most people", "mean", "95% interval", "hands raised"]
    assert header[5:8] == ["hand raised", "desk work", "reading"]
    assert first == [
        *("09:00:00", "22", "20.0", "18–23", "8", "37%", "≥95%", "≥95%"),
        *("≤5%", "≤5%", "10%", "≤5%"),
    ]
    assert second == ["09:00:10", "5", "3.2", *["–"] * 9]
    assert len(header) == len(first)


def test_the_page_says_where_and_when_in_the_time_of_the_school(page: str) -> None:
    assert "<h1>Room 1</h1>" in page
    assert "Hill School · 02 March 2026, 09:00 to 09:45 (Europe/Oslo)" in page


def test_the_page_says_how_many_people_a_share_needs(page: str) -> None:
    assert re.search(r"fewer than\s+7 people", page)


def test_the_page_is_the_same_each_time(morning: RoomReport, page: str, tmp_path: Path) -> None:
    assert page_of(morning, tmp_path) == page


def test_a_drawing_says_which_shares_are_small_or_suppressed(
    school: Settings, page: str, tmp_path: Path
) -> None:
    assert page.count("≤5% where published") == 3  # writing, head down, unclear
    assert "withheld throughout" not in page
    path = tmp_path / "deep" / "lesson.svg"
    with mpl.rc_context({"svg.fonttype": "none"}):
        write_report(lesson_of(school, withheld(EIGHT)), path, k=5)
    drawing = ET.parse(path).getroot()  # noqa: S314 (of our own)
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert path.read_text().count(">withheld throughout<") == 5


def test_reading_and_writing_are_left_out_where_they_are_not_published(
    school: Settings, tmp_path: Path
) -> None:
    together = window(EIGHT, reading_share=None, writing_share=None, desk_work_share=0.6)
    report = lesson_of(school, together, withheld(EIGHT + TEN_SECONDS))
    text = page_of(report, tmp_path)
    header, first, _ = Page(text).rows
    assert header[5:] == ["hand raised", "desk work", "head down", "standing", "unclear"]
    assert first[5:] == ["20%", "60%", "≤5%", "10%", "≤5%"]
    assert ">desk work<" in text
    assert ">reading<" not in text


def test_a_plot_is_written_too(morning: RoomReport, tmp_path: Path) -> None:
    write_report(morning, tmp_path / "lesson.png", k=5)
    assert (tmp_path / "lesson.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.html.exe"])
def test_another_suffix_is_rejected(morning: RoomReport, tmp_path: Path, name: str) -> None:
    with pytest.raises(WarehouseError, match=r"\.html, \.png, \.svg") as refused:
        write_report(morning, tmp_path / name, k=5)
    assert refused.value.where == str(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["file/report.html", "file/report.svg"])
def test_a_place_that_cannot_be_written_is_reported(
    morning: RoomReport, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WarehouseError, match="cannot be written"):
        write_report(morning, tmp_path / name, k=5)


def test_a_stretch_takes_its_start_and_leaves_its_end(school: Settings) -> None:
    lesson_of(school, *(window(EIGHT + n * TEN_SECONDS) for n in range(4)))
    some = load_report(school, "r1", EIGHT + TEN_SECONDS, EIGHT + 3 * TEN_SECONDS)
    assert [w.window_start for w in some.windows] == [EIGHT + TEN_SECONDS, EIGHT + 2 * TEN_SECONDS]


def test_a_room_shows_its_own_windows_only(school: Settings) -> None:
    write_windows(school, [withheld(EIGHT)], camera_id="cam2", starts_at=EIGHT)
    lesson = lesson_of(school, window(EIGHT))
    assert lesson.windows == [window(EIGHT)]
    assert (lesson.room_name, lesson.school_name) == ("Room 1", "Hill School")


def test_a_time_without_windows_is_reported(school: Settings) -> None:
    lesson_of(school, window(EIGHT))
    with pytest.raises(WarehouseError, match=r"no windows of room 'r1' between 2026-03-03T08:00"):
        load_report(school, "r1", EIGHT + timedelta(days=1), EIGHT + timedelta(days=1, hours=1))


def test_an_unknown_room_is_named(school: Settings) -> None:
    lesson_of(school, window(EIGHT))
    with pytest.raises(WarehouseError, match="no room 'r9'"):
        load_report(school, "r9", EIGHT, EIGHT + timedelta(hours=1))


def test_before_the_first_publication_the_error_says_what_to_do(school: Settings) -> None:
    with pytest.raises(NotPublished, match="homeroom publish"):
        load_report(school, "r1", EIGHT, EIGHT + timedelta(hours=1))


def test_a_publication_of_an_earlier_version_says_what_to_do(
    school: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_windows(school, [window(EIGHT)], starts_at=EIGHT)
    kept = tuple(column for column in ACTIVITY_WINDOWS.columns if column.name != "people_low")
    monkeypatch.setattr(ddl, "ACTIVITY_WINDOWS", replace(ACTIVITY_WINDOWS, columns=kept))
    monkeypatch.setattr(module, "_add_comments", lambda *_: None)
    publish(school, Timetable(), now=EIGHT)
    with pytest.raises(WarehouseError, match="earlier version") as refused:
        load_report(school, "r1", EIGHT, EIGHT + TEN_SECONDS)
    assert refused.value.hint == "Run `homeroom publish`."
