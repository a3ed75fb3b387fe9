"""Sessions in what calls answer, as the caller may see them: without an origin that is private to others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agor_core.db import Database, Reader, told_to
from agor_core.db.origins import origin_of
from agor_core.errors import Conflict
from agor_core.feathers import HookContext
from agor_daemon.services.stored import Record, reader_of

# These read for their caller, who is told no more by the database itself.
_READING = frozenset({"find", "get", "genealogy", "read_sessions"})


def origins_withheld(database: Database) -> Callable[[HookContext, Callable[[], Awaitable[None]]], Awaitable[None]]:
    """Around the methods that answer with a session they changed; also where they refuse with the one there is."""

    async def withhold(context: HookContext, call_next: Callable[[], Awaitable[None]]) -> None:
        reader = reader_of(context.params)
        if context.method in _READING or reader is None or reader.sees_private:
            await call_next()
            return
        try:
            await call_next()
        except Conflict as refusal:
            if isinstance(refusal.data, dict) and _is_child(refusal.data.get("current")):
                refusal.data["current"] = await _told(refusal.data["current"], reader)
            raise
        if _is_child(context.result):
            context.result = await _told(context.result, reader)

    async def _told(record: Record, reader: Reader) -> Record:
        return (await database.read(lambda tx: told_to(tx, [record], reader)))[0]

    return withhold


def _is_child(answer: Any) -> bool:
    """Whether an answer is the record of a session that comes from another, or what was selected of it says so."""
    return isinstance(answer, dict) and origin_of(answer) is not None
