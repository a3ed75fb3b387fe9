"""Load for a server, measured by the CPU time the server spends: closed loops over raw WebSockets and HTTP.

Frames and answers are counted, not parsed, so that the load costs little; what is compared is the server's own time,
which does not depend on how fast the load is.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAYLOAD = {"kind": "message", "text": "The quick brown fox jumps over the lazy dog. " * 31, "tags": ["a", "b", "c"]}
"""1.5 kB, as a transcript entry has."""

HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Client(asyncio.Protocol):
    """A raw connection that counts a mark in what it receives."""

    def __init__(self, mark: bytes, found: Callable[[Client, int], None]) -> None:
        self.mark, self.found = mark, found
        self.tail = b""
        self.transport: Any = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Count the mark, also where it is cut in two."""
        if not self.ready.done():
            self.tail += data
            if b'40{"sid"' in self.tail:
                self.ready.set_result(None)
                self.tail = b""
            elif b'0{"sid"' in self.tail:
                # Only now: Node loses what comes together with the handshake.
                self.transport.write(frame("40"))
            return
        text = self.tail + data
        count = text.count(self.mark)
        keep = len(self.mark) - 1
        end = text.rfind(self.mark) + len(self.mark) if count else 0
        self.tail = text[max(end, len(text) - keep) :]
        if count:
            self.found(self, count)


def frame(text: str) -> bytes:
    """A masked frame with a mask of zeros."""
    payload = text.encode()
    size = len(payload)
    head = b"\x81" + (bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big"))
    return head + b"\0\0\0\0" + payload


async def connect(port: int, count: int, mark: bytes, found: Callable[[Client, int], None]) -> list[Client]:
    """`count` connected Socket.IO clients."""
    clients: list[Client] = []
    loop = asyncio.get_running_loop()
    for _ in range(count):
        _, client = await loop.create_connection(lambda: Client(mark, found), "127.0.0.1", port)
        client.transport.write(HANDSHAKE.encode())
        await client.ready
        clients.append(client)
    return clients


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process and its threads."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def memory_kb(pid: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def fan_out(port: int, pid: int, clients: int, seconds: float) -> dict[str, float]:
    """One event after the other to all; the next leaves when all have the last."""
    heard, sent_at = 0, 0.0
    delays: list[float] = []
    next_one = asyncio.Event()

    def found(_client: Client, count: int) -> None:
        nonlocal heard
        heard += count
        if heard % clients == 0:
            delays.append(time.perf_counter() - sent_at)
            next_one.set()

    connected = await connect(port, clients, b'42["news created"', found)
    message = frame("42" + json.dumps(["create", "news", PAYLOAD, {}]))
    start, used = time.perf_counter(), cpu_seconds(pid)
    while time.perf_counter() - start < seconds:
        next_one.clear()
        sent_at = time.perf_counter()
        connected[0].transport.write(message)
        await next_one.wait()
    took, used = time.perf_counter() - start, cpu_seconds(pid) - used
    for client in connected:
        client.transport.abort()
    delays.sort()
    return {
        "us": used / heard * 1e6,
        "per_s": heard / took,
        "p50_ms": delays[len(delays) // 2] * 1000,
        "p99_ms": delays[int(len(delays) * 0.99)] * 1000,
    }


async def calls(port: int, pid: int, clients: int, in_flight: int, call: list[Any], seconds: float) -> dict[str, float]:
    """Calls over Socket.IO, each connection with so many in flight."""
    answered = 0
    message = frame("420" + json.dumps(call))
    running = True

    def found(client: Client, count: int) -> None:
        nonlocal answered
        answered += count
        if running:
            client.transport.write(message * count)

    connected = await connect(port, clients, b"430[null,", found)
    start, used = time.perf_counter(), cpu_seconds(pid)
    for client in connected:
        client.transport.write(message * in_flight)
    await asyncio.sleep(seconds)
    running = False
    took, used = time.perf_counter() - start, cpu_seconds(pid) - used
    for client in connected:
        client.transport.abort()
    return {"us": used / max(answered, 1) * 1e6, "per_s": answered / took}


async def requests(
    port: int, pid: int, clients: int, verb: str, path: str, body: Any, seconds: float
) -> dict[str, float]:
    """Requests over HTTP, one in flight on each connection."""
    answered = 0
    running = True
    raw = b"" if body is None else json.dumps(body).encode()
    head = f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
    if raw:
        head += f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
    message = (head + "\r\n").encode() + raw

    def found(client: Client, count: int) -> None:
        nonlocal answered
        answered += count
        if running:
            client.transport.write(message * count)

    loop = asyncio.get_running_loop()
    connected: list[Client] = []
    for _ in range(clients):
        _, client = await loop.create_connection(lambda: Client(b"HTTP/1.1 20", found), "127.0.0.1", port)
        client.ready.set_result(None)
        connected.append(client)
    start, used = time.perf_counter(), cpu_seconds(pid)
    for client in connected:
        client.transport.write(message)
    await asyncio.sleep(seconds)
    running = False
    took, used = time.perf_counter() - start, cpu_seconds(pid) - used
    for client in connected:
        client.transport.abort()
    return {"us": used / max(answered, 1) * 1e6, "per_s": answered / took}


async def idle(port: int, pid: int, clients: int) -> dict[str, float]:
    """What a connection that does nothing costs, and how long so many take to come."""
    before = memory_kb(pid)
    used, start = cpu_seconds(pid), time.perf_counter()
    connected = await connect(port, clients, b"never", lambda _client, _count: None)
    took, used = time.perf_counter() - start, cpu_seconds(pid) - used
    grown = memory_kb(pid) - before
    for client in connected:
        client.transport.abort()
    return {"us": used / clients * 1e6, "per_s": clients / took, "kb": grown / clients}
