"""Reading OneRoster's CSV: rows, bad rows with their place, and rosters that are rejected."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import cluster.records.roster.csv_files as csv_files
from cluster.errors import RosterError
from cluster.records.roster.csv_files import MAX_EMPTY_ROWS, MAX_LINE_CHARACTERS
from cluster.records.roster.oneroster import FileMode, OneRoster, open_roster
from cluster.records.roster.oneroster_rows import (
    DeletedRow,
    RosterClass,
    RosterCourse,
    RosterEnrollment,
    RosterOrg,
    RosterSession,
    RosterUser,
    RosterUserWithRole,
)
from tests.plugins.hypothesis_profiles import examples
from tests.records.rosters import (
    COLUMNS,
    enrollment,
    org,
    role,
    school_class,
    user,
    user_1_2,
    write_roster,
    write_zip,
)

SMALL = {
    "orgs": [org()],
    "classes": [school_class("7b")],
    "users": [user("a"), user("b", "teacher")],
    "enrollments": [enrollment("7b", "a", beginDate="2026-08-17")],
}


def all_rows(source: OneRoster) -> dict[str, list[object]]:
    models = (RosterOrg, RosterSession, RosterCourse, RosterClass)
    return {
        **{model.FILE: list(source.read(model)) for model in models},
        "users": list(source.users()),
        "roles": list(source.roles()),
        "enrollments": list(source.read(RosterEnrollment)),
    }


def read(path: Path) -> tuple[dict[str, list[object]], list[str]]:
    with open_roster(path) as source:
        return all_rows(source), [str(bad) for bad in source.bad_rows]


def roster_error(path: Path) -> str:
    with pytest.raises(RosterError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    return str(caught.value).replace(str(path), "")


def test_a_folder_is_read(tmp_path: Path) -> None:
    rows, bad = read(write_roster(tmp_path / "r", SMALL))
    assert bad == []
    assert {name: len(found) for name, found in rows.items()} == {
        "orgs": 1,
        "academicSessions": 0,
        "courses": 0,
        "classes": 1,
        "users": 2,
        "roles": 0,
        "enrollments": 1,
    }
    first = rows["users"][0]
    assert isinstance(first, RosterUserWithRole)
    assert (first.sourced_id, first.role, first.org_sourced_ids) == ("a", "student", ("s1",))
    assert first.details.display_name == "Given a Made"


@pytest.mark.parametrize("prefix", ["", "export/"])
def test_a_zip_gives_the_same_rows_as_the_folder(tmp_path: Path, prefix: str) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    assert read(write_zip(folder, prefix)) == read(folder)


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    plain = write_roster(tmp_path / "plain", SMALL)
    marked = write_roster(tmp_path / "marked", SMALL, encoding="utf-8-sig")
    assert (marked / "users.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert read(marked) == read(plain)


def test_columns_may_be_in_any_order_with_metadata_between(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", {"orgs": []})
    (folder / "orgs.csv").write_text(
        "metadata.x,type,sourcedId,status,dateLastModified,parentSourcedId,identifier,name\n"
        "7,school,s1,,,,,Hill\n"
    )
    rows, bad = read(folder)
    assert (len(rows["orgs"]), bad) == (1, [])


@pytest.mark.parametrize(
    ("cell", "stored"),
    [
        ("student", "student"),
        ("parent", "guardian"),
        ("relative", "guardian"),
        ("guardian", "guardian"),
        ("aide", "aide"),
        ("Administrator", "administrator"),
        ("districtAdministrator", "districtadministrator"),
        ("ext:librarian", "ext:librarian"),
    ],
)
def test_roles_are_lower_case_and_parents_are_guardians(
    tmp_path: Path, cell: str, stored: str
) -> None:
    rows, bad = read(write_roster(tmp_path / "r", {"users": [user("a", cell)]}))
    assert bad == []
    assert [one.role for one in rows["users"] if isinstance(one, RosterUserWithRole)] == [stored]


def test_in_1_2_roles_are_in_their_own_file(tmp_path: Path) -> None:
    folder = write_roster(
        tmp_path / "r",
        {
            "users": [user_1_2("a", preferredGivenName="Al")],
            "roles": [role("r1", "a", "teacher"), role("r2", "a", "aide", "secondary")],
        },
        version="1.2",
    )
    rows, bad = read(folder)
    assert bad == []
    assert len(rows["roles"]) == 2
    [found] = rows["users"]
    assert isinstance(found, RosterUser)
    assert not isinstance(found, RosterUserWithRole)
    assert found.details.display_name == "Al Made"


def test_other_columns_of_a_person_are_never_read(tmp_path: Path) -> None:
    secret = {"email": "secret-1", "sms": "secret-2", "phone": "secret-3", "password": "secret-4"}
    rows, _ = read(write_roster(tmp_path / "r", {"users": [user("a", **secret, username="u-5")]}))
    assert "secret" not in repr(rows)
    assert "u-5" not in repr(rows)


BAD_ROWS = [
    ("orgs", org("s2", name=""), "name: is empty"),
    ("orgs", org("", name="X"), "sourcedId: is empty"),
    ("orgs", org("x" * 256), "sourcedId: is longer than 255 characters"),
    ("orgs", org("s2", name="x" * 1001), "name: is longer than 1000 characters"),
    ("orgs", org("s2", name="a\0b"), "name: holds a NUL character"),
    ("orgs", org("s1"), "sourcedId: exists in line 2 already"),
    (
        "orgs",
        org("s2", status="deleted"),
        "status: 'deleted' is no status of OneRoster, which are active and tobedeleted",
    ),
    ("orgs", "s2,,,Short", "has 4 cells, and the header 7"),
    ("orgs", org("s2") + ",more", "has 8 cells, and the header 7"),
    ("orgs", 's2,,,"a"b,school,,', "is not CSV: ',' expected after '\"'"),
    ("users", user("c", "pupil"), "role: 'pupil' is none of student, teacher,"),
    ("users", user("c", ""), "role: is empty"),
    ("users", user("c", enabledUser="yes"), "enabledUser: 'yes' is none of true, false"),
    ("users", user("c", givenName="", familyName=""), "givenName: is empty, and so is familyName"),
    (
        "users",
        user("c", agentSourcedIds="g" * 256),
        "agentSourcedIds: is longer than 255 characters",
    ),
    (
        "users",
        user("c", orgSourcedIds="s1," * 400),
        "orgSourcedIds: is longer than 1000 characters",
    ),
    ("users", user("c", agentSourcedIds="g1,g\0"), "agentSourcedIds: holds a NUL character"),
    (
        "enrollments",
        enrollment("7b", "b", beginDate="17.08.2026"),
        "beginDate: '17.08.2026' is no day, like 2026-03-02",
    ),
    ("enrollments", enrollment("7b", "b", endDate="2026-02-30"), "endDate: '2026-02-30' is no day"),
    (
        "enrollments",
        enrollment("7b", "b", beginDate="2026-08-17", endDate="2026-08-16"),
        "endDate: 2026-08-16 is before 2026-08-17",
    ),
    ("enrollments", enrollment("7b", "b", "visitor"), "role: 'visitor' is none of"),
]


@pytest.mark.parametrize(("name", "row", "reason"), BAD_ROWS)
def test_a_bad_row_is_skipped_and_reported_with_file_line_and_column(
    tmp_path: Path, name: str, row: str, reason: str
) -> None:
    good = SMALL[name]
    folder = write_roster(tmp_path / "r", {**SMALL, name: [*good, row, "", ""]})
    rows, bad = read(folder)
    assert len(bad) == 1
    assert bad[0].startswith(f"{name}.csv:{len(good) + 2}: {reason}")
    assert rows == read(write_roster(tmp_path / "good", SMALL))[0]


def test_a_single_name_is_enough(tmp_path: Path) -> None:
    rows, bad = read(write_roster(tmp_path / "r", {"users": [user("c", familyName="")]}))
    assert (len(rows["users"]), bad) == (1, [])


def test_the_line_of_a_row_with_line_breaks_is_its_first(tmp_path: Path) -> None:
    rows = [org("s1", name="two\nlines"), org("s2", status="?")]
    _, bad = read(write_roster(tmp_path / "r", {"orgs": rows}))
    assert [text.split(": ")[0] for text in bad] == ["orgs.csv:4"]


def test_an_unclosed_quote_is_a_bad_row(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", {"orgs": [org("s1")]})
    with (folder / "orgs.csv").open("a") as stream:
        stream.write('s2,,,"Hill,school,,\n' + org("s3"))
    with open_roster(folder) as source:
        assert len(list(source.read(RosterOrg))) == 1
        assert [bad.line for bad in source.bad_rows] == [3]
        assert not source.replaces("orgs")


def test_only_a_bulk_file_that_was_read_to_its_end_without_bad_rows_replaces(
    tmp_path: Path,
) -> None:
    with open_roster(write_roster(tmp_path / "r", SMALL)) as source:
        users = source.users()
        next(users)
        assert not source.replaces("users")
        list(users)
        assert source.replaces("users")
        source.reject("users", 2, None, "refers to nothing")
        assert not source.replaces("users")
        assert not source.replaces("courses")


def test_a_delta_yields_deleted_rows_and_never_replaces(tmp_path: Path) -> None:
    rows = [user("a", status="active"), user("b", status="tobedeleted")]
    folder = write_roster(tmp_path / "r", {"users": rows}, modes={"users": "delta"})
    with open_roster(folder) as source:
        assert source.modes["users"] is FileMode.DELTA
        [_, deleted] = source.users()
        assert isinstance(deleted, DeletedRow)
        assert (deleted.sourced_id, deleted.line) == ("b", 3)
        assert not source.replaces("users")


def test_of_a_row_to_be_deleted_only_the_key_is_validated(tmp_path: Path) -> None:
    rows = [user("b", "wizard", status="toBeDeleted", enabledUser=""), user("", status="active")]
    folder = write_roster(tmp_path / "r", {"users": rows}, modes={"users": "delta"})
    found, bad = read(folder)
    assert len(found["users"]) == 1
    assert bad == ["users.csv:3: sourcedId: is empty"]


def test_a_delta_row_must_have_a_status(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", {"users": [user("a")]}, modes={"users": "delta"})
    assert read(folder)[1] == ["users.csv:2: status: is empty"]


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_column_in_another_case_is_rejected(tmp_path: Path, name: str) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    file = folder / f"{name}.csv"
    file.write_text(file.read_text().replace("sourcedId", "sourcedID", 1))
    assert "the column sourcedId is missing; sourcedID is not the same" in roster_error(folder)
    assert "case-sensitive" in roster_error(folder)


def test_an_optional_column_in_another_case_is_rejected_too(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", {"users": [user_1_2("a")]}, version="1.2")
    file = folder / "users.csv"
    file.write_text(file.read_text().replace("preferredGivenName", "PreferredGivenName"))
    assert "preferredGivenName is missing" in roster_error(folder)


@pytest.mark.parametrize("column", ["status", "agentSourcedIds", "role", "enabledUser"])
def test_a_missing_column_is_reported(tmp_path: Path, column: str) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    file = folder / "users.csv"
    file.write_text(file.read_text().replace(column, f"metadata.{column}"))
    assert roster_error(folder).startswith(f"/users.csv:1: the column {column} is missing.")


def test_a_column_that_exists_twice_is_rejected(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    file = folder / "users.csv"
    file.write_text(file.read_text().replace("middleName", "role"))
    assert "the column role exists twice" in roster_error(folder)


def test_a_file_that_is_not_utf_8_is_rejected(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    (folder / "users.csv").write_bytes((COLUMNS["users"] + "\nB\xf6").encode("latin-1"))
    assert roster_error(folder).startswith(
        "/users.csv: it is not UTF-8; it seems to be Windows-1252"
    )


def test_a_file_that_the_manifest_names_must_exist(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    (folder / "users.csv").unlink()
    assert roster_error(folder).startswith(
        "/users.csv: manifest.csv lists it as bulk, and it does not"
    )


def test_a_file_that_is_absent_in_the_manifest_is_not_read(tmp_path: Path) -> None:
    folder = write_roster(tmp_path / "r", SMALL, modes={"users": "absent"})
    assert read(folder)[0]["users"] == []


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, "there is no manifest.csv"),
        ("", "the column propertyName, value is missing"),
        ("PropertyName,value\n", "the column propertyName is missing"),
        ("propertyName,value\n", "oneroster.version is ''"),
        ("propertyName,value\noneroster.version,1.0\n", "oneroster.version is '1.0'"),
        ("propertyName,value\noneroster.version,1.2\nfile.users,some\n", "file.users is 'some'"),
        ("propertyName,value\noneroster.version\n", "has 1 cells"),
        ("propertyName,value\n,1.2\n", "propertyName is empty"),
    ],
)
def test_an_invalid_manifest_is_rejected(
    tmp_path: Path, manifest: str | None, message: str
) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    if manifest is None:
        (folder / "manifest.csv").unlink()
    else:
        (folder / "manifest.csv").write_text(manifest)
    assert message in roster_error(folder)


def test_a_path_that_is_no_folder_and_no_zip_is_rejected(tmp_path: Path) -> None:
    assert "no such folder or ZIP" in roster_error(tmp_path / "nothing")
    (tmp_path / "text.zip").write_text("not a ZIP")
    assert "neither a folder nor a ZIP" in roster_error(tmp_path / "text.zip")


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_file_over_the_maximum_size_is_rejected_before_it_is_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_zip: bool
) -> None:
    monkeypatch.setattr(csv_files, "MAX_CSV_BYTES", 2**20)
    folder = write_roster(tmp_path / "r", {"orgs": [org(name=" " * 2**20)]})
    path = write_zip(folder) if as_zip else folder
    if as_zip:
        assert path.stat().st_size < 2**14
    assert "it has 1 MiB, and at most 1 are read" in roster_error(path)


def test_a_damaged_zip_is_rejected(tmp_path: Path) -> None:
    path = write_zip(write_roster(tmp_path / "r", {"orgs": [org(f"s{n}") for n in range(2000)]}))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("orgs.csv")
    middle = info.header_offset + info.compress_size // 2
    content[middle : middle + 8] = b"\0" * 8
    path.write_bytes(content)
    assert "cannot be read" in roster_error(path)


def test_an_encrypted_zip_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.csv", "propertyName,value\n")
        archive.getinfo("manifest.csv").flag_bits |= 1
    assert "it is encrypted" in roster_error(path)


def test_a_zip_of_two_rosters_is_rejected(tmp_path: Path) -> None:
    path = write_zip(write_roster(tmp_path / "r", SMALL))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/manifest.csv", "propertyName,value\n")
    assert "it holds 2 rosters" in roster_error(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("x" * MAX_LINE_CHARACTERS, f"a line has over {MAX_LINE_CHARACTERS} characters"),
        ("\n" * (MAX_EMPTY_ROWS + 1), f"over {MAX_EMPTY_ROWS} of its rows are empty"),
    ],
    ids=["a line without an end", "empty rows without an end"],
)
def test_a_small_zip_of_a_large_file_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    folder = write_roster(tmp_path / "r", SMALL)
    with (folder / "users.csv").open("a") as stream:
        stream.write(content)
    assert problem in roster_error(write_zip(folder))


def test_a_path_of_a_zip_cannot_lead_outside_of_it(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(COLUMNS["users"] + "\n" + user("outside"))
    folder = write_roster(tmp_path / "r", {"users": []})
    (folder / "users.csv").unlink()
    path = write_zip(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../users.csv", COLUMNS["users"] + "\n" + user("outside"))
    assert "users.csv: manifest.csv lists it as bulk, and it does not exist" in roster_error(path)


@hypothesis_settings(deadline=None, max_examples=examples(60))
@given(content=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_content_gives_rows_bad_rows_or_one_roster_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = write_roster(tmp_path_factory.mktemp("any"), {"orgs": [org()]})
    with (folder / "orgs.csv").open("ab") as stream:
        stream.write(content)
    try:
        rows, bad = read(folder)
    except RosterError:
        return
    assert rows["orgs"]
    assert all(text.startswith("orgs.csv:") for text in bad)
