"""A small Feathers application with recovery, on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from agor_core.errors import Conflict
from agor_core.feathers import (
    STANDARD,
    CollectionMethod,
    Feathers,
    MemoryConnectionStore,
    MemoryEventLog,
    MemoryService,
    Params,
    RecordMethod,
)
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.web import ServerOptions, build_web, runner


class Notes(MemoryService):
    """Records with two methods of their own."""

    async def rename(self, id: str, data: dict[str, Any], params: Params) -> Any:
        """Change the name of one."""
        return await self.patch(id, {"name": data["name"]}, params)

    async def history(self, id: str, params: Params) -> Any:
        """What was asked, and with which query."""
        return {"id": id, "query": dict(params.query)}

    async def refuse(self, data: Any, params: Params) -> Any:
        """Always a conflict."""
        raise Conflict("not now", reason="busy", wanted=data)

    async def hang(self, data: Any, params: Params) -> Any:
        """Never answers."""
        await asyncio.Event().wait()


@dataclass
class Served:
    """A running application; it can be stopped in good order and started again at the same address."""

    log: MemoryEventLog = field(default_factory=MemoryEventLog)
    store: MemoryConnectionStore = field(default_factory=MemoryConnectionStore)
    port: int = 0
    app: Feathers = field(init=False)
    runner: web.AppRunner = field(init=False)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve, with everybody hearing everything."""
        app = self.app = Feathers(event_log=self.log)
        methods: list[str | RecordMethod | CollectionMethod] = [
            *STANDARD,
            RecordMethod("rename", write="rename"),
            RecordMethod("history", read="history"),
            CollectionMethod("refuse"),
            CollectionMethod("hang"),
        ]
        app.use("notes", Notes(id="id", paginate={"default": 10, "max": 50}), methods=methods)
        app.on("connection", lambda connection: app.channel("all").join(connection))
        app.publish(lambda data, context: app.channel("all"))
        self.runner = runner(build_web(app, ServerOptions(recovery=Recovery(self.log, self.store))))
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.port = self.runner.addresses[0][1]

    async def stop(self) -> None:
        """Say goodbye to everybody."""
        await self.runner.cleanup()

    async def cut(self) -> None:
        """Break every live connection, as a network would."""
        assert self.runner.server is not None
        for connection in list(self.runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """The application, running."""
    application = Served()
    await application.start()
    yield application
    await application.stop()
