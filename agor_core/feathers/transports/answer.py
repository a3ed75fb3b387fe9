"""The answer to a request, written in one piece; and a connection that writes it, together with others that are due."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.web_protocol import RequestHandler
from typing_extensions import override

from agor_core.errors import ServiceError
from agor_core.feathers.transports.eager import EagerLoop, eager
from agor_core.feathers.transports.foreign import error_of, misheard
from agor_core.feathers.wire import dumps, error_json, service_error

JSON_TYPE = "application/json; charset=utf-8"

_WITHOUT_BODY = (204, 205, 304)
_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}"
    for status in HTTPStatus
    if status >= HTTPStatus.OK and status not in _WITHOUT_BODY
}
# Of answers to requests that came together, so many are held, and none that is larger.
MOST_HELD = 32
MOST_HELD_BYTES = 16 * 1024
# What would end a header, or could be taken for its end.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class AnsweringConnection(RequestHandler):
    """A connection whose requests begin at once; answers leave together where their requests came together."""

    __slots__ = ("_had_to_wait", "_held")

    def __init__(self, server: web.Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._held: list[bytes] = []
        # Of a request that is taken up before its body is there, aiohttp's parser believes for ever that it waits in
        # the queue. Once there are as many as the queue may hold, it stops after every request, and has to be asked
        # for what it has kept.
        self._had_to_wait = False

    @override
    async def start(self) -> None:
        loop: object = self._loop
        if sys.version_info < (3, 12) and not isinstance(loop, EagerLoop):
            # From here on aiohttp starts nothing but requests.
            self._loop = cast(asyncio.AbstractEventLoop, eager(self._loop))
        await super().start()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages and not self._messages[-1][1].is_eof():
            self._had_to_wait = True

    @override
    def resume_reading(self, resume_parser: bool = True) -> None:
        # aiohttp asks for it after every body, and then parses nothing once more.
        if self._reading_paused or self._had_to_wait:
            super().resume_reading(resume_parser)

    @override
    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        outcome = await super().finish_response(request, resp, start_time)
        if self._had_to_wait and not self._messages:
            self.data_received(b"")
        return outcome

    def answer(self, raw: bytes) -> None:
        """Send a whole answer; at the end of this turn of the loop at the latest, if more requests are here.

        Raises ConnectionResetError if the client is gone.
        """
        way = self.transport
        if way is None or way.is_closing():
            raise ConnectionResetError("the client is gone")
        if not self._messages and not self._held:
            way.write(raw)
            return
        if not self._held:
            self._loop.call_soon(self.let_go)
        self._held.append(raw)
        if not self._messages or len(raw) > MOST_HELD_BYTES or len(self._held) >= MOST_HELD:
            self.let_go()

    def let_go(self) -> None:
        """Send the answers that are held. To be called before anything else is written."""
        held, self._held = self._held, []
        if held and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(held))

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The last word to who sent what is no request, or whose request broke aiohttp."""
        self.let_go()
        if request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        if status == HTTPStatus.BAD_REQUEST:
            self.misheard()
            refusal = misheard(exc, message)
        else:
            refusal = service_error(exc or RuntimeError(f"{status} in aiohttp"))
        answer = error_response(refusal)
        answer.force_close()
        # Of who is not understood aiohttp believes that it speaks HTTP/1.0.
        request._version = HttpVersion11
        return answer

    def misheard(self) -> None:
        """Something has come that is no request."""

    @override
    def force_close(self) -> None:
        self.let_go()
        super().force_close()


class Answer(web.Response):
    """A response whose body is there: where a connection stays open, as most do, it leaves without aiohttp's steps.

    What it says is what aiohttp would have said.
    """

    _by: AnsweringConnection | None = None
    _writer: AbstractStreamWriter

    @property
    @override
    def keep_alive(self) -> bool | None:
        return True if self._by is not None else super().keep_alive

    @override
    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        connection = request.protocol
        if isinstance(connection, AnsweringConnection):
            if self._is_usual(request):
                self._by, self._writer = connection, request.writer
                return self._writer
            connection.let_go()
        return await super().prepare(request)

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        if self._by is None:
            await super().write_eof(data)
            return
        self._by.answer(self._raw())
        await self._writer.drain()

    def usual(self, request: web.BaseRequest) -> bytes | None:
        """All of it, if it is said in the usual way: by a connection that stays open, with a body.

        None as well if a header is broken, which is aiohttp's to tell.
        """
        try:
            return self._raw() if self._is_usual(request) else None
        except ValueError:
            return None

    def _is_usual(self, request: web.BaseRequest) -> bool:
        is_plain = request.version == HttpVersion11 and request.method != "HEAD" and request.keep_alive
        return bool(is_plain) and isinstance(self.body, bytes) and self.status in _LINES

    def _raw(self) -> bytes:
        """Raises ValueError for a control character in a header."""
        body = cast(bytes, self.body)
        head = _head(int(time.time()), self.status, tuple(self.headers.items()))
        return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def error_response(error: ServiceError) -> web.Response:
    """An error as the answer of a request."""
    shown = error_json(error)
    try:
        body = dumps(shown)
    except (TypeError, ValueError):
        body = dumps({**shown, "data": None, "errors": None})
    status = error.code if 400 <= error.code <= 599 else 500
    response = web.Response(status=status, body=body, headers={"Content-Type": JSON_TYPE})
    if isinstance(error.data, dict) and isinstance(error.data.get("retry_after_s"), int):
        response.headers["Retry-After"] = str(error.data["retry_after_s"])
    return response


def refusal_response(refusal: web.HTTPException, request: web.BaseRequest) -> web.Response:
    """The same for what aiohttp, or a route of the application, has refused, with the headers of that."""
    response = error_response(error_of(refusal, request))
    for name, value in refusal.headers.items():
        response.headers.setdefault(name, value)
    return response


@lru_cache(maxsize=100)
def _head(_second: int, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The status line and all headers but the length: in one second, most answers have the same.

    Raises ValueError for a control character in one of them.
    """
    given = {name.lower() for name, _ in headers}
    lines = [_LINES[status], *(f"{name}: {value}" for name, value in headers if name.lower() != "content-length")]
    if "date" not in given:
        lines.append(f"Date: {rfc822_formatted_time()}")
    if "server" not in given:
        lines.append(f"Server: {SERVER_SOFTWARE}")
    if any(_CONTROL.search(line) for line in lines):
        raise ValueError("a header holds control characters")
    return "".join(f"{line}\r\n" for line in lines).encode()
