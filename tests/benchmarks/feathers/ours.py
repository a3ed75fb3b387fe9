"""Our server with the services of theirs.cjs: `python -m tests.benchmarks.feathers.ours PORT [stock]`."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import uvloop
from aiohttp import web

from agor_core.feathers import Feathers, HookContext, MemoryService, Params
from agor_core.feathers.guard import Guard
from agor_core.feathers.web import ServerOptions, build_web, runner


class News:
    """What is created is told, and not kept."""

    async def create(self, data: Any, params: Params) -> Any:
        """The data."""
        return data


async def hook(context: HookContext, call_next: Any) -> None:
    """One around hook, as there."""
    context.params.extra["seen"] = True
    await call_next()


async def main(port: int, *, fast: bool) -> None:
    """Serve for ever."""
    app = Feathers()
    for path in ("people", "notes"):
        app.use(path, MemoryService(paginate={"default": 25, "max": 100})).hooks(around={"all": [hook]})
    app.use("news", News())
    app.on("connection", lambda connection: app.channel("all").join(connection))
    app.service("news").publish(lambda _data, _context: app.channel("all"))
    running = runner(build_web(app, ServerOptions(guard=Guard.open(), fast=fast)))
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", port, backlog=2048).start()
    gc.collect()
    gc.freeze()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), fast="stock" not in sys.argv))
