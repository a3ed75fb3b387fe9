"""A clone in the terminal: how far it is, until it is there or has failed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agor_core.client import LiveClient, Record

PATCHED, PROGRESS, REMOVED = "repos patched", "repos clone:progress", "repos removed"
LOST = "lost"
RECONNECTED = "reconnected"
CANCEL_AGAIN_S = 0.5


def until_cloned(live: LiveClient, repo_id: str, on_progress: Callable[[Record], None]) -> Record | None:
    """The repo once it is no longer `cloning`; None if it was removed meanwhile. Raises KeyboardInterrupt on Ctrl-C."""
    is_interrupted, found = asyncio.run(_unless_interrupted(_until_cloned(live, repo_id, on_progress)))
    if is_interrupted:
        raise KeyboardInterrupt
    return found


async def _unless_interrupted(work: Coroutine[Any, Any, Record | None]) -> tuple[bool, Record | None]:
    """(whether it was Ctrl-C that ended it, what `work` answers).

    asyncio's own way cancels once, and before Python 3.12 `wait_for` may swallow that: then Ctrl-C would do nothing.
    """
    loop = asyncio.get_running_loop()
    interrupted, working = asyncio.Event(), asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(interrupted.wait())
    with contextlib.suppress(NotImplementedError):  # an event loop without signals leaves Ctrl-C as it is
        loop.add_signal_handler(signal.SIGINT, interrupted.set)
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return False, working.result()
        while not working.done():
            working.cancel()
            await asyncio.wait([working], timeout=CANCEL_AGAIN_S)
        return True, None
    finally:
        waiting.cancel()
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)


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
