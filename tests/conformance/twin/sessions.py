"""Sessions of Engine.IO by hand: requests and frames one after the other, and what each comes to."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.conformance.raw import CLOSED

PATIENCE_S = 20.0
SEPARATOR = "\x1e"
_SID = re.compile(r'"sid":"[^"]+"')


@dataclass(frozen=True)
class Http:
    """A request of the session. `query`: in place of the usual one. `is_known`: with the id of the session."""

    verb: str
    body: str | bytes | None = None
    query: str = "EIO=4&transport=polling"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_known: bool = True


@dataclass(frozen=True)
class BeginPoll:
    """A poll that is not waited for."""


@dataclass(frozen=True)
class EndPoll:
    """What the poll before comes to."""


@dataclass(frozen=True)
class Open:
    """A WebSocket: of this session to change over to, or one that opens a session. A second one replaces the first."""

    is_known: bool = True


@dataclass(frozen=True)
class Send:
    """Frames on the WebSocket."""

    frames: Sequence[str | bytes]


@dataclass(frozen=True)
class Hear:
    """The next frame that says something; pings do, if they are asked for."""

    pings: bool = False


@dataclass(frozen=True)
class Close:
    """The end of the WebSocket by the client."""


Step = Http | BeginPoll | EndPoll | Open | Send | Hear | Close


def post(*packets: str, headers: Mapping[str, str] | None = None) -> Http:
    """Packets in one request."""
    return Http("POST", SEPARATOR.join(packets), headers=headers or {})


POLL = Http("GET")
HANDSHAKE = Http("GET", is_known=False)
CONNECTED: Sequence[Step] = (HANDSHAKE, post("40"), POLL)
# It goes on.
ALIVE: Sequence[Step] = (post('421["get","echo",1,{}]'), POLL)


class Session:
    """One script on one server."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url, self._http = f"{url}/socket.io/", http
        self._sid = ""
        self._poll: asyncio.Task[Any] | None = None
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._others: list[aiohttp.ClientWebSocketResponse] = []

    async def run(self, script: Sequence[Step]) -> list[Any]:
        """What each step comes to."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return [await self._outcome(step) for step in script]
        finally:
            if self._poll is not None:
                self._poll.cancel()
            for websocket in (self._websocket, *self._others):
                if websocket is not None:
                    await websocket.close()

    async def _outcome(self, step: Step) -> Any:
        match step:
            case Http():
                return await self._request(step)
            case BeginPoll():
                self._poll = asyncio.create_task(self._request(POLL))
                # It is on its way before anything else is.
                await asyncio.sleep(0.05)
                return None
            case EndPoll():
                assert self._poll is not None
                return await self._poll
            case Open():
                return await self._open(step)
            case Hear():
                return await self._hear(step.pings)
        assert self._websocket is not None
        if isinstance(step, Close):
            await self._websocket.close()
            return None
        for frame in step.frames:
            await (self._websocket.send_bytes(frame) if isinstance(frame, bytes) else self._websocket.send_str(frame))
        return None

    async def _request(self, step: Http) -> Any:
        url = f"{self._url}?{step.query}" + (f"&sid={self._sid}" if step.is_known else "")
        async with self._http.request(step.verb, url, data=step.body, headers=step.headers) as response:
            text = await response.text()
            if response.content_type == "application/json" and text:
                return response.status, json.loads(text)["code"]
            return response.status, self._packets(text)

    async def _open(self, step: Open) -> int:
        if self._websocket is not None:
            self._others.append(self._websocket)
            self._websocket = None
        query = "?EIO=4&transport=websocket" + (f"&sid={self._sid}" if step.is_known else "")
        try:
            self._websocket = await self._http.ws_connect(self._url + query, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        except aiohttp.ClientError:
            return 0
        return 101

    async def _hear(self, pings: bool) -> Any:
        if self._websocket is None:
            return CLOSED
        while True:
            message = await self._websocket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                return bytes(message.data)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return CLOSED
            if message.data != "6" and (message.data != "2" or pings):
                return self._packets(message.data)[0]

    def _packets(self, text: str) -> list[Any]:
        found: list[Any] = []
        for packet in text.split(SEPARATOR):
            if packet.startswith("0{"):
                said = json.loads(packet[1:])
                self._sid = said["sid"]
                # In whatever order; and of each server its own limit.
                found.append(
                    ("open", *sorted((key, value) for key, value in said.items() if key not in ("sid", "maxPayload")))
                )
            else:
                found.append(_SID.sub('"sid":"…"', packet))
        return found


async def run(url: str, script: Sequence[Step]) -> list[Any]:
    """A script on a server of its own connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        return await Session(url, http).run(script)
