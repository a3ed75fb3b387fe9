"""The read-only `short_id` of answers: the shortest prefix that is, and stays, unique."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agor_core.db import Database
from agor_core.feathers import HookContext


def with_short_ids(database: Database, id_field: str) -> Callable[[HookContext], Awaitable[None]]:
    """After find, get and create: `short_id` beside the id, in what the caller is answered."""

    async def add(context: HookContext) -> None:
        if context.params.provider is None:
            return
        answer = context.result
        records: list[dict[str, Any]] = answer["data"] if context.method == "find" else [answer]
        ids = [record[id_field] for record in records if id_field in record]
        if not ids:
            return
        short_ids = await database.read(lambda tx: tx.repository(context.path).short_ids(ids))
        shown = [{**record, "short_id": short_ids[record[id_field]]} for record in records if id_field in record]
        context.dispatch = {**answer, "data": shown} if context.method == "find" else shown[0]

    return add
