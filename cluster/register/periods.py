"""The name of the class period of a lesson, as the school system knows it."""

from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session
from cluster.records.repos import registers
from cluster.records.repos.people import class_of
from cluster.settings import Settings


def period_name(session: Session, settings: Settings, lesson_id: str) -> str:
    """Return the name of a lesson's class period.

    It is that of the timetable; else that of the roster, if the class has as many periods as it has
    lessons on that day; else the local times of the lesson.

    Raises:
        NotFound: There is no such lesson, or the settings have no such room.
    """
    lesson = registers.lesson_of(session, lesson_id)
    if lesson.period:
        return lesson.period
    day = registers.lesson_date(settings, lesson)
    classes = [lesson.class_sourced_id]
    same_day = [one.id for one in registers.lessons_on(session, settings, day, classes=classes)]
    names = class_of(session, lesson.class_sourced_id).periods
    if len(names) == len(same_day):
        return names[same_day.index(lesson.id)]
    return _clock_times(settings, lesson)


def _clock_times(settings: Settings, lesson: LessonRow) -> str:
    zone = settings.schools_by_id[settings.rooms_by_id[lesson.room_id].school].zone
    start, end = (time.astimezone(zone) for time in (lesson.starts_at, lesson.ends_at))
    return f"{start:%H:%M}-{end:%H:%M}"
