"""Requests that are answered while they are read: without a turn of the event loop, a task, or a future of their own.

aiohttp puts a request into a queue, wakes the task of its connection, and begins there. Most calls of services wait for
nothing, so that all of this is more than the call. Here a plain request begins as soon as it was read; if it ends
without having to wait, its answer leaves at once. Whatever has to wait, or is not plain, is left where aiohttp looks
for it, and goes on in the task of its connection as ever: nothing is begun twice.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_protocol import _ErrInfo
from typing_extensions import override

from agor_core.feathers.transports.answer import Answer, AnsweringConnection
from agor_core.feathers.transports.eager import Begun

Handler = Callable[[Any], Awaitable[web.StreamResponse]]

# Nobody writes to a request that has only begun: its answer is written whole, or in aiohttp's way.
_NO_WRITER = cast(AbstractStreamWriter, None)


@dataclass(frozen=True, slots=True)
class Promptly:
    """What may begin at once: requests of whose path and head `takes` says so, with `handle`, which writes nothing."""

    takes: Callable[[str, Mapping[str, str]], bool]
    handle: Callable[[Any], Coroutine[Any, Any, web.StreamResponse]]


class PromptConnection(AnsweringConnection):
    """A connection that answers plain requests while it reads them."""

    __slots__ = ("_begun", "_promptly")

    def __init__(self, server: web.Server, promptly: Promptly | None, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._promptly = promptly
        # The request at the head of the queue, if it was begun.
        self._begun: Begun[web.StreamResponse] | None = None

    def take_begun(self) -> Begun[web.StreamResponse] | None:
        """What was begun of the request that its connection's task has come to now."""
        begun, self._begun = self._begun, None
        return begun

    @override
    async def start(self) -> None:
        while True:
            try:
                return await super().start()
            except asyncio.CancelledError:
                if self._begun is None or self._force_close:
                    raise
                # It came before this task had taken over, which is what is to be cancelled then.
                self._begun.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        waiter, promptly = self._waiter, self._promptly
        if promptly is None or waiter is None or waiter.done() or self._messages or asyncio.current_task() is not None:
            super().data_received(data)
            return
        # As long as nobody seems to wait, nobody is woken.
        self._waiter = None
        try:
            super().data_received(data)
            while self._messages and self._answer_next(promptly):
                if self._had_to_wait and not self._messages:
                    super().data_received(b"")
        finally:
            self._waiter = waiter
            if self._force_close or self._close:
                waiter.cancel()
            elif self._messages and not waiter.done():
                waiter.set_result(None)

    def _answer_next(self, promptly: Promptly) -> bool:
        """Answer the next request; False if it is left to the task of the connection."""
        message, payload = self._messages[0]
        task, server, factory = self._task_handler, self._manager, self._request_factory
        if (
            isinstance(message, _ErrInfo)
            or message.upgrade
            or not payload.is_eof()
            or self._paused
            or self._force_close
        ):
            return False
        if task is None or server is None or factory is None or not promptly.takes(message.path, message.headers):
            return False
        self._messages.popleft()
        request = factory(message, payload, self, _NO_WRITER, task)
        loop = asyncio.get_running_loop()
        _enter_task(loop, task)
        try:
            begun = Begun(promptly.handle(request))
        finally:
            _leave_task(loop, task)
        raw = _usual(begun, request)
        if raw is None or self._close:
            self._begun = begun
            self._messages.appendleft((message, payload))
            return False
        server.requests_count += 1
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        try:
            self.answer(raw)
        except ConnectionResetError:
            self.force_close()
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return True


def _usual(begun: Begun[web.StreamResponse], request: web.BaseRequest) -> bytes | None:
    if not begun.is_done or begun.has_failed or not isinstance(begun.result, Answer):
        return None
    return begun.result.usual(request)
