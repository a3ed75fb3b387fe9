"""How long an agent may work on one prompt. The time that people take to answer it does not count."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager


class OutOfTime(Exception):
    """The agent worked as long as it may."""


class TimeLimit:
    """`limit_s`: None is no limit."""

    def __init__(self, limit_s: int | None) -> None:
        self.limit_s = limit_s
        self._timeout: asyncio.Timeout | None = None

    async def keep(self, work: Awaitable[None]) -> None:
        """Do the work. Raises OutOfTime if it had to be ended."""
        self._timeout = asyncio.timeout(self.limit_s)
        try:
            async with self._timeout:
                await work
        except TimeoutError as error:
            if not self._timeout.expired():
                raise
            raise OutOfTime from error

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The clock stands still."""
        timeout, clock = self._timeout, asyncio.get_running_loop().time
        ends_at = timeout.when() if timeout is not None else None
        if timeout is None or ends_at is None:
            yield
            return
        left = ends_at - clock()
        timeout.reschedule(None)
        try:
            yield
        finally:
            timeout.reschedule(clock() + left)
