"""Lessons that cannot take place at the same time: two in one room, or one class in two rooms.

Classes that are taught together in one room, from the same start to the same end, have a lesson
each. The same lesson twice, as calendars of several teachers have it, is one lesson.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from cluster.records.roster.csv_files import BadRow
from cluster.records.timetable.lesson_plan import NO_CLASS, LessonPlan

Kind = Literal["room", "class"]


def drop_overlaps(
    lessons: Iterable[LessonPlan], file: str, stored: Iterable[LessonPlan] = ()
) -> tuple[list[LessonPlan], list[BadRow]]:
    """Drop lessons that cannot take place beside one of an earlier line.

    Args:
        lessons: The lessons of the file.
        file: Its name.
        stored: Lessons of the records that are kept, which precede all lines.

    Returns:
        The other lessons by room and start, and a bad row for each pair of lines that overlap.
    """
    calendar = LessonCalendar(stored)
    good: list[LessonPlan] = []
    stated: dict[str, LessonPlan] = {}
    first: dict[tuple[int, int, str, Kind], tuple[LessonPlan, LessonPlan]] = {}
    times: Counter[tuple[int, int, str, Kind]] = Counter()
    for lesson in sorted(lessons, key=lambda one: (one.line, one.starts_at)):
        same = stated.get(lesson.id)
        if same is not None and _slot(same) == _slot(lesson):
            continue
        clash = calendar.find_clash(lesson)
        if clash is None:
            calendar.add(lesson)
            good.append(lesson)
            stated[lesson.id] = lesson
            continue
        kind, other = clash
        pair = (lesson.line, other.line, "" if other.line else other.room_id, kind)
        first.setdefault(pair, (lesson, other))
        times[pair] += 1
    bad = [
        BadRow(file, lesson.line, None, _describe(pair[3], lesson, other, times[pair]))
        for pair, (lesson, other) in first.items()
    ]
    return sorted(good, key=lambda one: (one.room_id, one.starts_at, one.id)), bad


@dataclass(slots=True)
class LessonCalendar:
    """Lessons by room and by class, and by UTC day; a lesson of at most a day is in one or two.

    Args:
        lessons: The first ones.
    """

    lessons: Iterable[LessonPlan] = ()
    _by_day: dict[tuple[Kind, str, int], list[LessonPlan]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        for lesson in self.lessons:
            self.add(lesson)

    def add(self, lesson: LessonPlan) -> None:
        """Add a lesson."""
        for day in _days(lesson):
            self._by_day["room", lesson.room_id, day].append(lesson)
            self._by_day["class", lesson.class_sourced_id, day].append(lesson)

    def overlapping(self, kind: Kind, key: str, lesson: LessonPlan) -> Iterator[LessonPlan]:
        """Yield the lessons of a room, or of a class, at the time of a lesson."""
        for day in _days(lesson):
            for other in self._by_day.get((kind, key, day), ()):
                if lesson.starts_at < other.ends_at and other.starts_at < lesson.ends_at:
                    yield other

    def find_clash(self, lesson: LessonPlan) -> tuple[Kind, LessonPlan] | None:
        """Return a lesson beside which this one cannot take place, or None."""
        for other in self.overlapping("room", lesson.room_id, lesson):
            if not _are_taught_together(lesson, other):
                return "room", other
        if lesson.class_sourced_id != NO_CLASS:
            for other in self.overlapping("class", lesson.class_sourced_id, lesson):
                if other.room_id != lesson.room_id:
                    return "class", other
        return None


def _are_taught_together(one: LessonPlan, other: LessonPlan) -> bool:
    times = (one.starts_at, one.ends_at) == (other.starts_at, other.ends_at)
    return times and one.class_sourced_id != other.class_sourced_id


def _slot(lesson: LessonPlan) -> tuple[object, ...]:
    return (lesson.room_id, lesson.class_sourced_id, lesson.starts_at, lesson.ends_at)


def _days(lesson: LessonPlan) -> range:
    return range(lesson.starts_at.toordinal(), lesson.ends_at.toordinal() + 1)


def _describe(kind: Kind, lesson: LessonPlan, other: LessonPlan, times: int) -> str:
    what = f"line {other.line}" if other.line else f"the lesson {other.id!r} in the records"
    more = f", and {times - 1} more" if times > 1 else ""
    when = f"{lesson.starts_at:%Y-%m-%d %H:%M}Z{more}"
    if kind == "room":
        return f"overlaps {what} in room {lesson.room_id!r} ({when}); skipped"
    return (
        f"has the class {lesson.class_sourced_id!r} in room {lesson.room_id!r} while {what} has it "
        f"in room {other.room_id!r} ({when}); skipped"
    )
