"""A TCP proxy that treats its connections badly: it delays, halves and cuts what passes, the same way for each seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK_BYTES = 64 * 1024
# A connection lives for so many bytes before it is cut, in the middle of whatever is passing.
LIFE_BYTES = (100_000, 1_500_000)
LONGEST_DELAY_S = 0.02


@dataclass
class FaultyProxy:
    """`upstream` is the port of the server, which may change; nothing is harmed until `is_faulty`."""

    upstream: int
    random: random.Random
    port: int = 0
    is_faulty: bool = False
    cuts: int = 0
    halves: int = 0
    delays: int = 0
    _pumps: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client to the server, as long as both are there and it lives."""
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            writer.transport.abort()
            return
        pumps = {
            asyncio.create_task(self._pump(reader, up_writer)),
            asyncio.create_task(self._pump(up_reader, writer)),
        }
        self._pumps |= pumps
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, up_writer):
                end.transport.abort()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._pumps -= pumps

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        life = self.random.randint(*LIFE_BYTES)
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.is_faulty:
                    life -= len(chunk)
                    if life <= 0:
                        self.cuts += 1
                        writer.write(chunk[: len(chunk) // 2])
                        await writer.drain()
                        return
                    chunk = await self._harm(chunk, writer)
                writer.write(chunk)
                await writer.drain()

    async def _harm(self, chunk: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Hold a chunk up, or send half of it by itself; what is left to send."""
        dice = self.random.random()
        if dice < 0.05:
            self.delays += 1
            # Not to let something settle: slowness is the fault.
            await asyncio.sleep(self.random.uniform(0, LONGEST_DELAY_S))
        elif dice < 0.25:
            self.halves += 1
            writer.write(chunk[: len(chunk) // 2])
            await writer.drain()
            return chunk[len(chunk) // 2 :]
        return chunk


@asynccontextmanager
async def faulty_proxy(upstream: int, seed: int) -> AsyncIterator[FaultyProxy]:
    """A proxy for a while, on a free port."""
    proxy = FaultyProxy(upstream, random.Random(seed))
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for pump in list(proxy._pumps):
            pump.cancel()
        await server.wait_closed()
