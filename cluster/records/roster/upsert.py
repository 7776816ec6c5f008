"""Rows into a table of the records in batches: each is added, changed, or left as it is."""

from collections.abc import Iterable
from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from cluster.records.db.models import Base
from cluster.records.roster.import_result import RowCounts
from cluster.records.roster.staging import StagedChanges, Values, chunks


class Upsert:
    """Stages rows of a table by primary key; a row that has not changed is not written.

    Args:
        session: The session that reads.
        staged: The changes to add to.
        model: The table; its primary key is one column.
        counts: The counts to update.
    """

    def __init__(
        self, session: Session, staged: StagedChanges, model: type[Base], counts: RowCounts
    ) -> None:
        self._session = session
        self._staged = staged
        self._table = cast("Table", model.__table__)
        self._model = model
        [self._key] = self._table.primary_key.columns
        self._counts = counts
        self._ids = set(session.scalars(select(self._key)))

    def put_all(self, rows: Iterable[Values]) -> None:
        """Add or change rows that all name the same columns; the others have their defaults."""
        for chunk in chunks(rows):
            self._put(chunk)

    def ids(self) -> set[str]:
        """Return the keys of the rows in the table, after what is staged."""
        return set(self._ids)

    def remove(self, ids: Iterable[str]) -> None:
        """Remove rows; those that do not exist are ignored."""
        removed = self._ids.intersection(ids)
        for chunk in chunks(sorted(removed)):
            self._staged.remove(self._model, [{self._key.name: one} for one in chunk])
        self._ids -= removed
        self._counts.removed += len(removed)

    def _put(self, rows: list[Values]) -> None:
        key = self._key.name
        existing = [row[key] for row in rows if row[key] in self._ids]
        stored = {}
        if existing:
            query = select(self._table).where(self._key.in_(existing))
            stored = {row[key]: dict(row) for row in self._session.execute(query).mappings()}
        new, changed = [], []
        for row in rows:
            before = stored.get(row[key])
            if before is None:
                new.append(dict.fromkeys(self._table.columns.keys()) | row)
            elif (after := before | row) != before:
                changed.append(after)
        self._staged.add(self._model, new)
        self._staged.change(self._model, changed)
        self._ids.update(row[key] for row in new)
        self._counts.added += len(new)
        self._counts.changed += len(changed)
        self._counts.unchanged += len(rows) - len(new) - len(changed)
