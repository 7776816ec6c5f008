"""Rows into a table of the records, a chunk at a time: added, changed, or left as they are."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.orm import Session

from cluster.records.db.models import Base
from cluster.records.roster.import_result import RowCounts

CHUNK = 5_000

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


class Upsert:
    """Puts rows into a table by primary key; a row that is the same already is not written.

    Args:
        session: Within the transaction of the import.
        model: The table; its primary key is one column.
        counts: Where to count.
    """

    def __init__(self, session: Session, model: type[Base], counts: RowCounts) -> None:
        self._session = session
        self._table = cast("Table", model.__table__)
        self._model = model
        [self._key] = self._table.primary_key.columns
        self._counts = counts

    def put_all(self, rows: Iterable[dict[str, Any]]) -> None:
        """Put rows that all name the same columns."""
        for chunk in chunks(rows):
            self._put(chunk)

    def ids(self) -> set[str]:
        """Keys of the rows that are there."""
        return set(self._session.scalars(select(self._key)))

    def remove(self, ids: Iterable[str]) -> int:
        """Remove rows, and count them."""
        removed = 0
        for chunk in chunks(sorted(ids)):
            there = list(self._session.scalars(select(self._key).where(self._key.in_(chunk))))
            self._session.execute(delete(self._table).where(self._key.in_(there)))
            removed += len(there)
        self._counts.removed += removed
        return removed

    def _put(self, rows: list[dict[str, Any]]) -> None:
        columns = [self._table.columns[name] for name in rows[0]]
        key = self._key.name
        query = select(*columns).where(self._key.in_([row[key] for row in rows]))
        there = {row[key]: row for row in self._session.execute(query).mappings()}
        new, changed = [], []
        for row in rows:
            old = there.get(row[key])
            if old is None:
                new.append(row)
            elif row != dict(old):
                changed.append(row)
        if new:
            self._session.execute(insert(self._model), new)
        if changed:
            self._session.execute(update(self._model), changed)
        self._counts.added += len(new)
        self._counts.changed += len(changed)
        self._counts.unchanged += len(rows) - len(new) - len(changed)
