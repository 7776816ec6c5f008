"""Imports a roster in child processes, and kills each of them at another point.

    python -m tests.records.roster.import_and_kill DATABASE_URL FOLDER STEP

A child is killed after every STEP-th of its SQL statements, those of reading and comparing
as well as those under the lock, and a random while after it began to write. Each time the
records have the old roster or the new one, whole. Prints how many kills left which.
"""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url, select

from cluster.records.db.database import Records
from cluster.records.db.models import Course, Enrollment, Guardian, Org, SchoolClass, User, UserOrg
from cluster.records.repos.people import open_details
from cluster.security.keys import KeyStore
from cluster.security.master_key import LocalMasterKey
from tests.kill_points import KillPoint, Stage, run_and_kill
from tests.records.rosters import import_path

MASTER = LocalMasterKey(b"m" * 32)
DELAYED_KILLS = 6
MAX_DELAY_SECONDS = 0.03

Contents = dict[str, list[tuple[object, ...]]]


def contents(records: Records, keys: KeyStore) -> Contents:
    """Return what the records have of the roster, without random ids."""
    with records.reading() as session:
        users = list(session.scalars(select(User)))
        sourced = {one.id: one.sourced_id for one in users}
        named = [
            (one.sourced_id, one.role, one.enabled, one.gone, open_details(keys, one).family_name)
            for one in users
        ]
        rows: Contents = {
            "users": list(named),
            "roles": [
                (sourced[one.user_id], one.org_sourced_id, one.role)
                for one in session.scalars(select(UserOrg))
            ],
            "guardians": [
                (sourced[one.student_id], sourced[one.guardian_id])
                for one in session.scalars(select(Guardian))
            ],
            "enrollments": [
                (one.sourced_id, one.class_sourced_id, sourced[one.user_id], str(one.end_date))
                for one in session.scalars(select(Enrollment))
            ],
            "classes": [
                (one.sourced_id, one.title, one.gone)
                for one in session.scalars(select(SchoolClass))
            ],
            "orgs": [(one.sourced_id, one.name) for one in session.scalars(select(Org))],
            "courses": [(one.sourced_id, one.title) for one in session.scalars(select(Course))],
        }
    return {kind: sorted(of) for kind, of in rows.items()}


def main(url: str, folder: Path, step: int) -> None:
    """Kill imports of `new` into records that have `old`, both below a folder."""
    keys = KeyStore(folder / "keys", MASTER)

    def opened() -> Records:
        return Records(make_url(url))

    def stored_after_import(name: str) -> Contents:
        records = opened()
        import_path(records, keys, folder / name, allow_many=True)
        found = contents(records, keys)
        records.close()
        return found

    def prepare() -> Callable[[], None]:
        records = opened()
        return lambda: [import_path(records, keys, folder / "new", allow_many=True)].clear()

    stored_after_import("old")
    new = stored_after_import("new")
    old = stored_after_import("old")
    assert old != new
    counts = {"old": 0, "new": 0}

    def kill(point: KillPoint) -> bool:
        assert stored_after_import("old") == old
        is_reached = run_and_kill(point, prepare)
        records = opened()
        found = contents(records, keys)
        records.close()
        assert found in (old, new), "the import was killed, and left a part of the new roster"
        counts["new" if found == new else "old"] += 1
        return is_reached

    statement = 1
    while kill(KillPoint(Stage.STATEMENT, statement)):
        statement += step
    chance = random.Random(20261128)
    for _ in range(DELAYED_KILLS):
        delay = chance.uniform(0, MAX_DELAY_SECONDS)
        kill(KillPoint(Stage.COMMIT, delay_seconds=delay))
    sys.stdout.write(json.dumps(counts | {"statements": statement}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
