"""How the servers in Python that are measured listen, so that they differ in nothing else."""

from __future__ import annotations

import asyncio
import gc

from aiohttp import web


async def serve(running: web.AppRunner, port: int) -> None:
    """Serve for ever, on loopback."""
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", port, backlog=2048).start()
    gc.collect()
    gc.freeze()
    await asyncio.Event().wait()
