"""A playground: `python -m agor_core.feathers [--port N]` serves people, and users with sign-in, in memory."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
from typing import Any

from aiohttp import web

from agor_core.errors import BadRequest
from agor_core.feathers import Feathers, HookContext, MemoryConnectionStore, MemoryEventLog, MemoryService, Params
from agor_core.feathers.authentication import (
    AuthenticationService,
    AuthSettings,
    JwtStrategy,
    LocalStrategy,
    authenticate,
    hash_password,
)
from agor_core.feathers.documents import ApiInfo
from agor_core.feathers.files import allow_many_files
from agor_core.feathers.observe import Observer
from agor_core.feathers.transports.recovery import Recovery
from agor_core.feathers.web import ServerOptions, build_web, runner


def build_playground(log: MemoryEventLog) -> Feathers:
    """An application to try things with. Everybody hears of people, the signed-in of notes."""
    app = Feathers(log)
    app.use("people", MemoryService(multi=True, paginate={"default": 10, "max": 100}))
    app.use("notes", MemoryService()).hooks(around={"all": [authenticate("jwt")]})
    users = app.use("users", MemoryService(), methods=["get", "create"], service_events=())
    users.hooks(around={"get": [authenticate("jwt")]}, before={"create": [_hash]}, after={"all": [_without_password]})

    async def find_user(email: str) -> dict[str, Any] | None:
        found = await users.find(Params(query={"email": email}))
        return found[0] if found else None

    service = AuthenticationService(
        app, AuthSettings(secrets.token_urlsafe(32)), {"local": LocalStrategy(find_user), "jwt": JwtStrategy()}
    )
    app.use("authentication", service, methods=["create", "remove"], service_events=())
    app.on("connection", lambda connection: app.channel("all").join(connection))
    app.on("logout", lambda _result, params, _context: app.channel("all").join(params.connection))
    app.publish(lambda _data, _context: app.channel("all"))
    app.service("notes").publish(
        lambda _data, _context: app.channel("all").filter(lambda connection: connection.user is not None)
    )
    return app


async def serve(port: int) -> None:
    """Serve the playground until told to stop."""
    log = MemoryEventLog()
    options = ServerOptions(
        recovery=Recovery(log, MemoryConnectionStore()),
        observer=Observer(),
        documents=ApiInfo("Playground", "1", "Everything is forgotten when it stops."),
    )
    running = runner(build_web(build_playground(log), options), shutdown_timeout=2.0)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await running.setup()
    try:
        await web.TCPSite(running, "127.0.0.1", port).start()
        print(f"listening on http://127.0.0.1:{running.addresses[0][1]}, documented at /docs", flush=True)
        await stop.wait()
    finally:
        await running.cleanup()


async def _hash(context: HookContext) -> None:
    password = context.data.get("password") if isinstance(context.data, dict) else None
    if not isinstance(password, str) or not password:
        raise BadRequest("a user has a password")
    context.data = {**context.data, "password": await hash_password(password)}


def _without_password(context: HookContext) -> None:
    context.dispatch = (
        [_public(user) for user in context.result] if isinstance(context.result, list) else _public(context.result)
    )


def _public(user: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user.items() if name != "password"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3030)
    arguments = parser.parse_args()
    allow_many_files()
    asyncio.run(serve(arguments.port))
