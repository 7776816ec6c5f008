"""Who may take a register: a teacher of the lesson's class on the lesson's date."""

from cluster.errors import NotAllowed
from cluster.records.db.models import LessonRow
from cluster.records.db.unit_of_work import Session, UnitOfWork
from cluster.records.repos import registers
from cluster.records.repos.people import members
from cluster.settings import Settings


def taught_lesson(work: UnitOfWork, settings: Settings, lesson_id: str) -> LessonRow:
    """Return a lesson, if the actor teaches its class, or is the system itself.

    Raises:
        NotFound: There is no such lesson.
        NotAllowed: The actor does not teach the class on that date.
    """
    lesson = registers.lesson_of(work.session, lesson_id)
    if not work.actor.startswith("system:"):
        check_teaches(work.session, settings, lesson, work.actor)
    return lesson


def check_teaches(session: Session, settings: Settings, lesson: LessonRow, user_id: str) -> None:
    """Check that a user teaches a lesson's class.

    Raises:
        NotAllowed: They do not, on that date.
    """
    day = registers.lesson_date(settings, lesson)
    if user_id not in members(session, lesson.class_sourced_id, "teacher", day):
        raise NotAllowed(
            "who takes a register must teach the class.",
            where=lesson.id,
            hint="A teacher of the class takes it.",
        )


def students_of(session: Session, settings: Settings, lesson: LessonRow) -> list[str]:
    """Return the ids of the students who are enrolled in a lesson's class on its date."""
    day = registers.lesson_date(settings, lesson)
    return members(session, lesson.class_sourced_id, "student", day)
