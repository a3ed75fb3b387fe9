"""Boards: what a person looks at; each session is on at most one."""

from __future__ import annotations

import re
from typing import Any

from agor_core.db import Database, Reader, Transaction
from agor_core.errors import Conflict, Forbidden, NotFound
from agor_core.feathers import Params
from agor_core.models import Board, Session
from agor_core.models.schema import load_as
from agor_core.models.wire import to_wire
from agor_daemon.access import Rule, User, may_change
from agor_daemon.services.requests import BoardRequest, BoardSessionRequest
from agor_daemon.services.stored import (
    PageSize,
    Record,
    StoredService,
    one,
    one_record,
    reader_of,
    set_fields,
    user_id_of,
)

WRITABLE = ("name", "slug", "description", "icon", "color", "objects")


class BoardsService(StoredService):
    """The service `boards`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Board, PageSize(50, 1000), WRITABLE)

    async def create(self, data: Any, params: Params) -> Record:
        """A board. Its slug comes from its name unless given; one that is taken is Conflict."""
        request = load_as(BoardRequest, one_record(data))

        def unit_of_work(tx: Transaction) -> Record:
            slug = request.slug or _free_slug(tx, request.name)
            if tx.boards.find_one(slug=slug) is not None:
                raise Conflict(f"there is a board {slug!r} already", slug=slug)
            board = Board(name=request.name, slug=slug, created_by=user_id_of(params))
            set_fields(board, request.model_dump(include={"description", "icon", "color", "objects"}))
            return to_wire(tx.boards.add(board))

        return await self._database.write(unit_of_work)

    async def patch(self, id: str | None, data: Any, params: Params) -> Record:
        """Change a board. Raises Conflict for a slug that is taken."""

        def slug_is_free(tx: Transaction, board: Board, changes: Record) -> None:
            other = tx.boards.find_one(slug=changes["slug"]) if "slug" in changes else None
            if other is not None and other.board_id != board.board_id:
                raise Conflict(f"there is a board {changes['slug']!r} already", slug=changes["slug"])

        return await self.change(one(id, "patch"), data, params, slug_is_free)

    async def update(self, id: str | None, data: Any, params: Params) -> Record:
        """As `patch`."""
        return await self.patch(id, data, params)

    async def remove(self, id: str | None, params: Params) -> Record:
        """Delete a board; its sessions stay, on no board."""
        board_id = one(id, "remove")
        return await self._database.write(lambda tx: self.removed(tx, board_id, params))

    async def read_sessions(self, id: str, params: Params) -> Record:
        """The sessions of a board, as a page of `sessions`."""
        reader, query = reader_of(params), {**params.query, "board_id": id}

        def unit_of_work(tx: Transaction) -> Record:
            found = tx.sessions.page(query, reader, 50, 1000)
            if params.provider:
                tx.sessions.add_short_ids(found["data"])
            return found

        return await self._database.read(unit_of_work)

    async def add_session(self, id: str, data: Any, params: Params) -> Record:
        """Put a session on the board, taking it from any other; the session."""
        request = load_as(BoardSessionRequest, one_record(data))
        changes: Record = {"board_id": id}
        if request.position is not None:
            changes["position"] = request.position

        def unit_of_work(tx: Transaction) -> Record:
            tx.boards.get(id)
            session = _changeable(tx, request.session_id, params.user, reader_of(params))
            return to_wire(tx.sessions.patch(session.session_id, changes, client=True))

        return await self._database.write(unit_of_work)

    async def remove_session(self, id: str, sub: str, params: Params) -> Record:
        """Take a session off the board; the session. Raises NotFound if it is not on it."""

        def unit_of_work(tx: Transaction) -> Record:
            session = _changeable(tx, sub, params.user, reader_of(params))
            if session.board_id != id:
                raise NotFound("the session is not on this board", session_id=session.session_id, board_id=id)
            return to_wire(tx.sessions.patch(session.session_id, {"board_id": None, "position": None}, client=True))

        return await self._database.write(unit_of_work)


def _changeable(tx: Transaction, session_id: str, user: User | None, reader: Reader | None) -> Session:
    session = tx.sessions.get(tx.sessions.resolve(session_id, reader))
    facts = {"created_by": session.created_by, "sharing": session.sharing}
    if user is not None and not may_change(user, Rule.CHANGE_SESSION, facts):
        raise Forbidden("this session is not yours to move", session_id=session_id)
    return session


def _free_slug(tx: Transaction, name: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "board"
    slug, number = stem, 2
    while tx.boards.find_one(slug=slug) is not None:
        slug, number = f"{stem}-{number}", number + 1
    return slug
