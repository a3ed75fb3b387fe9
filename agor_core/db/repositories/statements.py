"""Statements that are built once and asked again and again: building one costs more than running it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa

from agor_core.db.query import Clause
from agor_core.db.reader import Reader
from agor_core.models.columns import Entity, Json

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction

S = TypeVar("S", bound=sa.Executable)

# Clients ask in a few dozen shapes; a stranger who makes up new ones only costs himself the building.
MOST_KEPT: Final = 500


class Statements:
    """Statements by what makes them differ; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, build: Callable[[], S]) -> S:
        """The statement for `key`, built if it is not there yet."""
        found: S | None = self._kept.get(key)
        if found is None:
            found = build()
            with self._lock:
                if len(self._kept) >= MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = found
        return found


KEPT: Final = Statements()


class Members(NamedTuple):
    """The rows that belong to a record, for the array of ids that a record shows."""

    owner: sa.ColumnElement[Any]
    """The column that names the record."""
    id: sa.ColumnElement[Any]
    created_at: sa.ColumnElement[Any]
    conditions: Sequence[Clause] = ()


def is_restricted(reader: Reader | None) -> bool:
    """Whether there are records that do not exist for this reader."""
    return reader is not None and not reader.sees_private


def reading(reader: Reader | None) -> dict[str, Any]:
    """What a statement with conditions on its reader wants to know of them."""
    # No user is the empty text, not null: a comparison with null would hide nothing.
    return {"reader": reader.user_id or ""} if reader is not None and not reader.sees_private else {}


@cache
def names_of(table: sa.Table) -> tuple[str, ...]:
    """The names of its columns."""
    return tuple(column.name for column in table.columns)


@cache
def by_id(entity: type[Entity], id_field: str, *, is_held: bool) -> sa.Select[Any]:
    """The row with the parameter `id`; `is_held`: until the end of the transaction."""
    table: sa.Table = entity.__table__  # type: ignore[attr-defined]
    query = sa.select(table).where(table.c[id_field] == sa.bindparam("id"))
    return query.with_for_update() if is_held else query


@cache
def update_of(table: sa.Table, id_field: str) -> sa.Update:
    """Writes the values it is given into the row with the parameter `old_id`."""
    return sa.update(table).where(table.c[id_field] == sa.bindparam("old_id"))


@cache
def delete_from(table: sa.Table, id_field: str) -> sa.Delete:
    """Deletes the row with the parameter `old_id`."""
    return sa.delete(table).where(table.c[id_field] == sa.bindparam("old_id"))


def rows_where(table: sa.Table, columns: Mapping[str, Any]) -> sa.Select[Any]:
    """The rows whose columns have values like these, each a parameter; a list or tuple stands for any of its values."""
    conditions: list[Clause] = []
    for name, value in columns.items():
        if isinstance(value, list | tuple):
            conditions.append(table.c[name].in_(sa.bindparam(name, expanding=True)))
        elif value is None:
            conditions.append(table.c[name].is_(None))
        else:
            conditions.append(table.c[name] == sa.bindparam(name))
    return sa.select(table).where(*conditions)


def ids_of(
    tx: Transaction, path: str, members: Callable[[bool], Members], ids: Sequence[str], reader: Reader | None
) -> dict[str, list[str]]:
    """For each of the `ids`, of records of `path`, those of its members that exist for the reader; oldest first."""

    def build() -> sa.Select[Any]:
        owner, id, created_at, conditions = members(is_restricted(reader))
        named = owner.in_(sa.bindparam("ids", expanding=True))
        return sa.select(owner, id).where(named, *conditions).order_by(created_at, id)

    query = KEPT.get(("members", path, is_restricted(reader)), build)
    found: dict[str, list[str]] = {one: [] for one in ids}
    for one, named in tx.connection.execute(query, {"ids": list(ids), **reading(reader)}):
        found[one].append(named)
    return found


def array_of(members: Members, is_member: Clause, *, is_postgresql: bool) -> sa.ColumnElement[Any]:
    """The ids of the members for which `is_member` holds, oldest first, as a column of a statement about one record."""
    ordered = sa.select(members.id.label("id")).where(is_member, *members.conditions)
    rows = ordered.order_by(members.created_at, members.id).subquery()
    if is_postgresql:
        array: sa.ColumnElement[Any] = sa.func.coalesce(sa.func.jsonb_agg(rows.c.id), sa.literal_column("'[]'::jsonb"))
    else:
        array = sa.func.json_group_array(rows.c.id)
    return sa.type_coerce(sa.select(array).select_from(rows).scalar_subquery(), Json)
