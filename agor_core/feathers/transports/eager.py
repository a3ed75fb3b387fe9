"""A request begins at once, within the turn of the event loop in which its connection came to it.

aiohttp answers each request in a task of its own. From Python 3.12 on such a task is eager: it runs until it first has
to wait. Before, it costs two more turns of the loop, one to begin and one to come back, which for a call that waits for
nothing is more than the call, and which requests sent one after the other on one connection pay one by one.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator
from functools import lru_cache
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Begun(Generic[Result]):
    """A coroutine with a context of its own, as a task has, that runs within whoever awaits it."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Result]:
        run = contextvars.copy_context().run
        send, throw = self._coroutine.send, self._coroutine.throw
        try:
            waits_for = run(send, None)
            while True:
                try:
                    value = yield waits_for
                except BaseException as error:
                    waits_for = run(throw, error)
                else:
                    waits_for = run(send, value)
        except StopIteration as done:
            result: Result = done.value
            return result


class EagerLoop:
    """The event loop as a connection of aiohttp's uses it, except that what it starts is awaited where it stands."""

    create_task = staticmethod(Begun)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.create_future = loop.create_future
        self.time = loop.time
        self.call_at = loop.call_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


@lru_cache(maxsize=1)
def eager(loop: asyncio.AbstractEventLoop) -> EagerLoop:
    """The loop for connections, which share it: a thousand of them would each keep some hundred bytes of their own."""
    return EagerLoop(loop)
