"""Boards: canvases with sessions on them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from agor_core.db.repositories.base import Repository
from agor_core.db.repositories.statements import Members
from agor_core.models import Board
from agor_core.models.board import DEFAULT_SLUG

_TABLE: sa.Table = Board.__table__  # type: ignore[attr-defined]

DEFAULT_BOARD = sa.select(_TABLE.c.board_id).where(_TABLE.c.slug == DEFAULT_SLUG).scalar_subquery()
"""The id of the board where sessions go that name none, within another statement; null if it was removed."""


class BoardRepository(Repository[Board]):
    """The boards."""

    entity, path, id_field, noun = Board, "boards", "board_id", "board"

    def default_id(self) -> str | None:
        """The board where sessions go that name none; None if it was removed."""
        return self._id_of_slug(DEFAULT_SLUG, None)

    @override
    def facts(self, entity: Board) -> dict[str, Any]:
        return {"created_by": entity.created_by, "board_id": entity.board_id}

    @override
    def members(self, is_restricted: bool) -> Members:
        return self.tx.sessions.belonging_by(self.id_field, is_restricted)

    @override
    def before_removal(self, entity: Board) -> None:
        for session in self.tx.sessions.where(board_id=entity.board_id):
            self.tx.sessions.patch(session.session_id, {"board_id": None, "position": None})
        for worktree in self.tx.worktrees.where(board_id=entity.board_id):
            self.tx.worktrees.patch(worktree.worktree_id, {"board_id": None})

    @override
    def describe(self, entity: Board) -> str:
        return entity.name
