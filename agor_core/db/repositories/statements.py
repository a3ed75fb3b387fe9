"""Statements that several repositories ask alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from agor_core.db.query import Clause
from agor_core.models.columns import Entity

if TYPE_CHECKING:
    from agor_core.db.transaction import Transaction


@cache
def by_id(entity: type[Entity], id_field: str, *, is_held: bool) -> sa.Select[Any]:
    """Built once: building a statement costs as much as running it."""
    table: sa.Table = entity.__table__  # type: ignore[attr-defined]
    query = sa.select(table).where(table.c[id_field] == sa.bindparam("id"))
    return query.with_for_update() if is_held else query


def ids_by(
    tx: Transaction,
    owner: sa.ColumnElement[Any],
    table: sa.Table,
    id_field: str,
    ids: Sequence[str],
    *conditions: Clause,
) -> dict[str, list[str]]:
    """For each of the `ids` those of the rows that name it in their column `owner`, oldest first."""
    id = table.c[id_field]
    query = sa.select(owner, id).where(owner.in_(ids), *conditions).order_by(table.c.created_at, id)
    found: dict[str, list[str]] = {one: [] for one in ids}
    for one, named in tx.connection.execute(query):
        found[one].append(named)
    return found
