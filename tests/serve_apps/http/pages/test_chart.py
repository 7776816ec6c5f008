"""Charts of a room's last minutes: coordinates, and gaps."""

from datetime import timedelta

from cluster.activity.suppression import ActivityWindow
from serve_apps.http.pages.chart import HEIGHT, WIDTH, draw_chart
from tests.register.school import MONDAY
from tests.serve_apps.http.api_client import window_of

MINUTES = 20
NOW = MONDAY + timedelta(minutes=MINUTES)


def at(seconds: float, people: int = 20) -> ActivityWindow:
    return window_of(people, at=MONDAY + timedelta(seconds=seconds))


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, _, y in (pair.partition(",") for pair in line.split())]


def test_people_are_drawn_between_zero_and_the_maximum() -> None:
    chart = draw_chart([at(0, 0), at(10, 20)], NOW, MINUTES)
    (line,) = chart.people
    assert chart.y_max == 20
    (x0, y0), (x1, y1) = points(line)
    assert (y0, y1) == (HEIGHT, 0)
    assert 0 <= x0 < x1 < WIDTH


def test_a_small_group_does_not_fill_the_axis() -> None:
    assert draw_chart([at(0, 3)], NOW, MINUTES).y_max == 10


def test_a_line_breaks_where_windows_are_missing() -> None:
    chart = draw_chart([at(0), at(10), at(60), at(70)], NOW, MINUTES)
    assert [len(points(line)) for line in chart.people] == [2, 2]


def test_shares_break_where_they_are_suppressed_and_people_do_not() -> None:
    chart = draw_chart([at(0), at(10, 4), at(20)], NOW, MINUTES)
    assert len(chart.people) == 1
    assert len(chart.shares["reading"]) == 2


def test_windows_before_the_start_of_the_axis_are_left_out() -> None:
    assert draw_chart([at(-60)], NOW, MINUTES).is_empty
    assert draw_chart([], NOW, MINUTES).is_empty


def test_a_single_window_is_visible() -> None:
    (line,) = draw_chart([at(600)], NOW, MINUTES).people
    (x0, _), (x1, _) = points(line)
    assert x1 > x0
