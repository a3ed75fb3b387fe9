"""The read-only `short_id` of answers: the shortest prefix that is, and stays, unique."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from agor_core.db import Database
from agor_core.feathers import HookContext

Hook = Callable[[HookContext], Awaitable[None]]

ANSWERED: Mapping[str, Mapping[str, str]] = {
    "sessions": {
        **dict.fromkeys(("create", "update", "patch", "fork", "spawn"), "sessions"),
        **dict.fromkeys(("prompt", "resume", "stop"), "tasks"),
    },
    "tasks": dict.fromkeys(("create", "update", "patch", "complete", "fail"), "tasks"),
    "messages": dict.fromkeys(("create", "patch"), "messages"),
    "permissions": dict.fromkeys(("decide", "revoke"), "permissions"),
    "boards": {
        **dict.fromkeys(("create", "update", "patch"), "boards"),
        **dict.fromkeys(("add_session", "remove_session"), "sessions"),
    },
    "repos": {
        **dict.fromkeys(("create", "patch", "clone"), "repos"),
        **dict.fromkeys(("add_worktree", "remove_worktree"), "worktrees"),
    },
    "worktrees": dict.fromkeys(("create", "patch", "remove", "restore"), "worktrees"),
    "users": dict.fromkeys(("create", "patch", "revoke"), "users"),
}
"""By service and method, whose record is the answer.

Those that answer with several see to it themselves. What is removed has none: another may be called so from now on.
"""


def with_short_id(database: Database, path: str, id_field: str) -> Hook:
    """After a method that answers with a record of `path`: `short_id` in it, unless the service saw to it."""

    async def add(context: HookContext) -> None:
        record = context.result
        if context.params.provider is None or id_field not in record or "short_id" in record:
            return
        context.result = shown = dict(record)
        await database.read(lambda tx: tx.repository(path).add_short_ids([shown]))

    return add
