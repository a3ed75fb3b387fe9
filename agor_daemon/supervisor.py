"""Everything that runs in the background has this owner: seen when it fails, ended when the daemon ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

log = logging.getLogger(__name__)


class Supervisor:
    """Owns `asyncio.Task`s. On leaving, all are cancelled and given `grace_s` seconds to tidy up."""

    def __init__(self, grace_s: float = 5.0) -> None:
        self._grace_s = grace_s
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `work` in the background. A failure is logged with its traceback."""
        running = asyncio.create_task(work, name=name)
        self._running.add(running)
        running.add_done_callback(self._ended)
        return running

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = set(self._running)
        for task in left:
            task.cancel()
        if left:
            _, stuck = await asyncio.wait(left, timeout=self._grace_s)
            for task in stuck:
                log.error("%s did not end within %s s", task.get_name(), self._grace_s)
