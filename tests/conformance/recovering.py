"""An application whose connections can come back: people in memory, with a log, behind one rule about who hears."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from agor_core.feathers import Connection, Feathers, MemoryConnectionStore, MemoryEventLog, MemoryService
from agor_core.feathers.authentication import AuthenticationService, AuthSettings, JwtStrategy
from agor_core.feathers.guard import Guard
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.transports.sockets import Limits
from agor_core.feathers.web import ServerOptions, build_web

SETTINGS = AuthSettings(secret="a secret of at least thirty-two bytes", audience="test", issuer="test")


@dataclass
class Recovering:
    """What outlives a server: the log, the store of connections, the people. `banned` may hear nothing."""

    log: MemoryEventLog = field(default_factory=MemoryEventLog)
    store: MemoryConnectionStore = field(default_factory=MemoryConnectionStore)
    people: MemoryService = field(default_factory=lambda: MemoryService(multi=True))
    users: MemoryService = field(default_factory=MemoryService)
    window_s: float = 60
    max_events: int = 5_000
    limits: Limits = field(default_factory=Limits)
    hidden: set[Any] = field(default_factory=set)
    fast: bool = True

    def app(self) -> Feathers:
        """A new application on what is there. People whose `n` is in `hidden` are nobody's to hear of."""
        app = Feathers(self.log)
        app.use("people", self.people, events=["waved"])
        app.use("users", self.users, service_events=["patched", "removed"])
        app.use("secrets", MemoryService())
        service = AuthenticationService(app, SETTINGS, {"jwt": JwtStrategy()})
        app.use("authentication", service, methods=["create", "remove"], service_events=())

        def publish(data: Any, _context: Any) -> Any:
            if isinstance(data, dict) and data.get("n") in self.hidden:
                return None
            return app.channel("all")

        def signed_in(connection: Connection) -> bool:
            return connection.user is not None

        app.on("connection", lambda connection: app.channel("all").join(connection))
        app.publish(publish)
        app.service("secrets").publish(lambda _data, _context: app.channel("all").filter(signed_in))
        return app

    def site(self, app: Feathers) -> web.Application:
        """The application on the web, with recovery."""
        recovery = Recovery(self.log, self.store, window_s=self.window_s, max_events=self.max_events)
        options = ServerOptions(
            guard=Guard.open(), cors_origins=("*",), recovery=recovery, limits=self.limits, fast=self.fast
        )
        return build_web(app, options)
