"""The least a fan-out can cost in this language: `python -m tests.benchmarks.feathers.floor PORT`.

It knows no service, no JSON and no accounts: whatever it is told, it writes one ready frame to every connection, on the
same event loop as ours. What it costs goes into the kernel and the loop; nobody who writes to each can be below.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import sys
from typing import cast

import uvloop
from typing_extensions import override

from agor_core.feathers.transports.fast import frame
from tests.benchmarks.feathers.load import PAYLOAD

EVENT = frame(b"42" + json.dumps(["news created", PAYLOAD], separators=(",", ":")).encode())
GREETING = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'

_KEY = re.compile(rb"Sec-WebSocket-Key: (\S+)")


class Client(asyncio.Protocol):
    """One connection: a handshake, CONNECT, and then events."""

    everybody: dict[Client, asyncio.Transport]

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own kind, which is none of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._unread = b""
        self._is_open = False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.everybody.pop(self, None)

    @override
    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        if not self._is_open:
            key = _KEY.search(data)
            if not data.endswith(b"\r\n\r\n"):
                self._unread = data
                return
            self._unread, self._is_open = b"", True
            if key is None:
                # The look of who waits for the server to start.
                self._transport.close()
                return
            accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            self._transport.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(GREETING.encode()))
            return
        while len(data) > 4:
            # Masked, as all that clients send; nothing here is longer than 64 kB.
            size, start = data[1] & 127, 6
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 8
            if len(data) < start + size:
                break
            data = data[start + size :]
            if self not in self.everybody:
                self.everybody[self] = self._transport
                self._transport.write(frame(b'40{"sid":"y"}'))
            else:
                for transport in self.everybody.values():
                    transport.write(EVENT)
        self._unread = data


async def main(port: int) -> None:
    """Serve for ever."""
    Client.everybody = {}
    await asyncio.get_running_loop().create_server(Client, "127.0.0.1", port, backlog=2048)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
