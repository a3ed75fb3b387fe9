"""How long a connection may take: to say what it wants, and to read what it gets.

Whoever opens connections and says nothing, or one letter a minute, or reads no answer, would hold them for ever:
aiohttp bounds only how long a connection may idle between two requests. A body has its own limit, in `bodies.py`. All
are looked at together now and then, so that a request costs no timer.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from typing_extensions import override

from agor_core.errors import TooManyRequests
from agor_core.feathers.transports.answer import Answer, error_response, refusal_response
from agor_core.feathers.transports.prompt import Handler, PromptConnection, Promptly
from agor_core.feathers.transports.proxies import Proxies, counted, is_here
from agor_core.feathers.transports.refusals import Reason, Refusals
from agor_core.feathers.transports.rounds import next_round

IsShort = Callable[[str, Mapping[str, str]], bool]

SWEEP_S = 1.0
# As much as an event loop reads at once.
READ_BYTES = 256 * 1024
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection is waited for, in seconds.

    `head_s`: for the whole head of a request, from the opening of the connection or from the head's first byte.
    `body_s`: for the whole body. `idle_s`: for the next request. `unread_s`: for any progress of a client that has
    something to read.
    """

    head_s: float = 20.0
    body_s: float = 60.0
    idle_s: float = 75.0
    unread_s: float = 60.0


class HttpConnection(PromptConnection):
    """One connection of HTTP, also once it has become a WebSocket."""

    __slots__ = (
        "_address",
        "_body",
        "_head_since",
        "_is_answered",
        "_is_proxied",
        "_most_unheard_bytes",
        "_moved_at",
        "_peer",
        "_server",
        "_unheard_bytes",
        "_unsent_bytes",
        "_way",
        "when_lost",
    )
    # Told when the client goes in the middle of a request, which aiohttp lets run on.
    when_lost: Callable[[], None] | None

    def __init__(self, server: HttpServer, **settings: Any) -> None:
        super().__init__(server, server.promptly, **settings)
        self._server = server
        self._peer = ""
        self.when_lost = None
        # Where it comes from, as long as it counts as a stranger.
        self._address: str | None = None
        # It comes from a proxy that speaks for many: they are counted one by one, while they ask.
        self._is_proxied = False
        # Of a WebSocket of a stranger: how much has come since its last whole message.
        self._most_unheard_bytes: int | None = None
        self._unheard_bytes = 0
        # aiohttp forgets its transport when it closes it, which with unread data may take for ever.
        self._way: asyncio.Transport | None = None
        # Of the request under way, or the last one, until it is known to be whole.
        self._body: StreamReader | None = None
        self._head_since: float | None = None
        self._is_answered = True
        self._unsent_bytes = 0
        self._moved_at = 0.0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._way = self.transport
        self._head_since = time.monotonic()
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        if self._server.most_strangers is not None:
            self._is_proxied = self._server.proxies.trusts(self._peer)
            if not self._is_proxied and not self._takes(self._peer):
                self._server.refusals.note(Reason.STRANGERS, self._peer)
                cast(asyncio.Transport, transport).abort()

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._way = self._body = None
        self.know()
        if self.when_lost is not None:
            self.when_lost()

    @override
    def data_received(self, data: bytes) -> None:
        # Of nothing aiohttp reminds itself that it may read again.
        if data and self._is_answered and self._head_since is None:
            self._head_since = time.monotonic()
        if self._most_unheard_bytes is not None:
            self._unheard_bytes += len(data)
            if self._unheard_bytes > self._most_unheard_bytes and self._way is not None:
                self._server.refusals.note(Reason.STRANGER_BODY, self._peer)
                self._way.abort()
                return
        super().data_received(data)
        if self._body is not None:
            self._look_at_framing(self._body)

    def begin(self, request: web.BaseRequest) -> None:
        """A head has come; what comes now is its body, or a protocol with limits of its own.

        Raises TooManyRequests where a proxy speaks for somebody of whose kind there are too many.
        """
        self._head_since = None
        self._is_answered = False
        self._body = None
        if request._payload is not EMPTY_PAYLOAD:
            self._body = request.content
            self._look_at_framing(request.content)
        if self._is_proxied and not self._takes(self._server.proxies.client(request)):
            self._server.refusals.note(Reason.STRANGERS, self._server.proxies.client(request))
            raise TooManyRequests("too many at once from your address have not signed in", retry_after_s=RETRY_AFTER_S)

    def end(self) -> None:
        """The request has its answer."""
        self._is_answered = True
        if self._is_proxied:
            self._leave()

    def know(self) -> None:
        """Whoever this is has signed in, or is gone: it is no stranger any more."""
        self._most_unheard_bytes = None
        self._leave()

    def mistrust(self, most_bytes: int) -> None:
        """From now on, until it is known, so much may come that is no whole message."""
        # A message is heard after all that came together with it.
        self._most_unheard_bytes = most_bytes + READ_BYTES

    def heard(self) -> None:
        """A whole message has come."""
        self._unheard_bytes = 0

    def look(self, now: float, patience: Patience) -> None:
        """Close it if it has taken too long."""
        way = self._way
        if way is None:
            return
        unsent = way.get_write_buffer_size()
        if not unsent or unsent != self._unsent_bytes:
            self._unsent_bytes, self._moved_at = unsent, now
        if self._head_since is not None and now - self._head_since > patience.head_s:
            self._server.refusals.note(Reason.HEAD_LATE, self._peer)
            way.abort()
        elif now - self._moved_at > patience.unread_s:
            self._server.refusals.note(Reason.UNREAD, self._peer)
            way.abort()

    @override
    def misheard(self) -> None:
        self._server.refusals.note(Reason.NO_REQUEST, self._peer)

    def _look_at_framing(self, body: StreamReader) -> None:
        """Whoever waits for a body that turns out to be no HTTP waits in vain, which aiohttp does not say."""
        if body.is_eof():
            self._body = None
        elif self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self._body = None
            self.misheard()
            if self._is_answered:
                # Nobody reads it but aiohttp, to be rid of it.
                body.feed_eof()
            else:
                body.set_exception(web.RequestPayloadError("the body is not framed as it should be"))

    def _takes(self, address: str) -> bool:
        if self._server.spares_this_machine and is_here(address):
            return True
        self._address = counted(address)
        return self._server.takes(self._address)

    def _leave(self) -> None:
        if self._address is not None:
            self._server.leaves(self._address)
            self._address = None


class HttpServer(web.Server):
    """aiohttp's server with such connections.

    `most_strangers`: so many from one address may be there on which nobody has signed in; None for any number.
    `spares_this_machine`: not counting those from this machine.
    """

    promptly: Promptly | None
    most_strangers: int | None
    spares_this_machine: bool
    proxies: Proxies
    refusals: Refusals
    _strangers: Counter[str]

    def watch(
        self, proxies: Proxies, refusals: Refusals, most_strangers: int | None, *, spares_this_machine: bool
    ) -> None:
        """Say what its connections have to know."""
        self.proxies, self.refusals = proxies, refusals
        self.most_strangers, self.spares_this_machine = most_strangers, spares_this_machine
        self._strangers = Counter()

    def takes(self, address: str) -> bool:
        """Count a stranger; whether there is room for it."""
        self._strangers[address] += 1
        return self._strangers[address] <= (self.most_strangers or 0)

    def leaves(self, address: str) -> None:
        """One stranger less."""
        self._strangers[address] -= 1
        if not self._strangers[address]:
            del self._strangers[address]

    @override
    def __call__(self) -> RequestHandler:
        return HttpConnection(self, loop=self._loop, **self._kwargs)

    def take(self, long_way: Handler, short_way: Handler, is_short: IsShort, *, promptly: bool) -> None:
        """Handle requests the short way where there is one; their connection knows of all they do.

        `promptly`: those that go the short way begin as soon as they have come.
        """

        async def handle_short(request: Any) -> web.StreamResponse:
            return await timed(request, is_short=True)

        async def handle(request: Any) -> web.StreamResponse:
            connection: HttpConnection = request.protocol
            begun = connection.take_begun()
            if begun is None:
                response = await timed(request, is_short=is_short(request.raw_path, request.headers))
            else:
                response = await begun
            if not isinstance(response, Answer):
                connection.let_go()
            return response

        async def timed(request: Any, *, is_short: bool) -> web.StreamResponse:
            connection: HttpConnection = request.protocol
            try:
                connection.begin(request)
                if is_short:
                    return await short_way(request)
                # Who goes the long way may write by itself.
                connection.let_go()
                return await long_way(request)
            except TooManyRequests as error:
                return error_response(error)
            except web.HTTPException as error:
                if error.status < HTTPStatus.BAD_REQUEST:
                    raise
                return refusal_response(error, request)
            finally:
                connection.end()

        self.request_handler = handle
        self.promptly = Promptly(is_short, handle_short) if promptly else None

    async def sweep(self, patience: Patience) -> None:
        """Look at all connections, for ever."""
        while True:
            now = await next_round(min(SWEEP_S, patience.head_s / 2, patience.unread_s / 2))
            for connection in self.connections:
                if isinstance(connection, HttpConnection):
                    connection.look(now, patience)
