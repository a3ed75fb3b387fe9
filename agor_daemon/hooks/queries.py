"""What a query means to a call that makes or changes one record.

As with every adapter of Feathers: the record must match it, else there is none; and `$select` is about the answer. What
is made matches nothing yet. The record is looked at just before the change, not in its transaction: who must not change
a later state sends `version` too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agor_core.db import Database, Transaction
from agor_core.feathers import HookContext
from agor_daemon.services.stored import reader_of

CHANGES = ("update", "patch", "remove")

_BESIDE = {("worktrees", "remove"): frozenset({"force", "branch"})}
"""Parameters of a method's own, which are no part of its query."""

Hook = Callable[[HookContext], Awaitable[None]]


def matching(database: Database) -> Hook:
    """Before: NotFound unless the record matches the query; BadRequest for a query that is none. Nothing is changed."""

    async def check(context: HookContext) -> None:
        if context.params.provider is None or (context.id is None and context.method != "create"):
            return  # many at once are refused by the service
        beside = _BESIDE.get((context.path, context.method), frozenset())
        query = {name: value for name, value in context.params.query.items() if name not in beside}
        if context.method == "create":
            query = {name: value for name, value in query.items() if name == "$select"}
        if query:
            await database.read(lambda tx: _check(tx, context, query))

    return check


def _check(tx: Transaction, context: HookContext, query: Mapping[str, Any]) -> None:
    repository = tx.repository(context.path)
    if context.method == "create":
        repository.selected(query)
    else:
        repository.record(str(context.id), reader_of(context.params), query)


def with_selected(id_field: str) -> Hook:
    """After: only what `$select` names, and the id, is answered. Events carry the whole record all the same."""

    async def select(context: HookContext) -> None:
        selected = context.params.query.get("$select")
        if context.params.provider is None or selected is None:
            return
        names = {id_field, "short_id", *([selected] if isinstance(selected, str) else selected)}
        told: dict[str, Any] = context.dispatch if context.has_dispatch else context.result
        context.dispatch = {name: value for name, value in told.items() if name in names}

    return select
