"""What rows that belong to a session have in common: its facts, its privacy, and that they go with it."""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.query import Clause
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.sessions import facts_of, not_private
from agor_core.models import Message, PermissionRequest, Task

E = TypeVar("E", Task, Message, PermissionRequest)


class OfSession(Repository[E]):
    """Rows with a column `session_id`."""

    @override
    def facts(self, entity: E) -> dict[str, Any]:
        return facts_of(self.tx, entity.session_id)

    @override
    def creator(self, entity: E) -> str | None:
        creator: str | None = facts_of(self.tx, entity.session_id).get("created_by")
        return creator

    @override
    def visible(self, *, is_count: bool = False) -> list[Clause]:
        return [not_private(self.table.c.session_id, is_count=is_count)]

    def remove_of_session(self, session_id: str) -> None:
        """Delete all rows of a session that goes, each announced."""
        for entity in self.where(session_id=session_id):
            self.announce("removed", entity)
        self.tx.connection.execute(sa.delete(self.table).where(self.table.c.session_id == session_id))
