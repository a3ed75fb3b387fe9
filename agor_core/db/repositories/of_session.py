"""What rows that belong to a session have in common: its facts, its privacy, and that they go with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.query import Clause
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.lists import Record
from agor_core.db.repositories.sessions import facts_by_session, facts_of, not_private
from agor_core.models import Message, PermissionRequest, Task
from agor_core.models.wire import to_wire

E = TypeVar("E", Task, Message, PermissionRequest)


class OfSession(Repository[E]):
    """Rows with a column `session_id`."""

    is_of_session = True

    @override
    def facts(self, entity: E) -> dict[str, Any]:
        return facts_of(self.tx, str(entity.session_id))

    @override
    def facts_of(self, rows: Sequence[Record]) -> Sequence[Mapping[str, Any]]:
        known = facts_by_session(self.tx, (row["session_id"] for row in rows))
        return [known[row["session_id"]] for row in rows]

    @override
    def creator(self, entity: E) -> str | None:
        creator: str | None = facts_of(self.tx, str(entity.session_id)).get("created_by")
        return creator

    @override
    def add_many(self, entities: Sequence[E]) -> list[E]:
        # Many rows are of few sessions, whose facts are looked up once.
        known = facts_by_session(self.tx, (str(entity.session_id) for entity in entities))
        for entity in entities:
            entity.created_by = entity.created_by or known[str(entity.session_id)].get("created_by")
            self.fill_in(entity)
        self.insert(entities)
        for entity in entities:
            id = getattr(entity, self.id_field)
            self.tx.announce(self.path, "created", id, known[str(entity.session_id)], to_wire(entity))
        return list(entities)

    @override
    def owners(self) -> sa.Select[Any]:
        sessions = self.tx.sessions.table
        return sa.select(sessions.c.created_by, sessions.c.sharing).join_from(self.table, sessions)

    @override
    def visible(self, *, is_count: bool = False) -> list[Clause]:
        return [not_private(self.table.c.session_id, is_count=is_count)]

    @override
    def seen_by_session(self, session_id: sa.ColumnElement[Any]) -> list[Clause]:
        return [not_private(session_id, is_count=True)]

    def remove_of_session(self, session_id: str) -> None:
        """Delete all rows of a session that goes, each announced."""
        for entity in self.where(session_id=session_id):
            self.announce("removed", entity)
        self.tx.connection.execute(sa.delete(self.table).where(self.table.c.session_id == session_id))
