"""Worktrees: checkouts, from being prepared to being removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from agor_core.db.query import Clause
from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.statements import Members
from agor_core.models import Worktree


class WorktreeRepository(Repository[Worktree]):
    """The worktrees."""

    entity, path, id_field, noun = Worktree, "worktrees", "worktree_id", "worktree"

    @override
    def implied(self, query: Mapping[str, Any]) -> list[Clause]:
        """One that is still being prepared may yet vanish: only who asks for it by id or status sees it."""
        if "status" in query or "worktree_id" in query:
            return []
        return [self.table.c.status != "preparing"]

    def ready(self, id: str, changes: Mapping[str, Any]) -> Worktree:
        """Store what git made of a worktree that was being prepared; only now is it announced, as `created`."""
        worktree = self.patch(id, {**changes, "status": "ready"}, announce=False)
        self.announce("created", worktree)
        return worktree

    @override
    def announce(self, event: str, entity: Worktree) -> None:
        """As for all, but of one that is still being prepared nobody hears: it may yet vanish."""
        if entity.status != "preparing":
            super().announce(event, entity)

    @override
    def facts(self, entity: Worktree) -> dict[str, Any]:
        return {"created_by": entity.created_by, "board_id": entity.board_id}

    @override
    def members(self, is_restricted: bool) -> Members:
        return self.tx.sessions.belonging_by(self.id_field, is_restricted)

    @override
    def before_removal(self, entity: Worktree) -> None:
        for session in self.tx.sessions.where(worktree_id=entity.worktree_id):
            self.tx.sessions.patch(session.session_id, {"worktree_id": None})

    @override
    def describe(self, entity: Worktree) -> str:
        return f"{entity.name}, {entity.status}"
