"""The records: migrations in both directions, transactions, and what the database rejects."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from cluster.errors import RecordsError, RecordsOutdated
from cluster.records.db.database import SQLITE_FILE, Records, alembic_config, open_records
from cluster.records.db.models import (
    AuditTail,
    Base,
    LessonRow,
    Org,
    RegisterRow,
    SchoolClass,
    User,
)
from cluster.settings import Settings
from tests.disks import make_read_only, small_disk

REVISIONS = [
    script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()
][::-1]


def test_the_migrations_create_what_the_models_declare(records: Records) -> None:
    with records.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_migration_is_reverted_and_applied_again_with_rows_in_place(
    records: Records, revision: str
) -> None:
    with records.writing() as session:
        session.add(Org(sourced_id="o", name="Hillside", type="school"))
        session.add(User(id="u", sourced_id="u", role="student", enabled=True, sealed=b"x"))
        session.execute(
            text(
                "INSERT INTO consents (student_id, said_by, word, recorded_at, recorded_by) "
                "VALUES ('u', 'g', 'object', :now, 'test')"
            ),
            {"now": datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None)},
        )
        session.execute(
            text(
                "INSERT INTO checkin_agreements (student_id, said_by, word, recorded_at, "
                "recorded_by) VALUES ('u', 'g', 'withdraw', :now, 'test')"
            ),
            {"now": datetime(2026, 3, 2, tzinfo=UTC).replace(tzinfo=None)},
        )
    step = REVISIONS.index(revision)
    records.migrate(REVISIONS[step - 1] if step else "base")
    assert records.revision() == (REVISIONS[step - 1] if step else None)
    records.migrate()
    assert records.revision() == REVISIONS[-1]
    tables = set(inspect(records.engine).get_table_names())
    assert tables >= set(Base.metadata.tables)
    with records.reading() as session:
        assert session.get(AuditTail, 1) is not None


def test_a_table_that_is_made_anew_keeps_what_refers_to_it(records: Records) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with records.writing() as session:
        session.add(Org(sourced_id="o", name="Hillside", type="school"))
        session.add(User(id="u", sourced_id="u", role="student", enabled=False, sealed=b"x"))
        session.flush()
        session.add(
            SchoolClass(sourced_id="c", title="7B", school_sourced_id="o", term_sourced_ids=[])
        )
        session.flush()
        end = now + timedelta(minutes=45)
        session.add(
            LessonRow(id="l", class_sourced_id="c", room_id="r", starts_at=now, ends_at=end)
        )
        session.flush()
        session.add(
            RegisterRow(
                id="g", lesson_id="l", state="open", version=1, opened_at=now, opened_by="t",
                closes_at=now,
            )
        )  # fmt: skip
    records.migrate("0003")
    records.migrate()
    with records.reading() as session:
        assert session.get_one(RegisterRow, "g").lesson_id == "l"
        assert session.get_one(LessonRow, "l").period is None
        assert session.get_one(User, "u").gone  # until the roster has them again
    with pytest.raises(RecordsError, match="rejected"), records.writing() as session:
        session.execute(text("DELETE FROM lessons"))


@pytest.mark.parametrize("table", ["consents", "entry_changes", "audit", "checkin_agreements"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET seq = 7", "DELETE FROM {}"])
def test_append_only_tables_reject_updates_and_deletions(
    records: Records, table: str, verb: str
) -> None:
    columns = {
        "consents": "(seq, student_id, said_by, word, recorded_at, recorded_by) "
        "VALUES (1, 's', 'g', 'object', '2026-03-02 00:00:00', 't')",
        "checkin_agreements": "(seq, student_id, said_by, word, recorded_at, recorded_by) "
        "VALUES (1, 's', 'g', 'withdraw', '2026-03-02 00:00:00', 't')",
        "entry_changes": "(seq, register_id, student_id, changed_at, changed_by, became) "
        "VALUES (1, 'r', 's', '2026-03-02 00:00:00', 't', '{}')",
        "audit": "(seq, at, actor, action, detail, mac) "
        "VALUES (1, '2026-03-02 00:00:00', 'a', 'b', '{}', 'm')",
    }[table]
    with records.writing() as session:
        session.execute(text(f"INSERT INTO {table} {columns}"))
    with pytest.raises(RecordsError, match="only grows"), records.writing() as session:
        session.execute(text(verb.format(table)))
    if records.is_sqlite:
        with pytest.raises(RecordsError, match="only grows"), records.writing() as session:
            session.execute(text(f"INSERT OR REPLACE INTO {table} {columns}"))
    with records.reading() as session:
        assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 1  # noqa: S608


def test_an_error_rolls_the_transaction_back(records: Records) -> None:
    def interrupted_transaction() -> None:
        with records.writing() as session:
            session.add(Org(sourced_id="o", name="Hillside", type="school"))
            session.flush()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_transaction()
    with records.reading() as session:
        assert session.get(Org, "o") is None


def test_an_error_of_the_database_contains_no_values(records: Records) -> None:
    insert = text("INSERT INTO orgs (sourced_id, name, type) VALUES ('o', 'Canary', 'school')")
    with records.writing() as session:
        session.execute(insert)
    with pytest.raises(RecordsError) as caught, records.writing() as session:
        session.execute(insert)
    assert "Canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def settings(folder: Path, url: str | None = None) -> Settings:
    return Settings.model_validate({"data_dir": folder, "records": {"url": url}})


def test_sqlite_is_created_at_first_use_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    records = open_records(settings(tmp_path))
    with records.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert session.execute(text("PRAGMA secure_delete")).scalar() == 1
        assert session.execute(text("PRAGMA busy_timeout")).scalar() == 30_000
    records.close()


def test_records_at_an_unknown_migration_are_rejected(tmp_path: Path) -> None:
    records = open_records(settings(tmp_path))
    with records.engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    records.close()
    with pytest.raises(RecordsOutdated, match="9999"):
        open_records(settings(tmp_path))


def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / SQLITE_FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(RecordsError, match="not a database"):
        open_records(settings(tmp_path))


def test_an_invalid_url_is_reported_without_its_password() -> None:
    with pytest.raises(RecordsError, match="is not a database's URL"):
        open_records(settings(Path("x"), "not an address"))
    with pytest.raises(RecordsError) as caught:
        open_records(settings(Path("x"), "mysql://u:hidden@127.0.0.1/none"))
    assert "hidden" not in str(caught.value)
    with pytest.raises(RecordsError) as caught:
        open_records(settings(Path("x"), "postgresql+psycopg://u:hidden@127.0.0.1:1/none"))
    assert "hidden" not in str(caught.value)


def test_a_full_disk_is_reported_and_committed_rows_are_kept(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        records = open_records(settings(disk))
        with records.writing() as session:
            session.add(Org(sourced_id="o", name="Hillside", type="school"))
        with pytest.raises(RecordsError, match="full"), records.writing() as session:
            session.add(Org(sourced_id="large", name="x" * 2_000_000, type="school"))
        with records.reading() as session:
            assert session.execute(text("SELECT sourced_id FROM orgs")).scalars().all() == ["o"]
        records.close()


def write_org(folder: Path) -> None:
    records = open_records(settings(folder))
    try:
        with records.writing() as session:
            session.add(Org(sourced_id="o", name="Hillside", type="school"))
    finally:
        records.close()


def test_a_read_only_disk_is_reported(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        open_records(settings(disk)).close()
        make_read_only(disk)
        with pytest.raises(RecordsError, match="read"):
            write_org(disk)
