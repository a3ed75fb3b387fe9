"""A coroutine that begins at once, within the turn of the event loop in which it is made.

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
    """A coroutine with a context of its own, as a task has, that has run until it first had to wait.

    What is left of it runs within whoever awaits it, once. `is_done`: nothing is left; then `result` is what it gave,
    unless it raised.
    """

    __slots__ = ("_coroutine", "_error", "_is_cancelled", "_run", "_waits_for", "is_done", "result")

    result: Result

    def __init__(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        self._coroutine = coroutine
        self._run = contextvars.copy_context().run
        self._waits_for: Any = None
        self._error: BaseException | None = None
        self._is_cancelled = False
        self.is_done = True
        try:
            self._waits_for = self._run(coroutine.send, None)
            self.is_done = False
        except StopIteration as done:
            self.result = done.value
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._error = error

    @property
    def has_failed(self) -> bool:
        """Whether it raised before it had to wait."""
        return self._error is not None

    def cancel(self) -> None:
        """Cancel what it waits for, as a task does that is cancelled."""
        self._is_cancelled = self._waits_for is None or not self._waits_for.cancel()

    def __await__(self) -> Generator[Any, Any, Result]:
        if self._error is not None:
            raise self._error
        if self.is_done:
            return self.result
        run, send, throw = self._run, self._coroutine.send, self._coroutine.throw
        waits_for = self._waits_for
        try:
            if self._is_cancelled:
                waits_for = run(throw, asyncio.CancelledError())
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
