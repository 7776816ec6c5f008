"""Changes of an import, collected beside the records and applied at once.

    plan (reads, waits for nobody) ─> temporary tables ─> apply (the writers' lock, set by set)

A plan takes as long as reading and encrypting a roster takes, and is made without the writers'
lock. `StagedChanges.apply` copies rows inside the database: a process that is killed leaves the old
rows or the new ones, never some of both. A plan rests on a number of `roster_version`; if anything
has changed roster or timetable since, applying it raises `PlanOutdated`, and it is made again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar, cast

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    delete,
    exists,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from cluster.errors import RecordsBusy
from cluster.records.db.database import Records
from cluster.records.db.models import Base
from cluster.records.db.unit_of_work import AuditedRecords, UnitOfWork
from cluster.records.repos.roster_version import current_version, raise_version
from cluster.records.roster.import_result import ImportResult

CHUNK = 5_000
MAX_PLANS: Final = 5
"""How often an import is planned, if others change roster or timetable each time."""

Values: TypeAlias = dict[str, Any]
"""The values of a row by column."""

T = TypeVar("T")


class PlanOutdated(Exception):
    """The roster or timetable was changed after an import was planned."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield lists of at most `size` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class StagedChanges:
    """Rows to add, change, mark and remove, in temporary tables of a connection.

    Args:
        session: The session that plans; its connection has to be that of `apply`.

    Attributes:
        version: The number of `roster_version` on which the plan rests.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._metadata = MetaData()
        self._tables: dict[tuple[str, str], Table] = {}
        self.version = current_version(session)

    def add(self, model: type[Base], rows: list[Values]) -> None:
        """Add rows; they name all columns."""
        self._stage("add", model, rows)

    def change(self, model: type[Base], rows: list[Values]) -> None:
        """Change rows; they name all columns, and none is changed twice."""
        self._stage("change", model, rows)

    def remove(self, model: type[Base], keys: list[Values]) -> None:
        """Remove rows by their primary keys."""
        self._stage("remove", model, keys)

    def mark_gone(self, model: type[Base], keys: list[Values]) -> None:
        """Set the column `gone` of rows, by their primary keys."""
        self._stage("gone", model, keys)

    def apply(self, session: Session, models: Iterable[type[Base]]) -> None:
        """Apply what was staged.

        Args:
            session: On the connection of the plan, with the writers' lock.
            models: The tables, each after those that it refers to.

        Raises:
            PlanOutdated: Roster or timetable have changed since.
        """
        if not raise_version(session, only_from=self.version):
            raise PlanOutdated
        tables = [cast("Table", model.__table__) for model in models]
        for table in tables:
            self._insert(session, table)
            self._update(session, table)
        for table in reversed(tables):
            self._delete(session, table)
        session.expire_all()  # the statements above did not update loaded objects

    def drop(self) -> None:
        """Drop the temporary tables, for a connection that goes back to the pool."""
        self._metadata.drop_all(self._session.connection())
        self._tables.clear()

    def analyze(self) -> None:
        """Let PostgreSQL count the rows, so that it plans the statements of `apply` well."""
        if self._session.get_bind().dialect.name == "postgresql":
            for table in self._tables.values():
                self._session.execute(text(f"ANALYZE {table.name}"))

    def _stage(self, kind: str, model: type[Base], rows: list[Values]) -> None:
        if rows:
            table = self._tables.get((kind, model.__tablename__))
            if table is None:
                table = self._create(kind, cast("Table", model.__table__))
            self._session.execute(insert(table), rows)

    def _create(self, kind: str, model: Table) -> Table:
        columns = model.primary_key.columns if kind in {"remove", "gone"} else model.columns
        table = Table(
            f"{kind}_{model.name}",
            self._metadata,
            *(
                Column(one.name, one.type, primary_key=one.primary_key, autoincrement=False)
                for one in columns
            ),
            prefixes=["TEMPORARY"],
        )
        table.create(self._session.connection())
        self._tables[kind, model.name] = table
        return table

    def _insert(self, session: Session, table: Table) -> None:
        staged = self._tables.get(("add", table.name))
        if staged is not None:
            names = [column.name for column in table.columns]
            in_order = select(staged).order_by(*staged.primary_key.columns)  # as the index has it
            session.execute(insert(table).from_select(names, in_order))

    def _update(self, session: Session, table: Table) -> None:
        key = table.primary_key.columns.keys()
        staged = self._tables.get(("change", table.name))
        if staged is not None:
            values = {name: staged.c[name] for name in table.columns.keys() if name not in key}  # noqa: SIM118
            of_row = (table.c[name] == staged.c[name] for name in key)
            session.execute(update(table).where(*of_row).values(values))
        staged = self._tables.get(("gone", table.name))
        if staged is not None:
            session.execute(update(table).where(_is_in(table, staged)).values(gone=True))

    def _delete(self, session: Session, table: Table) -> None:
        staged = self._tables.get(("remove", table.name))
        if staged is not None:
            session.execute(delete(table).where(_is_in(table, staged)))


def _is_in(table: Table, staged: Table) -> Any:
    return exists().where(*(table.c[one.name] == one for one in staged.columns))


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import is about to change.

    Attributes:
        result: The counts, and the rows that cannot be used.
        apply: Applies it, in a session with the writers' lock on the connection of the plan.
    """

    result: ImportResult
    apply: Callable[[Session], None]


@contextmanager
def planned(
    records: Records, make_plan: Callable[[Session], ImportPlan]
) -> Iterator[tuple[Connection, ImportPlan]]:
    """Plan an import without the writers' lock; yield the connection to apply it on.

    Raises:
        RosterError: See the import.
        RecordsError: The records cannot be reached.
    """
    with records.staging() as connection:
        with Session(connection) as session:
            plan = make_plan(session)
            session.commit()
        yield connection, plan


def apply_plan(
    records: Records,
    make_plan: Callable[[Session], ImportPlan],
    write: Callable[[Connection, ImportPlan], None],
) -> ImportResult:
    """Plan an import, and apply it; plan again where others changed roster or timetable first.

    Args:
        records: The records.
        make_plan: Plans the import in a session that waits for nobody.
        write: Applies the plan in a transaction on its connection.

    Raises:
        RosterError: See the import.
        RecordsBusy: Others changed roster or timetable each time.
    """
    for _ in range(MAX_PLANS):
        with planned(records, make_plan) as (connection, plan):
            try:
                write(connection, plan)
            except PlanOutdated:
                continue
            return plan.result
    raise RecordsBusy(
        f"roster or timetable were changed {MAX_PLANS} times while this import was prepared.",
        hint="Try again when no other import runs.",
    )


def apply_here(session: Session, plan: ImportPlan, staged: StagedChanges) -> ImportResult:
    """Apply a plan in the session that made it, which has the writers' lock all the while."""
    plan.apply(session)
    staged.drop()
    return plan.result


def apply_audited(
    audited: AuditedRecords,
    actor: str,
    make_plan: Callable[[Session], ImportPlan],
    finish: Callable[[UnitOfWork, ImportResult], None],
) -> ImportResult:
    """Apply a plan in a unit of work of an actor; see `apply_plan`.

    Args:
        audited: The records.
        actor: Who imports.
        make_plan: Plans the import.
        finish: What belongs into the same transaction; called once the changes are applied.
    """

    def write(connection: Connection, plan: ImportPlan) -> None:
        with audited.work(actor, connection) as work:
            plan.apply(work.session)
            finish(work, plan.result)

    return apply_plan(audited.records, make_plan, write)
