"""A clone in the terminal: how far it is, until it is there or has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agor_core.client import LiveClient, Record

PATCHED, PROGRESS, REMOVED = "repos patched", "repos clone:progress", "repos removed"
LOST = "lost"
RECONNECTED = "reconnected"


def until_cloned(live: LiveClient, repo_id: str, on_progress: Callable[[Record], None]) -> Record | None:
    """The repo once it is no longer `cloning`; None if it was removed meanwhile."""
    return asyncio.run(_until_cloned(live, repo_id, on_progress))


async def _until_cloned(live: LiveClient, repo_id: str, on_progress: Callable[[Record], None]) -> Record | None:
    async with live, live.events(PATCHED, PROGRESS, REMOVED) as queue:
        live.on_reconnect(lambda recovered: queue.put_nowait((RECONNECTED, recovered)))
        live.on_loss(lambda error: queue.put_nowait((LOST, error)))
        found: Record = await live.service("repos").get(repo_id)
        while found["status"] == "cloning":
            event, record = await queue.get()
            if event == LOST:
                raise record
            if event == RECONNECTED:
                found = await live.service("repos").get(repo_id)
            elif _id_of(record) == repo_id:
                if event == REMOVED:
                    return None
                if event == PROGRESS:
                    on_progress(record)
                else:
                    found = record
        return found


def _id_of(record: Any) -> Any:
    return record.get("repo_id") if isinstance(record, dict) else None
