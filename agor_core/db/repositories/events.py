"""Events: the change log as a list that clients may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.clock import iso
from agor_core.db.query import Clause, Filter, read_page
from agor_core.db.reader import Reader
from agor_core.db.repositories.sessions import not_private
from agor_core.models import Event
from agor_core.models.shape import public_fields

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

TABLE: sa.Table = Event.__table__  # type: ignore[attr-defined]


class EventRepository:
    """The lines of the change log, oldest first."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def page(self, query: Mapping[str, Any], reader: Reader | None, default: int, most: int) -> dict[str, Any]:
        """A page of events: `{total, limit, skip, data}`; only what the reader may read now."""
        page = read_page(Event, query, default, most, ())
        filter = Filter(Event, is_postgresql=self._tx.is_postgresql)
        conditions = [*filter.clauses(query), *self._visible(reader)]
        order = filter.sort_keys(page.sort) if page.sort else []
        found = sa.select(TABLE).where(*conditions).order_by(*order, TABLE.c.seq).limit(page.limit).offset(page.skip)
        answer: dict[str, Any] = {}
        if page.wants_total:
            counted = sa.select(sa.func.count()).select_from(TABLE).where(*conditions)
            answer["total"] = self._tx.connection.execute(counted).scalar_one()
        names = [name for name in public_fields(Event) if page.select is None or name in (*page.select, "seq")]
        rows = self._tx.connection.execute(found).mappings()
        return {**answer, "limit": page.limit, "skip": page.skip, "data": [_record(row, names) for row in rows]}

    @staticmethod
    def _visible(reader: Reader | None) -> list[Clause]:
        if reader is None or reader.sees_private:
            return []
        return [
            sa.or_(TABLE.c.sharing.is_(None), TABLE.c.sharing != "private", TABLE.c.created_by == reader.user_id),
            sa.or_(TABLE.c.path != "users", TABLE.c.record_id == reader.user_id),
            not_private(TABLE.c.session_id, reader),
        ]


def _record(row: Mapping[Any, Any], names: list[str]) -> dict[str, Any]:
    return {name: iso(row[name]) if name == "created_at" else row[name] for name in names}
