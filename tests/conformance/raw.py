"""Engine.IO and Socket.IO by hand: frames no client library would send."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import WSMsgType

from tests.conformance.doors import PATIENCE_S

CLOSED = "closed"


class Raw:
    """A WebSocket to the server."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.handshake: dict[str, Any] = {}

    async def send(self, *frames: str | bytes) -> None:
        """Send frames."""
        for frame in frames:
            if isinstance(frame, bytes):
                await self.websocket.send_bytes(frame)
            else:
                await self.websocket.send_str(frame)

    def stop_reading(self) -> None:
        """Take nothing more from the network."""
        self._transport().pause_reading()

    def read_on(self) -> None:
        """Read again, so that the connection can be closed in order."""
        self._transport().resume_reading()

    def hang_up(self) -> None:
        """Go without a word."""
        self._transport().abort()

    def _transport(self) -> Any:
        return self.websocket._response.connection.transport  # type: ignore[union-attr]  # it is connected

    async def receive(self) -> str:
        """The next frame that is no ping, or CLOSED."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self.websocket.receive()
                if message.type is not WSMsgType.TEXT or message.data == "1":
                    return CLOSED
                if message.data != "2":
                    return str(message.data)

    async def call(self, *call: Any) -> Any:
        """What a call is answered with."""
        await self.send("4299" + json.dumps(call))
        while (frame := await self.receive()) != CLOSED:
            if frame.startswith("4399"):
                return json.loads(frame[4:])
        return CLOSED

    async def connect(self, auth: Any = None) -> dict[str, Any]:
        """Say CONNECT; what it is answered with."""
        await self.send("40" + ("" if auth is None else json.dumps(auth)))
        frame = await self.receive()
        assert frame.startswith("40"), frame
        self.handshake = json.loads(frame[2:])
        return self.handshake

    async def events(self, count: int) -> list[list[Any]]:
        """The next `count` events."""
        found: list[list[Any]] = []
        while len(found) < count:
            frame = await self.receive()
            assert frame != CLOSED
            if frame.startswith("42["):
                found.append(json.loads(frame[2:]))
        return found


@asynccontextmanager
async def raw(url: str, *, connect: bool = True, auth: Any = None) -> AsyncIterator[Raw]:
    """A WebSocket for a while, connected or not."""
    connector = aiohttp.TCPConnector(socket_factory=_small_socket)
    async with aiohttp.ClientSession(connector=connector) as session:
        address = f"{url}/socket.io/?EIO=4&transport=websocket"
        async with session.ws_connect(address, max_msg_size=0) as websocket:
            client = Raw(websocket)
            await client.receive()
            if connect:
                await client.connect(auth)
            yield client


def _small_socket(address: Any) -> socket.socket:
    """A socket for which the kernel buffers little, so that a client that does not read is noticed soon."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return made


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """All that still comes until the server closes, however it does."""
    said = bytearray()
    try:
        while piece := await reader.read(65536):
            said += piece
    except ConnectionError:
        # Closed with something unread; what it has said before counts.
        pass
    return bytes(said)
