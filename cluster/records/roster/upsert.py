"""Rows into a table of the records in batches: each is added, changed, or left as it is."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.orm import Session

from cluster.records.db.models import Base
from cluster.records.roster.import_result import RowCounts

CHUNK = 5_000

Values: TypeAlias = dict[str, Any]
"""The values of a row by column."""

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Yield lists of at most `size` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class Upsert:
    """Writes rows to a table by primary key; a row that has not changed is not written.

    Args:
        session: The transaction of the import.
        model: The table; its primary key is one column.
        counts: The counts to update.
    """

    def __init__(self, session: Session, model: type[Base], counts: RowCounts) -> None:
        self._session = session
        self._table = cast("Table", model.__table__)
        self._model = model
        [self._key] = self._table.primary_key.columns
        self._counts = counts

    def put_all(self, rows: Iterable[Values]) -> None:
        """Insert or update rows that all name the same columns."""
        for chunk in chunks(rows):
            self._put(chunk)

    def ids(self) -> set[str]:
        """Return the keys of the rows in the table."""
        return set(self._session.scalars(select(self._key)))

    def remove(self, ids: Iterable[str]) -> int:
        """Delete rows, and return how many there were."""
        removed = 0
        for chunk in chunks(sorted(ids)):
            stored = list(self._session.scalars(select(self._key).where(self._key.in_(chunk))))
            self._session.execute(delete(self._table).where(self._key.in_(stored)))
            removed += len(stored)
        self._counts.removed += removed
        return removed

    def _put(self, rows: list[Values]) -> None:
        columns = [self._table.columns[name] for name in rows[0]]
        key = self._key.name
        query = select(*columns).where(self._key.in_([row[key] for row in rows]))
        stored = {row[key]: row for row in self._session.execute(query).mappings()}
        new, changed = [], []
        for row in rows:
            before = stored.get(row[key])
            if before is None:
                new.append(row)
            elif row != dict(before):
                changed.append(row)
        if new:
            self._session.execute(insert(self._model), new)
        if changed:
            self._session.execute(update(self._model), changed)
        self._counts.added += len(new)
        self._counts.changed += len(changed)
        self._counts.unchanged += len(rows) - len(new) - len(changed)
