"""Records as those who call name them: by a full id, the first digits of one, or a slug."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa

from agor_core.db import short_ids
from agor_core.db.query import Clause
from agor_core.db.reader import Reader
from agor_core.db.repositories.lists import Record
from agor_core.db.repositories.statements import KEPT, is_restricted, reading
from agor_core.errors import NotFound
from agor_core.ids import is_id, short
from agor_core.models.columns import Entity

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

_ASKED_FOR: sa.BindParameter[str] = sa.bindparam("asked_for")


class Named:
    """The table of one entity, inside one transaction, and how its rows are called."""

    entity: ClassVar[type[Entity]]
    path: ClassVar[str]
    id_field: ClassVar[str]
    noun: ClassVar[str]

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    @property
    def table(self) -> sa.Table:
        return self.entity.__table__  # type: ignore[attr-defined,no-any-return]

    @property
    def id_column(self) -> sa.ColumnElement[Any]:
        return self.table.c[self.id_field]

    def missing(self, id: str) -> NotFound:
        """The error that says there is no such entity."""
        return NotFound(f"no {self.noun} {short(id) if is_id(id) else id}", id=id)

    def visible(self, *, is_count: bool = False) -> list[Clause]:
        """Conditions on what exists for the parameter `reader`, who does not see others' private sessions.

        `is_count`: for a statement that only counts, and should find all it needs in an index.
        """
        return []

    def described(self, id: str) -> str:
        """A few words by which a person tells the record from others."""
        raise NotImplementedError(self.path)

    def resolve(self, text: str, reader: Reader | None = None) -> str:
        """The full id that `text` means: a full id, a slug, or a prefix of at least 4 digits.

        Raises NotFound, or Conflict with `data["candidates"]`. Only what the reader may read is considered.
        """
        if is_id(text):
            if is_restricted(reader) and not self._exists(text, reader):
                raise self.missing(text)
            return text
        by_slug = self._id_of_slug(text, reader)
        if by_slug is not None:
            return by_slug
        found = self._matching(text, reader)
        if not found:
            raise self.missing(text)
        return short_ids.only_one(found, self.described, self.noun)

    def resolve_query(self, query: Mapping[str, Any], reader: Reader | None = None) -> Record:
        """A query whose short ids are full ones: where an id field is compared by equality or `$in`."""
        return short_ids.resolved_query(
            self.entity, query, lambda path, text: self.tx.repository(path).resolve(text, reader)
        )

    def short_ids(self, ids: Iterable[str]) -> dict[str, str]:
        """For each id the shortest prefix that is unambiguous, and stays so."""
        return self.tx.kept.short_ids.shortest(self.tx.connection, self.table, self.id_field, list(ids), self.tx.now)

    def add_short_ids(self, records: Sequence[Record]) -> None:
        """Give records that are to be shown their `short_id`."""
        known = self.short_ids(record[self.id_field] for record in records)
        for record in records:
            # One that is gone by now has the name that is no other's.
            record["short_id"] = known.get(record[self.id_field]) or record[self.id_field].replace("-", "")

    def _exists(self, id: str, reader: Reader | None) -> bool:
        query = self._lookup("exists", reader, lambda: sa.select(self.id_column).where(self.id_column == _ASKED_FOR))
        return self.tx.connection.execute(query, {"asked_for": id, **reading(reader)}).first() is not None

    def _matching(self, text: str, reader: Reader | None) -> list[str]:
        limits = short_ids.range_of(text)
        if limits is None:
            return []
        query = self._lookup("short id", reader, lambda: short_ids.in_range(self.table, self.id_field))
        return list(self.tx.connection.execute(query, {**limits, **reading(reader)}).scalars())

    def _lookup(self, what: str, reader: Reader | None, build: Callable[[], sa.Select[Any]]) -> sa.Select[Any]:
        """A kept statement about an id, with only those rows that exist for the reader."""
        visible = self.visible if is_restricted(reader) else tuple
        return KEPT.get((what, self.path, is_restricted(reader)), lambda: build().where(*visible()))

    def _id_of_slug(self, text: str, reader: Reader | None) -> str | None:
        if "slug" not in self.table.c:
            return None
        query = self._lookup("slug", reader, lambda: sa.select(self.id_column).where(self.table.c.slug == _ASKED_FOR))
        return self.tx.connection.execute(query, {"asked_for": text, **reading(reader)}).scalar()
