"""More teachers for the demo's class, so that many pages of its lesson can be open."""

from datetime import timedelta
from pathlib import Path

from cluster.demo.sample_roster import SCIENCE
from cluster.records.db.models import Enrollment, User
from cluster.records.db.unit_of_work import open_audited_records
from cluster.records.repos.people import PersonDetails, seal_details
from cluster.records.repos.sign_ins import issue
from cluster.security.roles import Principal, Role
from cluster.settings import load_settings


def enrol_teachers(settings: Path, count: int) -> list[str]:
    """Enrol teachers in the class of the demo's roster, and return their tokens.

    Args:
        settings: Settings file of an installation with that roster.
        count: Number of teachers.
    """
    tokens: list[str] = []
    with open_audited_records(load_settings(settings)) as audited:
        for number in range(count):
            user_id = f"{3000 + number:032x}"
            with audited.work("operator:bench") as work:
                details = PersonDetails("Teacher", str(number), identifier=None)
                work.session.add(
                    User(
                        id=user_id,
                        sourced_id=f"bench-teacher-{number}",
                        role="teacher",
                        enabled=True,
                        sealed=seal_details(audited.keys, user_id, details),
                    )
                )
                work.session.flush()
                work.session.add(
                    Enrollment(
                        sourced_id=f"bench-{number}",
                        class_sourced_id=SCIENCE,
                        user_id=user_id,
                        role="teacher",
                    )
                )
            principal = Principal(user_id, frozenset({Role.TEACHER}), frozenset(), user_id)
            with audited.work("operator:bench") as work:
                tokens.append(issue(work, principal, expires_in=timedelta(hours=6)).text)
    return tokens
