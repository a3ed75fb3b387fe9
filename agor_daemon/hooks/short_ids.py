"""The read-only `short_id` of answers: the shortest prefix that is, and stays, unique."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agor_core.db import Database
from agor_core.feathers import HookContext


def with_short_id(database: Database, id_field: str) -> Callable[[HookContext], Awaitable[None]]:
    """After create: `short_id` beside the id, in what the caller is answered, unless the service saw to it."""

    async def add(context: HookContext) -> None:
        record = context.result
        if context.params.provider is None or id_field not in record or "short_id" in record:
            return
        shown = dict(record)
        await database.read(lambda tx: tx.repository(context.path).add_short_ids([shown]))
        context.dispatch = shown

    return add
