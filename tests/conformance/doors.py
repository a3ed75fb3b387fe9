"""The same call through every door: from inside, REST, Socket.IO."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import socketio
from aiohttp import web

from agor_core.errors import ServiceError
from agor_core.feathers import Feathers, Params
from agor_core.feathers.querystring import format_query
from agor_core.feathers.web import runner
from agor_core.feathers.wire import error_json, js_text

QUIET_S = 0.15
# How long is waited for what is sure to come; a machine that has much to do takes its time.
PATIENCE_S = 60


class Refused(Exception):
    """What a call ended with, as clients see it."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error.get('name')}: {error.get('message')}")
        self.error = dict(error)
        self.name = error.get("name")
        self.code = error.get("code")
        self.message = error.get("message")


class Door(Protocol):
    """One way to call a service."""

    name: str

    async def call(self, method: str, path: str, *arguments: Any, query: Mapping[str, Any] | None = None) -> Any:
        """Call a method; id and data in its order. Raises Refused."""
        ...


class Inside:
    """Calls from the same process."""

    name = "inside"

    def __init__(self, app: Feathers) -> None:
        self._app = app

    async def call(self, method: str, path: str, *arguments: Any, query: Mapping[str, Any] | None = None) -> Any:
        """Call a method. Raises Refused."""
        try:
            return await self._app.service(path).call(method, *arguments, Params(query=dict(query or {})))
        except ServiceError as error:
            raise Refused(error_json(error)) from error


class Rest:
    """Calls over REST, as the official client makes them."""

    name = "rest"

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self._url = url
        self.headers: dict[str, str] = {}

    async def call(self, method: str, path: str, *arguments: Any, query: Mapping[str, Any] | None = None) -> Any:
        """Call a method. Raises Refused."""
        given = list(arguments)
        url = f"{self._url}/{path}"
        headers = dict(self.headers)
        if method in ("get", "update", "patch", "remove"):
            id = given.pop(0)
            url += "" if id is None else f"/{quote(js_text(id), safe='')}"
        verbs = {"find": "GET", "get": "GET", "update": "PUT", "patch": "PATCH", "remove": "DELETE"}
        if method not in (*verbs, "create"):
            headers["X-Service-Method"] = method
        if query:
            url += f"?{format_query(query)}"
        body = {"json": given[0]} if given else {}
        async with self.session.request(verbs.get(method, "POST"), url, headers=headers, **body) as response:
            answer: Any = None if response.status == 204 else await response.json()
            if response.status >= 400:
                raise Refused(answer)
            return answer


class Socket:
    """Calls over Socket.IO."""

    name = "socketio"

    def __init__(self, client: socketio.AsyncClient) -> None:
        self.client = client
        self.heard: list[tuple[Any, ...]] = []
        self._news = asyncio.Event()
        client.on("*", self._hear)

    async def _hear(self, event: str, *arguments: Any) -> None:
        self.heard.append((event, *arguments))
        self._news.set()

    async def call(self, method: str, path: str, *arguments: Any, query: Mapping[str, Any] | None = None) -> Any:
        """Call a method. Raises Refused."""
        answer = await self.client.call(method, (path, *arguments, dict(query or {})), timeout=PATIENCE_S)
        if isinstance(answer, dict):
            raise Refused(answer)
        error, result = answer
        assert error is None
        return result

    async def hears(self, count: int) -> list[tuple[Any, ...]]:
        """The first `count` events, waiting for them if need be."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()
        return self.heard[:count]


@asynccontextmanager
async def serving(site: web.Application, port: int = 0) -> AsyncIterator[str]:
    """The address at which a site is served for a while."""
    running = runner(site, shutdown_timeout=1.0)
    await running.setup()
    try:
        await web.TCPSite(running, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{running.addresses[0][1]}"
    finally:
        await running.cleanup()


@asynccontextmanager
async def connected(
    url: str, *, transport: str = "websocket", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Socket]:
    """A Socket.IO client for a while."""
    client = socketio.AsyncClient(reconnection=False)
    socket = Socket(client)
    await client.connect(url, transports=[transport], headers=dict(headers or {}), wait_timeout=PATIENCE_S)
    try:
        yield socket
    finally:
        await client.disconnect()
