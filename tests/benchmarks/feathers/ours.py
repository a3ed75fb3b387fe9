"""Our server with the services of theirs.cjs: `python -m tests.benchmarks.feathers.ours PORT [stock | watched]`.

`watched` notes how long it does nothing but one thing, which costs a little.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import uvloop

from agor_core.feathers import Feathers, HookContext, MemoryService, Params
from agor_core.feathers.guard import Guard
from agor_core.feathers.web import ServerOptions, build_web, runner
from tests.benchmarks.feathers.serving import serve

BEAT_S = 0.001


class News:
    """What is created is told, and not kept."""

    async def create(self, data: Any, params: Params) -> Any:
        """The data."""
        return data


class Holds:
    """How long the event loop is held, in CPU time: what other programs do to a clock on the wall is not in it."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    async def find(self, params: Params) -> Any:
        """The holds since the last time, which a beat of `BEAT_S` may have added to."""
        seconds, self._seconds = sorted(self._seconds), []
        return {"p99_ms": seconds[int(len(seconds) * 0.99)] * 1000, "longest_ms": seconds[-1] * 1000}

    def beat(self, before_s: float) -> None:
        """Between two beats this thread has done no more than one thing, or many that are short."""
        now_s = time.thread_time()
        self._seconds.append(now_s - before_s)
        asyncio.get_running_loop().call_later(BEAT_S, self.beat, now_s)


async def hook(context: HookContext, call_next: Any) -> None:
    """One around hook, as there."""
    context.params.extra["seen"] = True
    await call_next()


async def main(port: int, *, fast: bool = True, watched: bool = False) -> None:
    """Serve for ever."""
    app = Feathers()
    for path in ("people", "notes"):
        app.use(path, MemoryService(paginate={"default": 25, "max": 100})).hooks(around={"all": [hook]})
    app.use("news", News())
    app.on("connection", lambda connection: app.channel("all").join(connection))
    app.service("news").publish(lambda _data, _context: app.channel("all"))
    if watched:
        holds = Holds()
        app.use("holds", holds)
        holds.beat(time.thread_time())
    await serve(runner(build_web(app, ServerOptions(guard=Guard.open(), fast=fast))), port)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), fast="stock" not in sys.argv, watched="watched" in sys.argv))
