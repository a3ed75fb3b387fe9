"""Events: the change log as a list that clients may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.clock import iso
from agor_core.db import origins
from agor_core.db.page import read_page
from agor_core.db.query import Clause, Filter, Shape, bound, fields_in
from agor_core.db.reader import Reader
from agor_core.db.repositories.sessions import READER, not_private
from agor_core.db.repositories.statements import is_restricted, reading
from agor_core.models import Event
from agor_core.models.schema import coerce_query
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
        query = coerce_query(Event, query)
        page = read_page(Event, query, default, most, ())
        shape, values = bound(Event, query)
        values.update(reading(reader))
        filter = Filter(Event, is_postgresql=self._tx.is_postgresql)
        order = filter.sort_keys(page.sort) if page.sort else []
        told = [TABLE.c.path != "sessions"] if is_restricted(reader) and _is_about_origin(shape) else []
        seen = [*told, *(_visible(is_count=False) if is_restricted(reader) else [])]
        found = sa.select(TABLE).where(*filter.clauses(shape), *seen).order_by(*order, TABLE.c.seq)
        answer: dict[str, Any] = {}
        if page.wants_total:
            seen = [*told, *(_visible(is_count=True) if is_restricted(reader) else [])]
            counted = sa.select(sa.func.count()).select_from(TABLE).where(*filter.clauses(shape), *seen)
            answer["total"] = self._tx.connection.execute(counted, values).scalar_one()
        names = [name for name in public_fields(Event) if page.select is None or name in (*page.select, "seq")]
        rows = self._tx.connection.execute(found.limit(page.limit).offset(page.skip), values).mappings()
        records = [_record(row, names) for row in self._told(list(rows), reader)]
        return {**answer, "limit": page.limit, "skip": page.skip, "data": records}

    def _told(self, rows: list[Any], reader: Reader | None) -> list[Mapping[Any, Any]]:
        """The lines, those of sessions as the reader sees these."""
        of_sessions = [row["payload"] for row in rows if row["path"] == "sessions"]
        payloads = iter(origins.told_to(self._tx, of_sessions, reader))
        return [{**row, "payload": next(payloads)} if row["path"] == "sessions" else row for row in rows]


def _visible(*, is_count: bool) -> list[Clause]:
    return [
        sa.or_(TABLE.c.sharing.is_(None), TABLE.c.sharing != "private", TABLE.c.created_by == READER),
        sa.or_(TABLE.c.path != "users", TABLE.c.record_id == READER),
        not_private(TABLE.c.session_id, is_count=is_count),
    ]


def _is_about_origin(shape: Shape) -> bool:
    """Whether a query compares where sessions come from, which must not be found out that way."""
    names = (name.removeprefix("payload.") for name in fields_in(shape) if name.startswith("payload."))
    return any(map(origins.is_about_origin, names))


def _record(row: Mapping[Any, Any], names: list[str]) -> dict[str, Any]:
    return {name: iso(row[name]) if name == "created_at" else row[name] for name in names}
