"""A room from people to published windows: synthetic students in rows, frame after frame."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cluster.activity.analysed_frame import AnalysedFrame
from cluster.activity.durations import MEMORY_SECONDS, FrameCounts
from cluster.activity.room import RoomCounter, count_windows
from cluster.activity.suppression import ActivityWindow
from cluster.settings import Polygon
from cluster.vision.activity import Activity
from cluster.vision.people import People
from tests.plugins.hypothesis_profiles import examples
from tests.vision.bodies import HAND_UP, HEAD_ON_DESK, UPRIGHT, Body, crowd, person

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIZE = (640, 384)
RATE = 2.0

Scenario = Callable[[int, float], Sequence[Body]]
"""How a student (by seat) differs from sitting at rest, at a time in seconds."""


def rests(_seat: int, _t: float) -> Sequence[Body]:
    return ()


def seat_position(seat: int) -> tuple[float, float]:
    """The middle of the shoulders; rows of four seats."""
    return 100.0 + 140 * (seat % 4), 70.0 + 110 * (seat // 4)


def students(count: int, scenario: Scenario, t: float) -> list[People]:
    return [
        person(*scenario(seat, t), at=seat_position(seat), unit=28, score=0.9 - 0.01 * seat)
        for seat in range(count)
    ]


def scene(
    count: int,
    seconds: float,
    scenario: Scenario = rests,
    *,
    begins: float = 0.0,
    others: Sequence[People] = (),
) -> list[AnalysedFrame]:
    """Frames of a room, from `begins` seconds after `START`."""
    times = [begins + i / RATE for i in range(round(seconds * RATE))]
    return [
        AnalysedFrame(
            START + timedelta(seconds=t),
            crowd(*students(count, scenario, t), *others),
            SIZE,
        )
        for t in times
    ]


def published(
    frames: Sequence[AnalysedFrame],
    *,
    k: int = 5,
    starts: float = 0.0,
    headcount_only: bool = False,
    zone: Polygon | None = None,
) -> list[ActivityWindow]:
    return count_windows(
        frames,
        rate=RATE,
        starts_at=START + timedelta(seconds=starts),
        ends_at=START + timedelta(hours=1),
        k=k,
        headcount_only=headcount_only,
        teacher_zone=zone,
    )


def counted(frames: Sequence[AnalysedFrame], zone: Polygon | None = None) -> list[FrameCounts]:
    counter = RoomCounter(RATE, zone)
    return [counter.update(frame) for frame in frames]


def test_raised_hands_are_counted_once_each_and_as_a_share() -> None:
    def scenario(seat: int, t: float) -> Sequence[Body]:
        return [HAND_UP] if seat < 4 and 4 <= t < 16 else []

    first, second = published(scene(10, 20, scenario))
    assert (first.hand_raises, second.hand_raises) == (4, 0)
    assert first.hand_raised_share == pytest.approx(0.4 * 11 / 20)
    assert second.hand_raised_share == pytest.approx(0.4 * 12 / 20)


def test_people_are_classified_as_they_are_counted() -> None:
    def scenario(seat: int, t: float) -> Sequence[Body]:
        return [HAND_UP] if seat < 3 and t >= 4 else [HEAD_ON_DESK] if seat == 3 else []

    frames = scene(6, 10, scenario)
    counter = RoomCounter(RATE)
    for frame, counts in zip(frames, counted(frames), strict=True):
        people, current = counter.classify(frame)
        assert len(people) == len(current) == counts.people
        assert Counter(one.activity for one in current) == +Counter(counts.activities)
        assert sum(one.hand_confirmed for one in current) == counts.hand_raises


def test_each_activity_has_its_own_share() -> None:
    def scenario(seat: int, _t: float) -> Sequence[Body]:
        bodies: list[Sequence[Body]] = [[HEAD_ON_DESK], [UPRIGHT], [{"nose": (0.0, -0.3)}], []]
        return bodies[seat % 4]

    *_, last = published(scene(12, 20, scenario))
    assert last.head_down_share == pytest.approx(0.25)
    assert last.standing_share == pytest.approx(0.25)
    assert last.desk_work_share == pytest.approx(0.25)
    assert (last.unclear_share, last.hand_raised_share) == (0.05, 0.05)


def test_windows_are_on_the_grid_of_the_clock_and_contain_every_frame() -> None:
    windows = published(scene(8, 24, begins=3.0))
    assert [(w.window_start - START).seconds for w in windows] == [0, 10, 20]
    assert [w.frames for w in windows] == [14, 20, 14]
    assert all(b.window_start > a.window_start for a, b in pairwise(windows))


def test_lead_in_frames_are_not_counted_and_give_durations() -> None:
    def scenario(seat: int, _t: float) -> Sequence[Body]:
        return [HAND_UP] if seat < 3 else []

    [window] = published(scene(10, 13, scenario, begins=-3.0))
    assert window.window_start == START
    assert window.frames == 20
    assert window.hand_raises == 0  # they were raised before
    assert window.hand_raised_share == pytest.approx(0.3)  # and stay up from the first frame


def test_a_lead_in_alone_gives_no_window() -> None:
    assert published(scene(10, 3, begins=-3.0)) == []
    assert published([]) == []


@pytest.mark.parametrize("count", [1, 4])
def test_frames_with_fewer_than_k_people_give_a_headcount_only(count: int) -> None:
    def busy(_seat: int, _t: float) -> Sequence[Body]:
        return [HAND_UP]

    [window] = published(scene(count, 10, busy))
    assert window == published(scene(count, 10))[0]
    assert (window.people_max, window.people_mean, window.suppressed) == (count, count, True)
    assert window.hand_raised_share is None
    assert window.hand_raises is None


def test_an_empty_room_is_published_as_empty() -> None:
    frames = [
        AnalysedFrame(START + timedelta(seconds=i / 2), People.empty(), SIZE) for i in range(20)
    ]
    for zone in (None, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))):
        [window] = published(frames, zone=zone)
        assert (window.frames, window.people_max, window.suppressed) == (20, 0, True)


def test_a_vehicle_gives_a_headcount_only_even_of_many_people() -> None:
    [window] = published(scene(12, 10), headcount_only=True)
    assert (window.people_max, window.suppressed) == (12, True)


def test_k_is_an_argument() -> None:
    assert not published(scene(8, 10), k=8)[0].suppressed
    assert published(scene(8, 10), k=9)[0].suppressed


ZONE: Polygon = ((0.0, 0.85), (0.3, 0.85), (0.3, 1.0), (0.0, 1.0))
"""At the front, on the left; the students' feet are above it."""


def test_the_teacher_zone_excludes_people_with_their_feet_in_it_and_nobody_else() -> None:
    teacher = person(UPRIGHT, at=(60, 240), unit=36, score=0.95)
    reaching_in = person(at=(230, 260), unit=40, score=0.5)  # a shoulder, not the feet
    assert teacher.boxes[0, 3] > 0.85 * SIZE[1]
    assert reaching_in.boxes[0, 0] < 0.35 * SIZE[0]
    frames = scene(8, 10, others=[teacher, reaching_in])
    without, within = counted(frames), counted(frames, ZONE)
    assert {frame.people for frame in without} == {10}
    assert {frame.people for frame in within} == {9}
    assert without[-1].activities[Activity.STANDING] == 1
    assert within[-1].activities[Activity.STANDING] == 0
    alone = counted(scene(8, 10, others=[reaching_in]))
    assert [f.activities for f in within] == [f.activities for f in alone]


def test_a_teacher_cut_off_by_the_lower_edge_is_in_a_zone_that_reaches_it() -> None:
    teacher = person(at=(60, 300), unit=36, score=0.95)
    teacher.boxes[0, 3] = SIZE[1]
    [frame] = counted(scene(8, 0.5, others=[teacher]), ZONE)
    assert frame.people == 8


def test_a_zone_is_relative_to_the_size_of_the_frame() -> None:
    teacher = person(UPRIGHT, at=(120, 480), unit=72, score=0.95)
    student = person(at=(900, 300), unit=60)
    frame = AnalysedFrame(START, crowd(teacher, student), (1280, 768))
    [count] = counted([frame], ZONE)
    assert count.people == 1


def test_people_who_enter_and_leave_are_counted_while_present() -> None:
    windows = published([*scene(6, 10), *scene(9, 10, begins=10.0)])
    assert [(w.people_max, w.people_mean) for w in windows] == [(6, 6.0), (9, 9.0)]


def flickering(*frames_up: int) -> list[str]:
    """One student whose hand is up in these frames of thirty seconds; five at rest."""
    letters = "".join("h" if i in frames_up else "." for i in range(60))
    return [letters, *["." * 60] * 5]


@settings(max_examples=examples(20), deadline=None)
@given(seats=st.lists(st.text("..hhl", min_size=60, max_size=60), min_size=6, max_size=6))
@example(seats=flickering(34, 37, 40, 41))
def test_a_segment_with_a_lead_in_gives_the_windows_of_an_uninterrupted_run(
    seats: list[str],
) -> None:
    bodies: dict[str, Sequence[Body]] = {".": [], "h": [HAND_UP], "l": [HEAD_ON_DESK]}

    def scenario(seat: int, t: float) -> Sequence[Body]:
        return bodies[seats[seat][round(t * RATE)]]

    frames = scene(6, 30, scenario)
    cut = 20.0
    before = [f for f in frames if f.captured_at < START + timedelta(seconds=cut)]
    from_here = START + timedelta(seconds=cut - MEMORY_SECONDS)
    after = [f for f in frames if f.captured_at >= from_here]
    assert published(before) + published(after, starts=cut) == published(frames)
