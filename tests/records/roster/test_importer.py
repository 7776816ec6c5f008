"""Importing a roster: what is added, changed, disabled or kept, on both databases."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from cluster.errors import RosterError
from cluster.records.db.database import Records
from cluster.records.db.models import (
    AcademicSession,
    Course,
    Enrollment,
    Guardian,
    LessonRow,
    Org,
    RegisterRow,
    SchoolClass,
    User,
    UserOrg,
)
from cluster.records.repos.class_list import class_sizes, students_of
from cluster.records.repos.people import open_details
from cluster.records.roster.import_result import ImportResult
from cluster.records.roster.importer import preview_roster
from cluster.security.keys import KeyStore
from tests.plugins.hypothesis_profiles import examples
from tests.records.rosters import (
    csv_line,
    enrollment,
    import_path,
    org,
    role,
    school_class,
    user,
    user_1_2,
    write_roster,
)

DAY = date(2026, 9, 1)
FULL = {
    "orgs": [org()],
    "academicSessions": [
        csv_line(
            "academicSessions",
            "t1",
            title="Autumn",
            type="term",
            startDate="2026-08-17",
            endDate="2026-12-18",
            schoolYear="2027",
        )
    ],
    "courses": [csv_line("courses", "sci", title="Science", courseCode="SCI")],
    "classes": [school_class("7b", courseSourcedId="sci"), school_class("8a")],
    "users": [
        user("t", "teacher"),
        user("a", agentSourcedIds="g1,g2"),
        user("b", agentSourcedIds="g1"),
        user("g1", "parent"),
        user("g2", "guardian"),
    ],
    "enrollments": [
        enrollment("7b", "t", "teacher"),
        enrollment("7b", "a"),
        enrollment("7b", "b"),
        enrollment("8a", "b"),
    ],
}


def roster_without(name: str, *fragments: str) -> dict[str, list[str]]:
    """Return the full roster without the rows of one file that begin with one of these keys."""
    prefixes = tuple(f'"{fragment}",' for fragment in fragments)
    return {**FULL, name: [row for row in FULL[name] if not row.startswith(prefixes)]}


def changed_counts(changes: ImportResult) -> dict[str, tuple[int, int, int]]:
    """Return how many rows were added, changed and removed, of kinds that changed."""
    return {
        kind: (one.added, one.changed, one.removed)
        for kind, one in changes.counts.items()
        if one.changes
    }


def guardian_pairs(records: Records) -> set[tuple[str, str]]:
    """Return pairs of student and guardian, by sourcedId."""
    with records.reading() as session:
        user_ids = dict(session.execute(select(User.id, User.sourced_id)).all())
        pairs = session.execute(select(Guardian.student_id, Guardian.guardian_id))
        return {(user_ids[student], user_ids[guardian]) for student, guardian in pairs}


def users_in_roster(records: Records) -> dict[str, bool]:
    """Return whether each user, by sourcedId, is in the roster and not gone."""
    with records.reading() as session:
        return dict(session.execute(select(User.sourced_id, ~User.gone)).all())


def accounts(records: Records) -> dict[str, bool]:
    """Return whether each user, by sourcedId, has an account."""
    with records.reading() as session:
        return dict(session.execute(select(User.sourced_id, User.enabled)).all())


def sourced_ids(records: Records, model: type[Enrollment | SchoolClass | Org | Course]) -> set[str]:
    with records.reading() as session:
        return set(session.scalars(select(model.sourced_id)))


def org_roles(records: Records) -> set[tuple[str, str, str]]:
    with records.reading() as session:
        query = select(User.sourced_id, UserOrg.org_sourced_id, UserOrg.role).join(
            User, User.id == UserOrg.user_id
        )
        return {(who, at, named) for who, at, named in session.execute(query)}


@pytest.fixture
def imported(records: Records, keys: KeyStore, tmp_path: Path) -> ImportResult:
    """Import the full roster."""
    return import_path(records, keys, write_roster(tmp_path / "full", FULL))


def test_the_first_import_adds_everything(records: Records, imported: ImportResult) -> None:
    assert imported.bad_rows == ()
    assert changed_counts(imported) == {
        "orgs": (1, 0, 0),
        "academicSessions": (1, 0, 0),
        "courses": (1, 0, 0),
        "classes": (2, 0, 0),
        "users": (5, 0, 0),
        "roles": (5, 0, 0),
        "guardians": (3, 0, 0),
        "enrollments": (4, 0, 0),
    }
    assert guardian_pairs(records) == {("a", "g1"), ("a", "g2"), ("b", "g1")}
    with records.reading() as session:
        found = session.get(AcademicSession, "t1")
        assert found is not None
        assert (found.end_date, found.school_year) == (date(2026, 12, 18), "2027")
        school = session.get(SchoolClass, "7b")
        assert school is not None
        assert school.term_sourced_ids == ["t1", "t2"]


def test_names_are_encrypted_and_decrypted_with_the_key(
    records: Records, keys: KeyStore, imported: ImportResult
) -> None:
    assert imported.total
    with records.reading() as session:
        one = session.scalars(select(User).where(User.sourced_id == "a")).one()
        assert b"Given" not in one.sealed
        assert open_details(keys, one).given_name == "Given a"
        assert "a" not in {one.id}


def test_importing_the_same_roster_again_changes_nothing(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    with records.reading() as session:
        before = dict(session.execute(select(User.id, User.sealed)).all())
    again = import_path(records, keys, write_roster(tmp_path / "full", FULL))
    assert (again.total, again.bad_rows) == (0, ())
    assert {kind: one.unchanged for kind, one in again.counts.items()} == {
        kind: one.added for kind, one in imported.counts.items()
    }
    with records.reading() as session:
        assert dict(session.execute(select(User.id, User.sealed)).all()) == before


def test_a_preview_counts_the_same_and_does_not_change_the_records(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    path = write_roster(tmp_path / "r", FULL)
    preview = preview_roster(records, keys, path)
    with records.reading() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 0
        assert session.scalar(select(func.count()).select_from(Org)) == 0
    assert import_path(records, keys, path).counts == preview.counts


def test_a_new_name_changes_that_user_alone(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    users = [
        user("a", agentSourcedIds="g1,g2", familyName="New"),
        *roster_without("users", "a")["users"],
    ]
    changes = import_path(records, keys, write_roster(tmp_path / "r", {**FULL, "users": users}))
    assert changed_counts(changes) == {"users": (0, 1, 0)}
    with records.reading() as session:
        assert [one.name for one in students_of(session, keys, "7b", DAY)] == [
            "Given a New",
            "Given b Made",
        ]


def test_a_user_who_is_no_longer_in_the_roster_is_gone_until_they_return(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    left = roster_without("users", "b") | {
        "enrollments": roster_without("enrollments", "7b-b", "8a-b")["enrollments"]
    }
    changes = import_path(records, keys, write_roster(tmp_path / "less", left))
    assert changed_counts(changes) == {
        "users": (0, 0, 1),
        "roles": (0, 0, 1),
        "enrollments": (0, 0, 2),
    }
    assert users_in_roster(records) == {"t": True, "a": True, "b": False, "g1": True, "g2": True}
    assert ("b", "g1") in guardian_pairs(records)
    back = import_path(records, keys, write_roster(tmp_path / "full", FULL))
    assert changed_counts(back) == {
        "users": (0, 1, 0),
        "roles": (1, 0, 0),
        "enrollments": (2, 0, 0),
    }
    assert all(users_in_roster(records).values())


def test_a_file_with_one_bad_row_removes_nothing(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    bad = {
        **FULL,
        "users": [user("a", agentSourcedIds="g1,g2"), user("z", "wizard")],
        "enrollments": [enrollment("7b", "nobody")],
        "classes": [school_class("7b", courseSourcedId="sci"), school_class("9", title="")],
        "courses": [csv_line("courses", "x", title="")],
    }
    changes = import_path(records, keys, write_roster(tmp_path / "r", bad))
    assert changes.total == 0
    assert [str(one) for one in changes.bad_rows] == [
        "classes.csv:3: title: is empty",
        "courses.csv:2: title: is empty",
        "enrollments.csv:2: userSourcedId: no user is 'nobody'",
        "users.csv:3: role: 'wizard' is none of " + str(changes.bad_rows[3]).split("none of ")[1],
    ]


REFERENCES = [
    ("classes", school_class("9", schoolSourcedId="s9"), "schoolSourcedId", "no org is 's9'"),
    ("users", user("z", orgSourcedIds="s1,s9"), "orgSourcedIds", "no org is 's9'"),
    ("enrollments", enrollment("9", "a"), "classSourcedId", "no class is '9'"),
    ("enrollments", enrollment("7b", "z"), "userSourcedId", "no user is 'z'"),
]


@pytest.mark.parametrize(("name", "row", "column", "reason"), REFERENCES)
def test_a_row_with_an_unknown_reference_is_a_bad_row(
    records: Records,
    keys: KeyStore,
    tmp_path: Path,
    imported: ImportResult,
    name: str,
    row: str,
    column: str,
    reason: str,
) -> None:
    assert imported.total
    more = {**FULL, name: [*FULL[name], row]}
    changes = import_path(records, keys, write_roster(tmp_path / "r", more))
    [bad] = changes.bad_rows
    place = (bad.file, bad.line, bad.column, bad.reason)
    assert place == (f"{name}.csv", len(FULL[name]) + 2, column, reason)
    assert changes.total == 0


@pytest.mark.parametrize(
    ("agent", "reason"), [("nobody", "no user is 'nobody'"), ("b", "'b' is a student")]
)
def test_an_invalid_guardian_is_skipped_and_the_others_are_kept(
    records: Records,
    keys: KeyStore,
    tmp_path: Path,
    imported: ImportResult,
    agent: str,
    reason: str,
) -> None:
    assert imported.total
    users = [user("a", agentSourcedIds=f"g2,{agent}"), *roster_without("users", "a")["users"]]
    changes = import_path(records, keys, write_roster(tmp_path / "r", {**FULL, "users": users}))
    [bad] = changes.bad_rows
    assert (bad.line, bad.column) == (2, "agentSourcedIds")
    assert bad.reason.startswith(reason)
    assert guardian_pairs(records) == {("a", "g1"), ("a", "g2"), ("b", "g1")}


def test_guardians_follow_the_students_own_row(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    users = [user("a", agentSourcedIds="g2"), *roster_without("users", "a")["users"]]
    changes = import_path(records, keys, write_roster(tmp_path / "r", {**FULL, "users": users}))
    assert changed_counts(changes) == {"guardians": (0, 0, 1)}
    assert guardian_pairs(records) == {("a", "g2"), ("b", "g1")}


def test_the_agents_of_a_guardian_are_ignored(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    users = [user("a", agentSourcedIds="g"), user("g", "parent", agentSourcedIds="a")]
    path = write_roster(tmp_path / "r", {"orgs": [org()], "users": users})
    assert import_path(records, keys, path).bad_rows == ()
    assert guardian_pairs(records) == {("a", "g")}


def write_delta(folder: Path, files: Mapping[str, Iterable[str]], version: str = "1.1") -> Path:
    return write_roster(folder, files, version=version, modes=dict.fromkeys(files, "delta"))


def test_a_delta_changes_and_removes_only_its_own_rows(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    files = {
        "users": [
            user("b", status="active", agentSourcedIds="g2"),
            user("g1", "parent", status="tobedeleted"),
            user("nobody", status="tobedeleted"),
        ],
        "enrollments": [enrollment("8a", "b", status="tobedeleted")],
    }
    changes = import_path(records, keys, write_delta(tmp_path / "d", files))
    assert changes.bad_rows == ()
    assert changed_counts(changes) == {
        "users": (0, 0, 1),
        "guardians": (1, 0, 1),
        "enrollments": (0, 0, 1),
    }
    assert guardian_pairs(records) == {("a", "g1"), ("a", "g2"), ("b", "g2")}
    assert users_in_roster(records)["g1"] is False
    assert import_path(records, keys, tmp_path / "d").total == 0


def test_a_deleted_class_is_removed_with_its_enrollments(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    files = {"classes": [school_class("8a", status="tobedeleted")]}
    changes = import_path(records, keys, write_delta(tmp_path / "d", files))
    assert changed_counts(changes) == {"classes": (0, 0, 1), "enrollments": (0, 0, 1)}
    assert sourced_ids(records, SchoolClass) == {"7b"}


def add_lesson(records: Records, class_id: str) -> None:
    """Add a lesson of a class, with a register."""
    start = datetime(2026, 9, 1, 7, tzinfo=UTC)
    with records.writing() as session:
        end = start + timedelta(minutes=45)
        session.add(
            LessonRow(
                id="l1", class_sourced_id=class_id, room_id="r1", starts_at=start, ends_at=end
            )
        )
        session.flush()
        session.add(
            RegisterRow(
                lesson_id="l1",
                state="open",
                version=1,
                opened_at=start,
                opened_by="operator:x",
                closes_at=end,
            )
        )


@pytest.mark.parametrize("as_delta", [False, True])
def test_a_class_with_a_lesson_is_kept_with_its_register(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult, as_delta: bool
) -> None:
    assert imported.total
    add_lesson(records, "8a")
    if as_delta:
        path = write_delta(tmp_path / "d", {"classes": [school_class("8a", status="tobedeleted")]})
    else:
        less = roster_without("classes", "8a") | roster_without("enrollments", "8a-b")
        less["classes"] = roster_without("classes", "8a")["classes"]
        path = write_roster(tmp_path / "less", less)
    changes = import_path(records, keys, path)
    assert changed_counts(changes) == {"enrollments": (0, 0, 1)}
    assert changes.counts["classes"].kept == 1
    assert sourced_ids(records, SchoolClass) == {"7b", "8a"}
    with records.reading() as session:
        assert session.scalar(select(func.count()).select_from(RegisterRow)) == 1


def test_a_class_is_kept_as_long_as_its_enrollments(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    path = write_roster(tmp_path / "r", {"classes": roster_without("classes", "8a")["classes"]})
    changes = import_path(records, keys, path)
    assert (changes.total, changes.counts["classes"].kept) == (0, 1)
    assert "8a-b" in sourced_ids(records, Enrollment)


def test_an_org_is_kept_as_long_as_it_has_a_class(
    records: Records, keys: KeyStore, tmp_path: Path, imported: ImportResult
) -> None:
    assert imported.total
    changes = import_path(records, keys, write_roster(tmp_path / "r", {"orgs": [org("s2")]}))
    assert changed_counts(changes) == {"orgs": (1, 0, 0)}
    assert sourced_ids(records, Org) == {"s1", "s2"}


MANY = {"orgs": [org()], "users": [user(f"u{n}") for n in range(40)]}


def test_a_list_that_lacks_over_a_quarter_is_rejected_unless_allowed(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    import_path(records, keys, write_roster(tmp_path / "many", MANY))
    few = write_roster(tmp_path / "few", {**MANY, "users": MANY["users"][:29]})
    with pytest.raises(RosterError, match=r"users\.csv: 11 of 40 users .*--yes"):
        import_path(records, keys, few)
    assert sum(users_in_roster(records).values()) == 40
    assert changed_counts(preview_roster(records, keys, few))["users"] == (0, 0, 11)
    import_path(records, keys, few, allow_many=True)
    assert sum(users_in_roster(records).values()) == 29


def test_a_quarter_may_be_removed_without_confirmation(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    import_path(records, keys, write_roster(tmp_path / "many", MANY))
    import_path(
        records, keys, write_roster(tmp_path / "few", {**MANY, "users": MANY["users"][10:]})
    )
    assert sum(users_in_roster(records).values()) == 30


FULL_1_2 = {
    "orgs": [org(), org("s2")],
    "users": [user_1_2("a", preferredGivenName="Al"), user_1_2("t")],
    "roles": [
        role("r1", "a", "student"),
        role("r2", "t", "aide", "secondary", orgSourcedId="s2"),
        role("r3", "t", "teacher"),
    ],
}


@pytest.fixture
def imported_1_2(records: Records, keys: KeyStore, tmp_path: Path) -> ImportResult:
    """Import the full roster of OneRoster 1.2."""
    return import_path(records, keys, write_roster(tmp_path / "v12", FULL_1_2, version="1.2"))


def role_of(records: Records, sourced_id: str) -> str:
    with records.reading() as session:
        return session.scalars(select(User.role).where(User.sourced_id == sourced_id)).one()


def test_in_1_2_the_primary_role_is_the_users_and_all_roles_are_kept_by_org(
    records: Records, keys: KeyStore, tmp_path: Path, imported_1_2: ImportResult
) -> None:
    assert (imported_1_2.bad_rows, imported_1_2.counts["roles"].added) == ((), 3)
    assert role_of(records, "t") == "teacher"
    assert org_roles(records) == {
        ("a", "s1", "student"),
        ("t", "s1", "teacher"),
        ("t", "s2", "aide"),
    }
    assert import_path(records, keys, tmp_path / "v12").total == 0


def test_in_1_2_a_user_without_a_role_is_a_bad_row(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    files = {**FULL_1_2, "roles": FULL_1_2["roles"][1:]}
    changes = import_path(records, keys, write_roster(tmp_path / "r", files, version="1.2"))
    assert [str(bad) for bad in changes.bad_rows] == ["users.csv:2: has no role in roles.csv"]
    assert users_in_roster(records) == {"t": True}


def test_in_1_2_a_role_of_an_unknown_user_or_org_is_a_bad_row(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    more = [role("r8", "nobody", "aide"), role("r9", "a", "aide", orgSourcedId="s9")]
    files = {**FULL_1_2, "roles": [*FULL_1_2["roles"], *more]}
    changes = import_path(records, keys, write_roster(tmp_path / "r", files, version="1.2"))
    assert [str(bad) for bad in changes.bad_rows] == [
        "roles.csv:5: userSourcedId: no user is 'nobody'",
        "roles.csv:6: orgSourcedId: no org is 's9'",
    ]


def test_a_delta_of_roles_alone_replaces_the_primary_role(
    records: Records, keys: KeyStore, tmp_path: Path, imported_1_2: ImportResult
) -> None:
    assert imported_1_2.total
    files = {
        "roles": [
            role("r3", "t", "principal", status="active"),
            role("r2", "t", "aide", "secondary", orgSourcedId="s2", status="tobedeleted"),
        ]
    }
    changes = import_path(records, keys, write_delta(tmp_path / "d", files, "1.2"))
    assert changed_counts(changes) == {"users": (0, 1, 0), "roles": (1, 0, 2)}
    assert role_of(records, "t") == "principal"
    assert org_roles(records) == {("a", "s1", "student"), ("t", "s1", "principal")}
    assert import_path(records, keys, tmp_path / "d").total == 0


def test_a_failed_import_changes_nothing(records: Records, keys: KeyStore, tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", FULL)
    (folder / "enrollments.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(RosterError, match="not UTF-8"):
        import_path(records, keys, folder)
    assert users_in_roster(records) == {}


def test_classes_are_listed_with_their_number_of_students_on_a_day(
    records: Records, keys: KeyStore, tmp_path: Path
) -> None:
    rows = [
        enrollment("7b", "t", "teacher"),
        enrollment("7b", "a", endDate="2026-08-31"),
        enrollment("7b", "b", beginDate="2026-09-01"),
    ]
    import_path(records, keys, write_roster(tmp_path / "r", {**FULL, "enrollments": rows}))
    with records.reading() as session:
        sizes = class_sizes(session, DAY)
        assert [(one.sourced_id, one.students) for one in sizes] == [("7b", 1), ("8a", 0)]
        assert [one.sourced_id for one in students_of(session, keys, "7b", DAY)] == ["b"]


user_ids = st.sampled_from(["a", "b", "c", "d"])
users = st.dictionaries(
    user_ids,
    st.tuples(st.sampled_from(["student", "teacher", "parent"]), st.booleans()),
    max_size=4,
)
enrollments = st.sets(st.tuples(st.sampled_from(["7b", "8a"]), user_ids), max_size=5)


def roster_files(
    users: dict[str, tuple[str, bool]], enrolled: set[tuple[str, str]], bad: bool
) -> dict[str, list[str]]:
    """Return a roster; with a bad row in each file that could remove rows."""
    files = {
        "orgs": [org()],
        "classes": [school_class("7b"), school_class("8a")],
        "users": [
            user(name, named, enabledUser=str(on).lower()) for name, (named, on) in users.items()
        ],
        "enrollments": [enrollment(of, name) for of, name in sorted(enrolled)],
    }
    if bad:
        files["users"].append(user("z", "wizard"))
        files["enrollments"].append(enrollment("7b", "z"))
    return files


@hypothesis_settings(
    deadline=None,
    max_examples=examples(15),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.lists(st.tuples(users, enrollments, st.booleans()), min_size=2, max_size=4))
def test_any_roster_twice_changes_nothing_and_an_invalid_one_removes_nothing(
    records: Records,
    keys: KeyStore,
    tmp_path: Path,
    data: list[tuple[dict[str, tuple[str, bool]], set[tuple[str, str]], bool]],
) -> None:
    for stated_users, enrolled, bad in data:
        path = write_roster(tmp_path / "any", roster_files(stated_users, enrolled, bad))
        before, enrolled_before = users_in_roster(records), sourced_ids(records, Enrollment)
        first = import_path(records, keys, path)
        assert import_path(records, keys, path).total == 0
        after, enrolled_after = users_in_roster(records), sourced_ids(records, Enrollment)
        assert after.keys() >= before.keys()
        assert all(after[name] for name in stated_users)
        assert (
            accounts(records).items()
            >= {name: on for name, (_, on) in stated_users.items()}.items()
        )
        if bad:
            assert sum(one.removed for kind, one in first.counts.items() if kind != "roles") == 0
            assert enrolled_after >= enrolled_before
            assert all(after[name] for name in before.keys() - stated_users.keys() if before[name])
        else:
            assert not any(after[name] for name in before.keys() - stated_users.keys())
            stated = {f"{of}-{name}" for of, name in enrolled if name in stated_users}
            missing = {f"{of}-{name}" for of, name in enrolled} - stated
            assert enrolled_after == stated if not missing else enrolled_after >= stated
